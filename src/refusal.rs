//! `Refusal`: an error response, as plain data.
//!
//! Each room has its own error enum with its texts, and converts it into a `Refusal` with `From`. The errors of the
//! rooms below this one are converted here. Neither the text of an [`std::io::Error`] nor an absolute path reaches a
//! client: the cause goes to the log.

mod bucket;
mod system;

use std::borrow::Cow;

use hyper::StatusCode;
use hyper::header::{self, HeaderName, HeaderValue};

/// The information for people, for programs and for the log.
#[derive(Debug)]
pub struct Refusal {
    /// The status of the response.
    pub status: StatusCode,
    /// A stable code for programs: lower case, words joined by hyphens. It does not change with the wording.
    pub code: &'static str,
    /// What happened: one sentence, with the value as it was sent.
    pub what: Cow<'static, str>,
    /// What to do; may be empty.
    pub advice: Cow<'static, str>,
    /// The path of a URL that was probably meant.
    pub suggestion: Option<Box<str>>,
    /// Headers that the status requires, such as `Allow` (RFC 9110 section 15.5.6).
    pub fields: Box<[(HeaderName, HeaderValue)]>,
    /// The error of the system, for the log only.
    pub cause: Option<Box<str>>,
}

impl Refusal {
    /// A refusal without a suggestion, fields or a cause.
    pub fn new(
        status: StatusCode,
        code: &'static str,
        what: impl Into<Cow<'static, str>>,
        advice: impl Into<Cow<'static, str>>,
    ) -> Self {
        let (what, advice) = (what.into(), advice.into());
        Self { status, code, what, advice, suggestion: None, fields: Box::default(), cause: None }
    }

    /// Adds a header to the response.
    #[must_use]
    pub fn with_field(mut self, name: HeaderName, value: HeaderValue) -> Self {
        let mut fields = self.fields.into_vec();
        fields.push((name, value));
        self.fields = fields.into_boxed_slice();
        self
    }

    /// Adds the URL that was probably meant.
    #[must_use]
    pub fn with_suggestion(mut self, url: Option<String>) -> Self {
        self.suggestion = url.map(String::into_boxed_str);
        self
    }

    /// A method that the path does not support; `allow` lists those it supports.
    pub fn method_not_allowed(allow: &'static str, advice: &'static str) -> Self {
        let what = format!("Only {allow} are allowed here.");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", what, advice)
            .with_field(header::ALLOW, HeaderValue::from_static(allow))
    }

    /// A bug in devmedia: it panicked while handling this request.
    pub fn panicked() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "panicked",
            "devmedia has a bug: this request made it panic.",
            "The log says where; please report it.",
        )
    }

    /// The reason for the log: what happened, with the cause or the suggestion.
    pub fn reason(&self) -> String {
        match (&self.cause, &self.suggestion) {
            (Some(cause), _) => format!("{} ({cause})", self.what),
            (None, Some(url)) => format!("{} Did you mean {url} ?", self.what),
            (None, None) => self.what.clone().into_owned(),
        }
    }
}
