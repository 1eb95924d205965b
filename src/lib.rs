//! devmedia: a folder of user-uploaded media, served beside a web app in development.
//!
//! [`service`] is the pipeline: the way of a request, step by step. Each module below is a *room*, and a room imports only
//! rooms below it in this list. `tests/layers.rs` reads the list and keeps that true; this is the one place where the order
//! is written.
//!
//! The library exists for the binary, its tests and its benchmarks; it promises no stable interface.

#[cfg(not(unix))]
compile_error!("devmedia builds on Linux and macOS only for now: file names are bytes and roots are handles in it.");

// The command line: what was typed.
pub mod cli;

// Serving, from the debug switch to the last signal.
pub mod serve;

// `devmedia check`.
pub mod check;

// `devmedia sign`.
pub mod sign;

// The effective configuration: the settings of flags, environment and file, checked.
pub mod config;

// Listen, accept, drain.
pub mod server;

// The pipeline.
pub mod service;

// What a person sees: the gallery, the landing page, refusals.
pub mod page;

// The URL that was probably meant by one that leads to nothing.
pub mod nearby;

// `devmedia pull`: missing files, downloaded ahead.
pub mod pull;

// The features of one mount, and all mounts.
pub mod mount;

// Missing files, fetched from an upstream.
pub mod fallback;

// Files that clients send.
pub mod upload;

// Streams of what changes in a folder.
pub mod live;

// Drawings in the place of missing files.
pub mod placeholder;

// A slow or failing network, imitated.
pub mod network;

// What every feature needs: prefix, root, access.
pub mod site;

// Who may see what: rules, signed URLs, the app's own decision.
pub mod access;

// Small pictures of large ones.
pub mod thumbnail;

// Lines on stderr.
pub mod log;

// One event a request, when its last byte is gone.
pub mod access_log;

// How bytes are sent and received.
pub mod body;

// Conditions, ranges, the decision, the head of an answer: pure.
pub mod answer;

// Host, Origin, Sec-Fetch and Referer rules: pure.
pub mod guard;

// Why a request is not answered with what it asked for.
pub mod refusal;

// Certificates: a local authority, or files.
pub mod tls;

// Transport, time-outs, sendfile.
pub mod connection;

// The root, open files, entities, media types, folders.
pub mod storage;

// Paths, prefixes, queries, formats: pure.
pub mod request;

// Values that expire: pure.
pub mod remembered;
