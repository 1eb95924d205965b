//! The process: a menu of commands.

use std::io::{self, Write as _};
use std::process::ExitCode;

use devmedia::cli::{self, Args, Command};
use devmedia::config::{Config, Problems};
use devmedia::pull::{self, Order, PullError};
use devmedia::{check, init, run, serve, sign};

/// The allocator of musl is slow with several threads.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if let Some(code) = run::supervise() {
        return code;
    }
    let problems = match Args::of_process().and_then(|args| command(&args)) {
        Ok(code) => return code,
        Err(problems) => problems,
    };
    complain(&problems.to_string());
    ExitCode::from(problems.exit_code())
}

/// Prints lines on stderr; the name of the program is before the first one.
fn complain(text: &str) {
    let mut prefix = "devmedia: ";
    for line in text.lines() {
        eprintln!("{prefix}{line}");
        prefix = "          ";
    }
}

fn command(args: &Args) -> Result<ExitCode, Problems> {
    let config = || Config::read(&args.settings);
    match &args.command {
        None => return serve::run(args.debug.as_deref(), args.loudness, None, config),
        Some(Command::Run { command }) => {
            return serve::run(args.debug.as_deref(), args.loudness, Some(command), config);
        }
        Some(Command::Init { project, dry_run }) => {
            let report = init::run(project.as_deref(), *dry_run)?;
            print(report.text.as_bytes())?;
            for warning in &report.warnings {
                complain(&format!("warning: {warning}"));
            }
            Ok(())
        }
        Some(Command::Check) => {
            let mut config = config()?;
            serve::runtime()?.block_on(config.check_buckets())?;
            print(check::report(&config)?.as_bytes())
        }
        Some(Command::Sign { target, expires, method }) => {
            let url = sign::sign(&config()?, target, method, expires).map_err(Problems::of_usage)?;
            print(format!("{url}\n").as_bytes())
        }
        Some(Command::Pull { pattern, from, parallel }) => {
            let (pattern, from) = (pattern.as_deref(), from.as_deref());
            pull(&config()?, &Order { pattern, from, parallel: usize::from(*parallel) })
        }
        Some(Command::Completions { shell }) => print(&cli::completions(*shell)),
        Some(Command::Man) => print(&cli::manual()),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn pull(config: &Config, order: &Order<'_>) -> Result<(), Problems> {
    let summary = serve::runtime()?.block_on(pull::pull(&config.mounts, order)).map_err(|error| match error {
        PullError::Usage(text) => Problems::of_usage(text),
        PullError::System(text) => Problems::of_system(text),
    })?;
    print(format!("{summary}\n").as_bytes())?;
    match summary.advice() {
        None => Ok(()),
        Some(advice) => Err(Problems::of_system(advice)),
    }
}

fn print(text: &[u8]) -> Result<(), Problems> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text).and_then(|()| stdout.flush());
    written.map_err(|error| Problems::of_system(format!("cannot write to stdout: {error}")))
}
