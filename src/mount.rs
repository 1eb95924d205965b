//! `Mount`: a site with its features; `Mounts`: all mounts.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use hyper::Method;

use crate::fallback::Fallback;
use crate::network::Network;
use crate::placeholder::Placeholder;
use crate::refusal::Refusal;
use crate::request::path::MediaPath;
use crate::request::prefix::Prefix;
use crate::site::Site;
use crate::upload::partial::PartialId;
use crate::upload::{Uploads, tus};

/// One folder at one prefix, and how it is served.
#[derive(Debug)]
pub struct Mount {
    /// The folder, its prefix and its access rules.
    pub site: Arc<Site>,
    /// Whether only the app may send its files (`X-Accel-Redirect`, `X-Sendfile`), like `internal` in nginx.
    pub internal: bool,
    /// Whether folders are listed.
    pub listing: bool,
    /// Whether and how it accepts uploads.
    pub uploads: Option<Uploads>,
    /// Where missing files are fetched from.
    pub fallback: Option<Arc<Fallback>>,
    /// Whether and how placeholders are drawn for missing files.
    pub placeholder: Option<Placeholder>,
    /// The name of its bucket, if the S3 endpoint is on.
    pub bucket: Option<Box<str>>,
    /// The slow or failing network that is imitated, if any.
    pub network: Option<Network>,
}

/// The methods of a mount that accepts no uploads.
pub const READ_METHODS: &str = "GET, HEAD, OPTIONS";

/// The methods of a mount that accepts uploads.
const WRITE_METHODS: &str = "GET, HEAD, POST, PUT, DELETE, OPTIONS";

impl Mount {
    /// The methods that `path` of this mount supports.
    pub fn methods(&self, path: &MediaPath) -> &'static str {
        match &self.uploads {
            None => READ_METHODS,
            Some(_) if self.partial(path).is_some() => tus::METHODS,
            Some(_) => WRITE_METHODS,
        }
    }

    /// Refuses a method that this path does not support.
    pub fn allows(&self, method: &Method, path: &MediaPath) -> Result<(), Refusal> {
        let allow = self.methods(path);
        // the URL of an upload leads to the file when it is complete
        let is_get = *method == Method::GET;
        if is_get || allow.split(", ").any(|allowed| allowed == method.as_str()) {
            return Ok(());
        }
        let advice = match self.uploads {
            None => "The files are read-only. To accept uploads, start devmedia with --upload.",
            Some(_) => "POST a form to a folder; PUT or DELETE a file by its own URL.",
        };
        Err(Refusal::method_not_allowed(allow, advice))
    }

    /// Whether files are written beneath the root.
    pub fn writes(&self) -> bool {
        self.uploads.is_some() || self.fallback.as_ref().is_some_and(|fallback| fallback.stores())
    }

    /// The upload that can be resumed at this path, if it is the URL of one.
    pub fn partial(&self, path: &MediaPath) -> Option<PartialId> {
        self.uploads.as_ref()?;
        // only a folder has incomplete uploads
        self.site.root.folder().ok()?;
        PartialId::of(path)
    }
}

/// All mounts: at least one, and no two with the same prefix.
#[derive(Debug)]
pub struct Mounts {
    /// In the order they were given; the first is the one that `--url` names.
    all: Vec<Arc<Mount>>,
    /// Indices into `all`, the longest prefix first.
    longest_first: Vec<usize>,
}

/// Two mounts have the same prefix.
#[derive(Debug, PartialEq, Eq)]
pub struct DuplicatePrefix(pub Prefix);

impl fmt::Display for DuplicatePrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "two mounts have the prefix {}", self.0)
    }
}

impl Mounts {
    /// Combines mounts.
    ///
    /// # Panics
    /// If there are no mounts.
    pub fn new(all: Vec<Mount>) -> Result<Self, DuplicatePrefix> {
        assert!(!all.is_empty(), "a server has at least one mount");
        let prefix = |mount: &Mount| mount.site.prefix.clone();
        for (index, mount) in all.iter().enumerate() {
            if all[..index].iter().any(|other| prefix(other) == prefix(mount)) {
                return Err(DuplicatePrefix(prefix(mount)));
            }
        }
        let mut longest_first: Vec<usize> = (0..all.len()).collect();
        longest_first.sort_by_key(|&index| std::cmp::Reverse(all[index].site.prefix.path().segments().count()));
        Ok(Self { all: all.into_iter().map(Arc::new).collect(), longest_first })
    }

    /// The mount that a path belongs to, and the rest of the path below it.
    pub fn find(&self, path: &MediaPath) -> Option<(&Arc<Mount>, MediaPath)> {
        self.longest_first.iter().find_map(|&index| {
            let mount = &self.all[index];
            Some((mount, mount.site.prefix.strip(path)?))
        })
    }

    /// The mount below whose root a path of the disk lies, and the path below it. Of several roots the deepest counts, and
    /// of two mounts with one root the internal one. Blocks.
    pub fn holding(&self, path: &Path) -> Option<(&Arc<Mount>, MediaPath)> {
        let below = |mount: &Arc<Mount>| -> Option<MediaPath> {
            let root = mount.site.root.path()?;
            let spellings = [std::path::absolute(root), root.canonicalize()];
            let mut rests = spellings.iter().flatten().filter_map(|root| path.strip_prefix(root).ok());
            let rest = rests.next()?;
            Some(rest.iter().fold(MediaPath::top(), |path, name| path.join(name.as_encoded_bytes())))
        };
        let places = self.all.iter().filter_map(|mount| Some((mount, below(mount)?)));
        places.min_by_key(|(mount, rest)| (rest.segments().count(), !mount.internal))
    }

    /// Whether the URL of `path` on `site` leads there, and not to a mount whose prefix is within this one's.
    pub fn leads_to(&self, site: &Site, path: &MediaPath) -> bool {
        let parsed = MediaPath::parse(site.prefix.url_of(path).as_bytes());
        parsed.is_ok_and(|parsed| self.find(&parsed).is_some_and(|(owner, _)| owner.site.prefix == site.prefix))
    }

    /// The mount whose URL is in the ready line.
    pub fn first(&self) -> &Mount {
        &self.all[0]
    }

    /// Warnings for guarded folders that a public mount also serves, one sentence each.
    pub fn overlaps(&self) -> Vec<String> {
        let real = |mount: &Mount| mount.site.root.path()?.canonicalize().ok();
        let share = |one: &Mount, other: &Mount| {
            let (Some(one), Some(other)) = (real(one), real(other)) else { return false };
            one.starts_with(&other) || other.starts_with(&one)
        };
        let guarded = self.all.iter().filter(|mount| mount.site.access.guards());
        let pairs = guarded.flat_map(|guarded| self.all.iter().map(move |open| (guarded, open)));
        let open = pairs.filter(|(guarded, open)| {
            let is_other = guarded.site.prefix != open.site.prefix;
            is_other && open.site.access.default_policy().is_public() && share(guarded, open)
        });
        open.map(|(guarded, open)| {
            let (guarded, open) = (&guarded.site.prefix, &open.site.prefix);
            format!(
                "{open} and {guarded} share a folder, so {open} may show everybody what {guarded} guards. Move the folder, \
                 or add a [[mount.rule]] to {open}"
            )
        })
        .collect()
    }

    /// The mounts that requests from outside can reach, in the order they were given.
    pub fn public(&self) -> impl Iterator<Item = &Arc<Mount>> {
        self.all.iter().filter(|mount| !mount.internal)
    }

    /// In the order they were given.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Mount>> {
        self.all.iter()
    }
}
