//! Policies of forms.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// "Example: Browser-Based Upload using HTTP POST (Using AWS Signature Version 4)" in the S3 API reference.
#[test]
fn the_example_in_awss_documentation_is_valid() {
    let policy = [
        r#"{ "expiration": "2015-12-30T12:00:00.000Z","#,
        r#"  "conditions": ["#,
        r#"    {"bucket": "sigv4examplebucket"},"#,
        r#"    ["starts-with", "$key", "user/user1/"],"#,
        r#"    {"acl": "public-read"},"#,
        r#"    {"success_action_redirect": "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html"},"#,
        r#"    ["starts-with", "$Content-Type", "image/"],"#,
        r#"    {"x-amz-meta-uuid": "14365123651274"},"#,
        r#"    {"x-amz-server-side-encryption": "AES256"},"#,
        r#"    ["starts-with", "$x-amz-meta-tag", ""],"#,
        "",
        r#"    {"x-amz-credential": "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"},"#,
        r#"    {"x-amz-algorithm": "AWS4-HMAC-SHA256"},"#,
        r#"    {"x-amz-date": "20151229T000000Z" }"#,
        "  ]",
        "}",
    ];
    let form = fields(&[
        ("key", "user/user1/photo.jpg"),
        ("acl", "public-read"),
        ("success_action_redirect", "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html"),
        ("Content-Type", "image/jpeg"),
        ("x-amz-meta-uuid", "14365123651274"),
        ("x-amz-server-side-encryption", "AES256"),
        ("X-Amz-Credential", "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"),
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Date", "20151229T000000Z"),
        ("x-amz-meta-tag", ""),
        ("Policy", &STANDARD.encode(policy.join("\r\n"))),
        ("X-Amz-Signature", "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e"),
    ]);
    let keys = [key("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")];
    let valid = verify_form(&form, "sigv4examplebucket", &keys, at("2015-12-30T12:00:00Z")).expect("valid");
    assert_eq!(valid.map(|form| form.version), Some(Version::V4));
    let error = verify_form(&form, "sigv4examplebucket", &keys, at("2015-12-30T12:00:01Z")).expect_err("expired");
    assert_eq!(error.message, "Invalid according to Policy: Policy expired.");
}

fn check(policy: &str, more: &[(&str, &str)]) -> Result<SignedForm, (Code, String)> {
    let encoded = STANDARD.encode(policy);
    let mac = digest::mac_sha1(b"devmedia", encoded.as_bytes());
    let signature = STANDARD.encode(hmac::Mac::finalize(mac).into_bytes());
    let own = [("AWSAccessKeyId", "devmedia"), ("policy", encoded.as_str()), ("signature", signature.as_str())];
    let form = fields(&[&own[..], more].concat());
    let form = verify_form(&form, "media", &[key("devmedia", "devmedia")], at("2026-11-29T10:00:00Z"));
    form.map(|form| form.expect("signed")).map_err(|error| (error.code, error.message))
}

#[test]
fn conditions_are_enforced() {
    let policy =
        |conditions: &str| format!(r#"{{"expiration": "2026-11-29T10:00:00Z", "conditions": [{conditions}]}}"#);
    let bucket = r#"{"bucket": "media"}"#;
    for (conditions, more, refusal) in [
        ("", vec![], "Extra input fields: bucket."),
        (
            r#"{"bucket": "other"}"#,
            vec![],
            r#"Policy Condition failed: ["eq","$bucket","other"]: the form has "media"."#,
        ),
        (bucket, vec![], ""),
        (
            bucket,
            vec![("key", "a")],
            r#"Extra input fields: key. Add a condition for each, such as ["starts-with", "$key", ""]."#,
        ),
        (r#"{"bucket": "media", "key": "a"}"#, vec![("key", "a")], ""),
        (r#"{"bucket": "media"}, ["eq", "$KEY", "a"]"#, vec![("Key", "a")], ""),
        (
            r#"{"bucket": "media"}, ["eq", "$key", "a"]"#,
            vec![("key", "A")],
            r#"Policy Condition failed: ["eq","$key","a"]: the form has "A"."#,
        ),
        (
            r#"{"bucket": "media"}, ["eq", "$key", "a"]"#,
            vec![],
            r#"Policy Condition failed: ["eq","$key","a"]: the form does not have this field."#,
        ),
        (r#"{"bucket": "media"}, ["starts-with", "$key", "user/"]"#, vec![("key", "user/1")], ""),
        (
            r#"{"bucket": "media"}, ["starts-with", "$key", "user/"]"#,
            vec![("key", "User/1")],
            r#"Policy Condition failed: ["starts-with","$key","user/"]: the form has "User/1"."#,
        ),
        (
            r#"{"bucket": "media"}, ["starts-with", "$Content-Type", "image/"]"#,
            vec![("content-type", "image/png, image/gif")],
            "",
        ),
        (
            r#"{"bucket": "media"}, ["starts-with", "$Content-Type", "image/"]"#,
            vec![("content-type", "image/png,text/html")],
            r#"Policy Condition failed: ["starts-with","$content-type","image/"]: the form has "image/png,text/html"."#,
        ),
        (bucket, vec![("x-ignore-a", "1"), ("file", "")], ""),
        (bucket, vec![("x-amz-meta-a", "1")], "Extra input fields: x-amz-meta-a."),
    ] {
        match check(&policy(conditions), &more) {
            Ok(_) => assert_eq!(refusal, "", "{conditions} {more:?}"),
            Err((code, message)) => {
                assert_eq!(code, Code::AccessDenied, "{message}");
                let told = message.strip_prefix("Invalid according to Policy: ").unwrap_or_default();
                assert!(!refusal.is_empty() && told.starts_with(refusal), "{conditions} {more:?}: {message}");
            }
        }
    }
    let twice = check(&policy(r#"{"bucket": "media"}, ["eq", "$key", "a"]"#), &[("key", "a"), ("Key", "b")]);
    let names: Vec<String> = (0..1000).map(|index| format!("x-ignore-{index}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    assert_eq!(check(&policy(bucket), &many).map_err(|(code, _)| code), Err(Code::InvalidArgument));
    assert_eq!(twice, Err((Code::InvalidArgument, "The form has the field Key twice.".to_owned())));
}

#[test]
fn policies_that_cannot_be_parsed_are_refused() {
    for (policy, part) in [
        ("", "Invalid JSON."),
        ("[]", "Invalid JSON."),
        ("{}", "'expiration'"),
        (r#"{"expiration": "tomorrow", "conditions": []}"#, "'expiration'"),
        (r#"{"expiration": "2026-11-30T00:00:00Z"}"#, "missing conditions"),
        (r#"{"expiration": "2026-11-30T00:00:00Z", "conditions": [1]}"#, "Invalid Simple-Condition"),
        (r#"{"expiration": "2026-11-30T00:00:00Z", "conditions": [{"key": []}]}"#, "Invalid Simple-Condition"),
        (r#"{"expiration": "2026-11-30T00:00:00Z", "conditions": [[]]}"#, "Invalid Condition"),
        (r#"{"expiration": "2026-11-30T00:00:00Z", "conditions": [["eq", "key", "a"]]}"#, "Invalid Condition"),
        (r#"{"expiration": "2026-11-30T00:00:00Z", "conditions": [["ends-with", "$key", "a"]]}"#, "Invalid Condition"),
        (
            r#"{"expiration": "2026-11-30T00:00:00Z", "conditions": [["content-length-range", -1, 2]]}"#,
            "Invalid Condition",
        ),
        (&"[".repeat(100_000), "Invalid JSON."),
    ] {
        let (code, message) = check(policy, &[]).expect_err(part);
        assert_eq!(code, Code::InvalidPolicyDocument, "{message}");
        assert!(message.starts_with("Invalid Policy: ") && message.contains(part), "{part}: {message}");
    }
}

#[test]
fn the_size_of_the_file_is_checked() {
    let policy = |conditions: &str| {
        let bucket = r#"{"bucket": "media"}"#;
        format!(r#"{{"expiration": "2026-11-29T10:00:00Z", "conditions": [{bucket}{conditions}]}}"#)
    };
    let form = |conditions: &str| check(&policy(conditions), &[]).expect("valid");
    let ranged = form(r#", ["content-length-range", 2, "10"], ["content-length-range", 0, 5]"#);
    assert_eq!(ranged.max_length(), Some(5));
    for (length, code) in [
        (1, Some(Code::EntityTooSmall)),
        (2, None),
        (5, None),
        (6, Some(Code::EntityTooLarge)),
        (0, Some(Code::EntityTooSmall)),
    ] {
        assert_eq!(ranged.check_length(length).err().map(|error| error.code), code, "{length}");
    }
    assert_eq!((form("").max_length(), form("").check_length(u64::MAX)), (None, Ok(())));
}

#[test]
fn forms_without_a_policy_are_anonymous() {
    let keys = [key("devmedia", "devmedia")];
    let now = at("2026-11-29T10:00:00Z");
    assert_eq!(verify_form(&fields(&[("key", "a")]), "media", &keys, now), Ok(None));
    for (pairs, code) in [
        (vec![("policy", "e30=")], Code::InvalidArgument),
        (vec![("signature", "x")], Code::InvalidArgument),
        (vec![("policy", "e30="), ("AWSAccessKeyId", "devmedia"), ("signature", "x")], Code::SignatureDoesNotMatch),
        (vec![("policy", "e30="), ("AWSAccessKeyId", "devmedia"), ("signature", "")], Code::SignatureDoesNotMatch),
        (vec![("policy", "e30="), ("AWSAccessKeyId", "nobody"), ("signature", "x")], Code::InvalidAccessKeyId),
        (vec![("policy", "e30="), ("x-amz-signature", "x")], Code::InvalidArgument),
    ] {
        let error = verify_form(&fields(&pairs), "media", &keys, now).expect_err("refused");
        assert_eq!(error.code, code, "{pairs:?}: {error}");
    }
}
