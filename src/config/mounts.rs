//! The mounts: those of the file, and what `--root`, `--url`, `--mount` and the settings of all mounts make of them.

use std::path::Path;
use std::sync::Arc;

use hyper::header::HeaderValue;

use super::cache_control;
use super::fallback;
use super::file::FileMount;
use super::layers::Settings;
use super::problems::Problems;
use super::roots::Roots;
use super::typed::Typed;
use super::uploads::{self, UploadMounts};
use crate::access::Policy;
use crate::access::rules::{Access, Patterns, Rule};
use crate::cli::Args;
use crate::mount::{Mount, Mounts};
use crate::request::prefix::Prefix;
use crate::site::Site;
use crate::storage::root::Links;

/// What the file says of mounts.
pub(super) struct FileLayers<'a> {
    pub settings: Settings,
    pub mounts: Vec<FileMount>,
    pub path: Option<&'a Path>,
}

/// A mount as it was typed.
struct TypedMount<'a> {
    prefix: Typed,
    root: Typed,
    /// What a relative root is relative to.
    base: &'a Path,
    fallback: Option<Typed>,
    /// The `[[mount]]` itself says so, so that is meant for what is guarded, too.
    fallback_guarded: bool,
    settings: Settings,
    access: Policy,
    rules: Vec<(Patterns, Rule)>,
}

/// All mounts, or nothing where there is a problem with one.
pub(super) fn mounts(args: &Args, file: FileLayers<'_>, roots: &Roots, problems: &mut Problems) -> Option<Mounts> {
    let flags = Settings::of_flags(args);
    let below = file.settings.clone();
    let values = args.upload.iter().map(|value| Typed::by_flag(args, "--upload", value)).collect();
    let upload_to_mounts = UploadMounts::read(values, problems);
    let mut mounts = Vec::new();
    for typed in typed_mounts(args, file, problems) {
        let placeholder_guarded = typed.settings.placeholder.is_some();
        let settings = flags.clone().over(typed.settings).over(below.clone());
        let prefix = problems.check(&typed.prefix, Prefix::parse);
        let hidden = problems.boolean(settings.hidden.as_ref());
        let internal = problems.boolean(settings.internal.as_ref());
        let listing = !problems.boolean(settings.no_index.as_ref());
        let follow = problems.boolean(settings.follow_links.as_ref());
        let links = if follow { Links::Anywhere } else { Links::Inside };
        let policy = settings.cache_control.as_ref().and_then(|typed| problems.check(typed, cache_control));
        let cache_control = policy.unwrap_or(HeaderValue::from_static("no-cache"));
        let takes = problems.boolean(settings.upload.as_ref());
        let takes = prefix.as_ref().and_then(|prefix| upload_to_mounts.takes(prefix)).unwrap_or(takes);
        let rules = uploads::rules(&settings, hidden, problems);
        let uploads = takes.then_some(rules);
        let access = Access::new(typed.access, typed.rules);
        let fallback = typed.fallback.as_ref();
        let fallback = fallback.and_then(|url| fallback::read(url, typed.fallback_guarded, &settings, problems));
        let placeholder = fallback::placeholder(&settings, placeholder_guarded, problems);
        let make = takes || fallback.as_ref().is_some_and(|fallback| fallback.stores());
        let root = roots.open(&typed.root, typed.base, links, make, problems);
        if let (Some(prefix), Some(root)) = (prefix, root) {
            let site = Arc::new(Site { prefix, root, hidden, cache_control, access });
            mounts.push(Mount { site, internal, listing, uploads, fallback, placeholder });
        }
    }
    upload_to_mounts.check(&mounts, problems);
    if mounts.is_empty() {
        return None;
    }
    let duplicate = |duplicate| format!("{duplicate}; give each folder a prefix of its own (--url, --mount)");
    Mounts::new(mounts).map_err(|error| problems.usage(duplicate(error))).ok()
}

/// The file's mounts, else the default one; `--root` and `--url` are about the first. A `--mount` whose prefix is there
/// already gives it another root.
fn typed_mounts<'a>(args: &Args, file: FileLayers<'a>, problems: &mut Problems) -> Vec<TypedMount<'a>> {
    let here = Path::new("");
    let base = file.path.and_then(Path::parent).unwrap_or(here);
    let mut mounts: Vec<TypedMount<'_>> = Vec::new();
    for FileMount { url, root, fallback, settings, access, rules } in file.mounts {
        // what is missing is a problem already
        let (Some(prefix), Some(root)) = (url, root) else { continue };
        let fallback_guarded = fallback.is_some();
        mounts.push(TypedMount { prefix, root, base, fallback, fallback_guarded, settings, access, rules });
    }
    if mounts.is_empty() {
        mounts.push(plain(Typed::default("--url", "/media/"), Typed::default("--root", "./media"), here));
    }
    if let Some(url) = &args.url {
        mounts[0].prefix = Typed::by_flag(args, "--url", url);
    }
    if let Some(root) = &args.root {
        (mounts[0].root, mounts[0].base) = (Typed::by_flag(args, "--root", root), here);
    }
    if let Some(fallback) = &args.fallback {
        mounts[0].fallback = Some(Typed::by_flag(args, "--fallback", fallback));
    }
    let of_file = mounts.len();
    for mount in &args.mount {
        let typed = Typed::by_flag(args, "--mount", mount);
        let Some((prefix, root)) = mount.split_once('=') else {
            problems.usage(format!("{}: it has no '='; write /static/=./static", typed.shown));
            continue;
        };
        let same = |other: &&mut TypedMount<'_>| {
            Prefix::parse(prefix).is_ok_and(|prefix| Prefix::parse(&other.prefix.value) == Ok(prefix))
        };
        let in_file = if file.path.is_none() { 0 } else { of_file };
        match mounts[..in_file].iter_mut().find(same) {
            Some(known) => (known.root, known.base) = (typed.part(root), here),
            None => mounts.push(plain(typed.part(prefix), typed.part(root), here)),
        }
    }
    mounts
}

/// A mount that a flag made.
fn plain(prefix: Typed, root: Typed, base: &Path) -> TypedMount<'_> {
    TypedMount {
        prefix,
        root,
        base,
        fallback: None,
        fallback_guarded: false,
        settings: Settings::default(),
        access: Policy::Public,
        rules: Vec::new(),
    }
}
