//! `Site`: a prefix, the folder behind it, and its access rules: what every feature of a mount needs.

use std::io;
use std::sync::Arc;

use cap_std::fs::Dir;
use hyper::Response;
use hyper::header::HeaderValue;

use crate::access::rules::{self, Access, PolicySet};
use crate::access::{AccessError, Admitted, Pass, Policy, Visitor};
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
use crate::storage::root::location::Location;
use crate::storage::root::{Found, OpenError, Root};
use crate::storage::token::token;

/// One folder at one prefix.
#[derive(Debug)]
pub struct Site {
    /// Where it is in the URL space.
    pub prefix: Prefix,
    /// What it serves.
    pub root: Root,
    /// Whether names that start with a dot are served.
    pub hidden: bool,
    /// `Cache-Control` of files.
    pub cache_control: HeaderValue,
    /// Its access rules.
    pub access: Access,
}

/// A file or folder that was opened, and where it lies.
#[derive(Debug)]
pub struct Opened {
    /// The open handle.
    pub found: Found,
    /// Where it lies: by that it is judged once more.
    pub location: Location,
}

/// Why a path is never shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SiteError {
    /// A name that starts with a dot.
    Hidden,
    /// A name of devmedia's own.
    Own,
}

impl From<SiteError> for Refusal {
    fn from(error: SiteError) -> Self {
        let (code, what, advice) = match error {
            SiteError::Hidden => (
                "hidden",
                "Names that start with a dot are not served.",
                "To serve them, start devmedia with --hidden.",
            ),
            SiteError::Own => (
                "incomplete-upload",
                "Names that start with .devmedia- belong to uploads that are not complete.",
                "Request the file by the name it gets when it is complete.",
            ),
        };
        Self::new(hyper::StatusCode::NOT_FOUND, code, what, advice)
    }
}

impl Site {
    /// Asks every policy that guards `path`, as it is and as what the links on its way lead to; the first no decides. What is
    /// opened then is judged once more, see [`Site::admit_at`].
    pub async fn admit(self: &Arc<Self>, path: &MediaPath, visitor: &Visitor<'_>) -> Result<Admitted, Refusal> {
        let real = if self.access.is_uniform() || self.root.is_straight_now(path) {
            None
        } else {
            // a link may lead from what everybody may see to what they may not
            let (site, wanted) = (Arc::clone(self), path.clone());
            let real = blocking(move || site.root.real(&wanted)).await;
            real.map_err(|error| Refusal::cannot_open(error, path))?
        };
        self.ask(self.access.guarding([Some(path), real.as_ref()].into_iter().flatten()), path, visitor).await
    }

    /// Asks the policies that guard the place where the open handle of `path` lies, as far as `pass` has not passed them:
    /// since that was decided, a link may have been pointed elsewhere, and the file system may know the file by another name.
    pub async fn admit_at(
        &self,
        pass: &Pass,
        path: &MediaPath,
        location: &Location,
        visitor: &Visitor<'_>,
    ) -> Result<Admitted, Refusal> {
        let Some(place) = location.path() else { return Ok(Admitted::Pass(Pass::default())) };
        self.ask(self.access.guarding([place]).without(&pass.policies), path, visitor).await
    }

    async fn ask(&self, policies: PolicySet, path: &MediaPath, visitor: &Visitor<'_>) -> Result<Admitted, Refusal> {
        let url_path = self.prefix.url_of(path);
        let mut pass = Pass::default();
        for policy in self.access.policies(&policies) {
            match policy.admit(&url_path, visitor).await? {
                Admitted::Pass(next) => pass = pass.and(next),
                answer @ (Admitted::Answer(_) | Admitted::Handed(_)) => return Ok(answer),
            }
        }
        pass.policies = policies;
        Ok(Admitted::Pass(pass))
    }

    /// Refuses names that are kept hidden.
    pub fn shows(&self, path: &MediaPath) -> Result<(), SiteError> {
        // by characters that nobody sees, some file systems find a hidden name under another spelling
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

    /// Refuses what a link leads to, if its own name is kept hidden.
    pub fn shows_at(&self, location: &Location) -> Result<(), SiteError> {
        location.path().map_or(Ok(()), |path| self.shows(path))
    }

    /// Opens what `path` names if nothing has to be waited for, no link is on the way, and, where rules depend on paths, every
    /// name is spelled as it is stored. `None` says nothing but "ask [`Site::find`]".
    pub fn find_now(&self, path: &MediaPath) -> Option<Opened> {
        let found = self.root.open_now(path)?;
        let is_there = self.access.is_uniform() || self.root.is_exact_now(path);
        is_there.then_some(Opened { found, location: Location::AsAsked })
    }

    /// Opens what `path` names, and says where it lies. Blocks.
    pub fn find(&self, path: &MediaPath) -> Result<Opened, OpenError> {
        if self.access.is_uniform() && self.hidden {
            // nothing depends on it
            return Ok(Opened { found: self.root.open(path)?, location: Location::AsAsked });
        }
        let (found, location) = self.root.find(path)?;
        Ok(Opened { found, location })
    }

    /// Opens what `path` names, off the reactor.
    pub async fn open(self: &Arc<Self>, path: &MediaPath) -> Result<Found, OpenError> {
        let (site, path) = (Arc::clone(self), path.clone());
        blocking(move || site.root.open(&path)).await
    }

    /// The policies that guard `path`: as it is, and as what the links on its way lead to. Blocks.
    fn guarding(&self, path: &MediaPath) -> Result<PolicySet, OpenError> {
        let real = if self.access.is_uniform() { None } else { self.root.real(path)? };
        Ok(self.access.guarding([Some(path), real.as_ref()].into_iter().flatten()))
    }

    /// Whether everybody may see `path`, as it is and as what the links on its way lead to: a 404 may name it, and a file
    /// missing there may be fetched or drawn. Blocks.
    pub fn is_public_all_the_way(&self, path: &MediaPath) -> bool {
        self.guarding(path).is_ok_and(|policies| self.access.policies(&policies).all(Policy::is_public))
    }

    /// Whether something may be put in the place of a missing file: everybody may see it, or `guarded` says that guarded
    /// paths count too. Waits for the disk only where links may lead past a rule.
    pub async fn is_open(self: &Arc<Self>, path: &MediaPath, guarded: bool) -> bool {
        if guarded || self.access.is_uniform() {
            return guarded || self.access.is_public(path);
        }
        let (site, path) = (Arc::clone(self), path.clone());
        blocking(move || site.is_public_all_the_way(&path)).await
    }

    /// Refuses to store at `path` for a client that may post to `folder`, where a policy guards `path` that the client has
    /// not passed. Blocks.
    pub fn allows_storing_at(&self, folder: &MediaPath, path: &MediaPath) -> Result<(), Refusal> {
        let guarding = |path| self.guarding(path).map_err(|error| Refusal::cannot_open(error, path));
        if self.access.implies(&guarding(folder)?, &guarding(path)?) {
            Ok(())
        } else {
            Err(AccessError::Guarded { path: path.clone() }.into())
        }
    }

    /// Refuses to change `names` below an open folder, which a path led to, for a client that has passed these policies: the
    /// folder is judged by where it lies, whatever its path leads to by now. Gives the place of what is changed. Blocks.
    pub fn allows_changing<'a>(
        &self,
        passed: &PolicySet,
        folder: &Dir,
        names: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<MediaPath, Refusal> {
        let top = MediaPath::top();
        let location = self.root.locate(folder, &top).map_err(|error| Refusal::cannot_open(error, &top))?;
        let place = names.into_iter().fold(location.path().cloned().unwrap_or(top), |place, name| place.join(name));
        self.shows(&place)?;
        if self.access.implies(passed, &self.access.guarding([&place])) {
            Ok(place)
        } else {
            Err(AccessError::Guarded { path: place }.into())
        }
    }

    /// What a folder holds, for a client that may see the folder under its path and where it lies: hidden names, and what is
    /// guarded by policies that were not asked about the folder, are left out, and so are links that lead there. Blocks.
    pub fn entries(&self, folder: &MediaPath, dir: &Dir) -> io::Result<Vec<Entry>> {
        let location = self.root.locate(dir, folder).map_err(|_| io::ErrorKind::NotFound)?;
        let folders = || [Some(folder), location.path()].into_iter().flatten();
        let passed = self.access.guarding(folders());
        let allows = |policies: &PolicySet| self.access.implies(&passed, policies);
        let shows = |name: &[u8]| {
            let paths: Vec<MediaPath> = folders().map(|folder| folder.join(name)).collect();
            allows(&self.access.guarding(&paths))
        };
        let follow = |name: &[u8]| {
            let link = folder.join(name);
            match self.root.follow(&link) {
                Some((_, location)) if self.shows_at(&location).is_err() => Target::Secret,
                Some((_, location)) if !allows(&self.access.guarding(location.path())) => Target::Secret,
                Some((target, _)) => Target::Served(target),
                // it may lead to a guarded place all the same
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

    /// Looks into the files of a folder whose names do not tell their type, so that a listing says what a GET would. Only
    /// into the first thousand, for each is opened. Blocks.
    pub fn sniff(&self, folder: &MediaPath, entries: &mut [Entry]) {
        const MAX: usize = 1000;
        let is_untold = |entry: &&mut Entry| {
            matches!(entry.kind, Kind::File(_)) && self.root.types().by_name_alone(&entry.name).is_none()
        };
        for entry in entries.iter_mut().filter(is_untold).take(MAX) {
            if let Ok(Found::File(_, entity)) = self.root.open(&folder.join(&entry.name)) {
                entry.sniffed = Some(entity.media_type);
            }
        }
    }

    /// The answer with a file behind it: status and fields as decided, with what this site's rules add for `path`, and the
    /// body that `body` makes of the pieces to send.
    pub fn answer(
        &self,
        path: &MediaPath,
        decision: Decision,
        entity: &Entity,
        body: impl FnOnce(Vec<Piece>) -> Body,
    ) -> Response<Body> {
        // 32 random letters need not be searched for in the file: no uploaded file can hold them in advance
        let (status, mut headers, pieces) = head(decision, entity, &self.cache_control, || token(32));
        self.access.apply_headers(path, &mut headers);
        let mut response = Response::new(body(pieces));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}
