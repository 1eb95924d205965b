//! `--upload`, `--upload-to` and `--max-upload`.

use bytesize::ByteSize;
use jiff::Zoned;

use super::Problems;
use crate::cli::Args;
use crate::debug_gate::boolean;
use crate::mount::{Mount, Uploads};
use crate::request::prefix::Prefix;
use crate::upload::folder::UploadTo;

/// How uploads are taken, on whichever mount.
pub(super) fn rules(args: &Args, hidden: bool, problems: &mut Problems) -> Uploads {
    let max = args.max_upload.trim().parse::<ByteSize>();
    let max = max.map_err(|_| "it is no size; write 500MB, 1GiB or a number of bytes");
    let max = problems.check("--max-upload", &args.max_upload, max).map_or(0, |size| size.as_u64());
    let to = UploadTo::parse(&args.upload_to, hidden, &Zoned::now());
    let to = problems.check("--upload-to", &args.upload_to, to).unwrap_or_default();
    Uploads { max, to }
}

/// Which mounts take uploads.
pub(super) struct UploadMounts {
    all: bool,
    /// As they were typed, too.
    some: Vec<(String, Prefix)>,
}

impl UploadMounts {
    /// Reads each value as a yes or a no for all mounts, else as a prefix.
    pub(super) fn read(values: &[String], problems: &mut Problems) -> Self {
        let mut mounts = Self { all: false, some: Vec::new() };
        for value in values {
            match boolean(value) {
                Some(all) => mounts.all |= all,
                None => mounts.some.extend(
                    problems.check("--upload", value, Prefix::parse(value)).map(|prefix| (value.clone(), prefix)),
                ),
            }
        }
        mounts
    }

    /// Whether the mount at `prefix` does.
    pub(super) fn takes(&self, prefix: &Prefix) -> bool {
        self.all || self.some.iter().any(|(_, some)| some == prefix)
    }

    /// Notes the prefixes that no mount has.
    pub(super) fn check(&self, mounts: &[Mount], problems: &mut Problems) {
        let prefixes: Vec<&str> = mounts.iter().map(|mount| mount.prefix.as_str()).collect();
        for (typed, prefix) in &self.some {
            if !prefixes.contains(&prefix.as_str()) {
                let typed = problems.typed("--upload", typed);
                problems.usage(format!(
                    "{typed}: no mount has this prefix; write that of a mount: {}",
                    prefixes.join(", ")
                ));
            }
        }
    }
}
