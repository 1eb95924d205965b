//! The way of a request, from top to bottom.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use futures_util::FutureExt as _;
use hyper::body::{Body as HttpBody, Bytes};
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use crate::access::{self, Visitor};
use crate::access_log::{Logged, Received, Source};
use crate::answer::common::{self, Cors};
use crate::answer::decide::decide;
use crate::answer::head::head;
use crate::body::Body;
use crate::body::file::FileBody;
use crate::body::incoming::RequestBody;
use crate::fallback::{self, Instead, refresh};
use crate::live::{self, Live};
use crate::mount::{Mount, Mounts, READ_METHODS};
use crate::page::format::Format;
use crate::page::{explain, landing, listing};
use crate::refusal::Refusal;
use crate::request::guard::{Admission, Guard, Row};
use crate::request::path::{MediaPath, Visible};
use crate::server::Connection;
use crate::storage::nearby;
use crate::storage::root::Found;
use crate::thumbnail::{self, Thumbnail, Thumbnails};
use crate::upload::{self, tus};

/// Everything a request needs, made once at start-up.
#[derive(Debug)]
pub struct Service {
    guard: Guard,
    mounts: Arc<Mounts>,
    cors: Cors,
    thumbnails: Thumbnails,
    live: Live,
    /// Row (e) has been logged: once is enough for a page full of pictures.
    opaque_logged: AtomicBool,
}

impl Service {
    /// Puts the rules, the mounts and what makes thumbnails and events together.
    pub fn new(guard: Guard, mounts: Mounts, thumbnails: Thumbnails, live: Live) -> Self {
        let cors = if mounts.iter().any(|mount| mount.uploads.is_some()) { Cors::UPLOADING } else { Cors::READING };
        Self { guard, mounts: Arc::new(mounts), cors, thumbnails, live, opaque_logged: AtomicBool::new(false) }
    }

    /// Ends the answers that would never end by themselves.
    pub fn stop(&self) {
        self.live.stop();
    }

    /// Answers any request. It cannot fail: a refusal is an answer, and so is a panic.
    pub async fn respond<B>(&self, request: Request<B>, connection: Connection) -> Response<Logged>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
    {
        let (request, body) = request.into_parts();
        let mut body = RequestBody::new(body, Arc::clone(&connection.activity));
        let request = Request::from_parts(request, ());
        let received = Received::new(&request);
        let (admission, answer) = match self.guard.admit(&request) {
            Ok(admission) => {
                self.note(&admission, &request);
                let answer = AssertUnwindSafe(self.answer(&request, &mut body, &connection)).catch_unwind().await;
                (Some(admission), answer.unwrap_or(Err(Refusal::Panicked)))
            }
            Err(refusal) => (None, Err(refusal)),
        };
        let mut response = answer.unwrap_or_else(|refusal| explained(refusal, &request));
        common::add(&request, admission.as_ref(), self.cors, response.headers_mut());
        if request.method() == Method::HEAD {
            // hyper announces the length of a body that it sees; a file's is announced already, empty or not
            if let Some(length @ 1..) = response.body().size_hint().exact() {
                response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
            }
            *response.body_mut() = Body::Empty;
        }
        if body.is_unread() {
            // most clients stop sending when they are told so
            if body.is_long() && !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            body.linger();
        }
        match response.body() {
            Body::Events(_) => connection.activity.streaming(),
            Body::File(file) if file.may_wait() => connection.activity.waiting(),
            _ => {}
        }
        received.answered(response, connection)
    }

    /// The pipeline's first half: what is asked for, and may they?
    async fn answer(
        &self,
        request: &Request<()>,
        body: &mut RequestBody,
        connection: &Connection,
    ) -> Result<Response<Body>, Refusal> {
        if request.method() == Method::OPTIONS {
            return Ok(self.options(request));
        }
        let asked = MediaPath::parse(request.uri().path().as_bytes())?;
        let Some((mount, path)) = self.mounts.find(&asked) else {
            return self.elsewhere(request, asked).await;
        };
        mount.allows(request.method(), &path)?;
        let visitor = Visitor { request, path: asked, peer: connection.peer };
        let pass = access::admit(mount, &path, &visitor).await?;
        let answer = self.serve(mount, path, request, body, connection).await;
        Ok(pass.onto(answer.unwrap_or_else(|refusal| explained(refusal, request))))
    }

    /// The pipeline's second half: what is there, what is sent of it, or what is changed.
    async fn serve(
        &self,
        mount: &Arc<Mount>,
        path: MediaPath,
        request: &Request<()>,
        body: &mut RequestBody,
        connection: &Connection,
    ) -> Result<Response<Body>, Refusal> {
        let (method, headers, query) = (request.method(), request.headers(), request.uri().query());
        if let Some(id) = mount.partial(&path) {
            return tus::resume(mount, id, request, body).await;
        }
        mount.shows(&path)?;
        if let (Some(uploads), false) = (&mount.uploads, matches!(*method, Method::GET | Method::HEAD)) {
            return upload::receive(mount, uploads, &path, request, body).await;
        }

        let found = match self.open(mount, &path).await {
            Err(missing @ Refusal::NotFound { .. }) => match fallback::instead(mount, &path, request, missing).await {
                Ok(Instead::Found(found)) => found,
                Ok(Instead::Answer(response)) => return Ok(response),
                Err(refusal) => return Err(self.with_meant(mount, refusal).await),
            },
            found => found?,
        };
        match found {
            Found::File(..) if path.has_slash() => {
                let meant = Some(mount.prefix.url_of(&path.with_slash(false)));
                Err(Refusal::NotFound { path, meant })
            }
            Found::File(file, entity) => {
                let (file, entity) = match thumbnail::asked(query, &entity)? {
                    None => (file, entity),
                    Some(size) => {
                        let activity = &connection.activity;
                        match self.thumbnails.answer(method, headers, size, file, entity, activity).await? {
                            Thumbnail::Answer(response) => return Ok(response),
                            Thumbnail::Itself(file, entity) => (file, entity),
                        }
                    }
                };
                refresh::look(mount, &path);
                let fetched = file.growth().map(|_| Source::Fetched);
                let decision = decide(method, headers, &entity)?;
                let (status, mut headers, pieces) = head(decision, &entity, &mount.cache_control);
                mount.access.dress(&path, &mut headers);
                let body = FileBody::new(file, pieces, connection.outbox.clone());
                let mut response = Response::new(Body::File(body));
                *response.status_mut() = status;
                *response.headers_mut() = headers;
                if let Some(source) = fetched {
                    response.extensions_mut().insert(source);
                }
                Ok(response)
            }
            Found::Directory(_) if !path.has_slash() => Ok(redirect(mount, &path, query)),
            Found::Directory(_) if !mount.listing => Err(Refusal::ListingOff),
            Found::Directory(dir) => {
                if let Some(state) = live::asked(query) {
                    return self.live.answer(mount, &path, headers, state);
                }
                let (owner, folder) = (Arc::clone(mount), path.clone());
                let entries = blocking(move || owner.entries(&folder, &dir)).await;
                let entries = entries.map_err(|error| Refusal::of_open(error.into(), &path))?;
                let format = Format::negotiate(headers, query, Format::Html);
                Ok(listing::listing(mount, &path, entries, format))
            }
        }
    }

    /// Opens what is there: at once if nothing has to be waited for, else off the reactor. What is missing gets the name
    /// that was probably meant; where a fallback may have it, that is looked for later.
    async fn open(&self, mount: &Arc<Mount>, path: &MediaPath) -> Result<Found, Refusal> {
        if let Some(found) = mount.root.open_now(path) {
            return Ok(found);
        }
        let (mounts, mount, path) = (Arc::clone(&self.mounts), Arc::clone(mount), path.clone());
        blocking(move || {
            mount.root.open(&path).map_err(|error| match Refusal::of_open(error, &path) {
                Refusal::NotFound { path, .. } if mount.fallback.is_none() => {
                    let meant = nearby::in_mounts(&mounts, &mount, &path);
                    Refusal::NotFound { path, meant }
                }
                refusal => refusal,
            })
        })
        .await
    }

    /// What the fallback does not have either gets the name that was probably meant.
    async fn with_meant(&self, mount: &Arc<Mount>, refusal: Refusal) -> Refusal {
        if mount.fallback.is_none() {
            return refusal;
        }
        let (mounts, mount) = (Arc::clone(&self.mounts), Arc::clone(mount));
        let search = move |path: &MediaPath| nearby::in_mounts(&mounts, &mount, path);
        blocking(move || match refusal {
            Refusal::NotFound { path, .. } => Refusal::NotFound { meant: search(&path), path },
            Refusal::NotFetched { path, origin, why, .. } => {
                Refusal::NotFetched { meant: search(&path), path, origin, why }
            }
            refusal => refusal,
        })
        .await
    }

    /// A path on no mount: the landing page, or a refusal with the URL that was probably meant.
    async fn elsewhere<B>(&self, request: &Request<B>, path: MediaPath) -> Result<Response<Body>, Refusal> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Refusal::MethodNotAllowed { allow: READ_METHODS });
        }
        if path.is_top() {
            let format = Format::negotiate(request.headers(), request.uri().query(), Format::Text);
            return Ok(landing::landing(&self.mounts, format));
        }
        let mounts = Arc::clone(&self.mounts);
        blocking(move || {
            let meant = nearby::outside_mounts(&mounts, &path);
            Err(Refusal::NoMount { path, meant })
        })
        .await
    }

    /// What a client may do, and what a page of another origin may send (the Fetch standard's preflight).
    fn options(&self, request: &Request<()>) -> Response<Body> {
        let mut response = Response::new(Body::Empty);
        *response.status_mut() = StatusCode::NO_CONTENT;
        let asked = MediaPath::parse(request.uri().path().as_bytes()).ok();
        let found = asked.as_ref().and_then(|path| self.mounts.find(path));
        let methods = found.as_ref().map_or(READ_METHODS, |(mount, path)| mount.methods(path));
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
        if let Some(uploads) = found.and_then(|(mount, _)| mount.uploads.as_ref()) {
            tus::describe(uploads, response.headers_mut());
        }
        response
    }

    /// Says once that a page which hides who it is was let in to show a picture.
    fn note<B>(&self, admission: &Admission, request: &Request<B>) {
        if admission.row == Row::Opaque && !self.opaque_logged.swap(true, Relaxed) {
            tracing::info!(
                "{} was asked for by a page that does not say who it is (its Referrer-Policy): it may show it, not read it",
                Visible(request.uri().path())
            );
        }
    }
}

/// A refusal in the form that the request wants.
fn explained(refusal: Refusal, request: &Request<()>) -> Response<Body> {
    explain::explain(refusal, Format::negotiate(request.headers(), request.uri().query(), Format::Text))
}

/// To the folder's own URL, on the same mount, so that relative links in the listing work.
fn redirect(mount: &Mount, path: &MediaPath, query: Option<&str>) -> Response<Body> {
    let url = mount.prefix.url_of(&path.with_slash(true));
    let location = query.map_or(url.clone(), |query| format!("{url}?{query}"));
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::FOUND;
    let headers = response.headers_mut();
    let location = HeaderValue::try_from(location).expect("percent-encoded, and a query that was in a request");
    headers.insert(header::LOCATION, location);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    response
}

/// Runs what may wait for a disk off the reactor. A panic in it goes on in the caller.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
