//! [`Site`]: a URL prefix, the folder it serves, and its access rules. All features of a mount use it.

use std::io;
use std::sync::Arc;

use cap_std::fs::Dir;
use futures_util::FutureExt as _;
use hyper::Response;
use hyper::header::HeaderValue;

use crate::access::rules::{self, Access, PolicySet};
use crate::access::{AccessDecision, AccessError, Approval, Policy, RequestContext};
use crate::answer::decide::Decision;
use crate::answer::head::head;
use crate::answer::piece::Piece;
use crate::body::Body;
use crate::refusal::Refusal;
use crate::request::path::{self, MediaPath};
use crate::request::prefix::Prefix;
use crate::storage::blocking;
use crate::storage::entity::Entity;
use crate::storage::folder::{self, Entry, Kind, Target};
use crate::storage::location::Location;
use crate::storage::root::{Found, OpenError};
use crate::storage::store::{NotAFolder, Store};
use crate::storage::token::token;
use crate::system::windows_name::{self, NameFault};

/// A folder that is served at a URL prefix.
#[derive(Debug)]
pub struct Site {
    /// The URL prefix.
    pub prefix: Prefix,
    /// The folder.
    pub root: Store,
    /// Whether names that start with a dot are served.
    pub hidden: bool,
    /// The `Cache-Control` field of files.
    pub cache_control: HeaderValue,
    /// The access rules.
    pub access: Access,
}

/// An open file or folder, and its location.
#[derive(Debug)]
pub struct Opened {
    /// The open handle.
    pub found: Found,
    /// Its real location; access is checked again for it.
    pub location: Location,
}

/// Why a path is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SiteError {
    /// A name in it starts with a dot.
    Hidden,
    /// A name in it is reserved for devmedia's incomplete uploads.
    Own,
    /// No file on Windows has a name in it: the system would open another file, or a device.
    Name(NameFault),
}

impl From<SiteError> for Refusal {
    fn from(error: SiteError) -> Self {
        let (code, what, advice) = match error {
            SiteError::Name(fault) => {
                return Self::new(
                    hyper::StatusCode::NOT_FOUND,
                    "impossible-name",
                    format!("No file on Windows has a name in this path: {fault}."),
                    "Request the file by its name as a folder lists it.",
                );
            }
            SiteError::Hidden => (
                "hidden",
                "Names that start with a dot are not served.",
                "To serve them, start devmedia with --hidden.",
            ),
            SiteError::Own => (
                "incomplete-upload",
                "Names that start with .devmedia- are reserved for incomplete uploads.",
                "When the upload is complete, request the file by its final name.",
            ),
        };
        Self::new(hyper::StatusCode::NOT_FOUND, code, what, advice)
    }
}

impl Site {
    /// Applies every policy that guards `path` or the target of a symbolic link in it, until one refuses the request. After
    /// the file has been opened, check its location with [`Site::admit_at`].
    pub async fn admit(
        self: &Arc<Self>,
        path: &MediaPath,
        context: &RequestContext<'_>,
    ) -> Result<AccessDecision, Refusal> {
        self.check_names(path)?;
        if self.access.is_open() {
            return Ok(AccessDecision::Approved(Approval::default()));
        }
        let real = if self.access.is_uniform() || self.root.is_straight_now(path) {
            None
        } else {
            // a link in a public folder may lead to a guarded one
            let (site, wanted) = (Arc::clone(self), path.clone());
            let real = blocking(move || site.root.real(&wanted)).await;
            real.map_err(|error| Refusal::cannot_open(error, path))?
        };
        self.ask(self.access.guarding([Some(path), real.as_ref()].into_iter().flatten()), path, context).await
    }

    /// Applies the policies that guard the location of the open handle of `path`, except those that `approval` has passed. A link
    /// may have changed since [`Site::admit`], and the file system may accept several names for the file.
    pub async fn admit_at(
        &self,
        approval: &Approval,
        path: &MediaPath,
        location: &Location,
        context: &RequestContext<'_>,
    ) -> Result<AccessDecision, Refusal> {
        let Some(place) = location.path() else { return Ok(AccessDecision::Approved(Approval::default())) };
        self.ask(self.access.guarding([place]).without(&approval.policies), path, context).await
    }

    async fn ask(
        &self,
        policies: PolicySet,
        path: &MediaPath,
        context: &RequestContext<'_>,
    ) -> Result<AccessDecision, Refusal> {
        let url_path = self.prefix.url_of(path);
        let mut approval = Approval::default();
        for policy in self.access.policies(&policies) {
            match policy.admit(&url_path, context).boxed().await? {
                AccessDecision::Approved(next) => approval = approval.and(next),
                answer @ (AccessDecision::Answer(_) | AccessDecision::InternalRedirect(_)) => return Ok(answer),
            }
        }
        approval.policies = policies;
        Ok(AccessDecision::Approved(approval))
    }

    /// On Windows, refuses paths with names that lead to something else.
    fn check_names(&self, path: &MediaPath) -> Result<(), SiteError> {
        // a bucket's keys are not names of files
        let fault = self.root.folder().ok().and_then(|_| windows_name::fault_here(path.segments()));
        fault.map_or(Ok(()), |fault| Err(SiteError::Name(fault)))
    }

    /// Refuses paths with hidden or reserved names, and on Windows with names that lead to something else.
    pub fn check_visible(&self, path: &MediaPath) -> Result<(), SiteError> {
        self.check_names(path)?;
        // some file systems ignore invisible characters, so a hidden name may have another spelling
        let spelled = (!path.as_bytes().is_ascii()).then(|| rules::spelling(&String::from_utf8_lossy(path.as_bytes())));
        let is_hidden = |text: &str| text.split('/').any(|name| name.starts_with('.'));
        let is_own = |text: &str| text.split('/').any(|name| path::is_own(name.as_bytes()));
        if path.is_own() || spelled.as_deref().is_some_and(is_own) {
            Err(SiteError::Own)
        } else if !self.hidden && (path.is_hidden() || spelled.as_deref().is_some_and(is_hidden)) {
            Err(SiteError::Hidden)
        } else {
            Ok(())
        }
    }

    /// Refuses the target of a link if it has hidden or reserved names.
    pub fn check_location_visible(&self, location: &Location) -> Result<(), SiteError> {
        location.path().map_or(Ok(()), |path| self.check_visible(path))
    }

    /// Opens `path` without blocking. That is possible if the kernel has it in its cache, it contains no links, and, if access
    /// rules depend on the path, every name is spelled as it is stored. The cache may also tell that it is missing. If the
    /// result is `None`, call [`Site::find`].
    pub fn find_now(&self, path: &MediaPath) -> Option<Result<Opened, OpenError>> {
        let root = self.root.folder().ok()?;
        let found = match root.open_now(path)? {
            Ok(found) => found,
            Err(error) => return Some(Err(error)),
        };
        let is_there = self.access.is_uniform() || root.is_exact_now(path);
        is_there.then_some(Ok(Opened { found, location: Location::AsAsked }))
    }

    /// Opens `path` and determines its location. Blocks.
    pub fn find(&self, path: &MediaPath) -> Result<Opened, OpenError> {
        if self.access.is_uniform() && self.hidden && !cfg!(windows) {
            // nothing depends on the location, except on Windows: a short name may be that of an incomplete upload
            return Ok(Opened { found: self.root.open(path)?, location: Location::AsAsked });
        }
        let (found, location) = self.root.folder()?.find(path)?;
        Ok(Opened { found, location })
    }

    /// Opens `path` on a blocking thread.
    pub async fn open(self: &Arc<Self>, path: &MediaPath) -> Result<Found, OpenError> {
        let (site, path) = (Arc::clone(self), path.clone());
        blocking(move || site.root.open(&path)).await
    }

    /// The policies that guard `path` or the target of a symbolic link in it. Blocks.
    fn guarding(&self, path: &MediaPath) -> Result<PolicySet, OpenError> {
        let real = if self.access.is_uniform() { None } else { self.root.real(path)? };
        Ok(self.access.guarding([Some(path), real.as_ref()].into_iter().flatten()))
    }

    /// Whether everybody may see `path`, including the targets of symbolic links in it. If so, a 404 may suggest it, and a
    /// missing file there may be fetched or get a placeholder. Blocks.
    pub fn is_public_all_the_way(&self, path: &MediaPath) -> bool {
        self.guarding(path).is_ok_and(|policies| self.access.policies(&policies).all(Policy::is_public))
    }

    /// The same without blocking; `None` if it is not known at once.
    pub fn is_public_now(&self, path: &MediaPath) -> Option<bool> {
        let is_straight =
            || self.root.is_straight_now(path) && self.root.folder().is_ok_and(|root| root.is_exact_now(path));
        let is_there = self.access.is_uniform() || is_straight();
        is_there.then(|| self.access.is_public(path))
    }

    /// Whether a missing file may be fetched or get a placeholder: everybody may see it, or `guarded` allows that for guarded
    /// paths too. Accesses the disk only if a link could lead to a guarded path.
    pub async fn is_open(self: &Arc<Self>, path: &MediaPath, guarded: bool) -> bool {
        if guarded || self.access.is_uniform() {
            return guarded || self.access.is_public(path);
        }
        let (site, path) = (Arc::clone(self), path.clone());
        blocking(move || site.is_public_all_the_way(&path)).await
    }

    /// Checks whether a client that may upload to `folder` may store a file at `path`: every policy that guards `path` must
    /// guard `folder` as well. Blocks.
    pub fn allows_storing_at(&self, folder: &MediaPath, path: &MediaPath) -> Result<(), Refusal> {
        let guarding = |path| self.guarding(path).map_err(|error| Refusal::cannot_open(error, path));
        if self.access.implies(&guarding(folder)?, &guarding(path)?) {
            Ok(())
        } else {
            Err(AccessError::Guarded { path: path.clone() }.into())
        }
    }

    /// Checks whether a client that has passed these policies may change `names` below an open folder. The folder's real
    /// location decides, not the path that it was opened by. Returns the location of the change. Blocks.
    pub fn allows_changing<'a>(
        &self,
        passed: &PolicySet,
        folder: &Dir,
        names: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<MediaPath, Refusal> {
        let top = MediaPath::top();
        let location = self.root.folder()?.locate(folder, &top).map_err(|error| Refusal::cannot_open(error, &top))?;
        let place = names.into_iter().fold(location.path().cloned().unwrap_or(top), |place, name| place.join(name));
        self.check_visible(&place)?;
        let stored = self.stored_spelling(&place);
        stored.as_ref().map_or(Ok(()), |stored| self.check_visible(stored))?;
        if self.access.implies(passed, &self.access.guarding([&place].into_iter().chain(&stored))) {
            Ok(place)
        } else {
            Err(AccessError::Guarded { path: place }.into())
        }
    }

    /// The path of an existing file with each name as it is stored, if it is another one: Windows opens a file by any case of its
    /// name and by its short name (`PROGRA~1`), and a change by such a name must pass the rules of the real one. Blocks.
    fn stored_spelling(&self, place: &MediaPath) -> Option<MediaPath> {
        let root = self.root.folder().ok().filter(|_| cfg!(windows))?;
        let (_, location) = root.find(place).ok()?;
        location.path().cloned()
    }

    /// Lists a folder for a client that may see the folder at its path and at its location. Omits hidden names, entries that
    /// other policies guard, and links to either of them. Blocks.
    pub fn entries(&self, folder: &MediaPath, dir: &Dir) -> io::Result<Vec<Entry>> {
        let root = self.root.folder().map_err(|NotAFolder| io::ErrorKind::Unsupported)?;
        let location = root.locate(dir, folder).map_err(|_| io::ErrorKind::NotFound)?;
        let folders = || [Some(folder), location.path()].into_iter().flatten();
        let passed = self.access.guarding(folders());
        let allows = |policies: &PolicySet| self.access.implies(&passed, policies);
        let shows = |name: &[u8]| {
            let paths: Vec<MediaPath> = folders().map(|folder| folder.join(name)).collect();
            allows(&self.access.guarding(&paths))
        };
        let follow = |name: &[u8]| {
            let link = folder.join(name);
            match root.follow(&link) {
                Some((_, location)) if self.check_location_visible(&location).is_err() => Target::Secret,
                Some((_, location)) if !allows(&self.access.guarding(location.path())) => Target::Secret,
                Some((target, _)) => Target::Served(target),
                // a broken link may still point to a guarded path
                None if self.guarding(&link).is_ok_and(|policies| allows(&policies)) => Target::Broken,
                None => Target::Secret,
            }
        };
        let mut entries = folder::read(dir, self.hidden, follow)?;
        if !self.access.is_uniform() {
            entries.retain(|entry| shows(&entry.name));
        }
        Ok(entries)
    }

    /// Removes the entries of a bucket's folder that a client must not see, which may see the folder.
    pub fn retain_shown(&self, folder: &MediaPath, entries: &mut Vec<Entry>) {
        if self.access.is_uniform() {
            return;
        }
        let passed = self.access.guarding([folder]);
        entries.retain(|entry| self.access.implies(&passed, &self.access.guarding([&folder.join(&entry.name)])));
    }

    /// Sniffs the media type of files whose name does not determine it, so that a listing has the same type as a GET response.
    /// Opens each of these files, so it stops after a thousand. Blocks.
    pub fn sniff(&self, folder: &MediaPath, entries: &mut [Entry]) {
        const MAX: usize = 1000;
        let is_untold = |entry: &&mut Entry| {
            matches!(entry.kind, Kind::File(_)) && self.root.types().by_name_alone(&entry.name).is_none()
        };
        for entry in entries.iter_mut().filter(is_untold).take(MAX) {
            if let Ok(Found::File(_, entity)) = self.root.open(&folder.join(&entry.name)) {
                entry.sniffed = Some(Box::new(entity.media_type));
            }
        }
    }

    /// Creates the response with a file: the status and fields of the decision, the fields that this site's rules add for
    /// `path`, and the body that `body` creates from the pieces to send.
    pub fn answer(
        &self,
        path: &MediaPath,
        decision: Decision,
        entity: &Entity,
        body: impl FnOnce(Vec<Piece>) -> Body,
    ) -> Response<Body> {
        // no file can contain 32 random letters that were chosen after it was stored, so the file is not searched for them
        let (status, mut headers, pieces) = head(decision, entity, &self.cache_control, || token(32));
        self.access.apply_headers(path, &mut headers);
        let mut response = Response::new(body(pieces));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}
