//! `devmedia sign`: the server accepts the printed URLs.

use super::{SECRET, server};
use crate::support::client::send;
use crate::support::{command, process};

#[test]
fn urls_signed_by_the_command_are_accepted() {
    let mount = |(url, access): (&str, &str)| {
        format!(
            "[[mount]]
             url = '/{url}/'
             root = 'media'
             upload = true
             access = {{ {access}, secret = '{SECRET}' }}\n"
        )
    };
    let mounts = [
        ("link", "signed = 'secure_link'"),
        (
            "device",
            "signed = 'secure_link', expression = '$uri$remote_addr$request_method$host $secret', link = '$arg_st'",
        ),
        ("hmac", "signed = 'hmac'"),
        ("s3", "signed = 's3', access_key = 'dev'"),
    ];
    let server = server(&mounts.map(mount).concat(), &[]);
    let sign = |target: &str, method: &str| {
        let mut sign = command();
        sign.current_dir(&server.outside).args(["sign", "--expires", "1m", "--method", method]);
        sign.arg(format!("http://{}{target}", server.address));
        let ended = process::run(sign);
        assert_eq!((ended.code, ended.stdout.len()), (Some(0), 1), "{target}: {ended:?}");
        let url = ended.stdout[0].parse::<hyper::Uri>().expect("a URL");
        url.path_and_query().expect("a target").to_string()
    };
    for (mount, method, answered) in [
        ("link", "GET", 200),
        ("link", "HEAD", 200),
        ("device", "GET", 200),
        ("device", "HEAD", 200),
        ("device", "PUT", 204),
        ("hmac", "GET", 200),
        ("hmac", "HEAD", 200),
        ("hmac", "PUT", 204),
        ("hmac", "DELETE", 204),
        ("s3", "GET", 200),
        ("s3", "HEAD", 200),
        ("s3", "PUT", 204),
    ] {
        server.put("a b.txt", "content");
        let signed = sign(&format!("/{mount}/a%20b.txt"), method);
        let answer = send(server.address, method, &signed, &[], b"");
        assert_eq!(answer.status, answered, "{method} {signed}: {}", answer.text());
    }
    // the parameter of a thumbnail is covered by s3 only
    let thumbnail = |mount| sign(&format!("/{mount}/a%20b.txt?thumbnail=128"), "GET");
    for mount in ["link", "hmac", "s3"] {
        server.put("a b.txt", "content");
        assert_eq!(server.get(thumbnail(mount)).field("content-type"), "image/svg+xml", "{mount}");
    }
}
