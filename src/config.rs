//! `Config`: what is true. All that can be wrong before a port is bound is found here, reported together, each with what to
//! do about it.
//!
//! ```text
//! command line, environment --cli---> Layer --\
//! devmedia.toml ------------file----> Layers --+--read--> Config, or Problems
//! ```

mod access;
mod cache_control;
mod fallback;
pub mod file;
mod keys;
mod layer;
mod listens;
mod mounts;
mod problems;
mod roots;
pub mod s3;
mod section;
pub mod setting;
pub mod settings;
mod syntax;
mod tls;
mod typed;
mod uploads;
pub mod values;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use self::layer::Layer;
pub use self::problems::Problems;
pub use self::tls::Certificate;
pub use self::typed::{Source, Typed};

use self::file::File;
use self::roots::Roots;
use self::s3::S3Settings;
use self::setting::Scope;
use self::settings::{
    ALLOW_HOST, ALLOW_ORIGIN, ALLOW_PROJECT_ROOT, APP, ENV_FILE, EXIT_WITH_PARENT, GRACE, LOG_FORMAT, OPEN, POLL,
    READY_FILE, TYPE,
};
use crate::connection::Scheme;
use crate::environment;
use crate::forward::address::Address;
use crate::guard::Guard;
use crate::log::LogFormat;
use crate::mount::Mounts;
use crate::server::listener::Listen;
use crate::storage::bucket::url::BucketUrl;
use crate::storage::media_type::MediaTypes;
use crate::system;

/// The default of `--grace`.
const DEFAULT_GRACE: Duration = Duration::from_secs(10);

/// The effective configuration.
#[derive(Debug)]
pub struct Config {
    /// The file that was read, if one was.
    pub file: Option<PathBuf>,
    /// The file of variables that was read, if one was.
    pub env_file: Option<String>,
    /// Where to listen, at least one.
    pub listen: Vec<Listen>,
    /// What is served where.
    pub mounts: Mounts,
    /// The app that gets all other requests.
    pub app: Option<Address>,
    /// Which requests are answered.
    pub guard: Guard,
    /// How https is spoken; `None` is plain http.
    pub certificate: Option<Certificate>,
    /// The S3 endpoint, if it is on.
    pub s3: Option<S3Settings>,
    /// The types of the files in its buckets.
    pub types: MediaTypes,
    /// How long transfers may go on after a stop.
    pub grace: Duration,
    /// How often to look for changes in an open folder; `None` relies on the operating system's notifications.
    pub poll: Option<Duration>,
    /// How to log.
    pub log_format: LogFormat,
    /// Where thumbnails are kept between runs, if anywhere. It may not exist yet.
    pub thumbnails: Option<PathBuf>,
    /// Whether to open a browser.
    pub open: bool,
    /// The file to write the URLs into when the server is ready.
    pub ready_file: Option<PathBuf>,
    /// Whether to stop when the parent process ends.
    pub exit_with_parent: bool,
    /// The buckets that are roots, as they were typed.
    pub buckets: HashMap<BucketUrl, String>,
    /// Roots that were missing and have been created.
    pub created: Vec<PathBuf>,
    /// What is allowed but probably not meant: a sentence each.
    pub warnings: Vec<String>,
}

impl Config {
    /// Reads the configuration file and the environment, and puts the flags over them; or reports everything that is wrong.
    pub fn read(flags: &Layer) -> Result<Self, Problems> {
        let home = std::env::home_dir();
        let cache = std::env::var_os("XDG_CACHE_HOME");
        let mut problems = Problems::default();
        let file = File::read(flags, &mut problems);
        let server = flags.over(&file.top).only(&[Scope::Server]);
        let types = server.each(&TYPE, &mut problems);
        let mut roots = Roots {
            types: MediaTypes::new(HashMap::from_iter(types)),
            home: home.as_deref().and_then(|home| home.canonicalize().ok()),
            allow_project: server.is_on(&ALLOW_PROJECT_ROOT, &mut problems),
            created: Vec::new(),
            buckets: HashMap::new(),
        };
        let layers = mounts::FileLayers { top: &file.top, mounts: file.mounts, path: file.path.as_deref() };
        let mounts = mounts::mounts(flags, layers, &mut roots, &mut problems);
        let guard = Guard {
            hosts: server.each(&ALLOW_HOST, &mut problems),
            origins: server.each(&ALLOW_ORIGIN, &mut problems),
        };
        let listen = listens::read(flags, &server, &mut problems);
        let s3 = s3::read(flags, &server, file.path.as_deref(), &listen, &mut roots, &mut problems);
        let certificate = tls::read(&server, &listen, &guard.hosts, mounts.as_ref(), &mut problems);
        if certificate.is_some() && listen.iter().all(|listen| matches!(listen, Listen::Unix(_))) {
            problems.warn("--tls has no effect: a socket in the file system speaks http; add --listen 8001");
        }
        let grace = server.get(&GRACE, &mut problems).unwrap_or(DEFAULT_GRACE);
        let poll = server.get(&POLL, &mut problems);
        let log_format = server.get(&LOG_FORMAT, &mut problems).unwrap_or(LogFormat::Pretty);
        let open = server.is_on(&OPEN, &mut problems);
        let ready_file = flags.get(&READY_FILE, &mut problems);
        let exit_with_parent = flags.is_on(&EXIT_WITH_PARENT, &mut problems);
        let app = server.get(&APP, &mut problems);
        if let (Some(typed), Some(mounts)) = (server.typed(&APP), &mounts)
            && mounts.iter().any(|mount| mount.site.prefix.path().is_top())
        {
            problems.usage(format!(
                "{}: the mount at / has all paths, so the app would get none; give the mount a prefix: --url /media/",
                typed.shown
            ));
        }
        let (Some(mounts), true) = (mounts, problems.is_empty()) else { return Err(problems) };
        let mut warnings = problems.take_warnings();
        warnings.extend(mounts.overlaps());
        warnings.extend(ignored_variables(environment::variable));
        let thumbnails =
            cache_folder(cache.as_deref(), home.as_deref()).map(|folder| folder.join("devmedia/thumbnails"));
        let (file, created, types) = (file.path, roots.created, roots.types);
        let env_file = flags.typed(&ENV_FILE).map(|typed| typed.value.clone());
        Ok(Self {
            file,
            env_file,
            buckets: roots.buckets,
            listen,
            mounts,
            app,
            guard,
            certificate,
            s3,
            types,
            grace,
            poll,
            log_format,
            thumbnails,
            open,
            ready_file,
            exit_with_parent,
            created,
            warnings,
        })
    }

    /// How a URL of this server begins.
    pub fn scheme(&self) -> Scheme {
        if self.certificate.is_some() { Scheme::Https } else { Scheme::Http }
    }

    /// Asks every bucket for a key: wrong credentials, a missing bucket or a wrong endpoint are found before the server is
    /// ready.
    ///
    /// A fallback that fails is a warning: the files that are here are served without it.
    pub async fn check_buckets(&mut self) -> Result<(), Problems> {
        for fallback in self.mounts.iter().filter_map(|mount| mount.fallback.as_ref()) {
            let Some(bucket) = fallback.bucket() else { continue };
            if let Err(error) = bucket.check().await {
                let explained = bucket.explain(&error);
                self.warnings.push(format!("--fallback {bucket}: {} {}", explained.what, explained.advice));
            }
        }
        let mut problems = Problems::default();
        for bucket in self.mounts.iter().filter_map(|mount| mount.site.root.bucket()) {
            if let Err(error) = bucket.check().await {
                let explained = bucket.explain(&error);
                let shown = self.buckets.get(bucket.url()).map_or("", String::as_str);
                problems.system(format!("{shown}: {} {}", explained.what, explained.advice));
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// Refuses a fallback that is this server itself: a missing file would be looked for where it is missing.
    pub fn check_fallbacks(&self) -> Result<(), Problems> {
        for mount in self.mounts.iter() {
            let Some(fallback) = &mount.fallback else { continue };
            let url = fallback.upstream.to_string();
            if self.listen.iter().any(|listen| listens::is_reached_by(listen, &url)) {
                return Err(Problems::of_usage(format!(
                    "--fallback {url:?}: this is the address of this devmedia itself, where the files are missing. Write \
                     the URL of the server that has the files of {}, such as https://www.example.com/media/",
                    mount.site.prefix
                )));
            }
        }
        Ok(())
    }
}

/// The XDG Base Directory Specification: a relative path in the variable is ignored, as if it were not set. Without the
/// variable, `~/.cache`; on Windows, `%LOCALAPPDATA%`.
fn cache_folder(variable: Option<&OsStr>, home: Option<&Path>) -> Option<PathBuf> {
    let set = variable.map(PathBuf::from).filter(|folder| folder.is_absolute());
    set.or_else(|| system::user_folder(home, ".cache"))
}

/// Variables that look like ours, but are not read.
fn ignored_variables(variable: impl Fn(&str) -> Option<String>) -> Vec<String> {
    const LISTEN: &str = "DEVMEDIA_LISTEN=127.0.0.1:8001";
    let rows = [
        ("DEVMEDIA_ROOT", "MEDIA_ROOT=./media"),
        ("DEVMEDIA_DIR", "MEDIA_ROOT=./media"),
        ("DEVMEDIA_URL", "MEDIA_URL=/media/"),
        ("DEVMEDIA_PREFIX", "MEDIA_URL=/media/"),
        ("DEVMEDIA_PORT", LISTEN),
        ("DEVMEDIA_HOST", LISTEN),
        ("DEVMEDIA_UPLOADS", "DEVMEDIA_UPLOAD=1"),
        ("DEVMEDIA_ALLOWED_HOSTS", "DEVMEDIA_ALLOW_HOST=app.example.dev"),
        ("DEVMEDIA_LOG", "DEVMEDIA_VERBOSE=1, or RUST_LOG=debug"),
    ];
    // Kubernetes and Docker's links set DEVMEDIA_PORT=tcp://10.0.0.1:8001 beside a service of that name
    let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty() && !value.contains("://"));
    let set = rows.into_iter().filter(|(name, _)| is_set(name));
    set.map(|(name, right)| format!("devmedia does not read the environment variable {name}; set {right}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_are_not_read_are_reported() {
        for (name, value, says) in [
            ("DEVMEDIA_PORT", "8000", Some("DEVMEDIA_LISTEN")),
            ("DEVMEDIA_PORT", "tcp://10.0.0.1:8001", None),
            ("DEVMEDIA_ROOT", "./media", Some("MEDIA_ROOT")),
            ("DEVMEDIA_ROOT", "", None),
            ("DEVMEDIA_GRACE", "1s", None),
        ] {
            let warnings = ignored_variables(|asked| (asked == name).then(|| value.to_owned()));
            assert_eq!(warnings.len(), usize::from(says.is_some()), "{name}={value}");
            assert!(warnings.iter().all(|warning| warning.contains(says.unwrap_or_default())), "{warnings:?}");
        }
    }
}
