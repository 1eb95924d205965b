//! Requests that real clients sent: boto3 1.44.8, the AWS SDK for JavaScript 3.1175, s3cmd and rclone, with both versions
//! of the signature, with keys that need escapes, with checksums and trailers. `tests/data/signatures.json` has them as
//! they arrived.

use serde_json::Value;

use super::*;

const RECORDED: &str = include_str!("../../../tests/data/signatures.json");

fn recorded(kind: &str) -> Vec<Value> {
    let recorded: Value = serde_json::from_str(RECORDED).expect("JSON");
    recorded[kind].as_array().expect("a list").clone()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} in {value}"))
}

fn now(value: &Value) -> Timestamp {
    Timestamp::from_second(value["now"].as_i64().expect("a time")).expect("a time")
}

fn pairs(value: &Value) -> Vec<(String, String)> {
    let pair = |pair: &Value| Some((pair[0].as_str()?.to_owned(), pair[1].as_str()?.to_owned()));
    value.as_array().expect("a list").iter().map(|value| pair(value).expect("a pair")).collect()
}

/// The text in JSON has one character for each byte.
fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).expect("a byte")).collect()
}

fn sent(value: &Value) -> Sent {
    let headers = pairs(&value["headers"]);
    let host = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host")).expect("a host").1.clone();
    let mut sent = Sent::new(text(value, "method"), &host, text(value, "target"));
    for (name, value) in headers {
        let value = HeaderValue::from_bytes(&bytes(&value)).expect("a value");
        sent.headers.append(HeaderName::from_bytes(name.as_bytes()).expect("a name"), value);
    }
    sent.bucket = value["bucket"].as_str().map(str::to_owned);
    sent
}

fn keys() -> Vec<Key> {
    vec![key("other", "another secret"), key("devmedia", "devmedia/secret+key")]
}

#[test]
fn requests_of_real_clients_are_valid() {
    let requests = recorded("requests");
    assert!(requests.len() > 150);
    for value in &requests {
        let (by, sent, now) = (text(value, "by"), sent(value), now(value));
        let verified = match sent.verify(&keys(), &[], now) {
            Ok(Verdict::Verified(verified)) => verified,
            other => panic!("{by}: {sent:#?}\n{other:#?}"),
        };
        assert_eq!((verified.key_id.as_str(), &verified.accepted_host), ("devmedia", &None), "{by}");
        let body = bytes(text(value, "body"));
        for size in [1, 7, 100_000] {
            let read = read(&sent.headers, &verified.payload, &body, size);
            let read = read.unwrap_or_else(|error| panic!("{by}: {error}: {sent:#?}"));
            assert!(matches!(verified.payload, Payload::UnsignedChunks) || read == body, "{by}");
            assert!(!String::from_utf8_lossy(&read).contains("checksum"), "{by}: framing in the payload");
        }
    }
}

/// Each recorded request with one part changed is refused: the signature covers it.
#[test]
fn changed_requests_of_real_clients_are_refused() {
    for value in recorded("requests") {
        let (by, sent, now) = (text(&value, "by"), sent(&value), now(&value));
        let refused = |changed: Sent, keys: &[Key], now: Timestamp, what: &str| match changed.verify(keys, &[], now) {
            Err(error) => error,
            Ok(verdict) => panic!("{by}, {what}: {verdict:?} for {changed:#?}"),
        };
        let method = if sent.method == Method::PUT { Method::DELETE } else { Method::PUT };
        let error = refused(Sent { method, ..sent.clone() }, &keys(), now, "method");
        assert!(error.message.contains(&format!("made for the method {}", sent.method)), "{by}: {error}");
        let target = sent.target.replacen("media", "medib", 1);
        if target != sent.target {
            refused(Sent { target, ..sent.clone() }, &keys(), now, "path");
        }
        let wrong = vec![key("devmedia", "devmedia"), key("second", "devmedia/secret+key")];
        let error = refused(sent.clone(), &wrong, now, "secret");
        assert!(error.message.contains("secret of the key second"), "{by}: {error}");
        assert!(!format!("{error:?}").contains("devmedia/secret"), "{by}: {error:?}");
        let error = refused(sent.clone(), &[key("other", "devmedia/secret+key")], now, "key");
        assert_eq!(error.code, Code::InvalidAccessKeyId);
        let late = now + jiff::SignedDuration::from_hours(8 * 24);
        let error = refused(sent.clone(), &keys(), late, "late");
        assert!(matches!(error.code, Code::RequestTimeTooSkewed | Code::AccessDenied), "{by}: {error}");
        // a subresource is another request, however its name is written
        for added in
            ["acl", "%61cl", "upload%49d=1", "response-content-type=text/html", "x-amz-copy-source=%2Fmedia%2Fa"]
        {
            let is_v2_header =
                sent.headers.get("authorization").is_some_and(|value| value.as_bytes().starts_with(b"AWS "));
            if sent.target.contains("acl")
                || sent.target.contains(added)
                || (added.starts_with("x-amz") && is_v2_header)
            {
                continue;
            }
            let and = if sent.target.contains('?') { "&" } else { "?" };
            let target = format!("{}{and}{added}", sent.target);
            let error = refused(Sent { target, ..sent.clone() }, &keys(), now, added);
            assert_eq!(error.code, Code::SignatureDoesNotMatch, "{by} {added}");
        }
        if !sent.target.contains("AWSAccessKeyId=") && !sent.headers.contains_key("authorization") {
            let target = format!("{}&added=1", sent.target);
            let error = refused(Sent { target, ..sent.clone() }, &keys(), now, "parameter");
            assert!(error.message.contains("without the parameter added"), "{by}: {error}");
        }
    }
}

/// Docker's daily trouble: signed for the name inside of the network, opened with the name outside.
#[test]
fn a_signature_for_another_name_of_this_server_is_valid() {
    for value in recorded("requests").into_iter().filter(|value| text(value, "by").contains("s3v4 presigned")) {
        let (by, mut sent, now) = (text(&value, "by"), sent(&value), now(&value));
        let signed = sent.host.clone();
        let own = signed.strip_prefix("media.").unwrap_or(&signed).to_owned();
        let (name, port) = own.rsplit_once(':').expect("a port");
        let bucket = if sent.bucket.is_some() { "media." } else { "" };
        for (opened, alternative, is_accepted) in [
            (format!("{bucket}elsewhere:1"), own.as_str(), true),
            (format!("{bucket}elsewhere:{port}"), name, true),
            (format!("{bucket}elsewhere:1"), name, false),
            (format!("{bucket}elsewhere:{port}"), "another", false),
            (format!("{bucket}elsewhere:{port}"), "*", false),
        ] {
            sent.host = opened;
            match sent.verify(&keys(), &["unrelated:1", alternative], now) {
                Ok(Verdict::Verified(verified)) if is_accepted => {
                    assert_eq!(verified.accepted_host.as_ref(), Some(&signed), "{by}");
                }
                Err(error) if !is_accepted => assert_eq!(error.code, Code::SignatureDoesNotMatch, "{by}"),
                other => panic!("{by} {alternative}: {other:?}"),
            }
        }
    }
}

#[test]
fn forms_of_real_clients_are_valid() {
    let forms = recorded("forms");
    assert_eq!(forms.len(), 5);
    for value in &forms {
        let (by, bucket, now) = (text(value, "by"), text(value, "bucket"), now(value));
        let fields: Vec<(String, String)> = pairs(&value["fields"])
            .into_iter()
            .map(
                |(name, value)| {
                    if name == "key" { (name, value.replace("${filename}", "a b.png")) } else { (name, value) }
                },
            )
            .collect();
        let form =
            verify_form(&fields, bucket, &keys(), now).unwrap_or_else(|error| panic!("{by}: {error} {fields:?}"));
        assert_eq!(form.expect("signed").key_id, "devmedia", "{by}");

        let refused = |fields: &[(String, String)], bucket, now| match verify_form(fields, bucket, &keys(), now) {
            Err(error) => (error.code, error.message),
            Ok(form) => panic!("{by}: {form:?} for {fields:?}"),
        };
        let (code, message) = refused(&fields, "other", now);
        assert_eq!(code, Code::AccessDenied);
        let expected = r#"Invalid according to Policy: Policy Condition failed: ["eq","$bucket","media"]"#;
        let is_told = message.starts_with(expected) || message.contains("the form is posted to the bucket other");
        assert!(is_told, "{by}: {message}");
        let (code, message) = refused(&fields, bucket, now + jiff::SignedDuration::from_hours(2));
        assert_eq!((code, message.as_str()), (Code::AccessDenied, "Invalid according to Policy: Policy expired."));
        for (index, (name, _)) in fields.iter().enumerate() {
            let mut changed = fields.clone();
            changed[index].1.insert(0, 'x');
            let (code, message) = refused(&changed, bucket, now);
            assert!(!message.contains("devmedia/secret"), "{by}");
            match name.to_ascii_lowercase().as_str() {
                "policy" | "signature" => assert_eq!(code, Code::SignatureDoesNotMatch, "{by} {name}: {message}"),
                "awsaccesskeyid" => assert_eq!(code, Code::InvalidAccessKeyId, "{by}: {message}"),
                _ if name.to_ascii_lowercase().starts_with("x-amz-") && !name.contains("meta") => {}
                "bucket" => assert!(message.contains("posted to the bucket media"), "{by}: {message}"),
                _ => assert!(message.contains("Policy Condition failed"), "{by} {name}: {message}"),
            }
        }
        let mut more = fields.clone();
        more.push(("x-ignore-me".to_owned(), "1".to_owned()));
        assert!(verify_form(&more, bucket, &keys(), now).is_ok(), "{by}");
        more.push(("Cache-Control".to_owned(), "no-store".to_owned()));
        let (code, message) = refused(&more, bucket, now);
        assert_eq!(code, Code::AccessDenied);
        assert!(
            message.starts_with("Invalid according to Policy: Extra input fields: cache-control"),
            "{by}: {message}"
        );
    }
}
