//! The listener of the S3 endpoint, and the lines that tell S3 clients where it is.

use std::io::Write as _;
use std::sync::Arc;

use crate::config::s3::DEFAULT_KEY;
use crate::config::{Config, Problems};
use crate::connection::Scheme;
use crate::log::LogFormat;
use crate::s3::Endpoint;
use crate::s3::bucket::Buckets;
use crate::server::Handler;
use crate::server::listener::{self, Bound, Listener};
use crate::system::advice::Family;

/// The bound listener of the endpoint.
pub(super) struct BoundS3(Bound);

/// Listens, if the endpoint is on.
pub(super) fn bind(config: &Config, scheme: Scheme) -> Result<Option<BoundS3>, Problems> {
    let Some(settings) = &config.s3 else { return Ok(None) };
    let bound = listener::bind(std::slice::from_ref(&settings.listen), scheme)
        .map_err(|error| Problems::of_system(format!("--s3: {}", error.replace("--listen ", "--s3="))))?;
    if settings.listen.is_public() {
        tracing::warn!(
            "{} can be reached from other machines: everyone with a key can use the buckets",
            settings.listen
        );
    }
    Ok(bound.into_iter().next().map(BoundS3))
}

impl BoundS3 {
    /// How its URLs begin, such as `http://127.0.0.1:9000`.
    pub(super) fn origin(&self) -> &str {
        &self.0.origin
    }

    /// Logs the endpoint, and prints the settings of S3 clients, ready to be copied. Secrets are printed only if they are
    /// the default ones. stdout has the URLs of `--listen` only.
    pub(super) fn announce(&self, config: &Config) {
        let Some(settings) = &config.s3 else { return };
        let origin = &self.0.origin;
        let names: Vec<&str> = config.mounts.iter().filter_map(|mount| mount.bucket.as_deref()).collect();
        tracing::info!("S3 endpoint at {origin} with the buckets {}", names.join(", "));
        if let Some(folder) = &settings.buckets {
            tracing::info!("each folder in {} is a bucket, too", folder.display());
        }
        for mount in config.mounts.iter().filter(|mount| mount.uploads.is_none()) {
            let Some(bucket) = &mount.bucket else { continue };
            tracing::info!("the bucket {bucket} is read-only; --upload {} makes it writable", mount.site.prefix);
        }
        if config.log_format != LogFormat::Pretty || !tracing::enabled!(tracing::Level::INFO) {
            return;
        }
        let id = settings.keys.first().map_or(DEFAULT_KEY, |key| key.id.as_str());
        let variables = [
            ("AWS_ENDPOINT_URL_S3", Some(origin.as_str())),
            ("AWS_ACCESS_KEY_ID", Some(id)),
            // a secret of the user is not printed
            ("AWS_SECRET_ACCESS_KEY", settings.has_default_key.then_some(DEFAULT_KEY)),
            ("AWS_REGION", Some("us-east-1")),
        ];
        let set = |(name, value): (&str, Option<&str>)| Some(Family::HERE.set_variable(name, value?) + "\n");
        let lines: String = variables.into_iter().filter_map(set).collect();
        // a closed stderr must not end the server
        let _ = std::io::stderr().lock().write_all(lines.as_bytes());
    }

    /// The listeners with the endpoint that answers on them.
    pub(super) fn handlers(self, config: &Config) -> Vec<(Listener, Handler)> {
        let Some(settings) = &config.s3 else { return Vec::new() };
        let folder = settings.buckets.clone().map(|folder| (folder, config.types.clone()));
        let mut guard = config.guard.clone();
        guard.hosts.extend(settings.host_patterns.iter().cloned());
        // a URL may have been signed for any name of this endpoint
        let mut hosts = settings.hosts.clone();
        hosts.extend(config.guard.hosts.iter().map(ToString::to_string));
        let own = ["localhost", "127.0.0.1", "[::1]"];
        hosts.extend(own.map(str::to_owned));
        if let Some(port) = self.0.listeners.first().and_then(Listener::port) {
            hosts.extend(own.map(|name| format!("{name}:{port}")));
        }
        hosts.extend(self.0.network_origins.iter().filter_map(|origin| Some(origin.split_once("://")?.1.to_owned())));
        let buckets = Buckets::new(&config.mounts, folder);
        let endpoint = Arc::new(Endpoint::new(guard, buckets, settings.keys.clone(), hosts));
        let swept = Arc::clone(&endpoint);
        std::thread::spawn(move || swept.sweep());
        let endpoint = Handler::S3(endpoint);
        self.0.listeners.into_iter().map(|listener| (listener, endpoint.clone())).collect()
    }
}
