//! The request pipeline, from top to bottom:
//!
//! 1. **guard**: refuse requests from pages of other sites.
//! 2. **mounts**: find the mount and the path in it. Requests for paths on no mount go to the app.
//! 3. **network**: if a slow or failing network is imitated, it gets the request first and the response last.
//! 4. **method**: check that the path supports the method, and that everything in the request is implemented.
//! 5. **access**: check that the request may see the path.
//! 6. **upload**: receive and store uploads, and apply other changes.
//! 7. **storage**: open the file or the folder once, and check access again for its real location.
//! 8. **fallback**: fetch a missing file, serve a placeholder, or explain the 404.
//! 9. **decide**: choose the part of the file that answers the request.
//! 10. **answer**: create the response: status, fields and body, or a refusal with an explanation.
//! 11. **access log**: log the request after the last byte has been sent.
//!
//! If the files of a mount are in a bucket, `Service::answer_from_bucket` is steps 7 to 10.
//!
//! [`Service::respond`] is steps 1 and 10, which every response takes; `Service::answer` is steps 2 and 3, and
//! `Service::answer_in` is the rest, in one mount. Step 11 is in the server.
//!
//! The futures of less frequent ways are boxed. hyper keeps one future for each connection, and moves it for each request,
//! so its size costs memory and time.

mod from_bucket;
mod internal_redirect;

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use cap_std::fs::Dir;
use futures_util::FutureExt as _;
use hyper::header::{self, HeaderValue};
use hyper::http::uri::{Authority, PathAndQuery};
use hyper::{Method, Request, Response, StatusCode};

use crate::access::{AccessDecision, RequestContext};
use crate::access_log::{Reason, Source};
use crate::answer::cors;
use crate::answer::decide::decide;
use crate::app::{App, Forwarded};
use crate::body::Body;
use crate::body::ending::{drop_body, finish_receiving};
use crate::body::file::FileBody;
use crate::body::incoming::RequestBody;
use crate::connection::{Connection, Scheme};
use crate::fallback::{self, FallbackError, Substitute, refresh};
use crate::guard::{Admission, Guard, GuardError, Row};
use crate::live::{self, Live};
use crate::mount::{Mount, Mounts, READ_METHODS};
use crate::nearby::{Look, Nearby};
use crate::page::{app_down, explain, landing, listing};
use crate::placeholder;
use crate::refusal::Refusal;
use crate::request::format::Format;
use crate::request::path::{MediaPath, PathError, Visible};
use crate::request::prefix::Prefix;
use crate::request::query::Query;
use crate::site::{Opened, Site};
use crate::storage::blocking;
use crate::storage::entity::Entity;
use crate::storage::location::Location;
use crate::storage::open_file::OpenFile;
use crate::storage::root::{Found, OpenError};
use crate::thumbnail::{self, Thumbnail, Thumbnails};
use crate::upload::{self, Upload, tus};

/// Everything that requests need, created once at startup.
#[derive(Debug)]
pub struct Service {
    guard: Guard,
    mounts: Arc<Mounts>,
    /// The app that answers requests for paths on no mount.
    app: Option<Arc<App>>,
    thumbnails: Thumbnails,
    live: Live,
    nearby: Arc<Nearby>,
    /// Whether any mount accepts uploads.
    accepts_uploads: bool,
    /// Whether row (e) of the guard has been logged; once is enough for a page with many images.
    opaque_logged: AtomicBool,
}

/// The result of looking up a path.
enum Located {
    /// A file or a folder.
    Opened(Opened),
    /// A response for a missing file.
    Answer(Response<Body>),
}

/// Why a path could not be opened.
struct Unopened {
    error: OpenError,
    /// The URL that was probably meant, if it has been looked for already.
    suggestion: Option<String>,
}

impl Service {
    /// Creates a service without an app.
    pub fn new(guard: Guard, mounts: Mounts, thumbnails: Thumbnails, live: Live) -> Self {
        let accepts_uploads = mounts.iter().any(|mount| mount.uploads.is_some());
        let opaque_logged = AtomicBool::new(false);
        let (mounts, nearby) = (Arc::new(mounts), Arc::default());
        Self { guard, mounts, app: None, thumbnails, live, nearby, accepts_uploads, opaque_logged }
    }

    /// Sets the app that answers requests for paths on no mount.
    #[must_use]
    pub fn with_app(self, app: Option<Arc<App>>) -> Self {
        Self { app, ..self }
    }

    /// Ends the responses that would never end by themselves.
    pub fn stop(&self) {
        self.live.stop();
    }

    /// Answers a request. This never fails: refusals and panics become responses.
    pub async fn respond(
        &self,
        request: &Request<()>,
        body: &mut RequestBody,
        connection: &Connection,
    ) -> Response<Body> {
        // 1. guard
        let admission = self.guard.admit(request, connection.listener);
        let asked = MediaPath::parse(request.uri().path().as_bytes());
        let app = self.app_for(request, &asked);
        let is_http_for_https = connection.scheme == Scheme::HttpForHttps;
        let answer = match (&admission, app) {
            (Ok(_), _) | (Err(GuardError::CrossSite { .. }), Some(_)) if is_http_for_https => to_https(request),
            // the app decides for itself which pages may use it
            (Ok(_) | Err(GuardError::CrossSite { .. }), Some(app)) => {
                let body = std::mem::replace(body, RequestBody::none());
                let answer =
                    AssertUnwindSafe(self.forward(app, request, body, connection).boxed()).catch_unwind().await;
                answer.unwrap_or_else(|_| Err(Refusal::panicked()))
            }
            (Ok(admission), None) => {
                self.note(admission, request);
                let answer = self.answer(request, asked, body, (connection, admission.row));
                let answer = AssertUnwindSafe(answer).catch_unwind().await;
                answer.unwrap_or_else(|_| Err(Refusal::panicked()))
            }
            (Err(error), _) => Err(error.clone().into()),
        };

        // 10. answer
        let mut response = answer.unwrap_or_else(|refusal| self.explained(refusal, request));
        if response.extensions().get::<Source>() != Some(&Source::App) {
            let exposed = if self.accepts_uploads { upload::EXPOSED } else { "" };
            cors::add(request, admission.as_ref().ok(), exposed, response.headers_mut());
            tus::add_version(request.headers(), response.headers_mut());
        }
        if request.method() == Method::HEAD {
            drop_body(&mut response);
        }
        finish_receiving(request, body, &mut response);
        match response.body() {
            Body::Events(_) => connection.activity.streaming(),
            Body::File(file) if file.may_wait() => connection.activity.waiting(),
            _ => {}
        }
        response
    }

    /// Steps 2 and 3, and the answer of the mount.
    async fn answer(
        &self,
        request: &Request<()>,
        asked: Result<MediaPath, PathError>,
        body: &mut RequestBody,
        (connection, row): (&Connection, Row),
    ) -> Result<Response<Body>, Refusal> {
        if request.method() == Method::OPTIONS {
            return Ok(self.options(request, asked.ok().as_ref()));
        }

        // 2. mounts
        let asked = asked?;
        let Some((mount, path)) = self.mounts.find(&asked) else {
            return self.outside_mounts(request, asked).boxed().await;
        };
        let context = RequestContext::new(request, asked, connection);

        // 3. network
        let Some(network) = &mount.network else {
            return self.answer_in(mount, path, context, body, (connection, row)).await;
        };
        let passage = network.enter(body).await;
        let answer = match passage.refusal() {
            Some(refusal) => Err(refusal),
            None => self.answer_in(mount, path, context, body, (connection, row)).boxed().await,
        };
        Ok(passage.leave(answer.unwrap_or_else(|refusal| self.explained(refusal, request))))
    }

    /// Steps 4 to 9, and the answer that they lead to.
    async fn answer_in(
        &self,
        mount: &Arc<Mount>,
        path: MediaPath,
        context: RequestContext<'_>,
        body: &mut RequestBody,
        (connection, row): (&Connection, Row),
    ) -> Result<Response<Body>, Refusal> {
        let request = context.request;
        let (method, query) = (request.method(), Query::new(request.uri().query()));
        let site = &mount.site;
        if mount.internal {
            return Err(internal(&site.prefix));
        }

        // 4. method
        mount.allows(method, &path)?;
        if mount.uploads.is_some() {
            upload::check(request)?;
        }

        // 5. access
        if let Some(id) = mount.partial(&path) {
            // access was checked when the upload was created; its URL cannot be guessed
            return tus::resume(site, id, request, body).boxed().await;
        }
        let mut approval = match site.admit(&path, &context).await? {
            AccessDecision::Approved(approval) => approval,
            AccessDecision::Answer(response) => return Ok(response),
            AccessDecision::InternalRedirect(redirect) => {
                return self.internal_redirect(request, *redirect, connection, false).boxed().await;
            }
        };
        let answer = async {
            site.check_visible(&path)?;

            // 6. upload
            if upload::asks_for_chunk(request) {
                return Ok(upload::no_chunk());
            }
            if let (Some(uploads), false) = (&mount.uploads, matches!(*method, Method::GET | Method::HEAD)) {
                let upload = Upload { site, uploads, path: &path, request, passed: &approval.policies };
                return upload::receive(upload, body).boxed().await;
            }

            // 7. storage, 8. fallback
            if let Some(bucket) = site.root.bucket() {
                return self.answer_from_bucket(mount, bucket, &path, request, connection).boxed().await;
            }
            let opened = match self.find(mount, &path, request, row).await? {
                Located::Opened(opened) => opened,
                Located::Answer(response) => return Ok(response),
            };
            // check access again for the location of the handle
            let Opened { found, location } = opened;
            site.check_location_visible(&location)?;
            match site.admit_at(&approval, &path, &location, &context).await? {
                AccessDecision::Approved(more) => approval = std::mem::take(&mut approval).and(more),
                AccessDecision::Answer(response) => return Ok(response),
                AccessDecision::InternalRedirect(redirect) => {
                    return self.internal_redirect(request, *redirect, connection, false).boxed().await;
                }
            }

            match found {
                Found::File(..) if path.has_slash() => {
                    let meant = site.prefix.url_of(&path.with_slash(false));
                    Err(Refusal::not_found(&path).with_suggestion(Some(meant)))
                }
                Found::File(opened, entity) => {
                    let (opened, entity) = match thumbnail::asked(query, &entity)? {
                        None => (opened, entity),
                        Some(size) => {
                            match self.thumbnails.answer(request, size, opened, entity, connection).boxed().await? {
                                Thumbnail::Answer(response) => return Ok(response),
                                Thumbnail::Itself(opened, entity) => (opened, entity),
                            }
                        }
                    };
                    if let Some(fallback) = mount.fallback.as_ref().filter(|_| row != Row::Opaque) {
                        refresh::refresh_if_due(site, fallback, &path, query);
                    }
                    file_answer(mount, &path, request, opened, &entity, connection)
                }
                Found::Directory(_) if !path.has_slash() => Ok(redirect(site, &path, query)),
                Found::Directory(_) if !mount.listing => Err(listing_off()),
                Found::Directory(dir) => match live::asked(query) {
                    Some(state) => Ok(self.live.answer(site, (&path, location), request.headers(), state)?),
                    None => folder_answer(&self.mounts, mount, &path, request, dir).boxed().await,
                },
            }
        }
        .await;
        Ok(approval.onto(answer.unwrap_or_else(|refusal| self.explained(refusal, request))))
    }

    /// Steps 7 and 8: opens `path`, or finds a response for a missing file.
    async fn find(
        &self,
        mount: &Arc<Mount>,
        path: &MediaPath,
        request: &Request<()>,
        row: Row,
    ) -> Result<Located, Refusal> {
        let unopened = match self.open(mount, path).await {
            Ok(opened) => return Ok(Located::Opened(opened)),
            Err(unopened) => unopened,
        };
        if !unopened.error.is_missing() {
            return Err(Refusal::cannot_open(unopened.error, path));
        }
        match self.missing(mount, path, request, row, unopened.suggestion).boxed().await? {
            Substitute::Arriving(found) => Ok(Located::Opened(Opened { found, location: Location::AsAsked })),
            Substitute::Here => {
                let opened = self.open(mount, path).await;
                opened.map(Located::Opened).map_err(|unopened| Refusal::cannot_open(unopened.error, path))
            }
            Substitute::Answer(response) => Ok(Located::Answer(response)),
        }
    }

    /// Returns the app's response, or the file that the app names.
    async fn forward(
        &self,
        app: &Arc<App>,
        request: &Request<()>,
        body: RequestBody,
        connection: &Connection,
    ) -> Result<Response<Body>, Refusal> {
        match app.forward(request, body, connection).await? {
            Forwarded::Answer(response) => Ok(response),
            Forwarded::InternalRedirect(redirect) => {
                let mut response = self.internal_redirect(request, redirect, connection, true).await?;
                response.extensions_mut().insert(Source::App);
                Ok(response)
            }
        }
    }

    /// The app, if the path of the request is on no mount.
    fn app_for(&self, request: &Request<()>, asked: &Result<MediaPath, PathError>) -> Option<&Arc<App>> {
        let (app, asked) = (self.app.as_ref()?, asked.as_ref().ok()?);
        let has_no_path = request.uri().path() == "*" || request.method() == Method::CONNECT;
        (!has_no_path && self.mounts.find(asked).is_none()).then_some(app)
    }

    /// Opens `path`: without blocking if possible, otherwise on a blocking thread. If the file is missing and there is neither
    /// a fallback nor a placeholder, the name that was probably meant is looked for in the same way.
    async fn open(&self, mount: &Arc<Mount>, path: &MediaPath) -> Result<Opened, Unopened> {
        let is_final = mount.fallback.is_none() && mount.placeholder.is_none();
        let missing = match mount.site.find_now(path) {
            Some(Ok(opened)) => return Ok(opened),
            Some(Err(error)) => Some(error),
            None if self.nearby.is_missing_now(&mount.site, path) => {
                Some(io::Error::from(io::ErrorKind::NotFound).into())
            }
            None => None,
        };
        if let Some(error) = missing {
            let suggestion =
                if is_final { self.nearby.in_mounts(Look::Now, &self.mounts, mount, path) } else { Ok(None) };
            if let Ok(suggestion) = suggestion {
                return Err(Unopened { error, suggestion });
            }
        }
        let (nearby, mounts) = (Arc::clone(&self.nearby), Arc::clone(&self.mounts));
        let (mount, path) = (Arc::clone(mount), path.clone());
        blocking(move || {
            mount.site.find(&path).map_err(|error| {
                let is_final = error.is_missing() && is_final;
                let suggestion =
                    is_final.then(|| nearby.in_mounts(Look::Waiting, &mounts, &mount, &path).ok().flatten());
                Unopened { error, suggestion: suggestion.flatten() }
            })
        })
        .await
    }

    /// Finds a response for a missing file: the upstream's file, a placeholder, or a refusal.
    async fn missing(
        &self,
        mount: &Arc<Mount>,
        path: &MediaPath,
        request: &Request<()>,
        row: Row,
        suggestion: Option<String>,
    ) -> Result<Substitute, Refusal> {
        let mut refusal = Refusal::not_found(path);
        let mut is_missing = true;
        if let Some(fallback) = &mount.fallback {
            match fallback::lookup(&mount.site, fallback, path, request, row).await {
                Ok(instead) => return Ok(instead),
                Err(FallbackError::NotAsked) => {}
                Err(FallbackError::NotFetched(why)) => {
                    is_missing = why.is_missing();
                    refusal = fallback.refusal(path, &why);
                }
                Err(FallbackError::Refused(refusal)) => return Err(refusal),
            }
        }
        if is_missing
            && let Some(placeholder) = mount.placeholder
            && let Some(drawing) = placeholder::draw(&mount.site, placeholder, path, request, &refusal).await?
        {
            return Ok(Substitute::Answer(drawing));
        }
        if mount.fallback.is_none() && mount.placeholder.is_none() {
            return Err(refusal.with_suggestion(suggestion));
        }
        let (nearby, mounts) = (Arc::clone(&self.nearby), Arc::clone(&self.mounts));
        let (mount, path) = (Arc::clone(mount), path.clone());
        let suggestion = blocking(move || nearby.in_mounts(Look::Waiting, &mounts, &mount, &path).ok().flatten()).await;
        Err(refusal.with_suggestion(suggestion))
    }

    /// Answers a request for a path on no mount: with the landing page, or a refusal that suggests the URL that was probably
    /// meant.
    async fn outside_mounts(&self, request: &Request<()>, path: MediaPath) -> Result<Response<Body>, Refusal> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Refusal::method_not_allowed(
                READ_METHODS,
                "No mount serves this path; the page at / lists them.",
            ));
        }
        if path.is_top() {
            let format = Format::negotiate(request.headers(), Query::new(request.uri().query()), Format::Text);
            return Ok(landing::landing(&self.mounts, format));
        }
        let refusal = Refusal::new(
            StatusCode::NOT_FOUND,
            "no-mount",
            format!("No mount serves /{path}."),
            "The page at / lists the mounts; --url and --mount add them.",
        );
        let suggestion = if let Ok(suggestion) = self.nearby.outside_mounts(Look::Now, &self.mounts, &path) {
            suggestion
        } else {
            let (nearby, mounts) = (Arc::clone(&self.nearby), Arc::clone(&self.mounts));
            blocking(move || nearby.outside_mounts(Look::Waiting, &mounts, &path).ok().flatten()).await
        };
        Err(refusal.with_suggestion(suggestion))
    }

    /// Answers OPTIONS requests: the supported methods, and the preflight of the Fetch standard.
    fn options(&self, request: &Request<()>, asked: Option<&MediaPath>) -> Response<Body> {
        let mut response = Response::new(Body::Empty);
        *response.status_mut() = StatusCode::NO_CONTENT;
        let found = asked.and_then(|path| self.mounts.find(path));
        let methods = found.as_ref().map_or(READ_METHODS, |(mount, path)| mount.methods(path));
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
        if let Some(why) = cors::refused_preflight(request, methods) {
            response.extensions_mut().insert(Reason(why));
        }
        let folder = found.map(|(mount, _)| mount).filter(|mount| mount.site.root.folder().is_ok());
        if let Some(uploads) = folder.and_then(|mount| mount.uploads.as_ref()) {
            tus::describe(uploads, response.headers_mut());
        }
        response
    }

    /// Creates the response of a refusal, in the format that the request prefers.
    fn explained(&self, refusal: Refusal, request: &Request<()>) -> Response<Body> {
        match Format::negotiate(request.headers(), Query::new(request.uri().query()), Format::Text) {
            Format::Html if app_down::is_for(request.method(), &refusal) => app_down::page(refusal),
            format => explain::explain(refusal, format, &self.mounts, request.uri().path()),
        }
    }

    /// Logs once that a page that hides its origin may show an image.
    fn note<B>(&self, admission: &Admission, request: &Request<B>) {
        if admission.row == Row::Opaque && !self.opaque_logged.swap(true, Relaxed) {
            tracing::info!(
                "{} was requested by a page that does not name itself (because of its Referrer-Policy): the page may show \
                 it, but cannot read it",
                Visible(request.uri().path())
            );
        }
    }
}

/// Steps 9 and 10 for a file.
fn file_answer(
    mount: &Mount,
    path: &MediaPath,
    request: &Request<()>,
    file: OpenFile,
    entity: &Entity,
    connection: &Connection,
) -> Result<Response<Body>, Refusal> {
    let is_fetched = file.progress().is_some();
    let decision = decide(request.method(), request.headers(), entity)?;
    // sendfile would bypass the imitated network
    let send_queue = connection.send_queue.clone().filter(|_| mount.network.is_none());
    let mut response =
        mount.site.answer(path, decision, entity, |pieces| Body::File(FileBody::new(file, pieces, send_queue)));
    if is_fetched {
        response.extensions_mut().insert(Source::Fetched);
    }
    Ok(response)
}

/// Step 10 for a folder: the listing.
async fn folder_answer(
    mounts: &Mounts,
    mount: &Mount,
    path: &MediaPath,
    request: &Request<()>,
    dir: Dir,
) -> Result<Response<Body>, Refusal> {
    let query = Query::new(request.uri().query());
    let format = Format::negotiate(request.headers(), query, Format::Html);
    let (site, folder) = (Arc::clone(&mount.site), path.clone());
    let entries = blocking(move || {
        let mut entries = site.entries(&folder, &dir)?;
        if format == Format::Json {
            site.sniff(&folder, &mut entries);
        }
        Ok::<_, io::Error>(entries)
    });
    let entries = entries.await.map_err(|error| Refusal::cannot_open(error.into(), path))?;
    Ok(listing::listing(mounts, mount, path, entries, format, query))
}

/// The refusal of a request for an internal mount.
fn internal(prefix: &Prefix) -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "internal",
        format!("The mount at {prefix} is internal: its files are only available through the app."),
        "Let the app answer with X-Accel-Redirect or X-Sendfile, or remove internal = true.",
    )
}

/// Redirects to the same URL with https. Not with 308, which browsers cache: the port may use http again later. The
/// guard has checked the Host header, so the redirect cannot lead to another site.
fn to_https(request: &Request<()>) -> Result<Response<Body>, Refusal> {
    let authority = request.uri().authority().map(Authority::as_str);
    let host = authority.or_else(|| request.headers().get(header::HOST)?.to_str().ok());
    let target = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    let location = host.and_then(|host| HeaderValue::try_from(format!("https://{host}{target}")).ok());
    let location = location.ok_or_else(|| {
        let what = "This server uses https, and the request came by http.";
        Refusal::new(StatusCode::BAD_REQUEST, "https-only", what, "Write https:// in the URL.")
    })?;
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, location);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    Ok(response)
}

/// The refusal of a request for a folder if listings are off.
fn listing_off() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "listing-off",
        "This is a folder, and listings are turned off (--no-index).",
        "Request a file in it, or start devmedia without --no-index.",
    )
}

/// Redirects to the folder's URL with a slash at the end, so that relative links in the listing work.
fn redirect(site: &Site, path: &MediaPath, query: Query<'_>) -> Response<Body> {
    let url = site.prefix.url_of(&path.with_slash(true));
    let location = query.text().map_or(url.clone(), |query| format!("{url}?{query}"));
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::FOUND;
    let headers = response.headers_mut();
    let location = HeaderValue::try_from(location).expect("percent-encoded, and a query that was in a request");
    headers.insert(header::LOCATION, location);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    response
}
