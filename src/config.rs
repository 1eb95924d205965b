//! `Config`: what is true. Every start-up failure but a taken port happens here, each with a sentence of advice, all of
//! them together, before anything is bound.
//!
//! ```text
//! flags, environment --layers--\
//! devmedia.toml --file---------> Typed values --check--> Config, or Problems
//! ```

mod access;
mod fallback;
pub mod file;
mod layers;
mod mounts;
mod problems;
mod report;
mod roots;
mod section;
mod typed;
mod uploads;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper::header::HeaderValue;
use jiff::{SignedDuration, Span, SpanRelativeTo};

use self::file::File;
use self::layers::General;
pub use self::problems::Problems;
use self::roots::Roots;
use self::typed::Typed;
use crate::cli::Args;
use crate::forward::address::Address;
use crate::guard::{Guard, HostPattern, OriginPattern};
use crate::log::LogFormat;
use crate::mount::Mounts;
use crate::server::listener::Listen;
use crate::storage::media_type::{MediaType, MediaTypes};

/// How long transfers may go on after a stop, if nobody says otherwise.
const GRACE: Duration = Duration::from_secs(10);

/// What the server runs on.
#[derive(Debug)]
pub struct Config {
    /// The file that was read, if one was.
    pub file: Option<PathBuf>,
    /// Where to listen, at least one.
    pub listen: Vec<Listen>,
    /// What to serve where.
    pub mounts: Mounts,
    /// The app that has all other paths.
    pub app: Option<Address>,
    /// Who may ask.
    pub guard: Guard,
    /// How long transfers may go on after a stop.
    pub grace: Duration,
    /// How often to look whether an open folder has changed, where the system is not to be asked.
    pub poll: Option<Duration>,
    /// How to log.
    pub log_format: LogFormat,
    /// Where thumbnails are kept between runs, if anywhere. It need not exist yet.
    pub thumbnails: Option<PathBuf>,
    /// Whether to open a browser.
    pub open: bool,
}

impl Config {
    /// Makes typed text true, or says all that is wrong with it. `home` is the user's home directory, which is never
    /// served as a whole; `cache` is `XDG_CACHE_HOME`. Reads the configuration file.
    pub fn check(args: &Args, home: Option<&Path>, cache: Option<&OsStr>) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        if let Some(debug) = &args.debug {
            problems.boolean(Some(&Typed::by_flag(args, "--debug", debug)));
        }
        let file = File::read(args, &mut problems);
        let general = General::of_flags(args).over(file.general);
        let roots = Roots {
            types: types(&general.types, &mut problems),
            home: home.and_then(|home| home.canonicalize().ok()),
            allow_project: problems.boolean(general.allow_project_root.as_ref()),
        };
        let layers = mounts::FileLayers { settings: file.settings, mounts: file.mounts, path: file.path.as_deref() };
        let mounts = mounts::mounts(args, layers, &roots, &mut problems);
        let guard = Guard {
            hosts: problems.each(&general.allow_host, |name| {
                HostPattern::parse(name)
                    .ok_or("it is not a host name; write app.example.dev or *.example.dev, without a port")
            }),
            origins: problems.each(&general.allow_origin, |origin| {
                OriginPattern::parse(origin)
                    .ok_or("it is not an origin; write https://app.example:3000, or http://app.example:* for any port")
            }),
        };
        let mut listen = problems.each(&general.listen, Listen::parse);
        if listen.is_empty() {
            listen.push(Listen::default());
        }
        let grace = general.grace.and_then(|typed| problems.check(&typed, duration)).unwrap_or(GRACE);
        let poll = general.poll.and_then(|typed| problems.check(&typed, poll));
        let log_format = general.log_format.and_then(|typed| problems.check(&typed, log_format));
        let log_format = log_format.unwrap_or(LogFormat::Pretty);
        let open = problems.boolean(general.open.as_ref());
        let app = general.app.as_ref().and_then(|typed| problems.check(typed, app));
        if let (Some(typed), Some(mounts)) = (&general.app, &mounts)
            && mounts.iter().any(|mount| mount.site.prefix.path().is_top())
        {
            problems.usage(format!(
                "{}: the mount at / has all paths, so the app would get none; give the mount a prefix: --url /media/",
                typed.shown
            ));
        }
        let (Some(mounts), true) = (mounts, problems.is_empty()) else { return Err(problems) };
        let thumbnails = cache_folder(cache, home).map(|folder| folder.join("devmedia/thumbnails"));
        Ok(Self { file: file.path, listen, mounts, app, guard, grace, poll, log_format, thumbnails, open })
    }
}

/// The XDG Base Directory Specification: a relative path in the variable is ignored, as if it were not set.
fn cache_folder(variable: Option<&OsStr>, home: Option<&Path>) -> Option<PathBuf> {
    let set = variable.map(PathBuf::from).filter(|folder| folder.is_absolute());
    set.or_else(|| Some(home.filter(|home| home.is_absolute())?.join(".cache")))
}

fn types(values: &[Typed], problems: &mut Problems) -> MediaTypes {
    const ADVICE: &str = "write an extension and its type, such as stl=model/stl";
    let pairs = problems.each(values, |value| {
        let (extension, media_type) = value.split_once('=').ok_or(ADVICE)?;
        let extension = extension.trim().trim_start_matches('.').to_ascii_lowercase();
        let media_type = MediaType::parse(media_type).ok_or(ADVICE)?;
        if extension.is_empty() || extension.contains(['.', '/']) { Err(ADVICE) } else { Ok((extension, media_type)) }
    });
    MediaTypes::new(HashMap::from_iter(pairs))
}

fn cache_control(value: &str) -> Result<HeaderValue, &'static str> {
    match HeaderValue::try_from(value.trim()) {
        Ok(header) if !header.is_empty() => Ok(header),
        _ => Err("it cannot be a header's value; write what production sends, such as 'public, max-age=3600'"),
    }
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    let parsed: Option<SignedDuration> = text.parse().ok();
    parsed.and_then(|duration| duration.try_into().ok()).ok_or("it is no time span; write 10s, 500ms or 1m")
}

/// A time span that may be of days and weeks; a day is 24 hours.
pub(crate) fn days(text: &str) -> Option<Duration> {
    let span: Span = text.trim().parse().ok()?;
    span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?.try_into().ok()
}

/// Reading a folder takes its time: who would look again at once would do nothing else.
fn poll(text: &str) -> Result<Duration, &'static str> {
    match duration(text) {
        Ok(span) if span >= Duration::from_millis(50) => Ok(span),
        Ok(_) => Err("it is too short; write 50ms or more, such as 1s"),
        Err(_) => Err("it is no time span; write 1s, 500ms or 1m"),
    }
}

fn app(text: &str) -> Result<Address, &'static str> {
    const ADVICE: &str = "it is not the address of an app; write one such as http://127.0.0.1:8000";
    // 8000 and localhost:8000 are what people type
    let url = match text.parse::<u16>() {
        Ok(port) => format!("http://127.0.0.1:{port}"),
        Err(_) if text.contains("://") => text.to_owned(),
        Err(_) => format!("http://{text}"),
    };
    let url: hyper::Uri = url.parse().map_err(|_| ADVICE)?;
    match (url.scheme_str(), url.path(), url.query()) {
        (Some("https"), ..) => Err("the app is asked over plain http, because it runs on this machine; write http://"),
        (_, "" | "/", None) => Address::of(&url).ok_or(ADVICE),
        _ => Err("the app gets every path as it is; write its address without a path"),
    }
}

fn log_format(text: &str) -> Result<LogFormat, &'static str> {
    match text {
        "pretty" => Ok(LogFormat::Pretty),
        "json" => Ok(LogFormat::Json),
        _ => Err("it is unknown; write pretty or json"),
    }
}
