//! The app behind devmedia (`--app`): requests for paths on no mount are forwarded to it, and its responses are passed on.
//!
//! There is no time limit for the app: a request that stops in a debugger for ten minutes is answered after ten minutes.

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
use crate::forward::internal_redirect::{self, InternalRedirect};
use crate::forward::outgoing::Outgoing;
use crate::forward::{fields, tunnel};
use crate::refusal::Refusal;
use crate::request::codings;
use crate::request::path::Visible;
use crate::request::via::DEVMEDIA;

/// The value of `X-Devmedia` in responses while the app cannot be reached.
pub const DOWN: &str = "app-down";

/// Finds out where the app listens; blocks.
pub type Find = Box<dyn Fn() -> Option<Address> + Send + Sync>;

/// The result of forwarding a request.
#[derive(Debug)]
pub enum Forwarded {
    /// The app's response.
    Answer(Response<Body>),
    /// The app named a file to send (`X-Accel-Redirect`, `X-Sendfile`).
    InternalRedirect(InternalRedirect),
}

/// An app and the connections to it.
pub struct App {
    client: Client,
    address: Mutex<Option<Address>>,
    /// Finds the address while it is not known.
    find: Option<Find>,
    /// The command that starts the app, as typed in a shell.
    command: Option<String>,
}

/// Why there is no response of the app.
#[derive(Debug)]
pub enum AppError {
    /// The app does not listen yet.
    Starting {
        /// The command that started the app.
        command: Option<String>,
    },
    /// The connection or the request failed.
    NoAnswer {
        /// The app's address.
        address: Address,
        /// The command that started the app.
        command: Option<String>,
        /// What went wrong.
        error: SendError,
    },
    /// devmedia received its own request: the address is devmedia's own.
    Loop {
        /// The app's address.
        address: Address,
    },
    /// The app sent a 101 response to a request without `Upgrade`.
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
                let command = command.map_or_else(|| "the app".to_owned(), |command| format!("'{command}'"));
                let advice = format!("Wait for {command}, or look at its output in the terminal.");
                bad_gateway("app-starting", "The app is starting: it does not listen yet.".to_owned(), advice)
                    .while_down()
            }
            AppError::NoAnswer { address, command, error } => {
                let what = format!("The app at {address} gave no answer: {error}.");
                let advice = match (&error, command) {
                    (SendError::Unreachable(_), Some(command)) => {
                        format!("It was started with '{command}'; look at its output in the terminal.")
                    }
                    (SendError::Unreachable(_), None) => {
                        format!("Start the app, or correct --app: nothing listens at {address}.")
                    }
                    (SendError::NoAnswer(_), _) => "Look at the app's output in its terminal.".to_owned(),
                };
                match error {
                    SendError::Unreachable(_) => bad_gateway("app-down", what, advice).while_down(),
                    SendError::NoAnswer(_) => bad_gateway("app-broke-off", what, advice),
                }
            }
            AppError::Loop { address } => Self::new(
                StatusCode::LOOP_DETECTED,
                "app-loop",
                format!("The app at {address} is devmedia itself, or sends requests back to devmedia."),
                "Set --app to the address where the app listens: --app http://127.0.0.1:8000",
            ),
            AppError::Switched => bad_gateway(
                "app-switched",
                "The app switched protocols, but the request did not ask for that.".to_owned(),
                "Look at the app's output in its terminal.".to_owned(),
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
    /// Marks the response, so that the error page in a browser notices when the app is available.
    fn while_down(self) -> Self {
        self.with_field(DEVMEDIA, HeaderValue::from_static(DOWN))
    }
}

impl App {
    /// An app at an address.
    pub fn at(address: Address) -> Self {
        Self { client: Client::default(), address: Mutex::new(Some(address)), find: None, command: None }
    }

    /// An app that `command` has started. If `address` is `None`, `find` looks for it.
    pub fn started(command: String, address: Option<Address>, find: Option<Find>) -> Self {
        Self { client: Client::default(), address: Mutex::new(address), find, command: Some(command) }
    }

    /// The address where the app listens, if it is known.
    pub fn address(&self) -> Option<Address> {
        self.known().clone()
    }

    /// Looks for the address again, and returns the last known one. Blocks.
    pub fn find_address(&self) -> Option<Address> {
        if let Some(address) = self.find.as_ref().and_then(|find| find()) {
            *self.known() = Some(address);
        }
        self.address()
    }

    /// Looks for the address in the background, for the next request.
    fn find_address_later(self: &Arc<Self>) {
        if self.find.is_some() {
            let app = Arc::clone(self);
            tokio::task::spawn_blocking(move || app.find_address());
        }
    }

    /// Forwards a request and returns the app's response. Both bodies are streamed.
    pub async fn forward(
        self: &Arc<Self>,
        request: &Request<()>,
        body: RequestBody,
        connection: &Connection,
    ) -> Result<Forwarded, AppError> {
        let Some(address) = self.address() else {
            self.find_address_later();
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
            // it may have restarted on another port
            self.find_address_later();
        }
        let (mut answer, unread) = sent.map_err(|error| AppError::NoAnswer {
            address: address.clone(),
            command: self.command.clone(),
            error,
        })?;
        if let Some(redirect) = internal_redirect::read(answer.status(), answer.headers()) {
            return Ok(Forwarded::InternalRedirect(redirect));
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
                // most clients stop sending when the response says that the connection will be closed
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

    /// Returns the response, and whether part of the request body is unread when the response begins.
    async fn send(
        &self,
        request: &Request<()>,
        body: RequestBody,
        connection: &Connection,
        address: &Address,
    ) -> Result<(Response<hyper::body::Incoming>, bool), SendError> {
        let mut headers = fields::request(request, connection.peer, connection.scheme, address);
        let has_body = body.is_unread();
        if !has_body {
            headers.remove(header::EXPECT);
            // from here on, a client that disconnects is noticed, and the connection to the app is closed
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
            return Ok((answer, unread.get()));
        }
        let answer = if request.method().is_idempotent() && !headers.contains_key(header::UPGRADE) {
            self.client.send_idempotent(address, || message(headers.clone(), Outgoing::Empty)).await?
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
