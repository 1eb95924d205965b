//! The same requests to a real nginx and to devmedia: the statuses must be equal.

use std::net::SocketAddr;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD as BASE64, URL_SAFE_NO_PAD as BASE64URL};
use md5::{Digest as _, Md5};

use super::{SECRET, now, server};
use crate::support::Server;
use crate::support::client::send;
use crate::support::nginx::Nginx;

/// (url, `secure_link_md5` with `$secret`, `secure_link`)
const MOUNTS: [(&str, &str, &str); 5] = [
    ("/private/", "$secure_link_expires$uri $secret", "$arg_md5,$arg_expires"),
    ("/device/", "$secure_link_expires$uri$remote_addr $secret", "$arg_md5,$arg_expires"),
    ("/method/", "${request_method}:$host:$scheme:${uri} $secret", "$arg_st"),
    ("/agent/", "$uri|$http_user_agent|$http_x_two_words|$arg_user|$arg_none|$secret", "$arg_st,$arg_e"),
    ("/for-ever/", "${uri}$secret", "$arg_md5"),
];

/// An nginx with the same files and mounts.
fn nginx(root: &Path) -> Option<Nginx> {
    Nginx::start("--with-http_secure_link_module", |address, _| configuration(address, root))
}

fn configuration(address: SocketAddr, root: &Path) -> String {
    let root = root.display();
    let location = |(url, expression, link): &(&str, &str, &str)| {
        let expression = expression.replace("$secret", SECRET);
        format!(
            "location {url} {{
               alias {root}/; secure_link {link}; secure_link_md5 '{expression}';
               if ($secure_link = '') {{ return 403; }}
               if ($secure_link = '0') {{ return 410; }}
             }}"
        )
    };
    let locations = MOUNTS.iter().map(location).collect::<String>();
    // otherwise its worker runs as a user who cannot read the root
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    format!(
        "{user} daemon off; worker_processes 1; pid nginx.pid; events {{}}
         http {{
           access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
           uwsgi_temp_path uwsgi; scgi_temp_path scgi;
           server {{ listen {address}; {locations} }}
         }}"
    )
}

fn devmedia() -> Server {
    let mount = |(url, expression, link): &(&str, &str, &str)| {
        format!(
            "[[mount]]
             url = '{url}'
             root = 'media'
             access = {{ signed = 'secure_link', secret = '{SECRET}', expression = '{expression}', link = '{link}' }}\n"
        )
    };
    let server = server(&MOUNTS.iter().map(mount).collect::<String>(), &[]);
    for name in ["a.txt", "a b.txt", "é+1.txt", "100%.txt", "sub/a.txt"] {
        server.put(name, "content");
    }
    server
}

/// A method, a path, a query, the text whose MD5 replaces `{md5}` in the query, and the status from both servers.
/// `{later}` and `{past}` are times, `{secret}` is the secret, and `{hex}` and `{base64}` are the MD5 in other formats.
type Row<'a> = (&'a str, &'a str, &'a str, &'a str, u16);

#[rustfmt::skip]
const ROWS: &[Row<'_>] = &[
    ("GET", "/private/a.txt", "md5={md5}&expires={later}", "{later}/private/a.txt {secret}", 200),
    ("HEAD", "/private/a.txt", "md5={md5}&expires={later}", "{later}/private/a.txt {secret}", 200),
    ("GET", "/private/a.txt", "md5={md5}&expires={later}", "{later}/private/a.txt secret", 403),
    ("GET", "/private/a.txt", "md5={md5}&expires={later}", "{later}/private/b.txt {secret}", 403),
    ("GET", "/private/a.txt", "md5={md5}&expires={later}", "{past}/private/a.txt {secret}", 403),
    ("GET", "/private/a.txt", "md5={md5}&expires={past}", "{past}/private/a.txt {secret}", 410),
    ("GET", "/private/a.txt", "md5={md5}&expires={past}", "{later}/private/a.txt {secret}", 403),
    ("GET", "/private/none.txt", "md5={md5}&expires={later}", "{later}/private/none.txt {secret}", 404),
    ("GET", "/private/none.txt", "md5={md5}&expires={later}", "", 403),
    ("GET", "/private/a.txt", "", "", 403),
    // the path is decoded and collapsed
    ("GET", "/private/a%20b.txt", "md5={md5}&expires={later}", "{later}/private/a b.txt {secret}", 200),
    ("GET", "/private/a%20b.txt", "md5={md5}&expires={later}", "{later}/private/a%20b.txt {secret}", 403),
    ("GET", "/private/%C3%A9+1.txt", "md5={md5}&expires={later}", "{later}/private/é+1.txt {secret}", 200),
    ("GET", "/private/%C3%A9%2b1.txt", "md5={md5}&expires={later}", "{later}/private/é+1.txt {secret}", 200),
    ("GET", "/private/100%25.txt", "md5={md5}&expires={later}", "{later}/private/100%.txt {secret}", 200),
    ("GET", "//private//./a.txt", "md5={md5}&expires={later}", "{later}/private/a.txt {secret}", 200),
    ("GET", "/%70rivate/%61.txt", "md5={md5}&expires={later}", "{later}/private/a.txt {secret}", 200),
    ("GET", "/private/sub%2Fa.txt", "md5={md5}&expires={later}", "{later}/private/sub/a.txt {secret}", 200),
    ("GET", "/private/sub/a.txt", "md5={md5}&expires={later}", "{later}/private/a.txt {secret}", 403),
    ("GET", "/PRIVATE/a.txt", "md5={md5}&expires={later}", "{later}/PRIVATE/a.txt {secret}", 404),
    // parsing of the query
    ("GET", "/private/a.txt", "x=1&expires={later}&&y&md5={md5}&z=", "{later}/private/a.txt {secret}", 200),
    ("GET", "/private/a.txt", "x=1;md5={md5};expires={later}", "{later}/private/a.txt {secret}", 403),
    ("GET", "/private/a.txt", "MD5={md5}&Expires={later}", "{later}/private/a.txt {secret}", 200),
    ("GET", "/private/a.txt", "xmd5=x&md5={md5}&expires={later}", "{later}/private/a.txt {secret}", 200),
    ("GET", "/private/a.txt", "md5={md5}&md5=x&expires={later}&expires={past}", "{later}/private/a.txt {secret}", 200),
    ("GET", "/private/a.txt", "md5=x&md5={md5}&expires={later}", "{later}/private/a.txt {secret}", 403),
    ("GET", "/private/a.txt", "md5=&md5={md5}&expires={later}", "{later}/private/a.txt {secret}", 403),
    ("GET", "/private/a.txt", "md5&md5={md5}&expires={later}", "{later}/private/a.txt {secret}", 200),
    ("GET", "/private/a.txt", "%6dd5={md5}&expires={later}", "{later}/private/a.txt {secret}", 403),
    ("GET", "/private/a.txt", "md5={md5},{later}&expires={later}", "{later},{later}/private/a.txt {secret}", 403),
    ("GET", "/private/a.txt", "md5={md5}&expires={later}?x", "{later}/private/a.txt {secret}", 403),
    // parsing of the hash
    ("GET", "/private/a.txt", "md5={md5}=&expires={later}", "{later}/private/a.txt {secret}", 200),
    ("GET", "/private/a.txt", "md5={md5}==&expires={later}", "{later}/private/a.txt {secret}", 200),
    ("GET", "/private/a.txt", "md5={md5}===&expires={later}", "{later}/private/a.txt {secret}", 403),
    ("GET", "/private/a.txt", "md5={md5}=x&expires={later}", "{later}/private/a.txt {secret}", 200),
    ("GET", "/private/a.txt", "md5={md5}%3D%3D&expires={later}", "{later}/private/a.txt {secret}", 403),
    ("GET", "/private/a.txt", "md5={md5}A&expires={later}", "{later}/private/a.txt {secret}", 403),
    ("GET", "/private/a.txt", "md5={md5}AA&expires={later}", "{later}/private/a.txt {secret}", 403),
    ("GET", "/private/a.txt", "md5={last}&expires={later}", "{later}/private/a.txt {secret}", 200),
    ("GET", "/private/a.txt", "md5={hex}&expires={later}", "{later}/private/a.txt {secret}", 403),
    ("GET", "/private/a.txt", "md5={base64}&expires={later}", "{later}/private/a.txt {secret}", 403),
    // parsing of the expiry
    ("GET", "/private/a.txt", "md5={md5}&expires=0{later}", "0{later}/private/a.txt {secret}", 200),
    ("GET", "/private/a.txt", "md5={md5}&expires={later}", "0{later}/private/a.txt {secret}", 403),
    ("GET", "/private/a.txt", "md5={md5}&expires={later}000", "{later}000/private/a.txt {secret}", 200),
    ("GET", "/private/a.txt", "md5={md5}&expires=1", "1/private/a.txt {secret}", 410),
    ("GET", "/private/a.txt", "md5={md5}&expires=0", "0/private/a.txt {secret}", 403),
    ("GET", "/private/a.txt", "md5={md5}&expires=-1", "-1/private/a.txt {secret}", 403),
    ("GET", "/private/a.txt", "md5={md5}&expires=%2B{later}", "%2B{later}/private/a.txt {secret}", 403),
    ("GET", "/private/a.txt", "md5={md5}&expires={later}.5", "{later}.5/private/a.txt {secret}", 403),
    ("GET", "/private/a.txt", "md5={md5}&expires=9223372036854775807", "9223372036854775807/private/a.txt {secret}", 200),
    ("GET", "/private/a.txt", "md5={md5}&expires=9223372036854775808", "9223372036854775808/private/a.txt {secret}", 403),
    ("GET", "/private/a.txt", "md5={md5}&expires=", "/private/a.txt {secret}", 403),
    ("GET", "/private/a.txt", "md5={md5}", "/private/a.txt {secret}", 403),
    // other expressions
    ("GET", "/device/a.txt", "md5={md5}&expires={later}", "{later}/device/a.txt127.0.0.1 {secret}", 200),
    ("GET", "/device/a.txt", "md5={md5}&expires={later}", "{later}/device/a.txt10.0.0.1 {secret}", 403),
    ("GET", "/method/a.txt", "st={md5}", "GET:127.0.0.1:http:/method/a.txt {secret}", 200),
    ("HEAD", "/method/a.txt", "st={md5}", "HEAD:127.0.0.1:http:/method/a.txt {secret}", 200),
    ("HEAD", "/method/a.txt", "st={md5}", "GET:127.0.0.1:http:/method/a.txt {secret}", 403),
    ("GET", "/agent/a.txt", "st={md5}&e={later}&user=%31", "/agent/a.txt|probe/1|two words|%31||{secret}", 200),
    ("GET", "/agent/a.txt", "st={md5}&e={past}&user=%31", "/agent/a.txt|probe/1|two words|%31||{secret}", 410),
    ("GET", "/agent/a.txt", "st={md5}&e={later}&user=1", "/agent/a.txt|probe/1|two words|%31||{secret}", 403),
    ("GET", "/for-ever/a.txt", "md5={md5}", "/for-ever/a.txt{secret}", 200),
    ("GET", "/for-ever/a.txt", "md5={md5}&expires={past}", "/for-ever/a.txt{secret}", 200),
    // the parameter with the hash may also contain the expiry
    ("GET", "/for-ever/a.txt", "md5={md5},{later}", "/for-ever/a.txt{secret}", 200),
    ("GET", "/for-ever/a.txt", "md5={md5},{past}", "/for-ever/a.txt{secret}", 410),
    ("GET", "/for-ever/a.txt", "md5={md5},", "/for-ever/a.txt{secret}", 403),
];

#[test]
fn nginx_and_devmedia_respond_with_the_same_status() {
    let devmedia = devmedia();
    let Some(nginx) = nginx(&devmedia.root) else { return };
    let past = now() - 3600;
    // a time whose hash contains a digit that differs between base64 and base64url
    let differs =
        |later: &u64| BASE64.encode(Md5::digest(format!("{later}/private/a.txt {SECRET}"))).contains(['+', '/']);
    let later = (now() + 3600..=now() + 9999).find(differs).expect("half of them");
    let fields = [("User-Agent", "probe/1"), ("X-Two-Words", "two words")];
    for &(method, path, query, text, expected) in ROWS {
        let fill = |text: &str| {
            let text = text.replace("{later}", &later.to_string()).replace("{past}", &past.to_string());
            text.replace("{secret}", SECRET)
        };
        let digest = Md5::digest(fill(text));
        let md5 = BASE64URL.encode(digest);
        // four bits of the last digit, which is A, Q, g or w, are unused
        let last = format!("{}{}", &md5[..21], char::from(md5.as_bytes()[21] + 1));
        let hex = digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let query = fill(query).replace("{md5}", &md5).replace("{last}", &last).replace("{hex}", &hex);
        let target = format!("{path}?{}", query.replace("{base64}", &BASE64.encode(digest)));
        let answers =
            [nginx.address, devmedia.address].map(|address| send(address, method, &target, &fields, b"").status);
        assert_eq!(answers, [expected; 2], "nginx and devmedia: {method} {target} signed {text:?}");
    }
}

/// The handling of unusual paths, independent of the signature (design, "Path bytes").
#[test]
fn known_differences_from_nginx() {
    let devmedia = devmedia();
    let Some(nginx) = nginx(&devmedia.root) else { return };
    let later = now() + 3600;
    for (path, signed, expected) in [
        ("/private/sub/../a.txt", "/private/a.txt", [200, 400]),
        ("/private/100%.txt", "/private/100%.txt", [400, 200]),
    ] {
        let md5 = BASE64URL.encode(Md5::digest(format!("{later}{signed} {SECRET}")));
        let target = format!("{path}?md5={md5}&expires={later}");
        let answers = [nginx.address, devmedia.address].map(|address| send(address, "GET", &target, &[], b"").status);
        assert_eq!(answers, expected, "nginx and devmedia: {target}");
    }
}
