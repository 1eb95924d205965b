//! Internal redirects: the app names a file of a mount with `X-Accel-Redirect` or `X-Sendfile`, and devmedia sends it.

use std::sync::Arc;

use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::{Located, Service};
use crate::access::{AccessDecision, RequestContext};
use crate::access_log::Verdict;
use crate::answer::decide::{Decision, decide};
use crate::answer::piece::length;
use crate::body::Body;
use crate::body::file::FileBody;
use crate::body::paced::paced;
use crate::body::streamed::Streamed;
use crate::connection::Connection;
use crate::forward::internal_redirect::{Destination, InternalRedirect, Mistake};
use crate::guard::Row;
use crate::mount::Mount;
use crate::refusal::Refusal;
use crate::request::path::MediaPath;
use crate::site::Opened;
use crate::storage::blocking;
use crate::storage::entity::{Entity, LastModified};
use crate::storage::media_type::MediaType;
use crate::storage::root::Found;

/// The maximum number of internal redirects for one request; nginx's `NGX_HTTP_MAX_URI_CHANGES`.
const MAX_HOPS: usize = 10;

/// Why the file that an app named cannot be sent.
enum RedirectError<'a> {
    Mistake(Mistake),
    /// No mount has this URL or this path on the disk.
    NoMount {
        prefixes: Vec<&'a str>,
    },
    Folder,
    Loop,
}

impl RedirectError<'_> {
    fn refusal(self, shown: &str) -> Refusal {
        const INTERNAL_SERVER_ERROR: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;
        let is_url = shown.starts_with("X-Accel");
        let (status, what, advice) = match self {
            Self::Mistake(Mistake::Named) => (
                INTERNAL_SERVER_ERROR,
                format!("The app sent '{shown}', and devmedia has no named locations (@name)."),
                "Send the URL of a file on a mount with internal = true, such as /protected/a.pdf.".to_owned(),
            ),
            Self::Mistake(Mistake::Relative) => (
                StatusCode::NOT_FOUND,
                format!("The app sent '{shown}', which does not begin with a slash."),
                if is_url {
                    "Send the path of a URL on a mount, such as /protected/a.pdf.".to_owned()
                } else {
                    "Send the absolute path of a file below the root of a mount.".to_owned()
                },
            ),
            Self::Mistake(Mistake::Unsafe) => (
                StatusCode::NOT_FOUND,
                format!("The app sent '{shown}', which contains a '..' segment or a NUL byte."),
                "Check the code that built this path.".to_owned(),
            ),
            Self::NoMount { prefixes } if is_url => (
                StatusCode::NOT_FOUND,
                format!("The app sent '{shown}', and no mount has this prefix."),
                format!(
                    "Correct the URL, or add a [[mount]] with this url and internal = true. The mounts are: {}",
                    prefixes.join(", ")
                ),
            ),
            Self::NoMount { .. } => (
                StatusCode::NOT_FOUND,
                format!("The app sent '{shown}', which is not below the root of any mount."),
                "Add a [[mount]] with this root and internal = true; 'devmedia check' lists the roots.".to_owned(),
            ),
            Self::Folder => (
                StatusCode::NOT_FOUND,
                format!("The app sent '{shown}', which is a folder."),
                "Send the path of a file.".to_owned(),
            ),
            Self::Loop => (
                INTERNAL_SERVER_ERROR,
                format!("The app sent '{shown}' after {MAX_HOPS} other internal redirects: a redirect loop."),
                "Send the URL of a file on a mount whose access rule does not ask the same view again.".to_owned(),
            ),
        };
        Refusal::new(status, "internal-redirect", what, advice)
    }
}

impl Service {
    /// Sends the file that the app named. `is_own` is true if the requested URL belongs to the app; then devmedia adds no
    /// security fields of its own.
    pub(super) async fn internal_redirect(
        &self,
        request: &Request<()>,
        redirect: InternalRedirect,
        connection: &Connection,
        is_own: bool,
    ) -> Result<Response<Body>, Refusal> {
        let cookies = redirect.fields.get_all(header::SET_COOKIE).iter().cloned().collect::<Vec<HeaderValue>>();
        let answer = self.follow_redirects(request, redirect, connection, is_own).await;
        // keep the session cookies of a login even if the file cannot be sent
        answer.map_err(|refusal| {
            cookies.into_iter().fold(refusal, |refusal, cookie| refusal.with_field(header::SET_COOKIE, cookie))
        })
    }

    async fn follow_redirects(
        &self,
        request: &Request<()>,
        mut redirect: InternalRedirect,
        connection: &Connection,
        is_own: bool,
    ) -> Result<Response<Body>, Refusal> {
        for _ in 0..MAX_HOPS {
            let (mount, path) = self.place_of(&redirect).await.map_err(|error| error.refusal(&redirect.shown))?;
            let asked = MediaPath::parse(mount.site.prefix.url_of(&path).as_bytes())?;
            let context = RequestContext::new(request, asked, connection);
            let approval = match mount.site.admit(&path, &context).await? {
                AccessDecision::Approved(approval) => approval,
                AccessDecision::Answer(response) => return Ok(response),
                AccessDecision::InternalRedirect(next) => {
                    redirect = *next;
                    continue;
                }
            };
            mount.site.check_visible(&path)?;
            if let Some(bucket) = mount.site.root.bucket() {
                let response = self.answer_from_bucket(&mount, bucket, &path, request, connection).await?;
                let mut response = approval.onto(response);
                add_fields(&redirect, &mut response);
                response.extensions_mut().get_or_insert_with(|| Verdict(redirect.shown.clone()));
                return Ok(response);
            }
            // the app sends this request, and it may cause a fetch
            let Opened { found, location } = match self.find(&mount, &path, request, Row::Tool).await? {
                Located::Opened(opened) => opened,
                Located::Answer(response) => return Ok(response),
            };
            mount.site.check_location_visible(&location)?;
            let approval = match mount.site.admit_at(&approval, &path, &location, &context).await? {
                AccessDecision::Approved(more) => approval.and(more),
                AccessDecision::Answer(response) => return Ok(response),
                AccessDecision::InternalRedirect(next) => {
                    redirect = *next;
                    continue;
                }
            };
            let Found::File(file, entity) = found else { return Err(RedirectError::Folder.refusal(&redirect.shown)) };
            let entity = with_app_fields(entity, &redirect, is_own);
            let decision = decision(request, &redirect, &entity)?;
            let send_queue = connection.send_queue.clone();
            let rate = redirect.rate;
            let mut response = mount.site.answer(&path, decision, &entity, |pieces| match rate {
                None => Body::File(FileBody::new(file, pieces, send_queue)),
                Some(rate) => {
                    let len = length(&pieces);
                    Body::Streamed(Streamed::new(paced(FileBody::new(file, pieces, None), rate), Some(len)))
                }
            });
            add_fields(&redirect, &mut response);
            let mut response = approval.onto(response);
            response.extensions_mut().get_or_insert_with(|| Verdict(redirect.shown.clone()));
            return Ok(response);
        }
        Err(RedirectError::Loop.refusal(&redirect.shown))
    }

    /// Finds the mount of the file that the app named, and the path below its root.
    async fn place_of(&self, redirect: &InternalRedirect) -> Result<(Arc<Mount>, MediaPath), RedirectError<'_>> {
        let found = match &redirect.file {
            Destination::Invalid(mistake) => return Err(RedirectError::Mistake(*mistake)),
            Destination::Url(path) => self.mounts.find(path).map(|(mount, path)| (Arc::clone(mount), path)),
            Destination::Disk { path, decoded } => {
                let (mounts, path, decoded) = (Arc::clone(&self.mounts), path.clone(), decoded.clone());
                let find = move || {
                    let first = if path.exists() { &path } else { &decoded };
                    let (mount, path) = mounts.holding(first)?;
                    Some((Arc::clone(mount), path))
                };
                blocking(find).await
            }
        };
        found.ok_or_else(|| RedirectError::NoMount {
            prefixes: self.mounts.iter().map(|mount| mount.site.prefix.as_str()).collect(),
        })
    }
}

/// Applies the app's header fields to the file: its media type, and the validators of an `X-Sendfile` response.
fn with_app_fields(entity: Entity, redirect: &InternalRedirect, is_own: bool) -> Entity {
    let mut entity = entity;
    if let Some(header) = redirect.fields.get(header::CONTENT_TYPE) {
        let said = header.to_str().ok().and_then(MediaType::parse);
        let can_script = said.is_none_or(|said| said.can_script);
        entity.media_type = MediaType { header: header.clone(), can_script, is_gzip: false };
    }
    entity.media_type.can_script &= !is_own;
    if let Some(etag) = redirect.fields.get(header::ETAG) {
        entity.etag = Some(etag.clone());
    }
    if let Some(modified) = redirect.fields.get(header::LAST_MODIFIED) {
        entity.last_modified = LastModified::parse(modified);
    }
    entity
}

/// Methods other than HEAD become GET, as in nginx. A status other than 200, which `X-Sendfile` keeps, gets the whole file.
fn decision(request: &Request<()>, redirect: &InternalRedirect, entity: &Entity) -> Result<Decision, Refusal> {
    if redirect.status.is_some_and(|status| status != StatusCode::OK) {
        return Ok(Decision::Whole);
    }
    let method = if *request.method() == Method::HEAD { Method::HEAD } else { Method::GET };
    Ok(decide(&method, request.headers(), entity)?)
}

fn add_fields(redirect: &InternalRedirect, response: &mut Response<Body>) {
    if let Some(status) = redirect.status.filter(|_| response.status() == StatusCode::OK) {
        *response.status_mut() = status;
    }
    let headers = response.headers_mut();
    for name in redirect.fields.keys() {
        if matches!(*name, header::CONTENT_TYPE | header::ETAG | header::LAST_MODIFIED) {
            continue;
        }
        headers.remove(name);
        for value in redirect.fields.get_all(name) {
            headers.append(name, value.clone());
        }
    }
}
