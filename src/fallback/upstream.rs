//! `Upstream`: the folder of the production server that has the files, and how far its redirects are followed.

use std::fmt;

use url::Url;

use super::reason::NotFetched;
use crate::request::path::MediaPath;

/// The URL of a folder, http or https. Its query, which may be a secret (an Azure SAS token), goes with every request and is
/// never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Without the query.
    folder: Url,
    query: Option<String>,
}

impl Upstream {
    /// Reads a URL as people type it; a missing slash at the end is added. The error is advice.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut url = Url::parse(text.trim()).map_err(|_| "not a URL; write https://www.example.com/media/")?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err("neither http nor https; write https://www.example.com/media/");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "it holds a password, which logs would show; put 'Basic ...' into an environment variable and \
                        write --fallback-header 'Authorization: env:NAME'",
            );
        }
        if url.fragment().is_some() {
            return Err("it has a '#', which is not sent to a server; write the URL of the folder: \
                        https://www.example.com/media/");
        }
        let query = url.query().filter(|query| !query.is_empty()).map(str::to_owned);
        url.set_query(None);
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Ok(Self { folder: url, query })
    }

    /// The URL of a file, with the upstream's own query and, after it, this one.
    pub fn url_of(&self, path: &MediaPath, query: Option<&str>) -> Url {
        // segments are escaped, none is '..', and none is empty: it can only lead below
        let mut url = Url::parse(&format!("{}{}", self.folder, path.to_url())).expect("a URL and more of its path");
        let queries: Vec<&str> = [self.query.as_deref(), query].into_iter().flatten().collect();
        url.set_query((!queries.is_empty()).then(|| queries.join("&")).as_deref());
        url
    }

    /// The path below this upstream that a URL names, if it lies there.
    pub fn strip(&self, url: &str) -> Option<MediaPath> {
        let url = Url::parse(url).ok()?;
        let is_here = url.origin() == self.folder.origin();
        let below = is_here.then(|| url.path().strip_prefix(self.folder.path())).flatten()?;
        MediaPath::parse(below.as_bytes()).ok()
    }

    /// Whether it is asked over TLS.
    pub fn is_https(&self) -> bool {
        self.folder.scheme() == "https"
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.folder.fmt(f)
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Upstream").field(&self.folder.as_str()).finish()
    }
}

/// Where a redirect leads (RFC 9110 section 10.2.2), if it may be followed: on the same host and port, never from https to
/// http; from http to https on their default ports.
pub fn redirect(from: &Url, location: &[u8]) -> Result<Url, NotFetched> {
    let location = std::str::from_utf8(location).map_err(|_| NotFetched::Redirects)?;
    let mut to = from.join(location).map_err(|_| NotFetched::Redirects)?;
    let upgraded = (from.scheme(), to.scheme()) == ("http", "https") && from.port().is_none() && to.port().is_none();
    if to.host() != from.host() || (to.origin() != from.origin() && !upgraded) {
        let scheme_and_host = to.origin().ascii_serialization();
        return Err(NotFetched::Elsewhere(scheme_and_host));
    }
    // "it is a folder, add the slash": there is no file of this name
    if to.path().strip_suffix('/') == Some(from.path()) {
        return Err(NotFetched::Missing { remembered: false });
    }
    to.set_fragment(None);
    // on this host they cannot fail
    let _ = (to.set_username(""), to.set_password(None));
    Ok(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_the_url_of_a_folder() {
        for (text, expected) in [
            ("https://www.example.com/media/", Some("https://www.example.com/media/")),
            (" https://www.example.com/media ", Some("https://www.example.com/media/")),
            ("http://localhost:9000", Some("http://localhost:9000/")),
            ("https://b\u{fc}cher.example/", Some("https://xn--bcher-kva.example/")),
            ("http://[::1]:80/a b/", Some("http://[::1]/a%20b/")),
            ("www.example.com/media/", None),
            ("localhost:9000/", None),
            ("ftp://www.example.com/", None),
            ("file:///etc/", None),
            ("https://user:secret@www.example.com/", None),
            ("https://user@www.example.com/", None),
            (
                "https://account.blob.core.windows.net/media?sv=1&sig=s3cret",
                Some("https://account.blob.core.windows.net/media/"),
            ),
            ("https://www.example.com/media?", Some("https://www.example.com/media/")),
            ("https://www.example.com/#a", None),
            ("", None),
        ] {
            let read = Upstream::parse(text).ok().map(|upstream| upstream.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_file_lies_below_its_upstream_whatever_its_name() {
        let upstream = Upstream::parse("https://www.example.com/media/").unwrap();
        for (target, expected) in [
            ("a/b.jpg", "a/b.jpg"),
            ("a%20b.jpg", "a%20b.jpg"),
            ("%C3%A9.jpg", "%C3%A9.jpg"),
            ("%FF.jpg", "%FF.jpg"),
            ("a%3Fb%23c", "a%3Fb%23c"),
            ("%252e%252e/x", "%252e%252e/x"),
            ("%5C%5Cevil.example/x", "%5C%5Cevil.example/x"),
            ("http:/evil.example/x", "http%3A/evil.example/x"),
            ("@evil.example", "%40evil.example"),
        ] {
            let path = MediaPath::parse(target.as_bytes()).unwrap();
            let url = upstream.url_of(&path, None);
            assert_eq!(url.as_str(), format!("https://www.example.com/media/{expected}"));
            assert_eq!(upstream.strip(url.as_str()), Some(path), "and back");
        }
        for elsewhere in
            ["https://example.com/media/a.jpg", "http://www.example.com/media/a.jpg", "https://www.example.com/a"]
        {
            assert_eq!(upstream.strip(elsewhere), None);
        }
    }

    /// Azure SAS, a CDN's token: it goes with every request, and is never shown.
    #[test]
    fn the_query_of_an_upstream_is_sent_and_not_shown() {
        let path = MediaPath::parse(b"a%3Fb.jpg").unwrap();
        for (text, query, expected) in [
            ("https://a.example/m", None, "https://a.example/m/a%3Fb.jpg"),
            ("https://a.example/m", Some("itok=x&w=1"), "https://a.example/m/a%3Fb.jpg?itok=x&w=1"),
            ("https://a.example/m?sig=s3cret", None, "https://a.example/m/a%3Fb.jpg?sig=s3cret"),
            ("https://a.example/m/?sig=s3cret%3D", Some("w=1"), "https://a.example/m/a%3Fb.jpg?sig=s3cret%3D&w=1"),
            ("https://a.example/m/?", Some("w=1"), "https://a.example/m/a%3Fb.jpg?w=1"),
        ] {
            let upstream = Upstream::parse(text).unwrap();
            assert_eq!(upstream.url_of(&path, query).as_str(), expected);
            assert!(!format!("{upstream} {upstream:?}").contains("s3cret"), "{upstream:?}");
        }
    }

    #[test]
    fn redirects_stay_on_their_host() {
        let elsewhere = |host: &str| Err(NotFetched::Elsewhere(host.to_owned()));
        for (from, location, expected) in [
            ("https://a.example/m/x.jpg", "/n/x.jpg", Ok("https://a.example/n/x.jpg")),
            ("https://a.example/m/x.jpg", "y.jpg", Ok("https://a.example/m/y.jpg")),
            ("https://a.example/m/x.jpg", "https://a.example/n/x.jpg?v=1#f", Ok("https://a.example/n/x.jpg?v=1")),
            ("https://a.example/m/x.jpg", "https://u:p@a.example/n", Ok("https://a.example/n")),
            ("http://a.example/m/x.jpg", "https://a.example/m/x.jpg", Ok("https://a.example/m/x.jpg")),
            ("https://a.example/m/x.jpg", "http://a.example/m/x.jpg", elsewhere("http://a.example")),
            ("http://a.example:8000/x.jpg", "https://a.example/x.jpg", elsewhere("https://a.example")),
            ("https://a.example/m/x.jpg", "//b.example/x.jpg", elsewhere("https://b.example")),
            ("https://a.example/m/x.jpg", "https://a.example.b.example/", elsewhere("https://a.example.b.example")),
            ("https://a.example/m/x.jpg", "https://a.example:444/x.jpg", elsewhere("https://a.example:444")),
            ("https://a.example/m/x.jpg", "file:///etc/passwd", elsewhere("null")),
            ("https://a.example/m/x", "/m/x/", Err(NotFetched::Missing { remembered: false })),
            ("https://a.example/m/x.jpg", "https://", Err(NotFetched::Redirects)),
        ] {
            let to = redirect(&Url::parse(from).unwrap(), location.as_bytes());
            assert_eq!(to.as_ref().map(Url::as_str), expected.as_ref().copied(), "{from} {location}");
        }
    }
}
