//! Why an app could not be asked.

use std::fmt;
use std::time::Duration;

use hyper::StatusCode;

/// The size limit of a refusal that is passed on, in bytes: enough for a framework's debug page.
pub(super) const MAX_BODY: usize = 1024 * 1024;

/// Why an app could not be asked. `Display` ends a sentence about the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskError {
    /// The connection failed. The text ends a sentence about the app.
    NoAnswer(String),
    /// There was no complete response within this time.
    TimedOut(Duration),
    /// The status neither approves nor refuses the request.
    Status(StatusCode),
    /// The response is longer than `MAX_BODY`.
    TooLong,
    /// devmedia received its own request: the address is devmedia's own.
    Loop,
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswer(why) => f.write_str(why),
            Self::TimedOut(timeout) => write!(f, "it did not answer within {} s", timeout.as_secs_f64()),
            Self::Status(status) => {
                write!(
                    f,
                    "it answered {status}, which neither approves (2xx) nor refuses (4xx or a redirect) the request"
                )
            }
            Self::TooLong => write!(f, "its response is longer than {} KiB", MAX_BODY / 1024),
            Self::Loop => f.write_str("it is devmedia itself"),
        }
    }
}
