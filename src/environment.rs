//! The environment: the variables of the process, then those of the file that `--env-file` names.
//!
//! The file is read once, before anything is bound. The environment of the process itself is not changed, so an app that
//! `devmedia run` starts does not see the variables of the file.

mod dotenv;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::sync::OnceLock;

pub use self::dotenv::{Entry, Mistake, parse};

/// A larger file is not a file of settings.
const MAX_SIZE: u64 = 1024 * 1024;

/// The variables of the file. Like the environment of the process, there is one for all.
static FILE: OnceLock<EnvFile> = OnceLock::new();

/// A file of variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvFile {
    /// Its path as it was typed.
    pub path: String,
    entries: Vec<Entry>,
}

impl EnvFile {
    /// Reads a file. The error is a sentence that follows the flag as it was typed.
    pub fn read(path: &str) -> Result<Self, EnvFileError> {
        if path.is_empty() {
            return Err(EnvFileError::Usage(": the name of the file is empty; write its path, such as .env".into()));
        }
        let fail = |error: std::io::Error| {
            EnvFileError::System(format!(": the file cannot be read: {error}. Write the path of a file such as .env"))
        };
        let mut text = String::new();
        let mut file = File::open(path).map_err(fail)?.take(MAX_SIZE + 1);
        file.read_to_string(&mut text).map_err(fail)?;
        if text.len() as u64 > MAX_SIZE {
            return Err(EnvFileError::Usage(
                ": the file has more than 1 MiB; write the path of a file such as .env".into(),
            ));
        }
        let entries =
            parse(&text).map_err(|Mistake { line, advice }| EnvFileError::Usage(format!(", line {line}: {advice}")))?;
        Ok(Self { path: path.to_owned(), entries })
    }

    /// The last line that sets a variable.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().rev().find(|entry| entry.name == name)
    }

    /// Makes [`variable`] and [`of_file`] read this file. Only the first call has an effect.
    pub fn install(self) {
        let _ = FILE.set(self);
    }
}

/// Why a file of variables cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvFileError {
    /// Something is typed wrongly, in the file or on the command line.
    Usage(String),
    /// The operating system refused.
    System(String),
}

/// A variable: of the process, or else of the file.
pub fn variable(name: &str) -> Option<String> {
    match std::env::var_os(name) {
        // a value that is not UTF-8 is as good as none, but the file must not replace it
        Some(value) => value.into_string().ok(),
        None => of_file(name).map(|entry| entry.value.clone()),
    }
}

/// All variables whose names begin with this, each once: of the process, or else of the file.
pub fn variables(start: &str) -> Vec<(String, String)> {
    let of_process = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let of_file = FILE.get().into_iter().flat_map(|file| &file.entries).map(|entry| entry.name.clone());
    let names: BTreeSet<String> = of_process.chain(of_file).filter(|name| name.starts_with(start)).collect();
    names.into_iter().filter_map(|name| variable(&name).map(|value| (name, value))).collect()
}

/// A variable of the file.
pub fn of_file(name: &str) -> Option<&'static Entry> {
    FILE.get()?.entry(name)
}
