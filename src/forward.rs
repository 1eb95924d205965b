//! Sending a request on to an app on this machine: one client, one set of hop-by-hop rules.
//!
//! `access = { ask = ... }` and `--app` share it: there is no second proxy in this program.
//!
//! ```text
//! request --fields--> what the app gets --client--> answer --fields--> what the client gets
//!                                              \--101--> tunnel: bytes both ways, until one side ends
//! ```

pub mod address;
pub mod app_url;
pub mod client;
pub mod fields;
pub mod handed;
pub mod outgoing;
pub mod tunnel;
