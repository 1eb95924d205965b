//! Serving, from the debug switch to the last signal: check, listen, print the ready line, serve, stop.

pub mod debug;

use std::io::{self, Write as _};
use std::sync::Arc;

use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use self::debug::Switches;
use crate::config::{Certificate, Config, Problems};
use crate::live::Live;
use crate::log;
use crate::server::{self, listener};
use crate::service::Service;
use crate::thumbnail::Thumbnails;
use crate::tls::names::Names;
use crate::tls::trust::{self, System};
use crate::tls::{self, Opened};
use crate::upload::sweep;

/// The exit codes of a process that SIGINT or SIGTERM ends before `--grace` is over, by a shell's convention: 128 and the
/// signal's number.
const INTERRUPTED: i32 = 130;
const TERMINATED: i32 = 143;

/// Serves until a signal. `debug` is the value of `--debug`; without a yes, not even the configuration is read.
pub fn run(
    debug: Option<&str>,
    loudness: i16,
    config: impl FnOnce() -> Result<Config, Problems>,
) -> Result<(), Problems> {
    let [devmedia_debug, any_debug] = ["DEVMEDIA_DEBUG", "DEBUG"]
        .map(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()));
    let switches = Switches { flag: debug, devmedia_debug: devmedia_debug.as_deref(), debug: any_debug.as_deref() };
    debug::check(switches).map_err(|refusal| Problems::of_usage(refusal.to_string()))?;
    let config = config()?;
    config.check_fallbacks()?;
    log::start(config.log_format, loudness);
    server::raise_descriptor_limit();
    let runtime = runtime()?;
    let result = runtime.block_on(serve(config));
    // a read that waits for a dead disk must not keep the process
    runtime.shutdown_background();
    result
}

/// What async code runs on.
pub fn runtime() -> Result<Runtime, Problems> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Problems::of_system(format!("cannot start: {error}")))
}

async fn serve(mut config: Config) -> Result<(), Problems> {
    let scheme = config.scheme();
    let (tls, authority) = match config.certificate.take() {
        None => (None, None),
        Some(Certificate::Files(tls)) => (Some(tls), None),
        Some(Certificate::Local(names)) => {
            let opened = open_authority(names)?;
            (Some(opened.tls.clone()), Some(opened))
        }
    };
    let bound = listener::bind(&config.listen, scheme).map_err(Problems::of_system)?;
    let stop = stop_signal().map_err(|error| Problems::of_system(format!("cannot start: {error}")))?;
    for listen in config.listen.iter().filter(|listen| listen.is_public()) {
        tracing::warn!("{listen} can be reached from other machines: everyone on this network can read the media");
    }
    if let Some(file) = &config.file {
        tracing::info!("configured by {}", file.display());
    }
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let prefix = config.mounts.first().site.prefix.to_string();
    let mut listeners = Vec::new();
    let mut first_url = None;
    for one in bound {
        let url = one.url(&prefix);
        print_ready_line(&url)
            .map_err(|error| Problems::of_system(format!("cannot write the URL to stdout: {error}")))?;
        for url in one.network_urls(&prefix) {
            tracing::info!("on your network: {url}");
        }
        first_url.get_or_insert(url);
        listeners.extend(one.listeners);
    }
    announce_mounts(&config);
    if let Some(authority) = &authority {
        announce_authority(authority, first_url.as_deref().unwrap_or_default());
    }
    if let (true, Some(url)) = (config.open, first_url)
        && let Err(error) = open::that_detached(&url)
    {
        tracing::warn!("cannot open a browser: {error}; the URL is {url}");
    }

    let (thumbnails, live) = (Thumbnails::new(config.thumbnails), Live::new(config.poll));
    let service = Arc::new(Service::new(config.guard, config.mounts, thumbnails, live));
    server::serve(listeners, tls, service, config.grace, stop).await;
    Ok(())
}

/// The local certificate authority, made if there is none.
fn open_authority(names: Names) -> Result<Opened, Problems> {
    let folder = tls::folder().ok_or_else(|| {
        Problems::of_system("--tls: there is no folder for the certificate authority; set HOME or XDG_DATA_HOME")
    })?;
    tls::open(&folder, names).map_err(|error| Problems::of_system(format!("--tls: {error}")))
}

/// Logs how to trust the authority, unless this system does.
fn announce_authority(authority: &Opened, url: &str) {
    let (file, system) = (&authority.certificate, System::of_this_machine());
    if authority.is_new {
        tracing::info!("made a certificate authority: {}", file.display());
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
    // the certificate is for the name, too, and people read it more easily
    let url = url.replace("://127.0.0.1:", "://localhost:");
    tracing::info!("to try it: {}", trust::curl_command(file, &url));
}

/// Logs what is served where, and starts to remove stale partial uploads.
fn announce_mounts(config: &Config) {
    for folder in &config.created {
        tracing::info!("created the folder {}", folder.display());
    }
    for mount in config.mounts.iter() {
        let uploads = if mount.uploads.is_some() { ", accepting uploads" } else { "" };
        let policy = mount.site.access.default_policy();
        let access = if policy.is_public() { String::new() } else { format!(" ({policy})") };
        tracing::info!("serving {} at {}{access}{uploads}", mount.site.root.path().display(), mount.site.prefix);
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
            std::thread::spawn(move || sweep::stale(&mount.site.root));
        }
    }
}

/// Completes at the first SIGINT or SIGTERM; a second one ends the process at once.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut next = async move || {
        tokio::select! {
            _ = interrupt.recv() => INTERRUPTED,
            _ = terminate.recv() => TERMINATED,
        }
    };
    Ok(async move {
        next().await;
        tracing::info!("stopping; a second signal stops at once");
        tokio::spawn(async move { std::process::exit(next().await) });
    })
}

/// The ready line, the only thing on stdout: a script that has read it can connect.
fn print_ready_line(url: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{url}")?;
    stdout.flush()
}
