//! devmedia: serves a folder of user-uploaded media next to a web app in development.
//!
//! [`service`] is the pipeline: it handles a request step by step. Each module below is a *room*, and a room imports
//! only rooms below it in this list. `tests/layers.rs` reads the list and keeps that true; this is the only place where
//! the order is written.
//!
//! The library exists for the binary, its tests and its benchmarks; it promises no stable interface.

// The command line: what was typed.
pub mod cli;

// Serving, from the debug switch to the last signal.
pub mod serve;

// `devmedia check`.
pub mod check;

// `devmedia init`.
pub mod init;

// `devmedia sign`.
pub mod sign;

// `devmedia run`: the app's processes.
pub mod run;

// The effective configuration: the settings of flags, environment and file, checked.
pub mod config;

// Listen, accept, drain.
pub mod server;

// The pipeline.
pub mod service;

// Pages for people: the gallery, the landing page, refusals.
pub mod page;

// The URL that was probably meant, for a 404.
pub mod nearby;

// `devmedia pull`: downloads missing files in advance.
pub mod pull;

// The S3 endpoint: the folders of the mounts as buckets.
pub mod s3;

// The features of one mount, and all mounts.
pub mod mount;

// The app behind devmedia, which has the paths that no mount has.
pub mod app;

// Missing files, fetched from an upstream.
pub mod fallback;

// Files that clients send.
pub mod upload;

// Streams of the changes in a folder.
pub mod live;

// Images and clips in place of missing files.
pub mod placeholder;

// A slow or failing network, imitated.
pub mod network;

// The part of a mount that every feature needs: prefix, root, access.
pub mod site;

// Access policies: rules, signed URLs, the app's decision.
pub mod access;

// AWS signatures, checksums and policies, as S3 checks them: pure.
pub mod signature;

// Forwarding a request to an app: the client, hop-by-hop fields, upgrades.
pub mod forward;

// Small versions of images.
pub mod thumbnail;

// Lines on stderr.
pub mod log;

// One event per request, when its last byte has been sent.
pub mod access_log;

// How bytes are sent and received.
pub mod body;

// Conditions, ranges, the decision, the head of a response: pure.
pub mod answer;

// Host, Origin, Sec-Fetch and Referer rules: pure.
pub mod guard;

// Error responses.
pub mod refusal;

// Certificates: a local authority, or files.
pub mod tls;

// Transport, time-outs, sendfile.
pub mod connection;

// The root, open files, entities, media types, folders.
pub mod storage;

// Variables of the process, and of `--env-file`.
pub mod environment;

// Connections to other servers: TCP and TLS.
pub mod outgoing;

// Paths, prefixes, queries, formats: pure.
pub mod request;

// Values that expire: pure.
pub mod remembered;

// What differs between operating systems.
pub mod system;
