//! Why an app could not be asked.

use std::fmt;
use std::time::Duration;

use hyper::StatusCode;

/// The most of the app's own no that is passed on: room for a framework's debug page.
pub(super) const MAX_BODY: usize = 1024 * 1024;

/// Why an app could not be asked. `Display` is the end of a sentence about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskError {
    /// No connection, or one that broke; the end of a sentence about the app.
    NoAnswer(String),
    /// No whole answer in this time.
    TimedOut(Duration),
    /// An answer that is neither a yes nor a no.
    Status(StatusCode),
    /// An answer longer than is passed on.
    TooLong,
    /// The question came back: the address is devmedia's own.
    Loop,
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswer(why) => f.write_str(why),
            Self::TimedOut(patience) => write!(f, "it did not answer within {} s", patience.as_secs_f64()),
            Self::Status(status) => {
                write!(f, "it answered {status}, which is neither a yes (2xx) nor a no (4xx or a redirect)")
            }
            Self::TooLong => write!(f, "its answer is longer than {} KiB", MAX_BODY / 1024),
            Self::Loop => f.write_str("it is devmedia itself"),
        }
    }
}
