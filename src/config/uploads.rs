//! `--upload`, `--upload-to` and `--max-upload`.

use bytesize::ByteSize;
use jiff::Zoned;

use super::layer::Layer;
use super::problems::Problems;
use super::settings::{MAX_UPLOAD, UPLOAD_TO};
use super::typed::Typed;
use super::values::boolean;
use crate::mount::Mount;
use crate::request::prefix::Prefix;
use crate::upload::Uploads;
use crate::upload::folder::UploadTo;

/// The default of `--max-upload`.
const DEFAULT_MAX: ByteSize = ByteSize::gib(1);

/// How a mount accepts uploads.
pub(super) fn rules(settings: &Layer, hidden: bool, problems: &mut Problems) -> Uploads {
    let max = settings.get(&MAX_UPLOAD, problems);
    let now = Zoned::now();
    let to = settings.typed(&UPLOAD_TO);
    let to = to.and_then(|typed| problems.check(typed, |text| UploadTo::parse(text, hidden, &now)));
    Uploads { max: max.unwrap_or(DEFAULT_MAX).as_u64(), to: to.unwrap_or_default() }
}

/// The mounts that accept uploads according to the flag.
pub(super) struct UploadMounts {
    /// `None` if the flag has no boolean value.
    all: Option<bool>,
    /// The prefixes that it names.
    some: Vec<(Typed, Prefix)>,
}

impl UploadMounts {
    /// Parses each value as a boolean for all mounts, or else as a prefix.
    pub(super) fn read(values: &[Typed], problems: &mut Problems) -> Self {
        let mut mounts = Self { all: None, some: Vec::new() };
        for typed in values {
            if let Some(all) = boolean(&typed.value) {
                mounts.all = Some(mounts.all.unwrap_or_default() | all);
            } else {
                let prefix = problems.check(typed, Prefix::parse);
                mounts.some.extend(prefix.map(|prefix| (typed.clone(), prefix)));
            }
        }
        mounts
    }

    /// Whether the mount at `prefix` accepts uploads; `None` if the flag was not given.
    pub(super) fn include(&self, prefix: &Prefix) -> Option<bool> {
        let named = self.some.iter().any(|(_, some)| some == prefix);
        let all = self.all.or_else(|| (!self.some.is_empty()).then_some(false));
        if named { Some(true) } else { all }
    }

    /// Reports the prefixes that no mount has.
    pub(super) fn check(&self, mounts: &[Mount], problems: &mut Problems) {
        let prefixes: Vec<&str> = mounts.iter().map(|mount| mount.site.prefix.as_str()).collect();
        for (typed, prefix) in &self.some {
            if !prefixes.contains(&prefix.as_str()) {
                problems.usage(format!(
                    "{}: no mount has this prefix; write the prefix of a mount: {}",
                    typed.shown,
                    prefixes.join(", ")
                ));
            }
        }
    }
}
