//! Runs the server: checks the debug switch, listens, prints the ready line, serves, and stops at a signal.

pub mod debug;
mod parent;
mod ready;
mod s3;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;
use std::sync::{Arc, Weak};

use futures_util::FutureExt as _;
use tokio::runtime::Runtime;

use self::debug::Switches;
use self::ready::{Ready, ReadyFile};
use crate::app::App;
use crate::config::{Certificate, Config, Problems};
use crate::environment;
use crate::forward::address::Address;
use crate::live::Live;
use crate::log;
use crate::run::{self, Started};
use crate::server::listener::{self, Listener};
use crate::server::{self, Handler};
use crate::service::Service;
use crate::system::advice::Family;
use crate::system::{self, Stop, StopRequests};
use crate::thumbnail::Thumbnails;
use crate::tls::names::Names;
use crate::tls::trust::{self, System};
use crate::tls::{self, Opened};
use crate::upload::sweep;

/// Serves until a signal arrives or the command of the app exits. `debug` is the value of `--debug`; if debugging is off, the
/// configuration is not even read.
pub fn run(
    debug: Option<&str>,
    loudness: i16,
    command: Option<&[OsString]>,
    config: impl FnOnce() -> Result<Config, Problems>,
) -> Result<ExitCode, Problems> {
    let [devmedia_debug, any_debug] = ["DEVMEDIA_DEBUG", "DEBUG"]
        .map(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()));
    let of_file = |name| environment::of_file(name).map(|entry| entry.value.as_str());
    let switches = Switches {
        flag: debug,
        devmedia_debug: devmedia_debug.as_deref(),
        debug: any_debug.as_deref(),
        file_devmedia_debug: of_file("DEVMEDIA_DEBUG"),
        file_debug: of_file("DEBUG"),
    };
    debug::check(switches).map_err(|refusal| Problems::of_usage(refusal.to_string()))?;
    let config = config()?;
    config.check_fallbacks()?;
    log::start(config.log_format, loudness);
    system::raise_descriptor_limit();
    let runtime = runtime()?;
    let result = runtime.block_on(serve(config, command));
    // a read that hangs on a dead disk must not keep the process running
    runtime.shutdown_background();
    result
}

/// Creates the tokio runtime.
pub fn runtime() -> Result<Runtime, Problems> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Problems::of_system(format!("cannot start: {error}")))
}

async fn serve(mut config: Config, command: Option<&[OsString]>) -> Result<ExitCode, Problems> {
    // otherwise it belongs to the command
    let watch_stdin = command.is_none();
    config.check_buckets().await?;
    let scheme = config.scheme();
    let (tls, authority) = match config.certificate.take() {
        None => (None, None),
        Some(Certificate::Files(tls)) => (Some(tls), None),
        Some(Certificate::Local(names)) => {
            let opened = open_authority(names)?;
            (Some(opened.tls.clone()), Some(opened))
        }
    };
    let ready_file = config.ready_file.take().map(|path| ReadyFile::prepare(&path)).transpose()?;
    let bound = listener::bind(&config.listen, scheme).map_err(Problems::of_system)?;
    let watched = config.exit_with_parent.then(|| parent::ended(watch_stdin));
    let parent_ended = async move {
        match watched {
            Some(ended) => ended.await,
            None => std::future::pending().await,
        }
    };
    let stop = stop_signal(parent_ended).map_err(|error| Problems::of_system(format!("cannot start: {error}")))?;
    for listen in config.listen.iter().filter(|listen| listen.is_public()) {
        tracing::warn!("{listen} can be reached from other machines: everyone on this network can read the media");
    }
    if let Some(file) = &config.file {
        tracing::info!("configured by {}", file.display());
    }
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let started = match (command, bound.first()) {
        (Some(command), Some(first)) => {
            Some(run::start(command, &first.origin, config.app.as_ref()).map_err(Problems::of_system)?)
        }
        _ => None,
    };
    // with an app, the URL to open is the app's
    let has_app = started.is_some() || config.app.is_some();
    let prefix = if has_app { "/".to_owned() } else { config.mounts.first().site.prefix.to_string() };
    let urls: Vec<(String, Vec<String>)> =
        bound.iter().map(|one| (one.url(&prefix), one.network_urls(&prefix).collect())).collect();
    let first_url = urls.first().map_or_else(String::new, |(url, _)| url.clone());
    let listeners: Vec<Listener> = bound.into_iter().flat_map(|one| one.listeners).collect();
    let s3 = s3::bind(&config, scheme)?;
    let ready = Ready { urls, s3: s3.as_ref().map(|s3| s3.origin().to_owned()), open: config.open };
    let ready_file = ready_file.map(Arc::new);
    let (running, app) = match started {
        Some(Started { running, shown, address, find }) => {
            tracing::info!("starting {shown}");
            (Some(Arc::new(running)), Some(Arc::new(App::started(shown, address, find))))
        }
        None => (None, config.app.clone().map(|address| Arc::new(App::at(address)))),
    };
    if let (Some(_), Some(app)) = (&running, &app) {
        let (app, ready_file) = (Arc::clone(app), ready_file.as_ref().map(Arc::downgrade));
        tokio::spawn(async move {
            let address = run::until_up(move || app.find_address()).await;
            announce_app(&address);
            let ready_file = ready_file.as_ref().and_then(Weak::upgrade);
            if let Err(problems) = ready.announce(ready_file.as_deref()) {
                // it must not end the app
                tracing::warn!("{problems}");
            }
        });
    } else {
        if let Some(address) = app.as_ref().and_then(|app| app.address()) {
            announce_app(&address);
        }
        ready.announce(ready_file.as_deref())?;
    }
    announce_mounts(&config);
    if let Some(authority) = &authority {
        announce_authority(authority, &first_url);
    }

    let mut handlers = Vec::new();
    if let Some(bound) = s3 {
        bound.announce(&config);
        handlers.extend(bound.handlers(&config));
    }
    let (thumbnails, live) = (Thumbnails::new(config.thumbnails), Live::new(config.poll));
    let service = Handler::Service(Arc::new(Service::new(config.guard, config.mounts, thumbnails, live).with_app(app)));
    handlers.extend(listeners.into_iter().map(|listener| (listener, service.clone())));
    let Some(running) = running else {
        server::serve(handlers, tls, config.grace, stop.map(drop)).await;
        return Ok(ExitCode::SUCCESS);
    };
    let command = Arc::clone(&running);
    let stop = async move {
        tokio::select! {
            stop = stop => command.forward(stop),
            _ = command.ended() => {}
        }
    };
    server::serve(handlers, tls, config.grace, stop).await;
    Ok(ExitCode::from(running.finish(config.grace).await))
}

fn announce_app(address: &Address) {
    tracing::info!("sending requests for all other paths to the app at {address}");
}

/// Opens the local certificate authority, and creates it if there is none.
fn open_authority(names: Names) -> Result<Opened, Problems> {
    let folder = tls::folder().ok_or_else(|| {
        let home = Family::HERE.home_variable();
        Problems::of_system(format!(
            "--tls: there is no folder for the certificate authority; set {home} or XDG_DATA_HOME"
        ))
    })?;
    tls::open(&folder, names).map_err(|error| Problems::of_system(format!("--tls: {error}")))
}

/// Logs how to trust the authority, if this system does not trust it yet.
fn announce_authority(authority: &Opened, url: &str) {
    let (file, system) = (&authority.certificate, System::of_this_machine());
    if authority.is_new {
        tracing::info!("created a certificate authority: {}", file.display());
    }
    if system.trusts(file) {
        return;
    }
    if let Some(command) = system.command(file) {
        tracing::info!("to trust it on this system: {command}");
    }
    if cfg!(target_os = "linux") {
        tracing::info!("to trust it in Chromium and Chrome: {}", trust::chromium_command(file));
    }
    tracing::info!("to trust it in Firefox: Settings, Certificates, Authorities, Import: {}", file.display());
    // the certificate also has the name, which is easier to read
    let url = url.replace("://127.0.0.1:", "://localhost:");
    tracing::info!("to try it: {}", trust::curl_command(file, &url));
}

/// Logs the mounts, and starts removing stale partial uploads.
fn announce_mounts(config: &Config) {
    for folder in &config.created {
        tracing::info!("created the folder {}", folder.display());
    }
    for mount in config.mounts.iter() {
        let uploads = if mount.uploads.is_some() { ", accepting uploads" } else { "" };
        let policy = mount.site.access.default_policy();
        let access = if policy.is_public() { String::new() } else { format!(" ({policy})") };
        tracing::info!("serving {} at {}{access}{uploads}", mount.site.root, mount.site.prefix);
        if let Some(bucket) = mount.site.root.bucket() {
            let endpoint = bucket.endpoint().map_or_else(String::new, |endpoint| format!(" at {endpoint}"));
            tracing::info!("requests to {bucket}{endpoint} are {}", bucket.signer());
            tracing::info!(
                "{} is in a bucket: it has no live events (?events), resumable uploads (tus), fallback and links",
                mount.site.prefix
            );
        }
        if let Some(fallback) = &mount.fallback {
            tracing::info!("fetching files that are missing at {} from {}", mount.site.prefix, fallback.upstream);
        }
        if let Some(network) = &mount.network {
            let conditions = network.conditions();
            let repeat = if conditions.is_random() {
                format!(" (--network-seed {} repeats it)", network.seed())
            } else {
                String::new()
            };
            tracing::warn!("imitating a network at {}: {conditions}{repeat}", mount.site.prefix);
        }
        if mount.writes() {
            let mount = Arc::clone(mount);
            std::thread::spawn(move || mount.site.root.folder().map(sweep::stale));
        }
    }
}

/// Completes at the first request to stop (SIGINT, SIGTERM), or when the parent process has ended; the next request ends the
/// process immediately.
fn stop_signal(parent_ended: impl Future<Output = ()>) -> io::Result<impl Future<Output = Stop>> {
    let mut requests = StopRequests::listen()?;
    Ok(async move {
        let first = tokio::select! {
            first = requests.next() => {
                tracing::info!("stopping; a second signal stops immediately");
                first
            }
            () = parent_ended => {
                tracing::info!("stopping, because the parent process has ended (--exit-with-parent)");
                Stop::Terminate
            }
        };
        tokio::spawn(async move { std::process::exit(requests.next().await.exit_code()) });
        first
    })
}
