//! The command line: `Args` has the typed values, and `--help`, completions and the manual page describe the valid
//! ones.
//!
//! The flags are created from [`crate::config::settings`]; values stay text here, so that [`crate::config`] can report
//! all mistakes at once.

mod hints;

use std::ffi::OsString;
use std::path::Path;

use clap::builder::NonEmptyStringValueParser;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, FromArgMatches as _, Subcommand};
use clap_complete::Shell;

use crate::config::setting::{Declared, Form};
use crate::config::settings::{ALL, ENV_FILE, ROOT, URL};
use crate::config::{Layer, Problems, Typed};
use crate::environment::{EnvFile, EnvFileError};

/// The values from the command line and the environment.
#[derive(Debug)]
pub struct Args {
    /// The command; `None` means to serve.
    pub command: Option<Command>,
    /// The settings.
    pub settings: Layer,
    /// `--debug`, with its value.
    pub debug: Option<String>,
    /// The number of `-v` minus the number of `-q`.
    pub loudness: i16,
    /// Which of `-v` and `-q` were set by a flag or by the environment.
    counted: Vec<&'static str>,
}

/// The commands other than serving.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Start the app, and serve in front of it
    Run {
        /// Command that starts the app: devmedia run --debug -- npm run dev
        #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true)]
        command: Vec<OsString>,
    },
    /// Write devmedia.toml for the project in DIR
    ///
    /// Django's settings are read by the project's own Python; for other frameworks, files are scanned. A file that exists
    /// is never overwritten.
    Init {
        /// Folder of the project [default: .]
        #[arg(id = "project", value_name = "DIR")]
        project: Option<String>,
        /// Print what would be written, and write nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Check the settings, and print the effective configuration
    Check,
    /// Print a signed URL for a mount with signed access
    Sign {
        /// URL, or its path
        #[arg(value_name = "URL")]
        target: String,
        /// How long it is valid: 10m, 1h, 7d
        #[arg(long, value_name = "DURATION", default_value = "1h")]
        expires: String,
        /// Method it is valid for
        #[arg(long, value_name = "METHOD", default_value = "GET")]
        method: String,
    },
    /// Download missing files from the fallback now
    Pull {
        /// Only files whose path matches, such as '*.jpg' or 'avatars/**'
        #[arg(value_name = "GLOB")]
        pattern: Option<String>,
        /// Read URLs, paths or names from FILE; - is stdin
        #[arg(long, value_name = "FILE")]
        from: Option<String>,
        /// How many files to download at a time
        #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
        parallel: u16,
    },
    /// Print a completion script for SHELL
    Completions {
        /// bash, zsh, fish, elvish or powershell
        #[arg(hide_possible_values = true)]
        shell: Shell,
    },
    /// Print the manual page, for: devmedia man | man -l -
    Man,
}

const ABOUT: &str = "A development media server: serves a folder of uploads beside any web app.\n\
    It starts only if debugging is on: --debug, or DEBUG=1 in the environment.";

const AFTER_HELP: &str = "\
These can be repeated: --listen, --mount, --allow-host, --allow-origin, --type,
--upload and --fallback-header.

Each flag has an environment variable: --grace is DEVMEDIA_GRACE, and so on.
Exceptions: --root is MEDIA_ROOT, --url is MEDIA_URL, --debug is DEVMEDIA_DEBUG
or DEBUG, -p and --host are DEVMEDIA_LISTEN. Settings can be written in
devmedia.toml, too: no_index = true. See docs/flags.md and docs/access.md.";

impl Args {
    /// Parses the command line and the environment. Exits the process, as clap does, for help, version and errors.
    ///
    /// Flags may come before or after a command.
    ///
    /// Then the file of `--env-file` is read. Its variables set what neither a flag nor the environment sets.
    pub fn of_process() -> Result<Self, Problems> {
        let words: Vec<OsString> = std::env::args_os().collect();
        let mut args = Self::parse(&words).unwrap_or_else(|error| error.exit());
        if !matches!(args.command, Some(Command::Completions { .. } | Command::Man)) {
            args.read_env_file()?;
        }
        Ok(args)
    }

    fn read_env_file(&mut self) -> Result<(), Problems> {
        let Some(typed) = self.settings.typed(&ENV_FILE) else { return Ok(()) };
        let file = EnvFile::read(&typed.value).map_err(|error| match error {
            EnvFileError::Usage(text) => Problems::of_usage(format!("{}{text}", typed.shown)),
            EnvFileError::System(text) => Problems::of_system(format!("{}{text}", typed.shown)),
        })?;
        for declared in flags().filter(|declared| declared.name != ENV_FILE.declared.name) {
            let Some(variable) = declared.variable else { continue };
            let Some(entry) = file.entry(variable).filter(|_| !self.settings.has(declared)) else { continue };
            let place = format!("{}:{}", file.path, entry.line);
            if entry.has_reference {
                return Err(Problems::of_usage(format!(
                    "{place}: {variable}: devmedia does not replace ${{NAME}} by the value of NAME; write the value \
                     itself, or put it in single quotes"
                )));
            }
            let values = values_of_variable(declared, [entry.value.as_str()].into_iter());
            let typed = |value: &str| Typed::by_env_file(&declared.flag(), value, variable, &place);
            self.settings.set(declared, values.into_iter().map(typed).collect());
        }
        for (variable, flag, sign) in [("DEVMEDIA_VERBOSE", "-v", 1), ("DEVMEDIA_QUIET", "-q", -1)] {
            let Some(entry) = file.entry(variable).filter(|_| !self.counted.contains(&flag)) else { continue };
            let times = count(&entry.value).map_err(|advice| {
                let (value, line) = (&entry.value, entry.line);
                Problems::of_usage(format!("{flag} {value:?} (from {variable} in {}:{line}): {advice}", file.path))
            })?;
            self.loudness += sign * i16::from(times);
        }
        file.install();
        Ok(())
    }

    fn parse(words: &[OsString]) -> Result<Self, clap::Error> {
        let whole = command().try_get_matches_from(words).map_err(|error| hints::advise(error, words))?;
        let command = whole.subcommand().map(|_| Command::from_arg_matches(&whole)).transpose()?;
        let matches = whole.subcommand().map_or(&whole, |(_, matches)| matches);
        let mut settings = Layer::default();
        for declared in flags() {
            settings.set(declared, typed(declared, matches));
        }
        if let Some(folder) = whole.get_one::<String>("dir") {
            let prefix = settings.typed(&URL).map_or("/media/", |typed| &typed.value);
            let fail = |kind, text| self::command().error(kind, text);
            if let Some(hint) = hints::mistaken_folder(folder, words, prefix, Path::new(folder).exists()) {
                return Err(fail(ErrorKind::InvalidValue, hint));
            }
            if matches.value_source("root") == Some(ValueSource::CommandLine) {
                let root = settings.typed(&ROOT).map_or("", |typed| &typed.shown);
                let text = format!("{folder:?} and {root} both name the folder to serve; write only one of them");
                return Err(fail(ErrorKind::ArgumentConflict, text));
            }
            settings.set(&ROOT.declared, vec![Typed::by_position(folder)]);
        }
        Ok(Self {
            command,
            settings,
            debug: matches.get_one::<String>("debug").cloned(),
            loudness: i16::from(matches.get_count("verbose")) - i16::from(matches.get_count("quiet")),
            counted: [("-v", "verbose"), ("-q", "quiet")]
                .into_iter()
                .filter(|(_, name)| {
                    matches.value_source(name).is_some_and(|source| source != ValueSource::DefaultValue)
                })
                .map(|(flag, _)| flag)
                .collect(),
        })
    }
}

/// The values of a setting from the command line, or else from its variable.
fn typed(declared: &Declared, matches: &ArgMatches) -> Vec<Typed> {
    let Some(values) = matches.get_many::<String>(declared.name) else { return Vec::new() };
    let by_variable = matches.value_source(declared.name) == Some(ValueSource::EnvVariable);
    let variable = declared.variable.filter(|_| by_variable);
    let typed = |value: &str| Typed::by_flag(&declared.flag(), value, variable);
    let values = values.map(String::as_str);
    let values = if by_variable { values_of_variable(declared, values) } else { values.collect() };
    values.into_iter().map(typed).collect()
}

/// The values in a variable, which may contain a list.
fn values_of_variable<'v>(declared: &Declared, values: impl Iterator<Item = &'v str>) -> Vec<&'v str> {
    if declared.is_repeatable() && declared.form != Form::ListWithCommas {
        let values = values.flat_map(|value| value.split(',')).map(str::trim);
        values.filter(|value| !value.is_empty()).collect()
    } else {
        values.collect()
    }
}

/// The command line, with flags before and after a command.
fn command() -> clap::Command {
    let flags = flags().map(flag);
    let debug = Arg::new("debug").long("debug").value_name("BOOL").help("Allow serving, on a development machine");
    let debug = debug.num_args(0..=1).require_equals(true).default_missing_value("true");
    let count = |name: &'static str, short, variable| {
        let arg = Arg::new(name).long(name).short(short).env(variable).hide_env(true);
        arg.action(ArgAction::Count).value_parser(count)
    };
    let verbose = count("verbose", 'v', "DEVMEDIA_VERBOSE").help("Log more; twice for everything");
    let quiet = count("quiet", 'q', "DEVMEDIA_QUIET").help("Log refusals and errors; twice: errors only");
    let global = [debug].into_iter().chain(flags).chain([verbose, quiet]);
    let folder = Arg::new("dir").value_name("DIR").help("Folder to serve [default: ./media]");
    let command = clap::Command::new("devmedia")
        .version(env!("CARGO_PKG_VERSION"))
        .after_help(AFTER_HELP)
        // in a narrower terminal, clap would put each text below its flag
        .term_width(100)
        .override_usage("devmedia [OPTIONS] [DIR]\n       devmedia [OPTIONS] <COMMAND>")
        .arg(folder.value_parser(NonEmptyStringValueParser::new()))
        .args(global.map(|flag| flag.global(true).help_heading("Settings")));
    // after the commands, whose own documentation would take its place
    Command::augment_subcommands(command).about(ABOUT).long_about(None)
}

/// The settings that have a flag.
fn flags() -> impl Iterator<Item = &'static Declared> {
    ALL.iter().copied().filter(|declared| declared.has_flag())
}

fn flag(declared: &Declared) -> Arg {
    let flag = Arg::new(declared.name).long(declared.name).value_name(declared.value).help(declared.help);
    let flag = if declared.is_switch() {
        flag.num_args(0..=1).require_equals(true).default_missing_value("true")
    } else {
        flag
    };
    let flag = if declared.is_repeatable() { flag.action(ArgAction::Append) } else { flag };
    let flag = if let Some(short) = declared.short { flag.short(short) } else { flag };
    // the help has no room for the variable, so it names the rule instead
    if let Some(variable) = declared.variable { flag.env(variable).hide_env(true) } else { flag }
}

/// A completion script.
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command(), "devmedia", &mut text);
    text
}

/// The manual page.
pub fn manual() -> Vec<u8> {
    let mut text = Vec::new();
    let command = command().mut_args(|argument| argument.hide_env(false));
    clap_mangen::Man::new(command).render(&mut text).expect("writing to memory cannot fail");
    text
}

/// `DEVMEDIA_VERBOSE` and `DEVMEDIA_QUIET`; the flags themselves are counted.
fn count(text: &str) -> Result<u8, &'static str> {
    text.parse().map_err(|_| "write how many times the flag applies: 0, 1 or 2")
}
