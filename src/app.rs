//! The app behind devmedia: requests for paths on no mount go there (`--app`), and its answers come back as they are.
//!
//! Nothing waits for the app but its client: a page that a debugger holds for ten minutes is answered after ten minutes.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use hyper::header::{self, HeaderValue};
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Response, StatusCode};

use crate::access_log::Source;
use crate::body::Body;
use crate::body::incoming::RequestBody;
use crate::connection::Connection;
use crate::forward::address::Address;
use crate::forward::client::{Client, SendError};
use crate::forward::handed::{self, Handed};
use crate::forward::outgoing::Outgoing;
use crate::forward::{fields, tunnel};
use crate::refusal::Refusal;
use crate::request::codings;
use crate::request::path::Visible;
use crate::request::via::DEVMEDIA;

/// The value of `X-Devmedia` in the refusal of a request that the app could not get.
pub const DOWN: &str = "app-down";

/// Finds out where the app listens; blocks.
pub type Find = Box<dyn Fn() -> Option<Address> + Send + Sync>;

/// What came of a request that was sent on.
#[derive(Debug)]
pub enum Forwarded {
    /// The app's own answer.
    Answer(Response<Body>),
    /// The app hands the answer over: a file is to be sent in its place.
    Handed(Handed),
}

/// An app, and the connections to it.
pub struct App {
    client: Client,
    address: Mutex<Option<Address>>,
    /// How to find the address while it is not known.
    find: Option<Find>,
    /// The command that starts the app, as a person types it.
    command: Option<String>,
}

/// Why a request did not get to the app, or no answer came back.
#[derive(Debug)]
pub enum AppError {
    /// It does not listen yet.
    Starting {
        /// How it was started.
        command: Option<String>,
    },
    /// No connection, or none that brought an answer.
    NoAnswer {
        /// Where it should be.
        address: Address,
        /// How it was started.
        command: Option<String>,
        /// Why not.
        error: SendError,
    },
    /// The request came back: the address is devmedia's own.
    Loop {
        /// The address.
        address: Address,
    },
    /// A 101 to a request that did not ask for it.
    Switched,
    /// The request's body is in a transfer coding other than `chunked`.
    TransferEncoding {
        /// The codings, as they were sent.
        codings: String,
    },
}

impl From<AppError> for Refusal {
    fn from(error: AppError) -> Self {
        let bad_gateway = |code, what: String, advice: String| Self::new(StatusCode::BAD_GATEWAY, code, what, advice);
        match error {
            AppError::Starting { command } => {
                let command = command.map_or_else(|| "it".to_owned(), |command| format!("'{command}'"));
                let advice = format!("Wait for {command}, or look at what it prints in the terminal.");
                bad_gateway("app-starting", "The app is starting: it does not listen yet.".to_owned(), advice)
                    .while_down()
            }
            AppError::NoAnswer { address, command, error } => {
                let what = format!("The app at {address} gave no answer: {error}.");
                let advice = match (&error, command) {
                    (SendError::Unreachable(_), Some(command)) => {
                        format!("It was started with '{command}'; look at what it prints in the terminal.")
                    }
                    (SendError::Unreachable(_), None) => {
                        format!("Start the app, or correct --app: nothing listens at {address}.")
                    }
                    (SendError::NoAnswer(_), _) => "Look at what the app prints in its terminal.".to_owned(),
                };
                match error {
                    SendError::Unreachable(_) => bad_gateway("app-down", what, advice).while_down(),
                    SendError::NoAnswer(_) => bad_gateway("app-broke-off", what, advice),
                }
            }
            AppError::Loop { address } => Self::new(
                StatusCode::LOOP_DETECTED,
                "app-loop",
                format!("The app at {address} is devmedia itself, or sends what it gets back to devmedia."),
                "Write the address where the app listens: --app http://127.0.0.1:8000",
            ),
            AppError::Switched => bad_gateway(
                "app-switched",
                "The app switched protocols, and the request did not ask for that.".to_owned(),
                "Look at what the app prints in its terminal.".to_owned(),
            ),
            AppError::TransferEncoding { codings } => Self::new(
                StatusCode::NOT_IMPLEMENTED,
                "transfer-encoding",
                format!(
                    "devmedia does not implement Transfer-Encoding: {}; the app did not get the request.",
                    Visible(&codings)
                ),
                "Send the body as it is, with Content-Length or with Transfer-Encoding: chunked alone.",
            ),
        }
    }
}

impl Refusal {
    /// Marks the answer, so that the page in a browser knows when the app is there.
    fn while_down(self) -> Self {
        self.with_field(DEVMEDIA, HeaderValue::from_static(DOWN))
    }
}

impl App {
    /// An app at an address.
    pub fn at(address: Address) -> Self {
        Self { client: Client::default(), address: Mutex::new(Some(address)), find: None, command: None }
    }

    /// An app that `command` has started, and whose address is still to be found.
    pub fn started(command: String, address: Option<Address>, find: Option<Find>) -> Self {
        Self { client: Client::default(), address: Mutex::new(address), find, command: Some(command) }
    }

    /// Where it listens, if that is known.
    pub fn address(&self) -> Option<Address> {
        self.known().clone()
    }

    /// Looks for its address again, where it can be found. Blocks.
    pub fn look(&self) -> Option<Address> {
        if let Some(address) = self.find.as_ref().and_then(|find| find()) {
            *self.known() = Some(address);
        }
        self.address()
    }

    /// Looks for its address, for the next request.
    fn look_soon(self: &Arc<Self>) {
        if self.find.is_some() {
            let app = Arc::clone(self);
            tokio::task::spawn_blocking(move || app.look());
        }
    }

    /// Sends a request on and gives the app's own answer. Both bodies are streamed.
    pub async fn forward(
        self: &Arc<Self>,
        request: &Request<()>,
        body: RequestBody,
        connection: &Connection,
    ) -> Result<Forwarded, AppError> {
        let Some(address) = self.address() else {
            self.look_soon();
            return Err(AppError::Starting { command: self.command.clone() });
        };
        if fields::came_back(request.headers()) {
            return Err(AppError::Loop { address });
        }
        if let Some(codings) = codings::unknown(request.headers()) {
            return Err(AppError::TransferEncoding { codings });
        }
        let sent = self.send(request, body, connection, &address).await;
        if let Err(SendError::Unreachable(_)) = sent {
            // it may have begun anew, on another port
            self.look_soon();
        }
        let (mut answer, unread) = sent.map_err(|error| AppError::NoAnswer {
            address: address.clone(),
            command: self.command.clone(),
            error,
        })?;
        if let Some(handed) = handed::read(answer.status(), answer.headers()) {
            return Ok(Forwarded::Handed(handed));
        }
        let switched = (answer.status() == StatusCode::SWITCHING_PROTOCOLS).then(|| hyper::upgrade::on(&mut answer));
        let (mut head, body) = answer.into_parts();
        let protocol = head.headers.get(header::UPGRADE).cloned();
        head.headers = fields::answer(&head.headers, &address);
        head.version = hyper::Version::HTTP_11;
        head.extensions.insert(Source::App);
        let Some(app) = switched else {
            let is_stream = head.headers.get(header::CONTENT_TYPE);
            let is_stream = is_stream.is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"));
            if is_stream {
                connection.activity.streaming();
            } else {
                connection.activity.waiting();
            }
            if unread {
                // most clients stop sending when they are told so
                head.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            return Ok(Forwarded::Answer(Response::from_parts(head, Body::Passed(body))));
        };
        let client = request.extensions().get::<OnUpgrade>().filter(|_| fields::upgrade(request).is_some());
        let (Some(client), Some(protocol)) = (client, protocol) else { return Err(AppError::Switched) };
        head.headers.insert(header::UPGRADE, protocol);
        head.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        tunnel::open(client.clone(), app, connection.clone());
        Ok(Forwarded::Answer(Response::from_parts(head, Body::Empty)))
    }

    /// The answer, and whether some of the request's body is unread when it begins.
    async fn send(
        &self,
        request: &Request<()>,
        body: RequestBody,
        connection: &Connection,
        address: &Address,
    ) -> Result<(Response<hyper::body::Incoming>, bool), SendError> {
        let mut headers = fields::request(request, connection.peer, address);
        let has_body = body.is_unread();
        if !has_body {
            headers.remove(header::EXPECT);
            // from here on a client that hangs up is noticed, and the app learns it
            connection.activity.waiting();
        }
        let message = |headers, body| {
            let mut message = Request::new(body);
            *message.method_mut() = request.method().clone();
            *message.uri_mut() = fields::target(request.uri()).into();
            *message.headers_mut() = headers;
            message
        };
        if has_body {
            let (mut body, unread) = Outgoing::passed(body);
            let expects =
                headers.get(header::EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
            let go_on = expects.then(|| Mutex::new(Some(body.hold())));
            let mut message = message(headers, body);
            if let Some(go_on) = go_on {
                hyper::ext::on_informational(&mut message, move |interim| {
                    let sender = go_on.lock().ok().and_then(|mut sender| sender.take());
                    if let (StatusCode::CONTINUE, Some(sender)) = (interim.status(), sender) {
                        // the body may be gone already
                        let _ = sender.send(());
                    }
                });
            }
            let answer = self.client.send_once(address, message).await?;
            return Ok((answer, unread.is_so()));
        }
        let answer = if request.method().is_idempotent() && !headers.contains_key(header::UPGRADE) {
            self.client.send_again(address, || message(headers.clone(), Outgoing::Empty)).await?
        } else {
            self.client.send_once(address, message(headers, Outgoing::Empty)).await?
        };
        Ok((answer, false))
    }

    fn known(&self) -> MutexGuard<'_, Option<Address>> {
        self.address.lock().expect("nothing panics while holding it")
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("address", &self.known()).field("command", &self.command).finish_non_exhaustive()
    }
}
