//! All settings, each declared once: its type, how it is read, its names and its help (43 characters at most, so that
//! the line fits into 80 columns).
//!
//! To add one, add it here and use it where the configuration is put together, such as `settings.get(&GRACE,
//! problems)`. A flag overrides its variable, which overrides the `[[mount]]`, which overrides the top of the file.
//! `docs/flags.md` also describes each setting; a test compares them.

#![allow(rustdoc::broken_intra_doc_links, reason = "the documentation of each setting is its help text")]

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use hyper::header::{HeaderName, HeaderValue};

use super::cache_control::cache_control;
use super::setting::{Declared, Form, Scope, Setting};
use super::values::{self, Placeholders, S3Host, S3Switch, TypeOf};
use crate::fallback::upstream::Upstream;
use crate::forward::address::Address;
use crate::guard::{HostPattern, OriginPattern};
use crate::log::LogFormat;
use crate::network::conditions::Conditions;
use crate::request::prefix::Prefix;
use crate::server::listener::{Host, Listen};
use crate::signature::Key;

macro_rules! settings {
    ($(#[doc = $help:literal] $name:ident: $type:ty = $read:expr, $declared:expr;)*) => {
        $(
            #[doc = $help]
            pub static $name: Setting<$type> = Setting { declared: $declared.help($help.trim_ascii_start()), read: $read };
        )*
        /// The settings in the order of the help.
        pub static ALL: &[&Declared] = &[$(&$name.declared),*];
    };
}

settings! {
    /// Folder to serve, the same as DIR
    ROOT: String = values::text,
        Declared::one("root", "DIR").variable("MEDIA_ROOT").scope(Scope::FirstMount);

    /// URL prefix to serve at [default: /media/]
    URL: Prefix = values::prefix,
        Declared::one("url", "PREFIX").variable("MEDIA_URL").scope(Scope::FirstMount);

    /// Port, or 0 for a free one [default: 8001]
    PORT: u16 = values::port,
        Declared::one("port", "PORT").short('p');

    /// IP address, or 0.0.0.0 [default: localhost]
    HOST: Host = values::host,
        Declared::one("host", "ADDRESS");

    /// Address and port together, or unix:PATH
    LISTEN: Listen = values::listen,
        Declared::list("listen", "WHERE").variable("DEVMEDIA_LISTEN").scope(Scope::Server);

    /// Another folder, such as /static/=./static
    MOUNT: String = values::text,
        Declared::list("mount", "PREFIX=DIR").variable("DEVMEDIA_MOUNT");

    /// Settings file [default: devmedia.toml]
    CONFIG: String = values::text,
        Declared::one("config", "FILE").variable("DEVMEDIA_CONFIG");

    /// Ignore devmedia.toml
    NO_CONFIG: bool = values::yes_or_no,
        Declared::switch("no-config").variable("DEVMEDIA_NO_CONFIG");

    /// Read variables from this file, such as .env
    ENV_FILE: String = values::text,
        Declared::one("env-file", "FILE").variable("DEVMEDIA_ENV_FILE");

    /// Do not list folders
    NO_INDEX: bool = values::yes_or_no,
        Declared::switch("no-index").variable("DEVMEDIA_NO_INDEX").scope(Scope::Mounts);

    /// Serve names that start with a dot
    HIDDEN: bool = values::yes_or_no,
        Declared::switch("hidden").variable("DEVMEDIA_HIDDEN").scope(Scope::Mounts);

    /// Follow symbolic links out of the folder
    FOLLOW_LINKS: bool = values::yes_or_no,
        Declared::switch("follow-links").variable("DEVMEDIA_FOLLOW_LINKS").scope(Scope::Mounts);

    /// Answer to this host name; *.example.dev
    ALLOW_HOST: HostPattern = values::host_pattern,
        Declared::list("allow-host", "NAME").variable("DEVMEDIA_ALLOW_HOST").scope(Scope::Server);

    /// Let pages of this origin read the media
    ALLOW_ORIGIN: OriginPattern = values::origin_pattern,
        Declared::list("allow-origin", "ORIGIN").variable("DEVMEDIA_ALLOW_ORIGIN").scope(Scope::Server);

    /// Serve a folder that looks like a project's
    ALLOW_PROJECT_ROOT: bool = values::yes_or_no,
        Declared::switch("allow-project-root").variable("DEVMEDIA_ALLOW_PROJECT_ROOT").scope(Scope::Server);

    /// Cache-Control of files [default: no-cache]
    CACHE_CONTROL: HeaderValue = cache_control,
        Declared::one("cache-control", "VALUE").variable("DEVMEDIA_CACHE_CONTROL").scope(Scope::Mounts);

    /// Content type of an extension: stl=model/stl
    TYPE: TypeOf = values::type_of,
        Declared::list("type", "EXT=TYPE").form(Form::Pairs).variable("DEVMEDIA_TYPE").scope(Scope::Server);

    /// Send requests for other paths to this app
    APP: Address = values::app,
        Declared::one("app", "URL").variable("DEVMEDIA_APP").scope(Scope::Server);

    /// Files that only the app hands out
    INTERNAL: bool = values::yes_or_no,
        Declared::switch("internal").scope(Scope::FileMount);

    /// Accept uploads, on all mounts or at PREFIX
    UPLOAD: bool = values::yes_or_no,
        Declared::switch("upload").value("PREFIX").form(Form::SwitchOfMounts)
            .variable("DEVMEDIA_UPLOAD").scope(Scope::Mounts);

    /// Folder of form uploads: uploads/%Y/%m/
    UPLOAD_TO: String = values::text,
        Declared::one("upload-to", "FOLDER").variable("DEVMEDIA_UPLOAD_TO").scope(Scope::Mounts);

    /// Largest upload [default: 1GiB]
    MAX_UPLOAD: ByteSize = values::size,
        Declared::one("max-upload", "SIZE").variable("DEVMEDIA_MAX_UPLOAD").scope(Scope::Mounts);

    /// Fetch missing files from here, store them
    FALLBACK: Upstream = values::upstream,
        Declared::one("fallback", "URL").variable("DEVMEDIA_FALLBACK").scope(Scope::FirstMount);

    /// Header for the fallback: 'Name: env:VAR'
    FALLBACK_HEADER: (HeaderName, HeaderValue) = values::request_header,
        Declared::list("fallback-header", "HEADER").form(Form::ListWithCommas).variable("DEVMEDIA_FALLBACK_HEADER").scope(Scope::Mounts);

    /// Store fetched files [default: yes]
    FALLBACK_STORE: bool = values::yes_or_no,
        Declared::one("fallback-store", "BOOL").variable("DEVMEDIA_FALLBACK_STORE").scope(Scope::Mounts);

    /// Largest file to store [default: 1GiB]
    FALLBACK_MAX: ByteSize = values::size,
        Declared::one("fallback-max", "SIZE").variable("DEVMEDIA_FALLBACK_MAX").scope(Scope::Mounts);

    /// Check copies again after this, such as 1d
    FALLBACK_REFRESH: Duration = values::age,
        Declared::one("fallback-refresh", "AGE").variable("DEVMEDIA_FALLBACK_REFRESH").scope(Scope::Mounts);

    /// Send the query of requests to it
    FALLBACK_QUERY: bool = values::yes_or_no,
        Declared::switch("fallback-query").variable("DEVMEDIA_FALLBACK_QUERY").scope(Scope::Mounts);

    /// Draw missing images; =status keeps the 404
    PLACEHOLDER: Placeholders = values::placeholders,
        Declared::switch("placeholder").value("WHEN").variable("DEVMEDIA_PLACEHOLDER").scope(Scope::Mounts);

    /// Imitate slow-3g, 3g, 4g or offline
    NETWORK: Conditions = values::network,
        Declared::one("network", "NETWORK").form(Form::OneOrTable).variable("DEVMEDIA_NETWORK").scope(Scope::Mounts);

    /// Repeat the mishaps of --network
    NETWORK_SEED: u64 = values::seed,
        Declared::one("network-seed", "N").variable("DEVMEDIA_NETWORK_SEED").scope(Scope::Server);

    /// Serve https by a certificate of our own
    TLS: bool = values::yes_or_no,
        Declared::switch("tls").variable("DEVMEDIA_TLS").scope(Scope::Server);

    /// Serve https by this certificate (PEM)
    TLS_CERT: String = values::text,
        Declared::one("tls-cert", "FILE").variable("DEVMEDIA_TLS_CERT").scope(Scope::Server);

    /// Private key of --tls-cert (PEM)
    TLS_KEY: String = values::text,
        Declared::one("tls-key", "FILE").variable("DEVMEDIA_TLS_KEY").scope(Scope::Server);

    /// Serve S3, here [default: 127.0.0.1:9000]
    S3: S3Switch = values::s3,
        Declared::switch("s3").value("ADDRESS").variable("DEVMEDIA_S3").scope(Scope::Server);

    /// S3 bucket of the folder [default: media]
    BUCKET: String = values::text,
        Declared::one("bucket", "NAME").variable("DEVMEDIA_BUCKET").scope(Scope::FirstMount);

    /// Each folder in this folder is an S3 bucket
    S3_BUCKETS: String = values::text,
        Declared::one("s3-buckets", "DIR").variable("DEVMEDIA_S3_BUCKETS").scope(Scope::Server);

    /// S3 key: ID:env:NAME [default: devmedia]
    S3_KEY: Key = values::s3_key,
        Declared::list("s3-key", "KEY").variable("DEVMEDIA_S3_KEY").scope(Scope::Server);

    /// Other name of the S3 endpoint: minio:9000
    S3_HOSTS: S3Host = values::s3_host,
        Declared::list("s3-hosts", "HOST").variable("DEVMEDIA_S3_HOSTS").scope(Scope::Server);

    /// Time for transfers to finish [default: 10s]
    GRACE: Duration = values::duration,
        Declared::one("grace", "DURATION").variable("DEVMEDIA_GRACE").scope(Scope::Server);

    /// Look for changes this often, such as 1s
    POLL: Duration = values::poll_interval,
        Declared::one("poll", "DURATION").variable("DEVMEDIA_POLL").scope(Scope::Server);

    /// Log as pretty or json [default: pretty]
    LOG_FORMAT: LogFormat = values::log_format,
        Declared::one("log-format", "FORMAT").variable("DEVMEDIA_LOG_FORMAT").scope(Scope::Server);

    /// Open the browser
    OPEN: bool = values::yes_or_no,
        Declared::switch("open").variable("DEVMEDIA_OPEN").scope(Scope::Server);

    /// Write the URLs here when ready
    READY_FILE: PathBuf = values::output_file,
        Declared::one("ready-file", "FILE").variable("DEVMEDIA_READY_FILE");

    /// Stop when the parent process ends
    EXIT_WITH_PARENT: bool = values::yes_or_no,
        Declared::switch("exit-with-parent").variable("DEVMEDIA_EXIT_WITH_PARENT");
}
