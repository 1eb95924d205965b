//! The difference between two readings of a folder, and the events that describe it. Pure.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::num::ParseIntError;
use std::str::FromStr;
use std::time::SystemTime;

use serde::Serialize;

use crate::request::path::encode_segment;
use crate::storage::folder::{Entry, Kind};

/// More changes than this at once become one event that says to read the folder again.
const MANY: usize = 100;

/// What distinguishes two states of an entry. Two states of a folder are the same: its time changes with its content, which
/// does not concern this stream.
type Version = (Kind, Option<SystemTime>);

fn version(entry: &Entry) -> Version {
    (entry.kind, entry.modified.filter(|_| entry.kind != Kind::Directory))
}

/// The entries of a folder by name, to compare with a later reading.
#[derive(Debug, Default)]
pub struct Snapshot {
    entries: BTreeMap<Vec<u8>, Version>,
}

impl Snapshot {
    /// The entries of a reading.
    pub fn new(entries: Vec<Entry>) -> Self {
        let versions = entries.into_iter().map(|entry| {
            let version = version(&entry);
            (entry.name, version)
        });
        Self { entries: versions.collect() }
    }

    /// The changes that lead to a later reading. A file that was renamed is removed under one name and created under another.
    pub fn changes<'a>(&'a self, later: &'a Self) -> Vec<Change<'a>> {
        let gone = self.entries.iter().filter(|(name, _)| !later.entries.contains_key(*name));
        let gone = gone.map(|(name, (kind, _))| Change { name, kind: *kind, what: What::Removed });
        let come = later.entries.iter().filter_map(|(name, version)| {
            let what = match self.entries.get(name) {
                None => What::Created,
                Some(before) if before != version => What::Modified,
                Some(_) => return None,
            };
            Some(Change { name, kind: version.0, what })
        });
        gone.chain(come).collect()
    }
}

/// The state of a folder as a short text, by which a page says what it shows. Another version of devmedia may compute it
/// differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State(u64);

impl State {
    /// The state of a folder that does not exist.
    pub const GONE: Self = Self(0);

    /// The state of a reading, in its order.
    pub fn of(entries: &[Entry]) -> Self {
        let mut hasher = DefaultHasher::new();
        for entry in entries {
            (&entry.name, version(entry)).hash(&mut hasher);
        }
        Self(hasher.finish())
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for State {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

/// One entry that has changed.
#[derive(Debug, PartialEq, Eq)]
pub struct Change<'a> {
    name: &'a [u8],
    kind: Kind,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum What {
    Created,
    Modified,
    Removed,
}

/// An event's data, for a program.
#[derive(Serialize)]
struct Data<'a> {
    name: &'a str,
    url: String,
    kind: What,
}

/// The events for these changes in the folder at the URL `base`. The last one has the state they lead to as its id: a
/// page that has applied them all knows the folder in that state.
pub fn events(base: &str, changes: &[Change<'_>], state: State) -> String {
    if changes.len() > MANY {
        return refresh(base, state);
    }
    let event = |(at, change): (usize, &Change<'_>)| {
        let slash = if change.kind == Kind::Directory { "/" } else { "" };
        let data = Data {
            name: &String::from_utf8_lossy(change.name),
            url: format!("{base}{}{slash}", encode_segment(change.name)),
            kind: change.what,
        };
        event("change", &data, (at + 1 == changes.len()).then_some(state))
    };
    changes.iter().enumerate().map(event).collect()
}

/// The event that says to read the folder again.
pub fn refresh(base: &str, state: State) -> String {
    #[derive(Serialize)]
    struct Folder<'a> {
        url: &'a str,
    }
    event("refresh", &Folder { url: base }, Some(state))
}

/// An event without data: a browser does not dispatch it, but remembers its id for `Last-Event-ID`.
pub fn mark(state: State) -> String {
    format!("id: {state}\n\n")
}

/// JSON escapes line breaks in strings, so no name can end its line.
fn event(name: &str, data: &impl Serialize, id: Option<State>) -> String {
    let id = id.map_or_else(String::new, |state| format!("id: {state}\n"));
    format!("event: {name}\ndata: {}\n{id}\n", serde_json::to_string(data).expect("texts only"))
}

#[cfg(test)]
mod tests;
