//! `--fallback` and the settings that belong to it, and `--placeholder`.

use std::sync::Arc;

use bytesize::ByteSize;
use url::Url;

use super::layer::Layer;
use super::problems::Problems;
use super::settings::{
    FALLBACK, FALLBACK_HEADER, FALLBACK_MAX, FALLBACK_QUERY, FALLBACK_REFRESH, FALLBACK_STORE, PLACEHOLDER,
};
use super::typed::Typed;
use super::values::Placeholders;
use crate::fallback::{Fallback, Rules};
use crate::placeholder::Placeholder;
use crate::request::prefix::Prefix;
use crate::storage::bucket::Bucket;
use crate::storage::media_type::MediaTypes;

/// The default of `--fallback-max`.
const DEFAULT_MAX: ByteSize = ByteSize::gib(1);

/// The fallback of the mount at `prefix`. With `guarded`, it also serves paths that an access policy guards.
pub(super) fn read(
    settings: &Layer,
    prefix: Option<&Prefix>,
    guarded: bool,
    types: &MediaTypes,
    problems: &mut Problems,
) -> Option<Arc<Fallback>> {
    // all are parsed, so that mistakes are reported even without a fallback
    let store = settings.get(&FALLBACK_STORE, problems).unwrap_or(true);
    let max = settings.get(&FALLBACK_MAX, problems);
    let refresh = settings.get(&FALLBACK_REFRESH, problems);
    let headers: Vec<Typed> = settings.all(&FALLBACK_HEADER).iter().map(Typed::concealed).collect();
    let headers = problems.each(&headers, FALLBACK_HEADER.read);
    let query = settings.is_on(&FALLBACK_QUERY, problems);
    let typed = &settings.typed(&FALLBACK)?.without_query();
    let upstream = problems.check(typed, FALLBACK.read)?;
    if let (None, Some(prefix)) = (upstream.bucket(), prefix)
        && let Some(warning) = warning(prefix, &upstream.to_string())
    {
        problems.warn(format!("{}: {warning}", typed.shown));
    }
    let rules = Rules { store, max: max.unwrap_or(DEFAULT_MAX).as_u64(), refresh, guarded, query };
    if let Some(url) = upstream.bucket() {
        let bucket = Bucket::open(url.clone(), types.clone());
        let bucket = bucket.map_err(|error| problems.system(format!("{}: {error}", typed.shown))).ok()?;
        return Fallback::of_bucket(upstream, bucket, rules).ok().map(Arc::new);
    }
    let fallback = Fallback::new(upstream, headers.into_iter().collect(), rules).map_err(|error| {
        problems.system(format!(
            "{}: this system trusts no certificate authority ({error}); install ca-certificates, or write the path of a \
             file of certificates into SSL_CERT_FILE",
            typed.shown
        ));
    });
    fallback.ok().map(Arc::new)
}

/// A warning about the URL of a fallback that can be used, but is probably wrong. `url` ends in a slash.
fn warning(prefix: &Prefix, url: &str) -> Option<String> {
    let path = Url::parse(url).ok()?.path().to_owned();
    let prefix = prefix.as_str();
    if path == "/" {
        let below = prefix.strip_prefix('/').filter(|below| !below.is_empty())?;
        return Some(format!(
            "this URL has no path, so {prefix}a.jpg is fetched from {url}a.jpg. If production has it at {url}{below}a.jpg, \
             write {url}{below} (Drupal: {url}sites/default/files/)"
        ));
    }
    let last = path.trim_end_matches('/').rsplit('/').next()?;
    let is_file = mime_guess::from_path(last).first().is_some();
    is_file.then(|| {
        format!(
            "this looks like the URL of a file, so {prefix}a.jpg is fetched from {url}a.jpg; write that of the folder"
        )
    })
}

/// How a mount draws missing images, if it does. With `guarded`, it also draws paths that an access policy guards.
pub(super) fn placeholder(settings: &Layer, guarded: bool, problems: &mut Problems) -> Option<Placeholder> {
    match settings.get(&PLACEHOLDER, problems)? {
        Placeholders::No => None,
        Placeholders::Yes => Some(Placeholder { keeps_status: false, guarded }),
        Placeholders::KeepStatus => Some(Placeholder { keeps_status: true, guarded }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fallback_that_is_probably_not_a_media_folder_is_a_warning() {
        for (prefix, url, says) in [
            ("/media/", "https://a.example/", Some("write https://a.example/media/ (Drupal: https://a.example/sites/")),
            ("/sites/default/files/", "https://a.example/", Some("write https://a.example/sites/default/files/ ")),
            ("/media/", "https://a.example/photo.jpg/", Some("looks like the URL of a file")),
            ("/media/", "https://a.example/media/", None),
            ("/media/", "https://a.example/v1.2/", None),
            ("/", "https://a.example/", None),
        ] {
            let found = warning(&Prefix::parse(prefix).expect("a prefix"), url);
            assert_eq!(found.is_some(), says.is_some(), "{prefix} {url}: {found:?}");
            assert!(found.unwrap_or_default().contains(says.unwrap_or_default()), "{prefix} {url}");
        }
    }
}
