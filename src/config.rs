//! `Config`: what is true. Every start-up failure but a taken port happens here, each with a sentence of advice, all of
//! them together, before anything is bound.

mod uploads;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper::header::HeaderValue;
use jiff::SignedDuration;

use self::uploads::UploadMounts;
use crate::cli::Args;
use crate::debug_gate::boolean;
use crate::log::LogFormat;
use crate::mount::{Mount, Mounts};
use crate::request::guard::{Guard, HostPattern, OriginPattern};
use crate::request::prefix::Prefix;
use crate::server::listener::Listen;
use crate::storage::media_type::{MediaType, MediaTypes};
use crate::storage::root::{Links, Root};

/// Files that mark a folder as a project's: serving it would serve its source and secrets (Django's `MEDIA_ROOT = ""`
/// trap).
const PROJECT_MARKS: &[&str] = &["manage.py", ".git", "package.json"];

/// What the server runs on.
#[derive(Debug)]
pub struct Config {
    /// Where to listen, at least one.
    pub listen: Vec<Listen>,
    /// What to serve where.
    pub mounts: Mounts,
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

/// All that is wrong with what was typed; `Display` is a line each.
#[derive(Debug, Default)]
pub struct Problems {
    all: Vec<Problem>,
    /// The environment variables that were taken, by the flags they stand in for.
    variables: HashMap<String, String>,
}

#[derive(Debug)]
struct Problem {
    text: String,
    /// The text was right but the system said no.
    system: bool,
}

impl Problems {
    /// 2 where something was typed wrongly, 1 where only the system said no.
    pub fn exit_code(&self) -> u8 {
        if self.all.iter().all(|problem| problem.system) { 1 } else { 2 }
    }

    fn usage(&mut self, text: impl Into<String>) {
        self.all.push(Problem { text: text.into(), system: false });
    }

    fn system(&mut self, text: impl Into<String>) {
        self.all.push(Problem { text: text.into(), system: true });
    }

    /// A flag and its value as they were typed, and where they came from if nobody typed them just now.
    fn typed(&self, flag: &str, value: &str) -> String {
        match self.variables.get(flag) {
            Some(variable) => format!("{flag} {value:?} (from {variable})"),
            None => format!("{flag} {value:?}"),
        }
    }

    /// Notes `--flag "value": advice` for a value that could not be read.
    fn check<T, E: fmt::Display>(&mut self, flag: &str, value: &str, read: Result<T, E>) -> Option<T> {
        read.map_err(|advice| self.usage(format!("{}: {advice}", self.typed(flag, value)))).ok()
    }

    fn boolean(&mut self, flag: &str, value: &str) -> bool {
        let read = boolean(value).ok_or("it is neither yes nor no; write true or false");
        self.check(flag, value, read).unwrap_or_default()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<&str> = self.all.iter().map(|problem| problem.text.as_str()).collect();
        f.write_str(&texts.join("\n"))
    }
}

impl Config {
    /// Makes typed text true, or says all that is wrong with it. `home` is the user's home directory, which is never
    /// served as a whole; `cache` is `XDG_CACHE_HOME`.
    pub fn check(args: &Args, home: Option<&Path>, cache: Option<&OsStr>) -> Result<Self, Problems> {
        let mut problems = Problems { variables: args.variables.clone(), ..Problems::default() };

        if let Some(debug) = &args.debug {
            problems.boolean("--debug", debug);
        }
        let types = types(&args.types, &mut problems);
        let listing = !problems.boolean("--no-index", &args.no_index);
        let hidden = problems.boolean("--hidden", &args.hidden);
        let follow_links = problems.boolean("--follow-links", &args.follow_links);
        let cache_control = cache_control(&args.cache_control, &mut problems);
        let uploads = uploads::rules(args, hidden, &mut problems);
        let upload_to_mounts = UploadMounts::read(&args.upload, &mut problems);
        let roots = Roots {
            links: if follow_links { Links::Anywhere } else { Links::Inside },
            types,
            home: home.and_then(|home| home.canonicalize().ok()),
            allow_project: problems.boolean("--allow-project-root", &args.allow_project_root),
        };
        let mut mounts = Vec::new();
        for typed in typed_mounts(args, &mut problems) {
            let prefix = problems.check(typed.prefix_typed.0, typed.prefix_typed.1, Prefix::parse(typed.prefix));
            let takes = prefix.as_ref().is_some_and(|prefix| upload_to_mounts.takes(prefix));
            let root = roots.open(&typed, takes, &mut problems);
            if let (Some(prefix), Some(root)) = (prefix, root) {
                let (cache_control, uploads) = (cache_control.clone(), takes.then(|| uploads.clone()));
                mounts.push(Mount { prefix, root, listing, hidden, cache_control, uploads });
            }
        }
        upload_to_mounts.check(&mounts, &mut problems);
        let guard = Guard {
            hosts: each("--allow-host", &args.allow_host, &mut problems, |name| {
                HostPattern::parse(name)
                    .ok_or("it is not a host name; write app.example.dev or *.example.dev, without a port")
            }),
            origins: each("--allow-origin", &args.allow_origin, &mut problems, |origin| {
                OriginPattern::parse(origin)
                    .ok_or("it is not an origin; write https://app.example:3000, or http://app.example:* for any port")
            }),
        };
        let mut listen = each("--listen", &args.listen, &mut problems, Listen::parse);
        if listen.is_empty() {
            listen.push(Listen::default());
        }
        let grace = problems.check("--grace", &args.grace, duration(&args.grace)).unwrap_or_default();
        let poll = args.poll.as_deref().and_then(|typed| problems.check("--poll", typed, poll(typed)));
        let log_format = problems.check("--log-format", &args.log_format, log_format(&args.log_format));
        let open = problems.boolean("--open", &args.open);

        let mounts = (!mounts.is_empty()).then(|| Mounts::new(mounts)).transpose().unwrap_or_else(|duplicate| {
            problems.usage(format!("{duplicate}; give each folder a prefix of its own (--url, --mount)"));
            None
        });
        let (Some(mounts), Some(log_format), true) = (mounts, log_format, problems.all.is_empty()) else {
            return Err(problems);
        };
        let thumbnails = cache_folder(cache, home).map(|folder| folder.join("devmedia/thumbnails"));
        Ok(Self { listen, mounts, guard, grace, poll, log_format, thumbnails, open })
    }
}

/// The XDG Base Directory Specification: a relative path in the variable is ignored, as if it were not set.
fn cache_folder(variable: Option<&OsStr>, home: Option<&Path>) -> Option<PathBuf> {
    let set = variable.map(PathBuf::from).filter(|folder| folder.is_absolute());
    set.or_else(|| Some(home.filter(|home| home.is_absolute())?.join(".cache")))
}

/// A mount as it was typed, and by which flags with which values.
struct TypedMount<'a> {
    prefix: &'a str,
    prefix_typed: (&'static str, &'a str),
    root: &'a str,
    root_typed: (&'static str, &'a str),
}

fn typed_mounts<'a>(args: &'a Args, problems: &mut Problems) -> Vec<TypedMount<'a>> {
    let (prefix, root) = (args.url.as_str(), args.root.as_str());
    let mut mounts = vec![TypedMount { prefix, prefix_typed: ("--url", prefix), root, root_typed: ("--root", root) }];
    for mount in &args.mount {
        if let Some((prefix, root)) = mount.split_once('=') {
            let typed = ("--mount", mount.as_str());
            mounts.push(TypedMount { prefix, prefix_typed: typed, root, root_typed: typed });
        } else {
            let typed = problems.typed("--mount", mount);
            problems.usage(format!("{typed}: it has no '='; write /static/=./static"));
        }
    }
    mounts
}

/// The rules by which a folder may be a root.
struct Roots {
    links: Links,
    types: MediaTypes,
    /// Resolved.
    home: Option<PathBuf>,
    allow_project: bool,
}

impl Roots {
    /// Opens the root of a mount; one that takes uploads is made where it is missing.
    fn open(&self, typed: &TypedMount<'_>, make: bool, problems: &mut Problems) -> Option<Root> {
        let text = typed.root;
        let flag = problems.typed(typed.root_typed.0, typed.root_typed.1);
        if text.is_empty() {
            problems.usage(format!("{flag}: the folder's name is empty; write the folder to serve, such as ./media"));
            return None;
        }
        let path = Path::new(text);
        if make && let Err(error) = std::fs::create_dir_all(path) {
            problems.system(format!("{flag}: the folder is missing and cannot be made: {error}"));
            return None;
        }
        let root = match Root::new(path, self.links, self.types.clone()) {
            Ok(root) => root,
            Err(error) => {
                problems.system(format!("{flag}: {}", root_advice(path, &error)));
                return None;
            }
        };
        if let Some(trap) = self.trap(path) {
            problems.usage(format!("{flag}: {trap}"));
            return None;
        }
        Some(root)
    }

    /// Why a folder that can be read should not be served.
    fn trap(&self, path: &Path) -> Option<String> {
        let whole = path.canonicalize().ok()?;
        if whole.parent().is_none() {
            return Some("this is the whole file system; name the folder that holds the media".to_owned());
        }
        if self.home.as_ref().is_some_and(|home| home.starts_with(&whole)) {
            return Some("this is or holds the home directory; name the folder that holds the media".to_owned());
        }
        let mark = PROJECT_MARKS.iter().find(|mark| whole.join(mark).symlink_metadata().is_ok())?;
        (!self.allow_project).then(|| {
            format!(
                "it holds {mark}, so it looks like a project whose source would be served. Name the folder that holds \
                 the media, or add --allow-project-root"
            )
        })
    }
}

fn root_advice(path: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound if path.starts_with("~") => {
            "the shell did not turn ~ into the home directory; write it out, such as \"$HOME/media\"".to_owned()
        }
        io::ErrorKind::NotFound => {
            format!("there is no such folder. Make it with: mkdir -p {}", quoted(path))
        }
        io::ErrorKind::NotADirectory => "this is not a folder; name the folder that holds the media".to_owned(),
        io::ErrorKind::PermissionDenied => {
            format!("this user may not read the folder. See its permissions with: ls -ld {}", quoted(path))
        }
        _ => format!("the folder cannot be opened: {error}"),
    }
}

/// As a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '+' | ',' | '@' | ':');
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

fn each<T, E: fmt::Display>(
    flag: &str,
    values: &[String],
    problems: &mut Problems,
    read: impl Fn(&str) -> Result<T, E>,
) -> Vec<T> {
    values.iter().filter_map(|value| problems.check(flag, value, read(value))).collect()
}

fn types(values: &[String], problems: &mut Problems) -> MediaTypes {
    const ADVICE: &str = "write an extension and its type, such as stl=model/stl";
    let pairs = each("--type", values, problems, |value| {
        let (extension, media_type) = value.split_once('=').ok_or(ADVICE)?;
        let extension = extension.trim().trim_start_matches('.').to_ascii_lowercase();
        let media_type = MediaType::parse(media_type).ok_or(ADVICE)?;
        if extension.is_empty() || extension.contains(['.', '/']) { Err(ADVICE) } else { Ok((extension, media_type)) }
    });
    MediaTypes::new(HashMap::from_iter(pairs))
}

fn cache_control(value: &str, problems: &mut Problems) -> HeaderValue {
    let read = match HeaderValue::try_from(value.trim()) {
        Ok(header) if !header.is_empty() => Ok(header),
        _ => Err("it cannot be a header's value; write what production sends, such as 'public, max-age=3600'"),
    };
    problems.check("--cache-control", value, read).unwrap_or(HeaderValue::from_static("no-cache"))
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    let parsed: Option<SignedDuration> = text.parse().ok();
    parsed.and_then(|duration| duration.try_into().ok()).ok_or("it is no time span; write 10s, 500ms or 1m")
}

/// Reading a folder takes its time: who would look again at once would do nothing else.
fn poll(text: &str) -> Result<Duration, &'static str> {
    match duration(text) {
        Ok(span) if span >= Duration::from_millis(50) => Ok(span),
        Ok(_) => Err("it is too short; write 50ms or more, such as 1s"),
        Err(_) => Err("it is no time span; write 1s, 500ms or 1m"),
    }
}

fn log_format(text: &str) -> Result<LogFormat, &'static str> {
    match text {
        "pretty" => Ok(LogFormat::Pretty),
        "json" => Ok(LogFormat::Json),
        _ => Err("it is unknown; write pretty or json"),
    }
}
