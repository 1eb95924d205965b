//! [`Upstream`] is the URL of the folder on the production server, or of the bucket, that has the files.

use std::borrow::Cow;
use std::fmt;

use url::Url;

use crate::request::path::MediaPath;
use crate::storage::bucket::url::BucketUrl;

/// The http or https URL of a folder. Its query, which may be a secret such as an Azure SAS token, is sent with every request
/// and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Without the query.
    folder: Url,
    query: Option<String>,
    bucket: Option<BucketUrl>,
}

impl Upstream {
    /// Parses a URL and adds a missing slash at the end. The error is advice.
    pub fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        if let Some(bucket) = BucketUrl::parse(text.trim()) {
            let bucket = bucket.map_err(|error| error.to_string())?;
            let folder = Url::parse(&bucket.to_string()).map_err(|error| error.to_string())?;
            return Ok(Self { folder, query: None, bucket: Some(bucket) });
        }
        Ok(Self::parse_server(text)?)
    }

    fn parse_server(text: &str) -> Result<Self, &'static str> {
        let mut url = Url::parse(text.trim()).map_err(|_| "not a URL; write https://www.example.com/media/")?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err("neither http nor https; write https://www.example.com/media/");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "it contains a user name or a password, which logs would show; put 'Basic ...' into an environment variable and \
                        write --fallback-header 'Authorization: env:NAME'",
            );
        }
        if url.fragment().is_some() {
            return Err(
                "it contains a '#', and the part after it is not sent to a server; write the URL of the folder: \
                        https://www.example.com/media/",
            );
        }
        let query = url.query().filter(|query| !query.is_empty()).map(str::to_owned);
        url.set_query(None);
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Ok(Self { folder: url, query, bucket: None })
    }

    /// The URL of a file, with the query of the upstream followed by `query`.
    pub fn url_of(&self, path: &MediaPath, query: Option<&str>) -> Url {
        // segments are escaped, and none is '..' or empty, so the URL is below the folder
        let mut url = Url::parse(&format!("{}{}", self.folder, path.to_url())).expect("a URL and an escaped path");
        let queries: Vec<&str> = [self.query.as_deref(), query].into_iter().flatten().collect();
        url.set_query((!queries.is_empty()).then(|| queries.join("&")).as_deref());
        url
    }

    /// The bucket, if it is one.
    pub fn bucket(&self) -> Option<&BucketUrl> {
        self.bucket.as_ref()
    }

    /// The path of a URL that [`Upstream::url_of`] has created.
    pub fn path_of(&self, url: &Url) -> Option<MediaPath> {
        MediaPath::parse(url.path().strip_prefix(self.folder.path())?.as_bytes()).ok()
    }

    /// The path of `url` below this upstream, if it is below it.
    pub fn strip(&self, url: &str) -> Option<MediaPath> {
        let url = Url::parse(url).ok()?;
        let is_here = url.origin() == self.folder.origin();
        let below = is_here.then(|| url.path().strip_prefix(self.folder.path())).flatten()?;
        MediaPath::parse(below.as_bytes()).ok()
    }

    /// Whether the upstream uses TLS.
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
            ("s3://media/uploads", Some("s3://media/uploads/")),
            ("s3://media", Some("s3://media/")),
            ("gs://media/a b", Some("gs://media/a%20b/")),
            ("s3:///media", None),
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
}
