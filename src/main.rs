//! The process edge: parse, check, log, bind, print the URL, run.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use devmedia::app::App;
use devmedia::cli::{Args, Command};
use devmedia::config::Config;
use devmedia::debug_gate::{self, Answers};
use devmedia::live::Live;
use devmedia::log;
use devmedia::pull::{self, Order, PullError};
use devmedia::run::{self, Started, keeper};
use devmedia::server::{self, listener};
use devmedia::service::Service;
use devmedia::sign;
use devmedia::thumbnail::Thumbnails;
use devmedia::upload::sweep;
use futures_util::FutureExt as _;
use rustix::process::Signal;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

/// Something was typed wrongly, or debugging is off.
const USAGE: u8 = 2;

/// The system said no.
const SYSTEM: u8 = 1;

/// Killed by SIGINT or SIGTERM before the grace was over, as a shell counts it: 128 and the signal's number.
const INTERRUPTED: i32 = 130;
const TERMINATED: i32 = 143;

fn main() -> ExitCode {
    if let Some(code) = keeper::run() {
        return code;
    }
    let args = Args::parse_all();
    match run(&args) {
        Ok(code) => code,
        Err(Stop { code, text }) => {
            let mut prefix = "devmedia: ";
            for line in text.lines() {
                eprintln!("{prefix}{line}");
                prefix = "          ";
            }
            ExitCode::from(code)
        }
    }
}

/// Why the process ends, for a person and for a shell.
struct Stop {
    code: u8,
    text: String,
}

impl Stop {
    fn system(text: impl Into<String>) -> Self {
        Self { code: SYSTEM, text: text.into() }
    }
}

fn run(args: &Args) -> Result<ExitCode, Stop> {
    let said = match &args.command {
        None | Some(Command::Run { .. }) => None,
        Some(Command::Pull { pattern, from, parallel }) => {
            let (pattern, from) = (pattern.as_deref(), from.as_deref());
            pulled(args, &Order { pattern, from, parallel: usize::from(*parallel) })?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(Command::Completions { shell }) => {
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut Args::whole_command(), "devmedia", &mut text);
            Some(text)
        }
        Some(Command::Man) => {
            let mut text = Vec::new();
            clap_mangen::Man::new(Args::whole_command())
                .render(&mut text)
                .map_err(|error| Stop::system(error.to_string()))?;
            Some(text)
        }
        Some(Command::Check) => Some(checked(args)?.to_string().into_bytes()),
        Some(Command::Sign { target, expires, method }) => {
            let url = sign::sign(&checked(args)?, target, method, expires);
            Some(url.map(|url| format!("{url}\n").into_bytes()).map_err(|text| Stop { code: USAGE, text })?)
        }
    };
    if let Some(text) = said {
        print(&text).map_err(|error| Stop::system(format!("cannot write to stdout: {error}")))?;
        return Ok(ExitCode::SUCCESS);
    }
    let [devmedia_debug, debug] = ["DEVMEDIA_DEBUG", "DEBUG"]
        .map(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()));
    let answers =
        Answers { flag: args.debug.as_deref(), devmedia_debug: devmedia_debug.as_deref(), debug: debug.as_deref() };
    debug_gate::check(answers).map_err(|refusal| Stop { code: USAGE, text: refusal.to_string() })?;
    let config = checked(args)?;
    log::start(config.log_format, i16::from(args.verbose) - i16::from(args.quiet));
    server::raise_descriptor_limit();

    let runtime = runtime()?;
    let command = match &args.command {
        Some(Command::Run { command }) => Some(command.as_slice()),
        _ => None,
    };
    let result = runtime.block_on(serve(config, command));
    // a read that waits for a dead disk must not keep the process
    runtime.shutdown_background();
    result
}

fn runtime() -> Result<Runtime, Stop> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Stop::system(format!("cannot start: {error}")))
}

/// `devmedia pull`, which serves nothing and so needs no yes.
fn pulled(args: &Args, order: &Order<'_>) -> Result<(), Stop> {
    let config = checked(args)?;
    let summary = runtime()?.block_on(pull::pull(&config.mounts, order)).map_err(|error| match error {
        PullError::Usage(text) => Stop { code: USAGE, text },
        PullError::System(text) => Stop::system(text),
    })?;
    print(format!("{summary}\n").as_bytes())
        .map_err(|error| Stop::system(format!("cannot write to stdout: {error}")))?;
    if summary.is_complete() { Ok(()) } else { Err(Stop::system("not all is here; run it again to go on")) }
}

/// What the flags, the environment and the file come to.
fn checked(args: &Args) -> Result<Config, Stop> {
    let home = std::env::home_dir();
    let cache = std::env::var_os("XDG_CACHE_HOME");
    Config::check(args, home.as_deref(), cache.as_deref())
        .map_err(|problems| Stop { code: problems.exit_code(), text: problems.to_string() })
}

/// Serves until a signal, or until the command ends that starts the app.
async fn serve(config: Config, command: Option<&[OsString]>) -> Result<ExitCode, Stop> {
    let bound = listener::bind(&config.listen).map_err(Stop::system)?;
    let stop = stop_signal().map_err(|error| Stop::system(format!("cannot start: {error}")))?;
    for listen in config.listen.iter().filter(|listen| listen.is_public()) {
        tracing::warn!("{listen} can be reached from other machines: everybody on this network can read the media");
    }
    if let Some(file) = &config.file {
        tracing::info!("configured by {}", file.display());
    }
    for warning in config.mounts.overlaps() {
        tracing::warn!("{warning}");
    }
    let started = match (command, bound.first()) {
        (Some(command), Some(first)) => {
            Some(run::start(command, &first.origin, config.app.as_ref()).map_err(Stop::system)?)
        }
        _ => None,
    };
    // with an app behind it, the URL to open is the app's
    let has_app = started.is_some() || config.app.is_some();
    let prefix = if has_app { "/".to_owned() } else { config.mounts.first().site.prefix.to_string() };
    let urls: Vec<String> = bound.iter().map(|one| one.url(&prefix)).collect();
    let listeners = bound.into_iter().flat_map(|one| one.listeners).collect();
    for mount in config.mounts.iter() {
        let takes = if mount.uploads.is_some() { ", and taking uploads" } else { "" };
        let policy = mount.site.access.default_policy();
        let access = if policy.is_public() { String::new() } else { format!(" ({policy})") };
        tracing::info!("serving {} at {}{access}{takes}", mount.site.root.path().display(), mount.site.prefix);
        if let Some(fallback) = &mount.fallback {
            tracing::info!("what is missing at {} is fetched from {}", mount.site.prefix, fallback.upstream);
        }
        if mount.writes() {
            let mount = Arc::clone(mount);
            std::thread::spawn(move || sweep::stale(&mount.site.root));
        }
    }
    let (running, app) = match started {
        Some(Started { running, shown, address, find }) => {
            tracing::info!("starting {shown}");
            (Some(Arc::new(running)), Some(App::started(shown, address, find)))
        }
        None => (None, config.app.map(App::at)),
    };
    let app = app.map(Arc::new);
    let open = config.open;
    match (&running, &app) {
        (Some(_), Some(app)) => {
            let app = Arc::clone(app);
            tokio::spawn(async move {
                let address = run::until_up(move || app.look()).await;
                tracing::info!("sending all other paths to the app at {address}");
                announce(&urls, open)
            });
        }
        _ => {
            if let Some(address) = app.as_ref().and_then(|app| app.address()) {
                tracing::info!("sending all other paths to the app at {address}");
            }
            announce(&urls, open)?;
        }
    }

    let (thumbnails, live) = (Thumbnails::new(config.thumbnails), Live::new(config.poll));
    let service = Service::new(config.guard, config.mounts, thumbnails, live).with_app(app);
    let Some(running) = running else {
        server::serve(listeners, Arc::new(service), config.grace, stop.map(drop)).await;
        return Ok(ExitCode::SUCCESS);
    };
    let command = Arc::clone(&running);
    let stop = async move {
        tokio::select! {
            signal = stop => command.pass_on(signal),
            _ = command.ended() => {}
        }
    };
    server::serve(listeners, Arc::new(service), config.grace, stop).await;
    Ok(ExitCode::from(running.finish(config.grace).await))
}

/// The ready lines, and the browser.
fn announce(urls: &[String], open: bool) -> Result<(), Stop> {
    for url in urls {
        ready(url).map_err(|error| Stop::system(format!("cannot write the URL to stdout: {error}")))?;
    }
    if let (true, Some(url)) = (open, urls.first())
        && let Err(error) = open::that_detached(url)
    {
        tracing::warn!("no browser could be opened: {error}; the URL is {url}");
    }
    Ok(())
}

/// Ready at the first SIGINT or SIGTERM; a second one ends the process at once.
fn stop_signal() -> io::Result<impl Future<Output = Signal>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut next = async move || {
        tokio::select! {
            _ = interrupt.recv() => (Signal::INT, INTERRUPTED),
            _ = terminate.recv() => (Signal::TERM, TERMINATED),
        }
    };
    Ok(async move {
        let (signal, _) = next().await;
        tracing::info!("stopping; a second signal stops at once");
        tokio::spawn(async move { std::process::exit(next().await.1) });
        signal
    })
}

/// The ready line, the only thing on stdout: a script that reads it can connect.
fn ready(url: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{url}")?;
    stdout.flush()
}

fn print(text: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text)?;
    stdout.flush()
}
