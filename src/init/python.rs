//! Runs the project's own Python, for a limited time.

use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::snapshot::Snapshot;

/// How many bytes of output are kept. The rest is read and dropped, so that the process does not block.
const MAX_OUTPUT: u64 = 256 * 1024;
/// How many lines of an error are shown.
const SHOWN_LINES: usize = 12;
/// How often to look whether the process has ended.
const LOOK: Duration = Duration::from_millis(20);
/// How long the output may stay open after the process has ended: a process that it started may keep it open.
const LAST_OUTPUT: Duration = Duration::from_secs(1);

/// Why Python printed nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// It could not be started.
    NotStarted(io::Error),
    /// It was ended after the time limit.
    TooSlow { lines: Vec<String> },
    /// It ended with an error.
    Failed { status: ExitStatus, lines: Vec<String> },
}

/// The command that runs the project's Python: that of a virtual environment in the project, else of the active one, else
/// what uv or poetry choose, else `python3`. Pure.
pub(super) fn interpreter(snapshot: &Snapshot, active: Option<&str>) -> Vec<String> {
    let (bin, exe) = if cfg!(windows) { ("Scripts", "python.exe") } else { ("bin", "python") };
    let own = [".venv", "venv", "env"].map(|folder| format!("{folder}/{bin}/{exe}"));
    if let Some(own) = own.into_iter().find(|path| snapshot.has(path)) {
        return vec![own];
    }
    if let Some(active) = active.filter(|active| !active.is_empty()) {
        return vec![format!("{active}/{bin}/{exe}")];
    }
    let project = snapshot.text("pyproject.toml").unwrap_or_default();
    let words: &[&str] = if snapshot.has("uv.lock") || project.contains("[tool.uv]") {
        // without --no-sync, uv would install packages
        &["uv", "run", "--no-sync", "python"]
    } else if snapshot.has("poetry.lock") || project.contains("[tool.poetry]") {
        &["poetry", "run", "python"]
    } else {
        &[if cfg!(windows) { "python" } else { "python3" }]
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The words for a command line that people type: `python` if an environment is active.
pub(super) fn shown(words: &[String], active: Option<&str>) -> String {
    match words {
        [only] if active.is_some_and(|active| only.starts_with(active)) => "python".to_owned(),
        // the app may be started with uv's usual checks
        words => words.iter().filter(|word| *word != "--no-sync").map(String::as_str).collect::<Vec<_>>().join(" "),
    }
}

/// Runs Python in a folder and returns its stdout.
pub(super) fn run(words: &[String], arguments: &[&str], folder: &Path, limit: Duration) -> Result<String, Failure> {
    let (program, rest) = words.split_first().expect("an interpreter has a name");
    // a relative path would be relative to the working directory of devmedia
    let program = if program.contains('/') { folder.join(program) } else { program.into() };
    let mut command = Command::new(program);
    command.args(rest).args(arguments).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONIOENCODING", "utf-8");
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let until = Instant::now() + limit;
    let mut child = command.spawn().map_err(Failure::NotStarted)?;
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let status = loop {
        match child.try_wait().map_err(Failure::NotStarted)? {
            Some(status) => break Some(status),
            None if Instant::now() >= until => {
                kill(&mut child);
                break None;
            }
            None => std::thread::sleep(LOOK),
        }
    };
    let text = |receiver: Receiver<String>| receiver.recv_timeout(LAST_OUTPUT).unwrap_or_default();
    let (stdout, stderr) = (text(stdout), text(stderr));
    match status {
        None => Err(Failure::TooSlow { lines: shown_lines(&stderr) }),
        Some(status) if status.success() => Ok(stdout),
        Some(status) => Err(Failure::Failed { status, lines: shown_lines(&stderr) }),
    }
}

/// Ends the process and those that it has started (`uv run` starts Python).
fn kill(child: &mut Child) {
    #[cfg(unix)]
    let _ = rustix::process::kill_process_group(rustix::process::Pid::from_child(child), rustix::process::Signal::KILL);
    #[cfg(windows)]
    crate::system::end_process_tree(child.id());
    // it may have ended already
    let _ = child.kill();
    let _ = child.wait();
}

/// Reads a stream to its end, in a thread.
fn collect(stream: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, receiver) = channel();
    if let Some(mut stream) = stream {
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            let _ = stream.by_ref().take(MAX_OUTPUT).read_to_end(&mut kept);
            let _ = io::copy(&mut stream, &mut io::sink());
            // the receiver may have given up
            let _ = sender.send(String::from_utf8_lossy(&kept).into_owned());
        });
    }
    receiver
}

/// The lines of an error that say most: the last ones, or the first ones of `faulthandler`, whose most recent call is first.
fn shown_lines(stderr: &str) -> Vec<String> {
    let plain = |line: &str| line.chars().filter(|c| !c.is_control() || *c == '\t').collect::<String>();
    let lines: Vec<String> = stderr.lines().map(plain).filter(|line| !line.trim().is_empty()).collect();
    match lines.iter().position(|line| line.starts_with("Timeout (")) {
        Some(at) => lines[at..].iter().take(SHOWN_LINES).cloned().collect(),
        None => lines[lines.len().saturating_sub(SHOWN_LINES)..].to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Files<'a> = &'a [(&'a str, &'a str)];

    #[test]
    fn the_projects_own_python_is_preferred() {
        let rows: &[(Files<'_>, Option<&str>, &str, &str)] = &[
            (&[(".venv/bin/python", ""), ("uv.lock", "")], Some("/active"), ".venv/bin/python", ".venv/bin/python"),
            (&[("venv/bin/python", "")], None, "venv/bin/python", "venv/bin/python"),
            (&[("uv.lock", "")], Some("/active"), "/active/bin/python", "python"),
            (&[("uv.lock", "")], None, "uv run --no-sync python", "uv run python"),
            (&[("pyproject.toml", "[tool.poetry]\n")], Some(""), "poetry run python", "poetry run python"),
            (&[("requirements.txt", "")], None, "python3", "python3"),
        ];
        for (entries, active, expected, typed) in rows {
            let words = interpreter(&Snapshot::of(entries), *active);
            assert_eq!((words.join(" ").as_str(), shown(&words, *active).as_str()), (*expected, *typed), "{entries:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_that_hangs_is_ended_with_all_that_it_started() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let words = ["sh".to_owned(), "-c".to_owned()];
        let script = "sleep 600 & echo $! > child; echo 'it hangs' >&2; wait";
        let failure = run(&words, &[script], folder.path(), Duration::from_millis(500)).expect_err("it hangs");
        let Failure::TooSlow { lines } = failure else { panic!("{failure:?}") };
        assert_eq!(lines, ["it hangs"]);
        let child = std::fs::read_to_string(folder.path().join("child")).expect("the process has started");
        // a process that was killed stays a zombie until its new parent waits for it
        let is_running = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
            !stat.is_empty() && !stat.contains(") Z")
        };
        let until = Instant::now() + Duration::from_secs(30);
        while is_running() && Instant::now() < until {
            std::thread::yield_now();
        }
        assert!(!is_running(), "a process of the group is still there");
    }

    #[cfg(unix)]
    #[test]
    fn endless_output_is_read_within_limits() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let words = ["sh".to_owned(), "-c".to_owned()];
        let script = "head -c 3000000 /dev/zero | tr '\\0' 'x'; echo; echo error >&2; exit 3";
        let failure = run(&words, &[script], folder.path(), Duration::from_secs(60)).expect_err("code 3");
        assert!(matches!(&failure, Failure::Failed { lines, .. } if lines == &["error"]), "{failure:?}");
        let failure = run(&["no-such-python".to_owned()], &[], folder.path(), Duration::from_secs(1));
        assert!(matches!(failure, Err(Failure::NotStarted(_))), "{failure:?}");
    }

    #[test]
    fn the_lines_with_the_cause_are_shown() {
        let long: String = (0..40).map(|n| format!("line {n}\n")).collect();
        assert_eq!(shown_lines(&long).last().map(String::as_str), Some("line 39"));
        let hang =
            format!("noise\nTimeout (0:00:08)!\nThread 1 (most recent call first):\n  File \"settings.py\"\n{long}");
        assert_eq!(shown_lines(&hang)[2], "  File \"settings.py\"");
    }
}
