//! The mounts: those of the file, changed by `--root`, `--url`, `--fallback` and `--mount`, with the settings of each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::header::HeaderValue;

use super::fallback;
use super::file::FileMount;
use super::layer::Layer;
use super::problems::Problems;
use super::roots::Roots;
use super::s3::BucketNames;
use super::setting::{Scope, Setting};
use super::settings::{
    CACHE_CONTROL, FALLBACK, FALLBACK_HEADER, FALLBACK_MAX, FALLBACK_REFRESH, FALLBACK_STORE, FOLLOW_LINKS, HIDDEN,
    INTERNAL, MAX_UPLOAD, MOUNT, NETWORK, NETWORK_SEED, NO_INDEX, PLACEHOLDER, POLL, ROOT, UPLOAD, UPLOAD_TO, URL,
};
use super::typed::Typed;
use super::uploads::{self, UploadMounts};
use crate::access::Policy;
use crate::access::rules::{Access, Patterns, Rule};
use crate::mount::{Mount, Mounts};
use crate::network::Network;
use crate::request::prefix::Prefix;
use crate::site::Site;
use crate::storage::bucket::Bucket;
use crate::storage::root::Links;
use crate::storage::store::Store;

/// What the file says about mounts.
pub(super) struct FileLayers<'a> {
    /// The settings at its top.
    pub top: &'a Layer,
    pub mounts: Vec<FileMount>,
    /// Its path, if there is a file.
    pub path: Option<&'a Path>,
}

/// A mount as it was typed.
struct TypedMount {
    settings: Layer,
    /// The directory that a relative root is relative to.
    base: PathBuf,
    /// Its own `[[mount]]` sets a fallback, so the fallback applies to guarded paths, too.
    fallback_guarded: bool,
    /// Likewise for the placeholder.
    placeholder_guarded: bool,
    access: Policy,
    rules: Vec<(Patterns, Rule)>,
}

/// All mounts, or `None` if one of them has a problem.
pub(super) fn mounts(
    flags: &Layer,
    file: FileLayers<'_>,
    roots: &mut Roots,
    problems: &mut Problems,
) -> Option<Mounts> {
    let upload_mounts = UploadMounts::read(flags.all(&UPLOAD), problems);
    let mut unused = Unused::default();
    let server = flags.over(file.top).only(&[Scope::Server]);
    let seed = server.get(&NETWORK_SEED, problems).unwrap_or_else(random_seed);
    let mut bucket_names = BucketNames::read(flags, file.top, problems);
    let mut mounts = Vec::new();
    for typed in typed_mounts(flags, file, problems) {
        let settings = typed.settings;
        let prefix = settings.get(&URL, problems);
        let hidden = settings.is_on(&HIDDEN, problems);
        let internal = settings.is_on(&INTERNAL, problems);
        let listing = !settings.is_on(&NO_INDEX, problems);
        let follow = settings.is_on(&FOLLOW_LINKS, problems);
        let links = if follow { Links::Anywhere } else { Links::Inside };
        let cache_control = settings.get(&CACHE_CONTROL, problems).unwrap_or(HeaderValue::from_static("no-cache"));
        let accepts = settings.is_on(&UPLOAD, problems);
        let accepts = prefix.as_ref().and_then(|prefix| upload_mounts.include(prefix)).unwrap_or(accepts);
        let uploads = uploads::rules(&settings, hidden, problems);
        let uploads = accepts.then_some(uploads);
        let fallback = fallback::read(&settings, prefix.as_ref(), typed.fallback_guarded, &roots.types, problems);
        let placeholder = fallback::placeholder(&settings, typed.placeholder_guarded, problems);
        let stores = fallback.as_ref().is_some_and(|fallback| fallback.stores());
        let has_fallback = settings.typed(&FALLBACK).is_some();
        unused.note(&settings, &UPLOAD_TO, accepts, UPLOAD_NEEDED);
        unused.note(&settings, &MAX_UPLOAD, accepts, UPLOAD_NEEDED);
        let is_of_bucket = fallback.as_ref().is_some_and(|fallback| fallback.upstream.bucket().is_some());
        let needed = if is_of_bucket { HTTP_NEEDED } else { FALLBACK_NEEDED };
        unused.note(&settings, &FALLBACK_HEADER, has_fallback && !is_of_bucket, needed);
        unused.note(&settings, &FALLBACK_STORE, has_fallback, FALLBACK_NEEDED);
        let needed = if has_fallback { STORE_NEEDED } else { FALLBACK_NEEDED };
        unused.note(&settings, &FALLBACK_MAX, has_fallback && (stores || fallback.is_none()), needed);
        unused.note(&settings, &FALLBACK_REFRESH, has_fallback && (stores || fallback.is_none()), needed);
        let network = settings.get(&NETWORK, problems).filter(|conditions| !conditions.is_perfect());
        unused.note(&server, &NETWORK_SEED, network.is_some(), NETWORK_NEEDED);
        let network = network.map(|conditions| Network::new(conditions, seed));
        let access = Access::new(typed.access, typed.rules);
        let root = settings
            .typed(&ROOT)
            .and_then(|root| roots.open_store(root, &typed.base, links, accepts || stores, problems));
        if let (Some(Store::Bucket(_)), Some(fallback)) = (&root, settings.typed(&FALLBACK)) {
            problems.usage(format!(
                "{}: the root of this mount is a bucket, and a fallback stores files in a folder; serve a folder with the \
                 bucket as its fallback: --root ./media --fallback s3://BUCKET/PREFIX",
                fallback.without_query().shown
            ));
        }
        let url = root.as_ref().and_then(Store::bucket).map(Bucket::url);
        unused.note(&settings, &FOLLOW_LINKS, url.is_none(), LINKS_NEEDED);
        unused.note(&server, &POLL, url.is_none(), CHANGES_NEEDED);
        let bucket = prefix.as_ref().and_then(|prefix| bucket_names.of(&settings, prefix, url, problems));
        if let (Some(prefix), Some(root)) = (prefix, root) {
            let site = Arc::new(Site { prefix, root, hidden, cache_control, access });
            mounts.push(Mount { site, internal, listing, uploads, fallback, placeholder, bucket, network });
        }
    }
    upload_mounts.check(&mounts, problems);
    unused.warn(problems);
    if mounts.is_empty() {
        return None;
    }
    let duplicate = |duplicate| format!("{duplicate}; give each folder a prefix of its own (--url, --mount)");
    Mounts::new(mounts).map_err(|error| problems.usage(duplicate(error))).ok()
}

/// A small one, so that it is easily typed again.
fn random_seed() -> u64 {
    getrandom::u32().unwrap_or_default().into()
}

const NETWORK_NEEDED: &str = "no mount has a network; add --network 3g";
const UPLOAD_NEEDED: &str = "no mount accepts uploads; add --upload (in the file: upload = true)";
const FALLBACK_NEEDED: &str = "there is no fallback; add --fallback https://www.example.com/media/";
const HTTP_NEEDED: &str = "the fallback is a bucket, whose requests are signed; remove --fallback-header";
const LINKS_NEEDED: &str = "the root is a bucket, which has no symbolic links; remove --follow-links";
const CHANGES_NEEDED: &str = "every root is a bucket, which does not report changes; remove --poll";
const STORE_NEEDED: &str = "the fallback stores nothing; remove --fallback-store=no";

/// Settings that change nothing, because no mount has what they are about.
#[derive(Default)]
struct Unused(BTreeMap<String, (bool, &'static str)>);

impl Unused {
    /// Notes that a mount has this setting, and whether it is used there.
    fn note<T>(&mut self, settings: &Layer, setting: &Setting<T>, is_used: bool, why: &'static str) {
        let is_secret = setting.declared.name == FALLBACK_HEADER.declared.name;
        for typed in settings.all(setting) {
            let shown = if is_secret { typed.concealed().shown } else { typed.shown.clone() };
            let entry = self.0.entry(shown).or_insert((false, why));
            entry.0 |= is_used;
        }
    }

    fn warn(self, problems: &mut Problems) {
        for (shown, (is_used, why)) in self.0 {
            if !is_used {
                problems.warn(format!("{shown} has no effect: {why}"));
            }
        }
    }
}

/// The file's mounts, else the default one. `--root`, `--url` and `--fallback` are about the first. A `--mount` whose
/// prefix a mount of the file has gives that mount another root.
fn typed_mounts(flags: &Layer, file: FileLayers<'_>, problems: &mut Problems) -> Vec<TypedMount> {
    let here = PathBuf::new();
    let base = file.path.and_then(Path::parent).unwrap_or(&here).to_owned();
    let for_all = {
        let mut for_all = flags.only(&[Scope::Mounts]);
        // it names mounts, see `UploadMounts`
        for_all.set(&UPLOAD.declared, Vec::new());
        for_all
    };
    let plain = |root: Typed, url: Typed| {
        let mut own = Layer::default();
        own.set(&ROOT.declared, vec![root]);
        own.set(&URL.declared, vec![url]);
        TypedMount {
            settings: for_all.over(&own.over(file.top)),
            base: here.clone(),
            fallback_guarded: false,
            placeholder_guarded: false,
            access: Policy::Public,
            rules: Vec::new(),
        }
    };
    let mut mounts: Vec<TypedMount> = Vec::new();
    for FileMount { settings, access, rules } in file.mounts {
        if settings.typed(&ROOT).is_none() || settings.typed(&URL).is_none() {
            continue; // a problem already
        }
        mounts.push(TypedMount {
            fallback_guarded: settings.typed(&FALLBACK).is_some(),
            placeholder_guarded: settings.typed(&PLACEHOLDER).is_some(),
            settings: for_all.over(&settings.over(file.top)),
            base: base.clone(),
            access,
            rules,
        });
    }
    let of_file = mounts.len();
    if mounts.is_empty() {
        mounts.push(plain(Typed::default("--root", "./media"), Typed::default("--url", "/media/")));
    }
    let first = &mut mounts[0];
    first.settings = flags.only(&[Scope::FirstMount]).over(&first.settings);
    if flags.typed(&ROOT).is_some() {
        first.base.clone_from(&here);
    }
    for typed in flags.all(&MOUNT) {
        let Some((prefix, root)) = typed.value.split_once('=') else {
            problems.usage(format!("{}: there is no '=' in it; write /static/=./static", typed.shown));
            continue;
        };
        let (prefix, root) = (typed.part(prefix), typed.part(root));
        let wanted = Prefix::parse(&prefix.value);
        let same = |other: &&mut TypedMount| {
            let url = other.settings.typed(&URL).map(|url| Prefix::parse(&url.value));
            wanted.is_ok() && url.as_ref() == Some(&wanted)
        };
        match mounts[..of_file].iter_mut().find(same) {
            Some(known) => {
                known.settings.set(&ROOT.declared, vec![root]);
                known.base.clone_from(&here);
            }
            None => mounts.push(plain(root, prefix)),
        }
    }
    mounts
}
