//! The guard: no page of another site gets in, whatever its browser sends, and no foreign `Host` does.
#![no_main]

use devmedia_fuzz::{Guard, HostPattern, ListenerKind, OriginPattern, Row, Value};
use hyper::header::{self, HeaderName};
use hyper::{Method, Request};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use url::{Host, Url};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    method: Verb,
    host: Text<'a>,
    second_host: bool,
    origin: Option<Text<'a>>,
    referer: Option<Text<'a>>,
    site: Option<Text<'a>>,
    mode: Option<Text<'a>>,
    destination: Option<Text<'a>>,
    allow_host: Option<&'a str>,
    allow_origin: Option<&'a str>,
    network: bool,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Verb {
    Get,
    Head,
    Options,
    Put,
    Delete,
}

/// A word that browsers send, or anything.
#[derive(Debug, Arbitrary)]
enum Text<'a> {
    Word(u8),
    Url { scheme: u8, host: u8, rest: &'a str },
    Any(Value),
}

const WORDS: &[&str] = &[
    "cross-site",
    "same-site",
    "same-origin",
    "none",
    "no-cors",
    "cors",
    "navigate",
    "document",
    "image",
    "video",
    "null",
    "localhost:8001",
    "127.0.0.1:8001",
    "192.168.1.7:8001",
    "[::1]:8001",
    "evil.example",
    "app.test",
    "http://localhost:3000",
    "http://evil.example",
    "http://localhost.evil.example",
    "https://evil.example/?localhost",
];

impl Text<'_> {
    fn bytes(&self) -> Vec<u8> {
        let pick = |words: &[&'static str], index: u8| words[usize::from(index) % words.len()];
        match self {
            Self::Word(index) => pick(WORDS, *index).as_bytes().to_vec(),
            Self::Url { scheme, host, rest } => {
                let scheme = pick(&["http", "https", "HTTP", "ftp", "chrome-extension", ""], *scheme);
                let hosts = ["localhost", "a.localhost", "127.0.0.1", "[::1]", "evil.example", "x.test", ""];
                format!("{scheme}://{}{rest}", pick(&hosts, *host)).into_bytes()
            }
            Self::Any(Value(value)) => value.as_bytes().to_vec(),
        }
    }
}

fuzz_target!(|input: Input<'_>| {
    let method = match input.method {
        Verb::Get => Method::GET,
        Verb::Head => Method::HEAD,
        Verb::Options => Method::OPTIONS,
        Verb::Put => Method::PUT,
        Verb::Delete => Method::DELETE,
    };
    let mut request = Request::builder().method(method.clone()).uri("/media/a.jpg");
    let host = input.host.bytes();
    request = request.header(header::HOST, host.clone());
    if input.second_host {
        request = request.header(header::HOST, "localhost");
    }
    let fields = [
        (header::ORIGIN, &input.origin),
        (header::REFERER, &input.referer),
        (HeaderName::from_static("sec-fetch-site"), &input.site),
        (HeaderName::from_static("sec-fetch-mode"), &input.mode),
        (HeaderName::from_static("sec-fetch-dest"), &input.destination),
    ];
    for (name, text) in fields {
        if let Some(text) = text {
            request = request.header(name, text.bytes());
        }
    }
    let Ok(request) = request.body(()) else { return };

    let listener = if input.network { ListenerKind::Network } else { ListenerKind::Loopback };
    // patterns of any text are read or refused; the rules below are checked without any
    let host_pattern = input.allow_host.and_then(HostPattern::parse);
    let origin_pattern = input.allow_origin.and_then(OriginPattern::parse);
    let lenient = Guard {
        hosts: host_pattern.into_iter().collect(),
        origins: origin_pattern.into_iter().collect(),
        ..Guard::default()
    };
    let admitted_by_patterns = lenient.admit(&request, listener).is_ok();

    let Ok(admission) = Guard::default().admit(&request, listener) else { return };
    assert!(admitted_by_patterns, "a pattern keeps out what gets in without it");
    assert!(!input.second_host, "two Host fields");
    let host = String::from_utf8(host).expect("a host name is ASCII");
    let asked = Url::parse(&format!("http://{host}/")).ok();
    assert!(asked.as_ref().is_none_or(is_local), "a foreign Host: {host}");

    let headers = request.headers();
    let has = |name: &str| headers.contains_key(name);
    let reads = matches!(method, Method::GET | Method::HEAD);
    let is_page_of_this_machine = |name: &str| {
        let text = headers[name].to_str().expect("ASCII");
        // a URL that browsers cannot read is one they do not send
        let Ok(url) = Url::parse(text) else { return };
        let same_host = asked.as_ref().is_some_and(|asked| asked.host() == url.host());
        assert!(matches!(url.scheme(), "http" | "https"), "{name}: {text}");
        assert!(is_loopback(&url) || same_host, "a stranger's {name}: {text}");
    };
    assert_eq!(admission.origin.as_ref(), headers.get(header::ORIGIN).filter(|_| admission.row == Row::Origin));
    match admission.row {
        Row::Origin => is_page_of_this_machine("origin"),
        Row::SameSite => assert!(!has("origin") || headers["origin"] == "null"),
        Row::Referer => {
            assert!(reads || method == Method::OPTIONS);
            is_page_of_this_machine("referer");
        }
        Row::Navigation => assert!(reads && (!has("origin") || headers["origin"] == "null")),
        Row::Opaque => assert!(reads && !has("origin") && !has("referer")),
        Row::Tool => assert!(!has("origin") && !has("referer") && !has("sec-fetch-site")),
    }
});

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            name == "localhost" || name.ends_with(".localhost") || name.ends_with(".test")
        }
        None => false,
    }
}

/// A name or address that no stranger's domain can be.
fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            let suffixes = [".localhost", ".test", ".local", ".internal", ".home.arpa"];
            !name.contains('.') || suffixes.iter().any(|suffix| name.ends_with(suffix))
        }
        host => host.is_some(),
    }
}
