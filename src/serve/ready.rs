//! The ready lines: the URLs that are printed on stdout, and written into the file of `--ready-file`, when the server accepts
//! connections.

use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use crate::config::Problems;

/// How the line of the S3 endpoint begins, which is only in the file.
const S3: &str = "s3 ";

/// The longest file that may be one of an earlier server, in bytes.
const MAX_LEN: u64 = 64 * 1024;

/// How the lines of a ready file begin.
const BEGINNINGS: [&str; 4] = ["http://", "https://", "unix:", S3];

/// The URLs that are printed when the server is ready.
#[derive(Debug)]
pub(super) struct Ready {
    /// The URL of each `--listen`, and its URLs for other machines.
    pub(super) urls: Vec<(String, Vec<String>)>,
    /// The URL of the S3 endpoint, if it is on.
    pub(super) s3: Option<String>,
    /// Whether to open a browser.
    pub(super) open: bool,
}

impl Ready {
    /// Writes the ready file, prints the ready lines and opens the browser.
    pub(super) fn announce(&self, file: Option<&ReadyFile>) -> Result<(), Problems> {
        let lines: String = self.urls.iter().map(|(url, _)| format!("{url}\n")).collect();
        if let Some(file) = file {
            let s3 = self.s3.iter().map(|url| format!("{S3}{url}\n")).collect::<String>();
            file.write(&format!("{lines}{s3}"))?;
        }
        print(&lines).map_err(|error| Problems::of_system(format!("cannot write the URL to stdout: {error}")))?;
        for url in self.urls.iter().flat_map(|(_, network_urls)| network_urls) {
            tracing::info!("on your network: {url}");
        }
        if let (true, Some((url, _))) = (self.open, self.urls.first())
            && let Err(error) = open::that_detached(url)
        {
            tracing::warn!("cannot open a browser: {error}; the URL is {url}");
        }
        Ok(())
    }
}

/// Prints the ready lines, which are the only output on stdout: a script that has read them can connect.
fn print(lines: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(lines.as_bytes())?;
    stdout.flush()
}

/// The file of `--ready-file`. It exists while the server is ready: it is written at once or not at all, and removed when
/// this value is dropped.
#[derive(Debug)]
pub(super) struct ReadyFile {
    path: PathBuf,
}

impl ReadyFile {
    /// Removes the file of an earlier server, which was killed, so that nobody takes its URLs for ours. Refuses a file that
    /// does not hold URLs: it is not ours to remove.
    pub(super) fn prepare(path: &Path) -> Result<Self, Problems> {
        // reading a FIFO would wait for a writer
        let may_be_read = |found: &Metadata| found.is_dir() || (found.is_file() && found.len() <= MAX_LEN);
        let content = fs::metadata(path).and_then(|found| may_be_read(&found).then(|| fs::read(path)).transpose());
        match content {
            Ok(Some(content)) if is_ready_file(&content) => {
                fs::remove_file(path).map_err(|error| problem(path, "remove", &error))?;
            }
            Ok(_) => {
                return Err(Problems::of_usage(format!(
                    "--ready-file {:?}: this file exists and was not written by devmedia; write the path of a new file",
                    path.display().to_string()
                )));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(problem(path, "read", &error)),
        }
        Ok(Self { path: path.to_owned() })
    }

    /// Writes the file beside its path and renames it, so that a reader finds all lines or no file.
    fn write(&self, lines: &str) -> Result<(), Problems> {
        let mut name = self.path.as_os_str().to_owned();
        name.push(format!(".{}", std::process::id()));
        let unfinished = PathBuf::from(name);
        // never through a link that another user of the machine has put into a shared folder
        let file = OpenOptions::new().write(true).create_new(true).open(&unfinished);
        let written = file.and_then(|mut file| file.write_all(lines.as_bytes()));
        let written = written.and_then(|()| fs::rename(&unfinished, &self.path));
        written.map_err(|error| {
            let _ = fs::remove_file(&unfinished);
            problem(&self.path, "write", &error)
        })
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        // it may not have been written, and may have been removed together with its folder
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether a file may be replaced: it is empty, as `mktemp` makes it, or holds the URLs of another server.
fn is_ready_file(content: &[u8]) -> bool {
    let is_url = |line: &[u8]| BEGINNINGS.iter().any(|beginning| line.starts_with(beginning.as_bytes()));
    content.is_empty()
        || (content.ends_with(b"\n") && content[..content.len() - 1].split(|byte| *byte == b'\n').all(is_url))
}

fn problem(path: &Path, verb: &str, error: &io::Error) -> Problems {
    Problems::of_system(format!("--ready-file {:?}: cannot {verb} this file: {error}", path.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_link_in_a_shared_folder_is_not_written_through() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, other) = (folder.path().join("ready"), folder.path().join("other"));
        fs::write(&other, "notes").expect("a file");
        std::os::unix::fs::symlink(&other, format!("{}.{}", path.display(), std::process::id())).expect("a link");
        let file = ReadyFile::prepare(&path).expect("no file");
        assert!(file.write("http://127.0.0.1:8001/media/\n").is_err());
        assert_eq!(fs::read_to_string(&other).expect("the file"), "notes");
        file.write("http://127.0.0.1:8001/media/\n").expect("the link has been removed");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_fifo_and_a_long_file_are_refused() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};

        let folder = tempfile::tempdir().expect("a folder");
        let (fifo, long) = (folder.path().join("fifo"), folder.path().join("long"));
        mknodat(CWD, &fifo, FileType::Fifo, Mode::RWXU, 0).expect("a FIFO");
        fs::write(&long, "http://127.0.0.1:8001/media/\n".repeat(4096)).expect("a file");
        for path in [fifo, long] {
            let refused = ReadyFile::prepare(&path).expect_err("not ours");
            assert!(refused.to_string().contains("was not written by devmedia"), "{refused}");
            assert!(path.exists());
        }
    }

    #[test]
    fn only_urls_and_empty_files_are_replaced() {
        for (content, expected) in [
            ("", true),
            ("http://127.0.0.1:8001/media/\n", true),
            ("https://localhost:8001/\nunix:/tmp/media.sock\n", true),
            ("http://127.0.0.1:8001/media/\ns3 http://127.0.0.1:9000\n", true),
            ("http://127.0.0.1:8001/media/", false), // written at once or not at all
            ("[package]\nname = \"shop\"\n", false),
            ("http://127.0.0.1:8001/media/\nnotes\n", false),
            ("\n", false),
        ] {
            assert_eq!(is_ready_file(content.as_bytes()), expected, "{content:?}");
        }
    }
}
