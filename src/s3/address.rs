//! `Address`: the bucket and the key that a request names, in its path or in its host name. Pure.
//!
//! Path style is `http://127.0.0.1:9000/bucket/key`, virtual-hosted style is `http://bucket.localhost:9000/key` ("Virtual
//! hosting of general purpose buckets" in the S3 user guide).

use percent_encoding::percent_decode_str;

use super::key::{Key, KeyError};

/// What a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The bucket; `None` is the endpoint itself.
    pub bucket: Option<String>,
    /// The object in it; `None` is the bucket itself.
    pub key: Option<Key>,
    /// Whether the host names the bucket. Signature Version 2 then signs it as part of the path.
    pub is_in_host: bool,
}

impl Address {
    /// Reads the host, with or without a port, and the path of a request. A host below one of `names` names a bucket.
    pub fn parse<'a>(host: &str, path: &str, names: impl IntoIterator<Item = &'a str>) -> Result<Self, KeyError> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let in_host = bucket_of(host, names);
        let is_in_host = in_host.is_some();
        let (bucket, key) = if is_in_host {
            (in_host, path)
        } else {
            let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
            let bucket = percent_decode_str(bucket).decode_utf8_lossy().into_owned();
            (Some(bucket).filter(|bucket| !bucket.is_empty()), key)
        };
        let key: Vec<u8> = percent_decode_str(key).collect();
        let key = if key.is_empty() { None } else { Some(Key::new(key)?) };
        Ok(Self { bucket, key, is_in_host })
    }

    /// Its path style URL, as the `Resource` of an error.
    pub fn resource(&self) -> String {
        let bucket = self.bucket.as_deref().unwrap_or_default();
        match &self.key {
            Some(key) => format!("/{bucket}/{}", key.as_str()),
            None => format!("/{bucket}"),
        }
    }
}

/// The labels of a host before one of these names. A host that is itself one of them names no bucket.
fn bucket_of<'a>(host: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let mut shortest: Option<&str> = None;
    for suffix in names {
        if name == suffix {
            return None;
        }
        let bucket = name.strip_suffix(suffix).and_then(|rest| rest.strip_suffix('.'));
        // of `localhost` and `s3.localhost`, the longer one is the endpoint
        shortest = [shortest, bucket].into_iter().flatten().min_by_key(|bucket| bucket.len());
    }
    shortest.filter(|bucket| !bucket.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_in_the_path_or_in_the_host() {
        for (host, path, bucket, key) in [
            ("127.0.0.1:9000", "/", None, None),
            ("127.0.0.1:9000", "", None, None),
            ("127.0.0.1:9000", "/media", Some("media"), None),
            ("127.0.0.1:9000", "/media/", Some("media"), None),
            ("127.0.0.1:9000", "/media/a/b.jpg", Some("media"), Some("a/b.jpg")),
            ("127.0.0.1:9000", "/media/a%20b%2Bc+d", Some("media"), Some("a b+c+d")),
            ("127.0.0.1:9000", "/media/a%2Fb", Some("media"), Some("a/b")),
            ("127.0.0.1:9000", "/media/a%2520", Some("media"), Some("a%20")),
            ("127.0.0.1:9000", "/media//a", Some("media"), Some("/a")),
            ("127.0.0.1:9000", "//a", None, Some("a")),
            ("127.0.0.1:9000", "/media/a/", Some("media"), Some("a/")),
            ("127.0.0.1:9000", "/media/../x", Some("media"), Some("../x")),
            ("localhost:9000", "/media/a", Some("media"), Some("a")),
            ("[::1]:9000", "/media/a", Some("media"), Some("a")),
            ("media.localhost:9000", "/", Some("media"), None),
            ("media.localhost:9000", "/a/b", Some("media"), Some("a/b")),
            ("MEDIA.localhost", "/media/a", Some("media"), Some("media/a")),
            ("my.media.localhost:9000", "/a", Some("my.media"), Some("a")),
            ("s3.localhost:9000", "/media/a", Some("media"), Some("a")),
            ("media.s3.localhost:9000", "/a", Some("media"), Some("a")),
            ("storage:9000", "/media/a", Some("media"), Some("a")),
            ("media.storage:9000", "/a", Some("media"), Some("a")),
        ] {
            let address = Address::parse(host, path, ["localhost", "storage", "s3.localhost"]).expect("an address");
            let found = (address.bucket.as_deref(), address.key.as_ref().map(Key::as_str));
            assert_eq!(found, (bucket, key), "{host} {path}");
            let is_in_host = bucket.is_some_and(|_| !path.starts_with("/media") || host == "MEDIA.localhost");
            assert_eq!(address.is_in_host, is_in_host, "{host} {path}");
        }
        let bucket_named_as_the_host = Address::parse("s3.localhost:9000", "/s3/a", ["localhost", "s3.localhost"]);
        assert!(!bucket_named_as_the_host.expect("an address").is_in_host);
        let long = format!("/media/{}", "a/".repeat(600));
        assert_eq!(Address::parse("localhost", &long, []), Err(KeyError::TooLong(1200)));
        assert_eq!(Address::parse("localhost", "/media/%FF", []), Err(KeyError::NotUtf8));
    }
}
