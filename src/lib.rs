//! devmedia: a folder of user-uploaded media, served beside a web app in development.
//!
//! The way of a request, one module a step ([`service`] is the function that walks it):
//!
//! ```text
//! argv, env --parse--> cli::Args --read--> config::Config                 once, before anything is bound
//!
//! request --> request::guard        who asks: this developer's machine, or a stranger's web page?
//!         --> request::prefix       which mount? request::path: a proof-carrying relative path, decoded once
//!         --> access                may they? everybody | nobody | a signed URL | whom the app lets
//!         --> storage::root         the only opener of files: one handle, asked for everything
//!         --> fallback              what is not there, where --fallback names who has it: fetched, streamed, stored
//!         --> placeholder           what nobody has, where --placeholder asks for it: drawn
//!         --> upload                what changes something, where --upload allows it: written aside, then given its name
//!         --> live                  where events are asked for: a stream of what changes in a folder
//!         --> thumbnail             where one is asked for: made off the reactor, kept in a cache
//!         --> answer::decide        pure, total: RFC 9110 sections 13 and 14
//!         --> answer::head, body    status, fields, stretches of the open handle
//!         --> access_log            one event when the last byte is gone, with the reason where there is one
//!
//! whatever stops it earlier is a refusal::Refusal, which page::explain tells to a person
//! ```
//!
//! The library exists for the binary, its tests and its benchmarks; it promises no stable interface.

#[cfg(not(unix))]
compile_error!("devmedia builds on Linux and macOS only for now: file names are bytes and roots are handles in it.");

pub mod access;
pub mod access_log;
pub mod answer;
pub mod body;
pub mod check;
pub mod cli;
pub mod config;
pub mod fallback;
pub mod live;
pub mod log;
pub mod mount;
pub mod page;
pub mod placeholder;
pub mod pull;
pub mod refusal;
pub mod request;
pub mod serve;
pub mod server;
pub mod service;
pub mod sign;
pub mod storage;
pub mod thumbnail;
pub mod upload;
