//! `Site`: a prefix, the folder behind it, and who may see what of it: what every feature of a mount needs.

use std::io;
use std::sync::Arc;

use cap_std::fs::Dir;
use hyper::Response;
use hyper::header::HeaderValue;

use crate::access::rules::{self, Access};
use crate::access::{AccessError, Admitted, Pass, Policy, Visitor};
use crate::answer::decide::Decision;
use crate::answer::head::head;
use crate::answer::piece::Piece;
use crate::body::Body;
use crate::refusal::Refusal;
use crate::request::path::MediaPath;
use crate::request::prefix::Prefix;
use crate::storage::blocking;
use crate::storage::entity::Entity;
use crate::storage::folder::{self, Entry, Kind};
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
    /// Who may see what of it.
    pub access: Access,
}

/// Why a path is not shown, whoever asks.
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
    /// Asks every policy that guards `path`, as it is and as what the links on its way lead to; the first that says no
    /// decides.
    pub async fn admit(self: &Arc<Self>, path: &MediaPath, visitor: &Visitor<'_>) -> Result<Admitted, Refusal> {
        let url_path = self.prefix.url_of(path);
        if self.access.is_uniform() {
            return Ok(self.access.default_policy().admit(&url_path, visitor).await?);
        }
        let real = if self.root.is_straight_now(path) {
            None
        } else {
            // a link may lead from what everybody may see to what they may not
            let (site, wanted) = (Arc::clone(self), path.clone());
            let real = blocking(move || site.root.real(&wanted)).await;
            real.map_err(|error| Refusal::cannot_open(error, path))?
        };
        let mut pass = Pass::default();
        for policy in self.access.policies_for([Some(path), real.as_ref()].into_iter().flatten()) {
            match policy.admit(&url_path, visitor).await? {
                Admitted::Pass(next) => pass = pass.and(next),
                answer @ (Admitted::Answer(_) | Admitted::Handed(_)) => return Ok(answer),
            }
        }
        Ok(Admitted::Pass(pass))
    }

    /// Refuses names that are kept hidden.
    pub fn shows(&self, path: &MediaPath) -> Result<(), SiteError> {
        if path.is_own() {
            Err(SiteError::Own)
        } else if path.is_hidden() && !self.hidden {
            Err(SiteError::Hidden)
        } else {
            Ok(())
        }
    }

    /// Opens what `path` names, off the reactor.
    pub async fn open(self: &Arc<Self>, path: &MediaPath) -> Result<Found, OpenError> {
        let (site, path) = (Arc::clone(self), path.clone());
        blocking(move || site.root.open(&path)).await
    }

    /// The policies that guard `path`: as it is, and as what the links on its way lead to. Blocks.
    pub fn policies_for(&self, path: &MediaPath) -> Result<Vec<&Policy>, OpenError> {
        let real = if self.access.is_uniform() { None } else { self.root.real(path)? };
        Ok(self.access.policies_for([Some(path), real.as_ref()].into_iter().flatten()))
    }

    /// Whether everybody may see `path`, as it is and as what the links on its way lead to: a 404 may name it, and a file
    /// missing there may be fetched or drawn. Blocks.
    pub fn is_public_all_the_way(&self, path: &MediaPath) -> bool {
        self.policies_for(path).is_ok_and(|policies| policies.iter().all(|policy| policy.is_public()))
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
        let policies = |path| self.policies_for(path).map_err(|error| Refusal::cannot_open(error, path));
        if rules::implies(&policies(folder)?, &policies(path)?) {
            Ok(())
        } else {
            Err(AccessError::Guarded { path: path.clone() }.into())
        }
    }

    /// What a folder holds, for a client that may see the folder: hidden names, and what policies guard that were not
    /// asked about the folder, are left out. Blocks.
    pub fn entries(&self, folder: &MediaPath, dir: &Dir) -> io::Result<Vec<Entry>> {
        if self.access.is_uniform() {
            return folder::read(dir, self.hidden, |name| self.root.follow(&folder.join(name)));
        }
        let real = self.root.real(folder).map_err(|_| io::ErrorKind::NotFound)?;
        let folders = || [Some(folder), real.as_ref()].into_iter().flatten();
        let passed = self.access.policies_for(folders());
        let shows = |name: &[u8]| {
            let paths: Vec<MediaPath> = folders().map(|folder| folder.join(name)).collect();
            rules::implies(&passed, &self.access.policies_for(paths.iter()))
        };
        let follow = |name: &[u8]| {
            let link = folder.join(name);
            let policies = self.policies_for(&link).ok()?;
            rules::implies(&passed, &policies).then(|| self.root.follow(&link)).flatten()
        };
        let mut entries = folder::read(dir, self.hidden, follow)?;
        entries.retain(|entry| shows(&entry.name));
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
