//! A slow or failing network, imitated: what a mount's files would be like over a phone's connection.
//!
//! [`fate`] decides what happens to a request, from the conditions, a seed and the number of the request: the same seed
//! repeats the same mishaps. [`Network::enter`] and [`Passage::leave`] act on it. [`link`] is the bandwidth that all
//! requests of a mount share, as those of one browser tab do under Chrome's throttling.

pub mod conditions;
pub mod fate;
pub mod link;
pub mod paced;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use http_body_util::{BodyDataStream, BodyExt as _};
use hyper::body::Body as _;
use hyper::{Response, StatusCode};

use self::conditions::Conditions;
use self::fate::{Event, Fate};
use self::link::Link;
use self::paced::Paced;
use crate::access_log::{Imitated, Reason};
use crate::body::Body;
use crate::body::incoming::{BodyError, RequestBody};
use crate::body::streamed::Streamed;
use crate::connection::HangUp;
use crate::refusal::Refusal;

/// Where a body of unknown length is cut: somewhere in so many bytes.
const UNKNOWN_LENGTH: u64 = 16 * 1024;

/// The status of a request whose connection was closed without an answer, for the log only (as nginx has it).
const NO_ANSWER: u16 = 444;

/// The network of one mount.
#[derive(Debug)]
pub struct Network {
    conditions: Conditions,
    seed: u64,
    /// Requests so far.
    requests: AtomicU64,
    down: Option<Arc<Link>>,
    up: Option<Arc<Link>>,
}

/// The way of one request and its answer through the network.
#[derive(Debug)]
pub struct Passage<'n> {
    network: &'n Network,
    fate: Fate,
    /// The request has a body, so it is the request that is cut.
    uploads: bool,
}

impl Network {
    /// A network in these conditions; the mishaps follow from the seed.
    pub fn new(conditions: Conditions, seed: u64) -> Self {
        let link = |rate: Option<u64>| rate.map(|rate| Arc::new(Link::new(rate)));
        let (down, up) = (link(conditions.down), link(conditions.up));
        Self { conditions, seed, requests: AtomicU64::new(0), down, up }
    }

    /// What it is like.
    pub fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    /// What its mishaps follow from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Lets a request in: waits for its latency, and slows or cuts its body.
    pub async fn enter(&self, body: &mut RequestBody) -> Passage<'_> {
        let fate = fate::decide(&self.conditions, self.seed, self.requests.fetch_add(1, Relaxed));
        let uploads = body.is_unread();
        if !fate.latency.is_zero() {
            tokio::time::sleep(fate.latency).await;
        }
        let cut = match fate.event {
            Event::Cut(part) if uploads => Some(part),
            _ => None,
        };
        if uploads && (self.up.is_some() || cut.is_some()) {
            body.wrap(|rest| {
                let cut = cut.map(|part| part.of(rest.size_hint().exact().unwrap_or(UNKNOWN_LENGTH)));
                Paced::new(rest, self.up.clone(), cut, |_| BodyError::HungUp).boxed_unsync()
            });
        }
        Passage { network: self, fate, uploads }
    }
}

impl Passage<'_> {
    /// Why nothing is done about the request, where that is so.
    pub fn refusal(&self) -> Option<Refusal> {
        let (code, what) = match self.fate.event {
            Event::Fail => ("network-failed", "This request failed, as --network wants of some requests."),
            Event::Offline => ("network-offline", "This mount is offline, as --network wants it."),
            Event::None | Event::Cut(_) => return None,
        };
        let advice = "Try again, or start devmedia without --network.";
        Some(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, code, what, advice))
    }

    /// Lets the answer out: slowly, cut, or not at all.
    pub fn leave(&self, mut response: Response<Body>) -> Response<Body> {
        let mut notes = Vec::new();
        if !self.fate.latency.is_zero() {
            notes.push(format!("{} ms late", self.fate.latency.as_millis()));
        }
        let hangs_up = match self.fate.event {
            Event::Offline => Some("offline"),
            Event::Cut(_) if self.uploads => Some("upload cut"),
            Event::Fail => {
                notes.push("failed".to_owned());
                None
            }
            Event::None | Event::Cut(_) => None,
        };
        if let Some(note) = hangs_up {
            notes.push(note.to_owned());
            response = Response::new(Body::Empty);
            *response.status_mut() = StatusCode::from_u16(NO_ANSWER).expect("three digits");
            response.extensions_mut().insert(HangUp);
            response.extensions_mut().insert(Reason("The connection was closed, as --network wants it.".to_owned()));
        } else {
            let cut = match self.fate.event {
                Event::Cut(part) if !matches!(response.body(), Body::Empty | Body::Events(_)) => {
                    notes.push("cut".to_owned());
                    Some(part.of(response.body().size_hint().exact().unwrap_or(UNKNOWN_LENGTH)))
                }
                _ => None,
            };
            response = response.map(|body| self.network.slow(body, cut));
        }
        if !notes.is_empty() {
            response.extensions_mut().insert(Imitated(notes.join(", ")));
        }
        response
    }
}

impl Network {
    /// A body that takes its time, and breaks after `cut` bytes. Events are sent as they happen.
    fn slow(&self, body: Body, cut: Option<u64>) -> Body {
        if matches!(body, Body::Empty | Body::Events(_)) || (self.down.is_none() && cut.is_none()) {
            return body;
        }
        let length = body.size_hint().exact();
        let broken = |bytes| io::Error::other(format!("cut after {bytes} bytes, as --network wants of some answers"));
        let paced = Paced::new(body, self.down.clone(), cut, broken);
        Body::Streamed(Streamed::new(BodyDataStream::new(paced), length))
    }
}
