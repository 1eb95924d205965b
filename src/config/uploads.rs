//! `--upload`, `--upload-to` and `--max-upload`.

use bytesize::ByteSize;
use jiff::Zoned;

use super::layers::Settings;
use super::problems::Problems;
use super::typed::Typed;
use crate::debug_gate::boolean;
use crate::mount::Mount;
use crate::request::prefix::Prefix;
use crate::upload::Uploads;
use crate::upload::folder::UploadTo;

/// The most that one upload may bring, if nobody says otherwise.
const MAX_UPLOAD: ByteSize = ByteSize::gib(1);

/// How a mount takes uploads.
pub(super) fn rules(settings: &Settings, hidden: bool, problems: &mut Problems) -> Uploads {
    let max = settings.max_upload.as_ref().and_then(|typed| problems.check(typed, size));
    let now = Zoned::now();
    let to = settings.upload_to.as_ref();
    let to = to.and_then(|typed| problems.check(typed, |text| UploadTo::parse(text, hidden, &now)));
    Uploads { max: max.unwrap_or(MAX_UPLOAD).as_u64(), to: to.unwrap_or_default() }
}

/// Reads a number of bytes.
pub(super) fn size(text: &str) -> Result<ByteSize, &'static str> {
    text.trim().parse().map_err(|_| "it is no size; write 500MB, 1GiB or a number of bytes")
}

/// Which mounts take uploads, by the flag.
pub(super) struct UploadMounts {
    /// Nothing where the flag does not say.
    all: Option<bool>,
    /// As they were typed, too.
    some: Vec<(Typed, Prefix)>,
}

impl UploadMounts {
    /// Reads each value as a yes or a no for all mounts, else as a prefix.
    pub(super) fn read(values: Vec<Typed>, problems: &mut Problems) -> Self {
        let mut mounts = Self { all: None, some: Vec::new() };
        for typed in values {
            match boolean(&typed.value) {
                Some(all) => mounts.all = Some(mounts.all.unwrap_or_default() | all),
                None => {
                    mounts.some.extend(problems.check(&typed, Prefix::parse).map(|prefix| (typed, prefix)));
                }
            }
        }
        mounts
    }

    /// Whether the mount at `prefix` does; nothing where the flag was not typed.
    pub(super) fn takes(&self, prefix: &Prefix) -> Option<bool> {
        let named = self.some.iter().any(|(_, some)| some == prefix);
        let all = self.all.or_else(|| (!self.some.is_empty()).then_some(false));
        if named { Some(true) } else { all }
    }

    /// Notes the prefixes that no mount has.
    pub(super) fn check(&self, mounts: &[Mount], problems: &mut Problems) {
        let prefixes: Vec<&str> = mounts.iter().map(|mount| mount.site.prefix.as_str()).collect();
        for (typed, prefix) in &self.some {
            if !prefixes.contains(&prefix.as_str()) {
                problems.usage(format!(
                    "{}: no mount has this prefix; write that of a mount: {}",
                    typed.shown,
                    prefixes.join(", ")
                ));
            }
        }
    }
}
