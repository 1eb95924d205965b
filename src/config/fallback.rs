//! `--fallback` and the settings that belong to it, and `--placeholder`.

use std::sync::Arc;

use bytesize::ByteSize;

use super::layer::Layer;
use super::problems::Problems;
use super::settings::{FALLBACK, FALLBACK_HEADER, FALLBACK_MAX, FALLBACK_REFRESH, FALLBACK_STORE, PLACEHOLDER};
use super::typed::Typed;
use super::values::Placeholders;
use crate::fallback::{Fallback, Rules};
use crate::placeholder::Placeholder;
use crate::request::prefix::Prefix;

/// The default of `--fallback-max`.
const DEFAULT_MAX: ByteSize = ByteSize::gib(1);

/// The fallback of the mount at `prefix`. With `guarded`, it also serves paths that an access policy guards.
pub(super) fn read(
    settings: &Layer,
    prefix: Option<&Prefix>,
    guarded: bool,
    problems: &mut Problems,
) -> Option<Arc<Fallback>> {
    // all are read, so that a mistake is found although there is no fallback
    let store = settings.get(&FALLBACK_STORE, problems).unwrap_or(true);
    let max = settings.get(&FALLBACK_MAX, problems);
    let refresh = settings.get(&FALLBACK_REFRESH, problems);
    let headers: Vec<Typed> = settings.all(&FALLBACK_HEADER).iter().map(Typed::concealed).collect();
    let headers = problems.each(&headers, FALLBACK_HEADER.read);
    let typed = settings.typed(&FALLBACK)?;
    let upstream = settings.get(&FALLBACK, problems)?;
    if let Some(prefix) = prefix
        && prefix.as_str() != "/"
        && url::Url::parse(&upstream.to_string()).is_ok_and(|url| url.path() == "/")
    {
        problems.warn(format!(
            "{}: this URL has no path, so {prefix}a.jpg is fetched from {upstream}a.jpg. If production has it at \
             {upstream}{}a.jpg, write {upstream}{} (Drupal: {upstream}sites/default/files/)",
            typed.shown,
            &prefix.as_str()[1..],
            &prefix.as_str()[1..],
        ));
    }
    let rules = Rules { store, max: max.unwrap_or(DEFAULT_MAX).as_u64(), refresh, guarded };
    let fallback = Fallback::new(upstream, headers.into_iter().collect(), rules).map_err(|error| {
        problems.system(format!(
            "{}: this system trusts no certificate authority ({error}); install ca-certificates, or write the path of a \
             file of certificates into SSL_CERT_FILE",
            typed.shown
        ));
    });
    fallback.ok().map(Arc::new)
}

/// How a mount draws missing images, if it does. With `guarded`, it also draws paths that an access policy guards.
pub(super) fn placeholder(settings: &Layer, guarded: bool, problems: &mut Problems) -> Option<Placeholder> {
    match settings.get(&PLACEHOLDER, problems)? {
        Placeholders::No => None,
        Placeholders::Yes => Some(Placeholder { keeps_status: false, guarded }),
        Placeholders::KeepStatus => Some(Placeholder { keeps_status: true, guarded }),
    }
}
