//! Parsing of queries and of the configuration.

use super::*;

#[test]
fn a_refusal_names_the_invalid_parameter() {
    let good = format!("signature={}", "0".repeat(64));
    for (query, expected) in [
        ("", "This URL is not signed: expires and signature are missing."),
        (&good, "This URL is not signed: expires is missing."),
        (&format!("expires=1795406400000&{good}"), "The parameter expires is not valid."),
        (&format!("expires=%2B1&{good}"), "The parameter expires is not valid."),
        (&format!("expires=+1&{good}"), "The parameter expires is not valid."),
        (&format!("expires=&{good}"), "The parameter expires is not valid."),
        (&format!("expires=1&expires=2&{good}"), "The parameter expires is not valid."),
        (&format!("expires=1&{}", good.to_uppercase()), "This URL is not signed: signature is missing."),
        (&format!("expires=1&signature={}", "A".repeat(64)), "The parameter signature is not valid."),
        (&format!("expires=1&signature={}", "a".repeat(63)), "The parameter signature is not valid."),
    ] {
        let answer = request(Method::GET, &format!("/a.jpg?{query}")).answer(&hmac("secret"));
        assert_eq!(answer, (403, expected.to_owned()), "{query}");
    }
    let presigned = sign(&s3(None), &Method::GET, "http://localhost:8001/a.jpg");
    for (from, to, status, expected) in [
        ("X-Amz-Date=", "Date=", 403, "This URL is not signed: X-Amz-Date is missing."),
        ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1", 400, "The parameter X-Amz-Algorithm is not valid."),
        ("Expires=3600", "Expires=604801", 400, "The parameter X-Amz-Expires is not valid."),
        ("Expires=3600", "Expires=0", 400, "The parameter X-Amz-Expires is not valid."),
        ("Expires=3600", "Expires=-1", 400, "The parameter X-Amz-Expires is not valid."),
        ("20261123T", "20261123t", 400, "The parameter X-Amz-Date is not valid."),
        ("T040000Z", "T250000Z", 400, "The parameter X-Amz-Date is not valid."),
        ("Date=20261123", "Date=20261122", 400, "The parameter X-Amz-Credential is not valid."),
        ("%2Fs3%2F", "%2Fsqs%2F", 400, "The parameter X-Amz-Credential is not valid."),
        ("AKIDEXAMPLE", "AKID", 403, "The URL is signed for the access key AKID, not for AKIDEXAMPLE."),
        ("us-east-1", "eu-west-1", 400, "The URL is signed for the region eu-west-1, not for us-east-1."),
        ("Headers=host", "Headers=date", 403, "The header host is not signed."),
        ("Headers=host", "Headers=date%3Bhost", 403, "The header date is signed, but was not sent."),
        ("&X-Amz-Expires", "&X-Amz-Expires=9&X-Amz-Expires", 400, "The parameter X-Amz-Expires is not valid."),
        ("X-Amz-Date", "X-Amz-Content-Sha256=00&X-Amz-Date", 400, "The parameter X-Amz-Content-Sha256 is not valid."),
        (
            "?",
            "?AWSAccessKeyId=A&Signature=B&Expires=1&",
            400,
            "This URL has a version 2 signature, which S3 no longer accepts.",
        ),
    ] {
        assert!(presigned.contains(from), "{from}");
        let answer = request(Method::GET, &presigned.replace(from, to)).answer(&s3(Some("us-east-1")));
        assert_eq!(answer, (status, expected.to_owned()), "{from} -> {to}");
    }
    let with_header =
        request(Method::PUT, &sign(&s3(None), &Method::PUT, "http://localhost:8001/a")).header("x-amz-acl", "public");
    assert_eq!(with_header.answer(&s3(None)), (403, "The header x-amz-acl is not signed.".to_owned()));
}

/// The responses of a real nginx (`tests/signing/secure_link.rs`).
#[test]
fn links_are_parsed_as_in_nginx() {
    let signed = secure_link("$uri $secret", "$arg_md5,$arg_expires");
    let good = "wMu9Yvy5brIZ3aL_t8kaeA";
    for (query, status) in [
        ("md5=GOOD&expires=9999999999", 200),
        ("MD5=GOOD&Expires=9999999999", 200),
        ("md5=GOOD==&expires=9999999999", 200),
        ("md5=GOOD===&expires=9999999999", 403),
        ("md5=GOOD&expires=1795406400", 200),
        ("md5=GOOD&expires=1795406399", 410),
        ("md5=GOOD&expires=0009999999999", 200),
        ("md5=GOOD&expires=1795406400000", 200),
        ("md5=GOOD&expires=0", 403),
        ("md5=GOOD&expires=-1", 403),
        ("md5=GOOD&expires=9999999999999999999", 403),
        ("md5=GOOD&expires=12x", 403),
        ("md5=GOOD", 403),
        ("expires=9999999999", 403),
        ("md5=GOOD,9999999999&expires=1", 403),
        ("md5=GOOD&md5=x&expires=9999999999", 200),
        ("md5=x&md5=GOOD&expires=9999999999", 403),
        ("md5&md5=GOOD&expires=9999999999", 200),
        ("md5=%77Mu9Yvy5brIZ3aL_t8kaeA&expires=9999999999", 403),
        ("md5=GOO&expires=9999999999", 403),
    ] {
        let url = format!("/private/a.jpg?{}", query.replace("GOOD", good));
        assert_eq!(request(Method::GET, &url).answer(&signed).0, status, "{query}");
    }
}

#[test]
fn expressions_and_links_are_checked() {
    let new = |expression, link| SecureLink::new(secret("secret"), expression, link).map(|_| ());
    assert_eq!(new(None, None), Ok(()));
    assert_eq!(new(Some("${secure_link_expires}${uri} $secret"), Some("${arg_st},$arg_e")), Ok(()));
    assert_eq!(new(Some("$http_user_agent$arg_user$host$scheme$request_method$secret"), Some("$arg_st")), Ok(()));
    for (expression, advice) in [
        ("$uri secret", "does not contain $secret"),
        ("$uri$secrets", "$secrets, which is not supported"),
        ("$uri $secret $", "$, which is not supported"),
        ("$uri ${secret", "$, which is not supported"),
        ("$request_uri $secret", "write $uri"),
        ("$cookie_id $secret", "use $secure_link_expires, $uri"),
    ] {
        assert!(new(Some(expression), None).expect_err(expression).contains(advice), "{expression}");
    }
    for link in ["", "md5", "$arg_", "$arg_a,$arg_b,$arg_c", "$arg_a;$arg_b", "$cookie_md5,$arg_expires", "$arg_md5,"] {
        assert!(new(None, Some(link)).expect_err(link).contains("such as $arg_md5,$arg_expires"), "{link}");
    }
}

#[test]
fn the_error_says_why_a_url_cannot_be_signed() {
    let url = |text: &str| text.parse::<Uri>().expect("a URL");
    let sign = |signed: &Signed, target: &str, seconds| {
        signed.sign(&Method::GET, &url(target), at(NOW), at(NOW + seconds)).expect_err(target)
    };
    assert!(sign(&s3(None), "/private/a.jpg", 60).contains("whole URL"));
    assert!(sign(&s3(None), "http://localhost/a.jpg", 604_801).contains("7 days"));
    assert!(sign(&secure_link("$host$uri$secret", "$arg_md5"), "/a.jpg", 60).contains("whole URL"));
    assert!(sign(&secure_link("$http_cookie$uri$secret", "$arg_md5"), "/a.jpg", 60).contains("cookie"));
    assert!(sign(&hmac("secret"), "/../a.jpg", 60).contains("'..'"));
    let [plain, _, s3] = all();
    for (signed, advice) in [(plain, "$request_method"), (s3, "GET, HEAD and PUT")] {
        let deleting = signed.sign(&Method::DELETE, &url("http://localhost/a.jpg"), at(NOW), at(NOW + 60));
        assert!(deleting.expect_err("no such link").contains(advice));
    }
}
