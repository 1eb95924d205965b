//! `BucketUrl`: the address of a bucket as it is typed, such as `s3://bucket/prefix`. Pure.

use std::fmt;

/// The service that has a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// Amazon S3 and everything that speaks its protocol (`s3://`).
    S3,
    /// Google Cloud Storage (`gs://`).
    Gcs,
    /// Azure Blob Storage, whose buckets are called containers (`az://`).
    Azure,
}

impl Service {
    /// The scheme of its URLs.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gcs => "gs",
            Self::Azure => "az",
        }
    }
}

/// A bucket, and the prefix of the keys that are served.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BucketUrl {
    /// The service.
    pub service: Service,
    /// The name of the bucket or container.
    pub bucket: String,
    /// What all keys begin with: empty, or it ends in a slash.
    pub prefix: String,
}

/// Why a text is not the URL of a bucket. `Display` gives advice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BucketUrlError {
    /// There is no name after the scheme.
    NoBucket(Service),
    /// One slash is missing.
    Slash(Service),
    /// The name has a character that no bucket name has.
    Name(String),
    /// The prefix has an empty, a `.` or a `..` segment, or a control character.
    Prefix(String),
}

impl fmt::Display for BucketUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBucket(service) => {
                write!(f, "there is no bucket in it; write {}://BUCKET or {0}://BUCKET/PREFIX", service.scheme())
            }
            Self::Slash(service) => {
                write!(f, "the scheme of a bucket has two slashes; write {}://BUCKET/PREFIX", service.scheme())
            }
            Self::Name(name) => write!(
                f,
                "{name:?} is not the name of a bucket. An endpoint or keys do not belong into this URL: set \
                 AWS_ENDPOINT_URL_S3, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            ),
            Self::Prefix(prefix) => {
                write!(f, "the prefix {prefix:?} has an empty, '.' or '..' segment or a control character")
            }
        }
    }
}

impl BucketUrl {
    /// Parses a text that begins with the scheme of a bucket. `None` if it does not, and so names a folder.
    pub fn parse(text: &str) -> Option<Result<Self, BucketUrlError>> {
        let (scheme, rest) = text.split_once(':')?;
        let services = [Service::S3, Service::Gcs, Service::Azure];
        let is = |service: &Service| scheme.eq_ignore_ascii_case(service.scheme());
        let service = services.into_iter().find(is).filter(|_| rest.starts_with('/'))?;
        Some(match rest.strip_prefix("//") {
            Some(rest) => Self::parse_rest(service, rest),
            None => Err(BucketUrlError::Slash(service)),
        })
    }

    fn parse_rest(service: Service, rest: &str) -> Result<Self, BucketUrlError> {
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(BucketUrlError::NoBucket(service));
        }
        // Google's names may have underscores, and old names at Amazon upper case letters
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if !bucket.chars().all(is_name) {
            return Err(BucketUrlError::Name(bucket.to_owned()));
        }
        let folder = prefix.strip_suffix('/').unwrap_or(prefix);
        let is_bad =
            |segment: &str| matches!(segment, "" | "." | "..") || segment.contains(|c: char| c.is_ascii_control());
        if !prefix.is_empty() && folder.split('/').any(is_bad) {
            return Err(BucketUrlError::Prefix(prefix.to_owned()));
        }
        let prefix = if prefix.is_empty() { String::new() } else { format!("{folder}/") };
        Ok(Self { service, bucket: bucket.to_owned(), prefix })
    }
}

impl fmt::Display for BucketUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}/{}", self.service.scheme(), self.bucket, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_buckets_are_parsed() {
        for (text, expected) in [
            ("s3://media", Some(Ok("s3://media/"))),
            ("s3://media/", Some(Ok("s3://media/"))),
            ("s3://media/a/b", Some(Ok("s3://media/a/b/"))),
            ("s3://media/a/b/", Some(Ok("s3://media/a/b/"))),
            ("S3://media/A", Some(Ok("s3://media/A/"))),
            ("gs://my_media/\u{e9}t\u{e9}/", Some(Ok("gs://my_media/\u{e9}t\u{e9}/"))),
            ("az://container/x", Some(Ok("az://container/x/"))),
            ("s3://my.bucket.example/", Some(Ok("s3://my.bucket.example/"))),
            ("s3:/media", Some(Err("two slashes"))),
            ("s3://", Some(Err("there is no bucket"))),
            ("s3:///media", Some(Err("there is no bucket"))),
            ("s3://localhost:9000/media", Some(Err("AWS_ENDPOINT_URL_S3"))),
            ("s3://key:secret@media/", Some(Err("AWS_ENDPOINT_URL_S3"))),
            ("s3://media?x=1", Some(Err("not the name"))),
            ("s3://media/a//b", Some(Err("an empty"))),
            ("s3://media/../b", Some(Err("'..'"))),
            ("s3://media//", Some(Err("an empty"))),
            ("./media", None),
            ("s3", None),
            ("s3:media", None), // a folder may have this name
            ("http://media/", None),
            ("C:/media", None),
        ] {
            let found = BucketUrl::parse(text);
            match (&found, expected) {
                (None, None) => {}
                (Some(Ok(url)), Some(Ok(expected))) => assert_eq!(url.to_string(), expected, "{text}"),
                (Some(Err(error)), Some(Err(says))) => assert!(error.to_string().contains(says), "{text}: {error}"),
                _ => panic!("{text}: {found:?}"),
            }
        }
    }
}
