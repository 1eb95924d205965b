//! devmedia as a proxy in front of an app: what it forwards, what it rejects, and which files the app lets it serve.

mod front;
mod support;
