//! Forwards requests to an app on this machine: the HTTP client and the rules for hop-by-hop fields.
//!
//! `access = { ask = ... }` and `--app` both use it.
//!
//! ```text
//! client's request --fields--> app --client--> response --fields--> client
//!                                         \--101--> tunnel: copies bytes in both directions until one side closes
//! ```

pub mod address;
pub mod app_url;
pub mod client;
pub mod fields;
pub mod internal_redirect;
pub mod outgoing;
pub mod tunnel;
