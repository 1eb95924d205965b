//! URLs that a real boto3 presigns, with devmedia as its endpoint.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::{SECRET, server};
use crate::support::client::{Fields, send};
use crate::support::{Answer, Server, python};

const ACCESS_KEY: &str = "AK/DEV";

/// Prints a presigned URL for each line of input: key, secret, age in seconds, signature version, operation,
/// parameters.
const PRESIGN: &str = r#"
import datetime, json, sys
import boto3, botocore.auth
from botocore.config import Config

now, ago = botocore.auth.get_current_datetime, 0
botocore.auth.get_current_datetime = lambda *args, **kwargs: now(*args, **kwargs) - datetime.timedelta(seconds=ago)
for line in sys.stdin:
    key, secret, ago, version, operation, parameters = json.loads(line)
    client = boto3.client("s3", endpoint_url=sys.argv[1], region_name="eu-central-1", aws_access_key_id=key,
                          aws_secret_access_key=secret, config=Config(signature_version=version))
    parameters = {"Bucket": "private", **parameters}
    print(client.generate_presigned_url(operation, Params=parameters, ExpiresIn=60), flush=True)
"#;

/// A boto3 process with devmedia as its endpoint.
struct Boto {
    server: Server,
    endpoint: String,
    python: Child,
    asked: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// The settings of a signature; [`USUAL`] is the common case.
struct With<'a> {
    key: &'a str,
    secret: &'a str,
    /// Seconds.
    ago: i32,
    version: &'a str,
}

const USUAL: With<'_> = With { key: ACCESS_KEY, secret: SECRET, ago: 0, version: "s3v4" };

impl Boto {
    fn start(python: &str, server: Server) -> Self {
        let endpoint = format!("http://{}", server.address);
        let mut command = Command::new(python);
        command.args(["-c", PRESIGN, &endpoint]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut python = command.spawn().expect("Python starts");
        let asked = python.stdin.take().expect("piped");
        let answers = BufReader::new(python.stdout.take().expect("piped"));
        Self { server, endpoint, python, asked, answers }
    }

    /// The request target that boto3 presigned.
    fn presign(&mut self, with: &With<'_>, operation: &str, parameters: &serde_json::Value) -> String {
        let With { key, secret, ago, version } = with;
        let asked = serde_json::json!([key, secret, ago, version, operation, parameters]);
        writeln!(self.asked, "{asked}").expect("Python reads");
        let mut url = String::new();
        self.answers.read_line(&mut url).expect("a URL");
        url.trim_end().strip_prefix(&self.endpoint).expect("at this endpoint").to_owned()
    }

    fn send(&self, method: &str, target: &str, fields: Fields<'_>, body: &[u8]) -> Answer {
        send(self.server.address, method, target, fields, body)
    }
}

impl Drop for Boto {
    fn drop(&mut self) {
        let _ = self.python.kill();
        let _ = self.python.wait();
    }
}

#[test]
fn urls_presigned_by_boto3_are_accepted_and_others_are_not() {
    let Some(python) = python(&["boto3"]) else { return };
    let config = format!(
        "[[mount]]
         url = '/private/'
         root = 'media'
         upload = true
         access = {{ signed = 's3', access_key = '{ACCESS_KEY}', secret = '{SECRET}', region = 'eu-central-1' }}"
    );
    let mut boto = Boto::start(&python, server(&config, &[]));
    boto.server.put("a.txt", "0123456789");
    let a_txt = serde_json::json!({ "Key": "a.txt" });

    // reading, with any characters in the key
    for key in ["a.txt", "a b.txt", "été/a+b.txt", "100% & more=x;y.txt", "a~b(1)!'*$@,:.txt", "%41.txt", "a?b#c.txt"]
    {
        boto.server.put(key, key);
        let target = boto.presign(&USUAL, "get_object", &serde_json::json!({ "Key": key }));
        let answer = boto.send("GET", &target, &[], b"");
        assert_eq!((answer.status, answer.text().as_str()), (200, key), "{target}");
    }
    boto.server.put("a.txt", "0123456789");
    let get = boto.presign(&USUAL, "get_object", &a_txt);
    let part = boto.send("GET", &get, &[("Range", "bytes=2-4")], b"");
    assert_eq!((part.status, part.text().as_str()), (206, "234"));
    let head = boto.presign(&USUAL, "head_object", &a_txt);
    assert_eq!(boto.send("HEAD", &head, &[], b"").status, 200);
    let attachment =
        serde_json::json!({ "Key": "a.txt", "ResponseContentDisposition": "attachment; filename=\"b c.txt\"" });
    let attachment = boto.presign(&USUAL, "get_object", &attachment);
    assert_eq!(boto.send("GET", &attachment, &[], b"").status, 200);

    // writing
    let new = serde_json::json!({ "Key": "new/été.txt", "ContentType": "text/plain", "Metadata": { "a": "b  c" } });
    let put = boto.presign(&USUAL, "put_object", &new);
    let fields = [("Content-Type", "text/plain"), ("x-amz-meta-a", "b  c")];
    assert_eq!(boto.send("PUT", &put, &fields, b"new").status, 201);
    assert_eq!(std::fs::read(boto.server.root.join("new/été.txt")).expect("stored"), b"new");

    // invalid URLs: (method, target, headers, status, a part of the message)
    let localhost = format!("localhost:{}", boto.server.address.port());
    let mut sign = |with: With<'_>| boto.presign(&with, "get_object", &a_txt);
    let typed = [("Content-Type", "text/html"), ("x-amz-meta-a", "b  c")];
    let public = [("x-amz-acl", "public-read")];
    let rows: &[(&str, String, Fields<'_>, u16, &str)] = &[
        ("GET", sign(With { ago: 3660, ..USUAL }), &[], 403, "The link expired 1h"),
        ("GET", sign(With { ago: -3600, ..USUAL }), &[], 403, "in the future"),
        ("GET", sign(With { secret: "another", ..USUAL }), &[], 403, "another secret"),
        ("GET", sign(With { key: "AK", ..USUAL }), &[], 403, "signed for the access key AK, not for AK/DEV"),
        ("GET", sign(With { version: "s3", ..USUAL }), &[], 400, "signature_version=\"s3v4\""),
        ("GET", get.replace("eu-central-1", "us-east-1"), &[], 400, "signed for the region us-east-1"),
        ("GET", get.replace("Expires=60", "Expires=61"), &[], 403, "does not match"),
        ("GET", get.replace("Expires=60", "Expires=604801"), &[], 400, "from 1 to 604800"),
        ("GET", get.replace("/a.txt?", "/a%20b.txt?"), &[], 403, "does not match"),
        ("GET", format!("{get}&size=64"), &[], 403, "does not match"),
        ("GET", "/private/a.txt".to_owned(), &[], 403, "X-Amz-Signature are missing"),
        ("HEAD", get.clone(), &[], 403, ""),
        ("GET", head.clone(), &[], 403, "signed for the method HEAD, not for GET"),
        ("PUT", get.clone(), &[], 403, "signed for the method GET, not for PUT"),
        ("DELETE", put.clone(), &fields, 403, "not for DELETE"),
        ("PUT", put.clone(), &[], 403, "content-type is signed, but was not sent"),
        ("PUT", put.clone(), &typed, 403, "does not match"),
        ("GET", get.clone(), &public, 403, "x-amz-acl is not signed"),
        ("GET", get.clone(), &[("Host", &localhost)], 403, "signed for the host 127.0.0.1"),
    ];
    for (method, target, fields, status, said) in rows {
        let answer = boto.send(method, target, fields, b"");
        assert_eq!(answer.status, *status, "{method} {target}: {}", answer.text());
        assert!(answer.text().contains(said), "{method} {target}: {}", answer.text());
    }
    // a different spelling of the same path is the same key
    let spelled = get.replace("/private/a.txt", "/%70rivate/%61.txt");
    assert_eq!(boto.send("GET", &spelled, &[], b"").status, 200, "{spelled}");
}
