//! `Mount`: a prefix and the folder behind it, and how it is served.

use std::sync::Arc;
use std::{fmt, io};

use cap_std::fs::Dir;
use hyper::Method;
use hyper::header::HeaderValue;

use crate::access::Policy;
use crate::access::rules::{self, Access};
use crate::fallback::Fallback;
use crate::placeholder::Placeholder;
use crate::refusal::Refusal;
use crate::request::path::MediaPath;
use crate::request::prefix::Prefix;
use crate::storage::folder::{self, Entry};
use crate::storage::root::{OpenError, Root};
use crate::upload::folder::UploadTo;
use crate::upload::partial::PartialId;

/// One folder at one prefix.
#[derive(Debug)]
pub struct Mount {
    /// Where it lives in the URL space.
    pub prefix: Prefix,
    /// What it serves.
    pub root: Root,
    /// Whether a folder is shown as a listing.
    pub listing: bool,
    /// Whether names that start with a dot are served.
    pub hidden: bool,
    /// `Cache-Control` of files.
    pub cache_control: HeaderValue,
    /// Whether and how it takes uploads.
    pub uploads: Option<Uploads>,
    /// Who may see what of it.
    pub access: Access,
    /// Who has what is not here.
    pub fallback: Option<Arc<Fallback>>,
    /// Whether and how what nobody has is drawn.
    pub placeholder: Option<Placeholder>,
}

/// How a mount takes uploads.
#[derive(Debug, Clone)]
pub struct Uploads {
    /// The most bytes that one request may bring, and one resumable upload.
    pub max: u64,
    /// Where uploads to the mount's top go.
    pub to: UploadTo,
}

/// The methods of a mount that takes no uploads.
pub const READ_METHODS: &str = "GET, HEAD, OPTIONS";

/// The methods of a mount that takes uploads.
const WRITE_METHODS: &str = "GET, HEAD, POST, PUT, DELETE, OPTIONS";

/// The methods of an upload that can be resumed (tus 1.0; POST with `X-HTTP-Method-Override`).
const PARTIAL_METHODS: &str = "HEAD, PATCH, DELETE, POST, OPTIONS";

impl Mount {
    /// The methods that `path` of this mount has.
    pub fn methods(&self, path: &MediaPath) -> &'static str {
        match &self.uploads {
            None => READ_METHODS,
            Some(_) if self.partial(path).is_some() => PARTIAL_METHODS,
            Some(_) => WRITE_METHODS,
        }
    }

    /// Refuses a method that this path does not have.
    pub fn allows(&self, method: &Method, path: &MediaPath) -> Result<(), Refusal> {
        let allow = self.methods(path);
        let has = allow.split(", ").any(|allowed| allowed == method.as_str());
        if has { Ok(()) } else { Err(Refusal::MethodNotAllowed { allow }) }
    }

    /// Refuses what this mount keeps hidden.
    pub fn shows(&self, path: &MediaPath) -> Result<(), Refusal> {
        if path.is_own() {
            Err(Refusal::Own)
        } else if path.is_hidden() && !self.hidden {
            Err(Refusal::Hidden)
        } else {
            Ok(())
        }
    }

    /// The policies that judge `path`: as it is, and as what the links on its way lead to. Blocks.
    pub fn judges(&self, path: &MediaPath) -> Result<Vec<&Policy>, OpenError> {
        let real = if self.access.is_uniform() { None } else { self.root.real(path)? };
        Ok(self.access.judges([Some(path), real.as_ref()].into_iter().flatten()))
    }

    /// Whether everybody may see `path`, as it is and as what the links on its way lead to: a 404 may name it, and what is
    /// missing there may be fetched or drawn. Blocks.
    pub fn is_public_all_the_way(&self, path: &MediaPath) -> bool {
        self.judges(path).is_ok_and(|judges| judges.iter().all(|policy| policy.is_public()))
    }

    /// Refuses to store at `path` for who may post to `folder`, where a policy guards it that has not been passed. Blocks.
    pub fn takes_at(&self, folder: &MediaPath, path: &MediaPath) -> Result<(), Refusal> {
        let judges = |path| self.judges(path).map_err(|error| Refusal::of_open(error, path));
        if rules::pass_too(&judges(folder)?, &judges(path)?) {
            Ok(())
        } else {
            Err(Refusal::Guarded { path: path.clone() })
        }
    }

    /// What a folder of this mount holds, for whoever may see the folder: hidden names, and what policies guard that have
    /// not judged the folder, are left out. Blocks.
    pub fn entries(&self, folder: &MediaPath, dir: &Dir) -> io::Result<Vec<Entry>> {
        if self.access.is_uniform() {
            return folder::read(dir, self.hidden, |name| self.root.follow(&folder.join(name)));
        }
        let real = self.root.real(folder).map_err(|_| io::ErrorKind::NotFound)?;
        let folders = || [Some(folder), real.as_ref()].into_iter().flatten();
        let passed = self.access.judges(folders());
        let shows = |name: &[u8]| {
            let paths: Vec<MediaPath> = folders().map(|folder| folder.join(name)).collect();
            rules::pass_too(&passed, &self.access.judges(paths.iter()))
        };
        let follow = |name: &[u8]| {
            let link = folder.join(name);
            let judges = self.judges(&link).ok()?;
            rules::pass_too(&passed, &judges).then(|| self.root.follow(&link)).flatten()
        };
        let mut entries = folder::read(dir, self.hidden, follow)?;
        entries.retain(|entry| shows(&entry.name));
        Ok(entries)
    }

    /// Whether files are written beneath the root.
    pub fn writes(&self) -> bool {
        self.uploads.is_some() || self.fallback.as_ref().is_some_and(|fallback| fallback.stores())
    }

    /// The upload that can be resumed at this path, if it is the URL of one.
    pub fn partial(&self, path: &MediaPath) -> Option<PartialId> {
        self.uploads.as_ref()?;
        PartialId::of(path)
    }
}

/// All mounts: at least one, no two with one prefix.
#[derive(Debug)]
pub struct Mounts {
    /// In the order they were given; the first is the one that `--url` names.
    all: Vec<Arc<Mount>>,
    /// Indices into `all`, the longest prefix first.
    longest_first: Vec<usize>,
}

/// Two mounts have one prefix.
#[derive(Debug, PartialEq, Eq)]
pub struct DuplicatePrefix(pub Prefix);

impl fmt::Display for DuplicatePrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "two mounts have the prefix {}", self.0)
    }
}

impl Mounts {
    /// Puts mounts together.
    ///
    /// # Panics
    /// Without any mount.
    pub fn new(all: Vec<Mount>) -> Result<Self, DuplicatePrefix> {
        assert!(!all.is_empty(), "a server has at least one mount");
        for (index, mount) in all.iter().enumerate() {
            if all[..index].iter().any(|other| other.prefix == mount.prefix) {
                return Err(DuplicatePrefix(mount.prefix.clone()));
            }
        }
        let mut longest_first: Vec<usize> = (0..all.len()).collect();
        longest_first.sort_by_key(|&index| std::cmp::Reverse(all[index].prefix.path().segments().count()));
        Ok(Self { all: all.into_iter().map(Arc::new).collect(), longest_first })
    }

    /// The mount that a path belongs to, and what is left of the path below it.
    pub fn find(&self, path: &MediaPath) -> Option<(&Arc<Mount>, MediaPath)> {
        self.longest_first.iter().find_map(|&index| {
            let mount = &self.all[index];
            Some((mount, mount.prefix.strip(path)?))
        })
    }

    /// Whether the URL of `path` on `mount` leads there, and not to a mount whose prefix lies within this one's.
    pub fn leads_to(&self, mount: &Mount, path: &MediaPath) -> bool {
        let asked = MediaPath::parse(mount.prefix.url_of(path).as_bytes());
        asked.is_ok_and(|asked| self.find(&asked).is_some_and(|(owner, _)| owner.prefix == mount.prefix))
    }

    /// The mount whose URL stands in the ready line.
    pub fn first(&self) -> &Mount {
        &self.all[0]
    }

    /// What a guarded folder being served by another mount as well is worth: a sentence each.
    pub fn overlaps(&self) -> Vec<String> {
        let real = |mount: &Mount| mount.root.path().canonicalize().unwrap_or_default();
        let share = |one: &Mount, other: &Mount| {
            let (one, other) = (real(one), real(other));
            one.starts_with(&other) || other.starts_with(&one)
        };
        let guarded = self.all.iter().filter(|mount| mount.access.guards());
        let pairs = guarded.flat_map(|guarded| self.all.iter().map(move |open| (guarded, open)));
        let open = pairs.filter(|(guarded, open)| {
            guarded.prefix != open.prefix && open.access.default_policy().is_public() && share(guarded, open)
        });
        open.map(|(guarded, open)| {
            format!(
                "{} and {} share a folder, so the one may show to everybody what the other guards. Move it out, or add a \
                 [[mount.rule]] to {}",
                open.prefix, guarded.prefix, open.prefix
            )
        })
        .collect()
    }

    /// In the order they were given.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Mount>> {
        self.all.iter()
    }
}
