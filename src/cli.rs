//! `Args`: what was typed. Values stay text here; [`crate::config`] says what is true, and reports all mistakes at once.

#![allow(rustdoc::bare_urls, rustdoc::broken_intra_doc_links, reason = "the fields' documentation is their help text")]

use std::collections::HashMap;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgAction, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use clap_complete::Shell;

/// A development media file server: one folder of uploads, served right, beside any web app.
///
/// It refuses to start unless debugging is switched on (--debug, or DEBUG=1 in the environment).
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, override_usage = "devmedia [OPTIONS]\n       devmedia <COMMAND>")]
#[expect(missing_docs, clippy::doc_markdown, reason = "each field's documentation is its help text")]
pub struct Args {
    /// Read access rules, and what flags do not say, from this file [default: devmedia.toml, if there is one]
    #[arg(long, env = "DEVMEDIA_CONFIG", value_name = "FILE")]
    pub config: Option<String>,

    /// The folder to serve [default: ./media]
    #[arg(long, env = "MEDIA_ROOT", value_name = "DIR")]
    pub root: Option<String>,

    /// The URL prefix to serve it at [default: /media/]
    #[arg(long, env = "MEDIA_URL", value_name = "PREFIX")]
    pub url: Option<String>,

    /// Say yes to serving: this is a development machine [env: DEVMEDIA_DEBUG, else DEBUG]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub debug: Option<String>,

    /// Serve another folder at another prefix, such as /static/=./static (repeatable)
    #[arg(long, env = "DEVMEDIA_MOUNT", value_name = "PREFIX=DIR", action = ArgAction::Append)]
    pub mount: Vec<String>,

    /// Where to listen: ADDRESS:PORT, [IPV6]:PORT, PORT (this machine only), unix:PATH; port 0 takes a free one
    /// (repeatable) [default: 127.0.0.1:8001 and [::1]:8001]
    #[arg(long, env = "DEVMEDIA_LISTEN", value_name = "ADDRESS", action = ArgAction::Append)]
    pub listen: Vec<String>,

    /// Do not list folders
    #[arg(long, env = "DEVMEDIA_NO_INDEX", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    pub no_index: Option<String>,

    /// Serve names that start with a dot
    #[arg(long, env = "DEVMEDIA_HIDDEN", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    pub hidden: Option<String>,

    /// Follow symbolic links that leave the folder
    #[arg(long, env = "DEVMEDIA_FOLLOW_LINKS", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    pub follow_links: Option<String>,

    /// Answer to this host name too; *.example.dev allows all names below it (repeatable)
    #[arg(long, env = "DEVMEDIA_ALLOW_HOST", value_name = "NAME", action = ArgAction::Append)]
    pub allow_host: Vec<String>,

    /// Let pages of this origin read the media, such as https://app.example:3000; :* is any port (repeatable)
    #[arg(long, env = "DEVMEDIA_ALLOW_ORIGIN", value_name = "ORIGIN", action = ArgAction::Append)]
    pub allow_origin: Vec<String>,

    /// Serve a folder although it looks like a project's (it holds manage.py, .git or package.json)
    #[arg(long, env = "DEVMEDIA_ALLOW_PROJECT_ROOT", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    pub allow_project_root: Option<String>,

    /// The Cache-Control of files, to rehearse production's [default: no-cache]
    #[arg(long, env = "DEVMEDIA_CACHE_CONTROL", value_name = "VALUE")]
    pub cache_control: Option<String>,

    /// The content type of an extension, such as stl=model/stl (repeatable)
    #[arg(long = "type", env = "DEVMEDIA_TYPE", value_name = "EXT=TYPE", action = ArgAction::Append)]
    pub types: Vec<String>,

    /// Take uploads: on all mounts, or on the one at PREFIX (repeatable)
    #[arg(long, env = "DEVMEDIA_UPLOAD", value_name = "PREFIX", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", action = ArgAction::Append)]
    pub upload: Vec<String>,

    /// Where files go that are posted to a mount's top, such as uploads/%Y/%m/%d/ (Django's upload_to)
    #[arg(long, env = "DEVMEDIA_UPLOAD_TO", value_name = "FOLDER")]
    pub upload_to: Option<String>,

    /// The most that one upload may bring [default: 1GiB]
    #[arg(long, env = "DEVMEDIA_MAX_UPLOAD", value_name = "SIZE")]
    pub max_upload: Option<String>,

    /// Fetch what is missing in the first mount from here, such as https://www.example.com/media/, and store it
    #[arg(long, env = "DEVMEDIA_FALLBACK", value_name = "URL")]
    pub fallback: Option<String>,

    /// Send the fallback this field too, such as 'Authorization: env:PROD_TOKEN' with the value in that environment
    /// variable (repeatable)
    #[arg(long, env = "DEVMEDIA_FALLBACK_HEADER", value_name = "FIELD", action = ArgAction::Append)]
    pub fallback_header: Vec<String>,

    /// Store what the fallback sends; no only streams it [default: yes]
    #[arg(long, env = "DEVMEDIA_FALLBACK_STORE", value_name = "BOOL")]
    pub fallback_store: Option<String>,

    /// Store no file that is larger than this: it is only streamed [default: 1GiB]
    #[arg(long, env = "DEVMEDIA_FALLBACK_MAX", value_name = "SIZE")]
    pub fallback_max: Option<String>,

    /// Ask the fallback again about a stored file that is older than this, such as 1d, when it is looked at; files that
    /// did not come from there are never touched
    #[arg(long, env = "DEVMEDIA_FALLBACK_REFRESH", value_name = "DURATION")]
    pub fallback_refresh: Option<String>,

    /// Send the query of each request to the fallback, such as Drupal's ?itok=
    #[arg(long, env = "DEVMEDIA_FALLBACK_QUERY", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    pub fallback_query: Option<String>,

    /// Draw the pictures that nobody has, so that pages keep their shape; film and sound become silent ones. With
    /// =status, the status stays 404
    #[arg(long, env = "DEVMEDIA_PLACEHOLDER", value_name = "BOOL|status", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    pub placeholder: Option<String>,

    /// How long running transfers may go on after Ctrl-C [default: 10s]
    #[arg(long, env = "DEVMEDIA_GRACE", value_name = "DURATION")]
    pub grace: Option<String>,

    /// Look this often whether an open folder has changed, such as 1s, where the system does not say so (a Docker Desktop
    /// mount, a network folder)
    #[arg(long, env = "DEVMEDIA_POLL", value_name = "DURATION")]
    pub poll: Option<String>,

    /// How to log: pretty (for people) or json (for machines) [default: pretty]
    #[arg(long, env = "DEVMEDIA_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<String>,

    /// Log more; twice for all there is (RUST_LOG overrides it)
    #[arg(short, long, env = "DEVMEDIA_VERBOSE", action = ArgAction::Count, value_parser = count)]
    pub verbose: u8,

    /// Log refusals and errors only; twice for errors only
    #[arg(short, long, env = "DEVMEDIA_QUIET", action = ArgAction::Count, value_parser = count)]
    pub quiet: u8,

    /// Open the media in the browser
    #[arg(long, env = "DEVMEDIA_OPEN", value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    pub open: Option<String>,

    /// The environment variables that were taken, by the flags they stand in for
    #[arg(skip)]
    pub variables: HashMap<String, String>,

    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What else the binary does.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Check the flags and the configuration file, and print what they come to; nothing is served
    Check,
    /// Sign a URL of a mount whose access is signed, and print it
    Sign {
        /// The URL, or its path
        #[arg(value_name = "URL")]
        target: String,
        /// For how long it is good: 10m, 1h, 7d
        #[arg(long, value_name = "DURATION", default_value = "1h")]
        expires: String,
        /// For which method
        #[arg(long, value_name = "METHOD", default_value = "GET")]
        method: String,
    },
    /// Fetch ahead from the fallback what is not here; go on where an earlier pull ended
    Pull {
        /// Only files whose path fits, such as '*.jpg' or 'avatars/**'
        #[arg(value_name = "GLOB")]
        pattern: Option<String>,
        /// Read the names from this file, a line each, or from stdin (-): URLs at the fallback, paths such as /media/a.jpg,
        /// or names as they are stored. Without it, the fallback's own listing is read: devmedia's, or nginx's in JSON
        #[arg(long, value_name = "FILE")]
        from: Option<String>,
        /// How many files to fetch at a time
        #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
        parallel: u16,
    },
    /// Print a completion script
    Completions {
        /// For this shell
        shell: Shell,
    },
    /// Print the manual page (devmedia man | man -l -)
    Man,
}

impl Args {
    /// The command line, with flags before and after a command.
    pub fn whole_command() -> clap::Command {
        Self::command().mut_args(|argument| argument.global(true).help_heading("Settings"))
    }

    /// Reads the command line and the environment. Leaves the process where clap does: help, version, an unknown flag.
    ///
    /// A repeatable flag may be repeated; its environment variable holds a list, split at commas. Flags may stand before
    /// or after a command.
    pub fn parse_all() -> Self {
        let command = Self::whole_command();
        let whole = command.clone().try_get_matches().unwrap_or_else(|error| advise(error).exit());
        let matches = whole.subcommand().map_or(&whole, |(_, matches)| matches);
        let mut args = Self::from_arg_matches(matches).unwrap_or_else(|error| error.exit());
        args.command =
            whole.subcommand().map(|_| Command::from_arg_matches(&whole).unwrap_or_else(|error| error.exit()));
        for (id, values) in [
            ("mount", &mut args.mount),
            ("listen", &mut args.listen),
            ("allow_host", &mut args.allow_host),
            ("allow_origin", &mut args.allow_origin),
            ("types", &mut args.types),
            ("upload", &mut args.upload),
        ] {
            if matches.value_source(id) == Some(ValueSource::EnvVariable) {
                let whole = std::mem::take(values);
                let parts = whole.iter().flat_map(|value| value.split(',')).map(str::trim);
                *values = parts.filter(|part| !part.is_empty()).map(str::to_owned).collect();
            }
        }
        let taken = command.get_arguments().filter_map(|argument| {
            let from_variable = matches.value_source(argument.get_id().as_str())? == ValueSource::EnvVariable;
            let (flag, variable) = (argument.get_long()?, argument.get_env()?);
            from_variable.then(|| (format!("--{flag}"), variable.to_string_lossy().into_owned()))
        });
        args.variables = taken.collect();
        args
    }
}

/// `DEVMEDIA_VERBOSE` and `DEVMEDIA_QUIET`; the flags themselves are counted.
fn count(text: &str) -> Result<u8, &'static str> {
    text.parse().map_err(|_| "write how often the flag is meant: 0, 1 or 2")
}

/// What users of other servers type: the folder as a bare word, which looks like a command to clap, and a port.
fn advise(mut error: clap::Error) -> clap::Error {
    let tip = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::InvalidSubcommand, _) => "a value follows its flag, such as --root ./media or --debug=true",
        (ErrorKind::UnknownArgument, Some(ContextValue::String(flag)))
            if ["-p", "--port", "-b", "--bind", "-H", "--host", "--address"].contains(&flag.as_str()) =>
        {
            "to choose where to listen, write --listen 127.0.0.1:8002"
        }
        _ => return error,
    };
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    error
}
