//! `--s3` and the other settings of the S3 endpoint, and the names of the buckets.

use std::path::{Path, PathBuf};

use super::layer::Layer;
use super::problems::Problems;
use super::roots::Roots;
use super::setting::Scope;
use super::settings::{BUCKET, S3, S3_BUCKETS, S3_HOSTS, S3_KEY};
use super::values::{S3Host, S3Switch};
use crate::guard::HostPattern;
use crate::request::prefix::Prefix;
use crate::s3::bucket::check_name;
use crate::server::listener::Listen;
use crate::signature::Key;
use crate::signature::secret::Secret;
use crate::storage::bucket::url::BucketUrl;
use crate::storage::root::Links;

/// The port of `MinIO`, which most settings for development have already.
const DEFAULT_PORT: u16 = 9000;

/// The key if no other is set. It is public knowledge, so the guard decides which pages may use the endpoint.
pub const DEFAULT_KEY: &str = "devmedia";

/// The name of the bucket of the mount at `/`.
const TOP_BUCKET: &str = "media";

/// The settings of the S3 endpoint.
#[derive(Debug)]
pub struct S3Settings {
    /// Where it listens.
    pub listen: Listen,
    /// The keys, at least one.
    pub keys: Vec<Key>,
    /// Whether the keys are the default ones, which may be printed.
    pub has_default_key: bool,
    /// Its other names, with or without a port.
    pub hosts: Vec<String>,
    /// The same names, as the guard accepts them.
    pub host_patterns: Vec<HostPattern>,
    /// The folder whose folders are buckets.
    pub buckets: Option<PathBuf>,
}

/// Reads the settings; `None` if the endpoint is off.
pub(super) fn read(
    flags: &Layer,
    server: &Layer,
    file: Option<&Path>,
    listen: &[Listen],
    roots: &mut Roots,
    problems: &mut Problems,
) -> Option<S3Settings> {
    let Some(own) = listens_at(server, problems) else {
        for typed in [server.typed(&S3_BUCKETS), server.typed(&S3_KEY), server.typed(&S3_HOSTS)].into_iter().flatten() {
            problems.warn(format!("{} has no effect: the S3 endpoint is off; add --s3", typed.shown));
        }
        return None;
    };
    if let Some(other) = listen.iter().find(|other| other.overlaps(&own)) {
        let shown = server.typed(&S3).map_or_else(|| "--s3".to_owned(), |typed| typed.shown.clone());
        problems.usage(format!(
            "{shown}: the endpoint has a listener of its own, and {own} overlaps with {other}; write another port, such as \
             --s3=127.0.0.1:9001"
        ));
    }
    let mut keys = server.each(&S3_KEY, problems);
    let mut has_default_key = false;
    if server.all(&S3_KEY).is_empty() {
        let key = key_of_environment(crate::environment::variable, problems);
        has_default_key = key.is_none();
        keys.extend(key.or_else(default_key));
    }
    let hosts: Vec<S3Host> = server.each(&S3_HOSTS, problems);
    let buckets = server.typed(&S3_BUCKETS).and_then(|typed| {
        let is_of_flag = flags.typed(&S3_BUCKETS).is_some();
        let base = file.filter(|_| !is_of_flag).and_then(Path::parent).unwrap_or(Path::new(""));
        let root = roots.open(typed, base, Links::Inside, true, problems)?;
        Some(root.path().to_owned())
    });
    let (hosts, host_patterns) = hosts.into_iter().map(|host| (host.text, host.pattern)).unzip();
    Some(S3Settings { listen: own, keys, has_default_key, hosts, host_patterns, buckets })
}

/// Where the endpoint listens; `None` if it is off.
fn listens_at(server: &Layer, problems: &mut Problems) -> Option<Listen> {
    match server.get(&S3, problems)? {
        S3Switch::Off => None,
        S3Switch::On => Some(Listen::Loopback(DEFAULT_PORT)),
        S3Switch::At(listen) => Some(listen),
    }
}

/// The key in the variables that S3 clients read, too.
fn key_of_environment(variable: impl Fn(&str) -> Option<String>, problems: &mut Problems) -> Option<Key> {
    let names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    match names.map(|name| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())) {
        [Some(id), Some(secret)] => Some(Key { id, secret: Secret::new(secret)? }),
        [None, None] => None,
        [id, _] => {
            let (set, missing) = if id.is_some() { (names[0], names[1]) } else { (names[1], names[0]) };
            problems.warn(format!("{set} has no effect: {missing} is not set; set both, or neither"));
            None
        }
    }
}

fn default_key() -> Option<Key> {
    Some(Key { id: DEFAULT_KEY.to_owned(), secret: Secret::new(DEFAULT_KEY)? })
}

/// The names of the buckets of the mounts, no two of them the same.
#[derive(Debug)]
pub(super) struct BucketNames {
    is_on: bool,
    taken: Vec<(String, String)>,
}

impl BucketNames {
    /// Finds out whether the endpoint is on.
    pub(super) fn read(flags: &Layer, top: &Layer, problems: &mut Problems) -> Self {
        let is_on = listens_at(&flags.over(top).only(&[Scope::Server]), problems).is_some();
        Self { is_on, taken: Vec::new() }
    }

    /// The name of the bucket of a mount: the setting, or else the last segment of its prefix. A mount whose root is a bucket
    /// itself, at this URL, has none.
    pub(super) fn of(
        &mut self,
        settings: &Layer,
        prefix: &Prefix,
        url: Option<&BucketUrl>,
        problems: &mut Problems,
    ) -> Option<Box<str>> {
        let typed = settings.typed(&BUCKET);
        if !self.is_on {
            if let Some(typed) = typed {
                problems.warn(format!("{} has no effect: the S3 endpoint is off; add --s3", typed.shown));
            }
            return None;
        }
        if let Some(url) = url {
            problems.warn(format!(
                "the mount {prefix} has no bucket in the S3 endpoint (--s3), which serves folders; its root is {url}: let the \
                 app use that store directly"
            ));
            return None;
        }
        let last = String::from_utf8_lossy(prefix.path().file_name()).into_owned();
        let default = if last.is_empty() { TOP_BUCKET.to_owned() } else { last };
        let name = typed.map_or(default, |typed| typed.value.trim().to_owned());
        let shown =
            typed.map_or_else(|| format!("the mount {prefix} has the bucket {name:?}"), |typed| typed.shown.clone());
        if let Err(error) = check_name(&name) {
            problems
                .usage(format!("{shown}: {error}; write bucket = \"my-media\" in its [[mount]], or --bucket my-media"));
            return None;
        }
        if let Some((_, other)) = self.taken.iter().find(|(taken, _)| *taken == name) {
            problems.usage(format!(
                "{shown}: the mount {other} has a bucket of this name already; write bucket = \"another-name\" in one of them"
            ));
            return None;
        }
        self.taken.push((name.clone(), prefix.to_string()));
        Some(name.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_has_a_key_or_not() {
        for (id, secret, expected, warns) in [
            (Some("AKIA"), Some("secret"), Some("AKIA"), false),
            (None, None, None, false),
            (Some(""), Some(""), None, false),
            (Some("AKIA"), None, None, true),
            (None, Some("secret"), None, true),
        ] {
            let mut problems = Problems::default();
            let variable = |name: &str| if name.contains("ID") { id } else { secret }.map(str::to_owned);
            let key = key_of_environment(variable, &mut problems);
            assert_eq!(key.map(|key| key.id).as_deref(), expected, "{id:?} {secret:?}");
            assert_eq!(problems.take_warnings().len(), usize::from(warns), "{id:?} {secret:?}");
        }
    }
}
