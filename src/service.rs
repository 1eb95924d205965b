//! The pipeline: the way of a request, from top to bottom.
//!
//! 1. **guard**: is this the developer's machine, or a stranger's web page?
//! 2. **mounts**: which mount, and which path of it?
//! 3. **network**: where a slow or failing one is imitated, it has the request first, and the answer last.
//! 4. **method**: does the path have it?
//! 5. **access**: may this request see it?
//! 6. **upload**: what changes something is received, stored and answered.
//! 7. **storage**: the file or the folder, opened once.
//! 8. **fallback**: a missing file is fetched, else drawn, else explained.
//! 9. **decide**: which part of the file answers the request?
//! 10. **answer**: status, fields and body, or a refusal that explains itself.
//! 11. **access log**: one event when the last byte is gone.
//!
//! [`Service::respond`] is steps 1, 10 and 11, which every answer takes; [`Service::answer`] is steps 2 and 3, and
//! [`Service::answer_in`] is the rest, in one mount.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use cap_std::fs::Dir;
use futures_util::FutureExt as _;
use hyper::body::{Body as HttpBody, Bytes};
use hyper::header::{self, HeaderValue};
use hyper::http::uri::{Authority, PathAndQuery};
use hyper::{Method, Request, Response, StatusCode, Version};

use crate::access::{Admitted, Visitor};
use crate::access_log::{Logged, Received, Source};
use crate::answer::common;
use crate::answer::decide::decide;
use crate::body::Body;
use crate::body::file::FileBody;
use crate::body::incoming::RequestBody;
use crate::connection::{Connection, Scheme};
use crate::fallback::{self, FallbackError, Instead, refresh};
use crate::guard::{Admission, Guard, Row};
use crate::live::{self, Live};
use crate::mount::{Mount, Mounts, READ_METHODS};
use crate::nearby;
use crate::page::{explain, landing, listing};
use crate::placeholder;
use crate::refusal::Refusal;
use crate::request::format::Format;
use crate::request::path::{MediaPath, Visible};
use crate::request::query::Query;
use crate::site::Site;
use crate::storage::blocking;
use crate::storage::entity::Entity;
use crate::storage::open_file::OpenFile;
use crate::storage::root::{Found, OpenError};
use crate::thumbnail::{self, Thumbnails};
use crate::upload::{self, Upload, tus};

/// Everything a request needs, made once at start-up.
#[derive(Debug)]
pub struct Service {
    guard: Guard,
    mounts: Arc<Mounts>,
    thumbnails: Thumbnails,
    live: Live,
    /// Some mount accepts uploads.
    accepts_uploads: bool,
    /// Row (e) has been logged: once is enough for a page full of images.
    opaque_logged: AtomicBool,
}

/// Why nothing was opened.
struct Unopened {
    error: OpenError,
    /// The URL that was probably meant, where that was looked for already.
    suggestion: Option<String>,
}

impl Service {
    /// Puts the rules, the mounts, thumbnails and events together.
    pub fn new(guard: Guard, mounts: Mounts, thumbnails: Thumbnails, live: Live) -> Self {
        let accepts_uploads = mounts.iter().any(|mount| mount.uploads.is_some());
        let opaque_logged = AtomicBool::new(false);
        Self { guard, mounts: Arc::new(mounts), thumbnails, live, accepts_uploads, opaque_logged }
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

        // 1. guard
        let admission = self.guard.admit(&request);
        let answer = match &admission {
            Ok(_) if connection.scheme == Scheme::HttpForHttps => to_https(&request),
            Ok(admission) => {
                self.note(admission, &request);
                let answer = AssertUnwindSafe(self.answer(&request, &mut body, &connection)).catch_unwind().await;
                answer.unwrap_or_else(|_| Err(Refusal::panicked()))
            }
            Err(error) => Err(error.clone().into()),
        };

        // 10. answer
        let mut response = answer.unwrap_or_else(|refusal| explained(refusal, &request));
        let exposed = if self.accepts_uploads { upload::EXPOSED } else { "" };
        common::add(&request, admission.as_ref().ok(), exposed, response.headers_mut());
        tus::add_version(request.headers(), response.headers_mut());
        if request.method() == Method::HEAD {
            drop_body(&mut response);
        }
        finish_receiving(&request, body, &mut response);
        match response.body() {
            Body::Events(_) => connection.activity.streaming(),
            Body::File(file) if file.may_wait() => connection.activity.waiting(),
            _ => {}
        }

        // 11. access log
        received.answered(response, connection)
    }

    /// Steps 2 and 3, and the answer of the mount.
    async fn answer(
        &self,
        request: &Request<()>,
        body: &mut RequestBody,
        connection: &Connection,
    ) -> Result<Response<Body>, Refusal> {
        if request.method() == Method::OPTIONS {
            return Ok(self.options(request));
        }

        // 2. mounts
        let asked = MediaPath::parse(request.uri().path().as_bytes())?;
        let Some((mount, path)) = self.mounts.find(&asked) else {
            return self.outside(request, asked).await;
        };

        // 3. network
        let Some(network) = &mount.network else {
            return self.answer_in(mount, path, asked, request, body, connection).await;
        };
        let passage = network.enter(body).await;
        let answer = match passage.refusal() {
            Some(refusal) => Err(refusal),
            None => self.answer_in(mount, path, asked, request, body, connection).await,
        };
        Ok(passage.leave(answer.unwrap_or_else(|refusal| explained(refusal, request))))
    }

    /// Steps 4 to 9, and the answer that they lead to.
    async fn answer_in(
        &self,
        mount: &Arc<Mount>,
        path: MediaPath,
        asked: MediaPath,
        request: &Request<()>,
        body: &mut RequestBody,
        connection: &Connection,
    ) -> Result<Response<Body>, Refusal> {
        let (method, query) = (request.method(), Query::new(request.uri().query()));
        let site = &mount.site;

        // 4. method
        mount.allows(method, &path)?;

        // 5. access
        if let Some(id) = mount.partial(&path) {
            // it was admitted when it began; its URL, which nobody can guess, is the permission
            return tus::resume(site, id, request, body).await;
        }
        let visitor = Visitor { request, path: asked, peer: connection.peer, scheme: connection.scheme };
        let pass = match site.admit(&path, &visitor).await? {
            Admitted::Pass(pass) => pass,
            Admitted::Answer(response) => return Ok(response),
        };
        let answer = async {
            site.shows(&path)?;

            // 6. upload
            if let (Some(uploads), false) = (&mount.uploads, matches!(*method, Method::GET | Method::HEAD)) {
                return upload::receive(Upload { site, uploads, path: &path, request }, body).await;
            }

            // 7. storage, 8. fallback
            let found = match self.open(mount, &path).await {
                Ok(found) => found,
                Err(unopened) if unopened.error.is_missing() => {
                    match self.missing(mount, &path, request, unopened.suggestion).await? {
                        Instead::Found(found) => found,
                        Instead::Answer(response) => return Ok(response),
                    }
                }
                Err(unopened) => return Err(Refusal::cannot_open(unopened.error, &path)),
            };

            match found {
                Found::File(..) if path.has_slash() => {
                    let meant = site.prefix.url_of(&path.with_slash(false));
                    Err(Refusal::not_found(&path).with_suggestion(Some(meant)))
                }
                Found::File(opened, entity) => match thumbnail::asked(query, &entity)? {
                    Some(size) => Ok(self.thumbnails.answer(method, request.headers(), size, opened, &entity).await?),
                    None => file_answer(mount, &path, request, opened, &entity, connection),
                },
                Found::Directory(_) if !path.has_slash() => Ok(redirect(site, &path, query)),
                Found::Directory(_) if !mount.listing => Err(listing_off()),
                Found::Directory(dir) => match live::asked(query) {
                    Some(state) => Ok(self.live.answer(site, &path, request.headers(), state)?),
                    None => folder_answer(mount, &path, request, dir).await,
                },
            }
        };
        let answer = answer.await;
        Ok(pass.onto(answer.unwrap_or_else(|refusal| explained(refusal, request))))
    }

    /// Opens what is there: at once if nothing has to be waited for, else off the reactor. Where no fallback may have a
    /// missing file, the same hop looks for the name that was probably meant.
    async fn open(&self, mount: &Arc<Mount>, path: &MediaPath) -> Result<Found, Unopened> {
        if let Some(found) = mount.site.root.open_now(path) {
            return Ok(found);
        }
        let (mounts, mount, path) = (Arc::clone(&self.mounts), Arc::clone(mount), path.clone());
        blocking(move || {
            mount.site.root.open(&path).map_err(|error| {
                let is_final = error.is_missing() && mount.fallback.is_none() && mount.placeholder.is_none();
                let suggestion = is_final.then(|| nearby::in_mounts(&mounts, &mount, &path)).flatten();
                Unopened { error, suggestion }
            })
        })
        .await
    }

    /// What there is for a missing file: the upstream's, a drawing, or the refusal that says why there is nothing.
    async fn missing(
        &self,
        mount: &Arc<Mount>,
        path: &MediaPath,
        request: &Request<()>,
        suggestion: Option<String>,
    ) -> Result<Instead, Refusal> {
        let mut refusal = Refusal::not_found(path);
        if let Some(fallback) = &mount.fallback {
            match fallback::seek(&mount.site, fallback, path, request).await {
                Ok(instead) => return Ok(instead),
                Err(FallbackError::NotAsked) => {}
                Err(FallbackError::NotFetched(why)) => refusal = fallback.refusal(path, &why),
                Err(FallbackError::Refused(refusal)) => return Err(refusal),
            }
        }
        if let Some(placeholder) = mount.placeholder
            && let Some(drawing) = placeholder::draw(&mount.site, placeholder, path, request, &refusal).await?
        {
            return Ok(Instead::Answer(drawing));
        }
        if mount.fallback.is_none() && mount.placeholder.is_none() {
            return Err(refusal.with_suggestion(suggestion));
        }
        let (mounts, mount, path) = (Arc::clone(&self.mounts), Arc::clone(mount), path.clone());
        let suggestion = blocking(move || nearby::in_mounts(&mounts, &mount, &path)).await;
        Err(refusal.with_suggestion(suggestion))
    }

    /// A path on no mount: the landing page, or a refusal with the URL that was probably meant.
    async fn outside(&self, request: &Request<()>, path: MediaPath) -> Result<Response<Body>, Refusal> {
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
        let mounts = Arc::clone(&self.mounts);
        blocking(move || {
            let refusal = Refusal::new(
                StatusCode::NOT_FOUND,
                "no-mount",
                format!("No mount serves /{path}."),
                "The page at / lists the mounts; --url and --mount add them.",
            );
            Err(refusal.with_suggestion(nearby::outside_mounts(&mounts, &path)))
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

    /// Logs once that a page which hides its origin was allowed to show an image.
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

/// A refusal in the form that the request wants.
fn explained(refusal: Refusal, request: &Request<()>) -> Response<Body> {
    let query = Query::new(request.uri().query());
    explain::explain(refusal, Format::negotiate(request.headers(), query, Format::Text))
}

/// Steps 9 and 10 for a file: the part of it that answers the request.
fn file_answer(
    mount: &Mount,
    path: &MediaPath,
    request: &Request<()>,
    file: OpenFile,
    entity: &Entity,
    connection: &Connection,
) -> Result<Response<Body>, Refusal> {
    if let Some(fallback) = &mount.fallback {
        refresh::look(&mount.site, fallback, path);
    }
    let is_fetched = file.progress().is_some();
    let decision = decide(request.method(), request.headers(), entity)?;
    // what sendfile sends cannot be slowed down
    let outbox = connection.outbox.clone().filter(|_| mount.network.is_none());
    let mut response =
        mount.site.answer(path, decision, entity, |pieces| Body::File(FileBody::new(file, pieces, outbox)));
    if is_fetched {
        response.extensions_mut().insert(Source::Fetched);
    }
    Ok(response)
}

/// Step 10 for a folder: its listing.
async fn folder_answer(
    mount: &Mount,
    path: &MediaPath,
    request: &Request<()>,
    dir: Dir,
) -> Result<Response<Body>, Refusal> {
    let format = Format::negotiate(request.headers(), Query::new(request.uri().query()), Format::Html);
    let (site, folder) = (Arc::clone(&mount.site), path.clone());
    let entries = blocking(move || {
        let mut entries = site.entries(&folder, &dir)?;
        if format == Format::Json {
            site.sniff(&folder, &mut entries);
        }
        Ok::<_, io::Error>(entries)
    });
    let entries = entries.await.map_err(|error| Refusal::cannot_open(error.into(), path))?;
    Ok(listing::listing(mount, path, entries, format))
}

/// A HEAD response is the GET response without its body.
fn drop_body(response: &mut Response<Body>) {
    // hyper announces the length of a body that it sees; a file's is announced already, empty or not
    if let Some(length @ 1..) = response.body().size_hint().exact() {
        response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    }
    *response.body_mut() = Body::Empty;
}

/// Sees to the bytes of a request that nobody has read.
fn finish_receiving(request: &Request<()>, body: RequestBody, response: &mut Response<Body>) {
    if !body.is_unread() {
        return;
    }
    // most clients stop sending when they are told so; HTTP/2 has no such field (RFC 9113 section 8.2.2), it resets the
    // stream
    if request.version() < Version::HTTP_2
        && body.is_long()
        && !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
    {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    body.linger();
}

/// To the same URL by https. Not 308, which browsers remember: the port may speak http again tomorrow. The guard has
/// seen the Host, so this leads to no stranger.
fn to_https(request: &Request<()>) -> Result<Response<Body>, Refusal> {
    let authority = request.uri().authority().map(Authority::as_str);
    let host = authority.or_else(|| request.headers().get(header::HOST)?.to_str().ok());
    let target = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    let location = host.and_then(|host| HeaderValue::try_from(format!("https://{host}{target}")).ok());
    let location = location.ok_or_else(|| {
        let what = "This server speaks https, and the request came by http.";
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

/// A folder where listings are off.
fn listing_off() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "listing-off",
        "This is a folder, and listings are turned off (--no-index).",
        "Request a file in it, or start devmedia without --no-index.",
    )
}

/// To the folder's own URL, on the same mount, so that relative links in the listing work.
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
