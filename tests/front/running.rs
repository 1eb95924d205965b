//! `devmedia run -- COMMAND`.

use std::fs;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::ask;
use crate::support::process::{Process, run as run_to_its_end};
use crate::support::{self, python, wait_until};

/// An app that prints its environment. Its second argument selects its behaviour.
const APP: &str = r#"
import http.server, os, signal, subprocess, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        text = f"{os.environ['DEVMEDIA_URL']} {os.environ.get('PORT')}".encode()
        self.send_response(http.HTTPStatus.OK)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    def log_message(self, *_):
        pass
marker, how = sys.argv[1:3]
port = int(os.environ["PORT"]) if how == "port" else 0
server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
if how in ("family", "stubborn"):
    # one child, and one that has left the group and the parent
    subprocess.Popen(["sh", "-c", "while sleep 1; do :; done", marker])
    subprocess.Popen(["sh", "-c", 'setsid sh -c "while sleep 1; do :; done" "$0" & exit 0', marker]).wait()
if how == "stubborn":
    ignore = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(1e3)"
    deaf = subprocess.Popen([sys.executable, "-c", ignore, marker], stdout=subprocess.PIPE)
    deaf.stdout.readline()
def say(line):
    # whole lines, although two threads write
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
if how == "terminal":
    interrupts = []
    def interrupted(*_):
        interrupts.append(1)
        say(f"interrupt number {len(interrupts)}")
        threading.Thread(target=server.shutdown).start()
    signal.signal(signal.SIGINT, interrupted)
    threading.Thread(target=lambda: say(f"read {sys.stdin.readline().strip()}"), daemon=True).start()
print("a line of the app", flush=True)
server.serve_forever()
sys.exit(3)
"#;

/// `devmedia run` of this command in a folder of its own, without a terminal.
fn devmedia(folder: &TempDir, words: &[&str]) -> Command {
    fs::create_dir_all(folder.path().join("media")).expect("the root");
    let mut command = support::command();
    command.current_dir(folder.path()).env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.args(["run", "--debug", "--listen", "127.0.0.1:0", "--"]).args(words);
    command
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// The ready line, which may come after lines of the app.
fn url(process: &Process) -> String {
    process.stdout.with("http://127.0.0.1:")
}

/// A word that occurs only in the command lines of this test's processes.
fn marker(name: &str) -> String {
    format!("devmedia-test-{}-{name}", std::process::id())
}

/// The processes whose command line has this word.
fn processes(marker: &str) -> Vec<(Pid, String)> {
    let entries = fs::read_dir("/proc").expect("Linux").flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let lines = ids.filter_map(|id| Some((Pid::from_raw(id)?, fs::read(format!("/proc/{id}/cmdline")).ok()?)));
    let texts = lines.map(|(id, line)| (id, String::from_utf8_lossy(&line).replace('\0', " ")));
    texts.filter(|(_, line)| line.contains(marker)).collect()
}

fn answer(url: &str) -> String {
    let address = url.trim_start_matches("http://").trim_end_matches('/').parse().expect("an address");
    ask(address, "GET", "/", &[], b"").text()
}

#[cfg(target_os = "linux")]
#[test]
fn the_address_of_the_app_is_detected() {
    let Some(python) = python(&["http.server"]) else { return };
    for how in ["own", "port"] {
        let folder = folder();
        let process = Process::start(devmedia(&folder, &[&python, "-c", APP, "x", how]));
        let url = url(&process);
        let text = answer(&url);
        let (own, port) = text.split_once(' ').expect("two words");
        assert_eq!(format!("{own}/"), url, "DEVMEDIA_URL has no slash at its end");
        let found = process.stderr.with("to the app at http://127.0.0.1:");
        assert_eq!(found.ends_with(&format!(":{port}")), how == "port", "{found}, PORT={port}");
        process.signal(Signal::TERM);
        assert_eq!(process.end().code, Some(143), "the app is told to end, and its exit code is ours");
    }
}

#[test]
fn the_address_of_the_app_may_be_given() {
    let app = super::app::App::echo();
    let folder = folder();
    let mut command = devmedia(&folder, &["sleep", "1000"]);
    command.env("DEVMEDIA_APP", app.url());
    let process = Process::start(command);
    assert!(answer(&url(&process)).starts_with("GET / HTTP/1.1"));
}

#[test]
fn run_ends_with_the_exit_code_of_the_command() {
    for (words, code) in [
        (&["sh", "-c", "exit 0"][..], 0),
        (&["sh", "-c", "exit 7"], 7),
        (&["sh", "-c", "kill -9 $$"], 137),
        (&["sh", "-c", "kill -TERM $$"], 143),
        (&["no-such-command-anywhere", "x"], 127),
        (&["/dev/null"], 126),
    ] {
        let folder = folder();
        let ended = run_to_its_end(devmedia(&folder, words));
        assert_eq!((ended.code, ended.stdout.len()), (Some(code), 0), "{words:?}: {ended:?}");
    }
}

#[test]
fn nothing_is_started_without_confirmation() {
    let folder = folder();
    fs::create_dir(folder.path().join("media")).expect("the root");
    let mut command = support::command();
    command.current_dir(folder.path()).args(["run", "--", "/bin/touch", "started"]);
    let ended = run_to_its_end(command);
    assert_eq!((ended.code, folder.path().join("started").exists()), (Some(2), false), "{ended:?}");
}

/// Whether a signal is ignored, as SIGHUP is under `nohup`, and SIGINT and SIGQUIT in a background job of a script: devmedia
/// and the app inherit that, and should survive the signal.
fn is_ignored(signal: Signal) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.is_some_and(|mask| {
        u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| mask >> (signal.as_raw() - 1) & 1 == 1)
    })
}

/// No process of the app is left, whichever process is killed by whichever signal.
#[cfg(target_os = "linux")]
#[test]
fn no_process_is_left_behind() {
    #[derive(Debug, Clone, Copy)]
    enum Victim {
        Devmedia,
        Keeper,
        App,
    }
    let Some(python) = python(&["http.server"]) else { return };
    for (number, (signal, victim, how)) in [
        (Signal::INT, Victim::Devmedia, "family"),
        (Signal::TERM, Victim::Devmedia, "family"),
        (Signal::HUP, Victim::Devmedia, "family"),
        (Signal::QUIT, Victim::Devmedia, "family"),
        (Signal::KILL, Victim::Devmedia, "stubborn"),
        (Signal::TERM, Victim::Keeper, "family"),
        (Signal::INT, Victim::App, "family"),
        (Signal::KILL, Victim::App, "stubborn"),
    ]
    .into_iter()
    .enumerate()
    {
        if is_ignored(signal) {
            continue;
        }
        let marker = marker(&number.to_string());
        let folder = folder();
        let process = Process::start(devmedia(&folder, &[&python, "-c", APP, &marker, how]));
        url(&process);
        let children = if how == "stubborn" { 3 } else { 2 };
        // a process that is just starting another program has no arguments for a moment
        wait_until("devmedia, its supervisor, the app and its children", || processes(&marker).len() >= 3 + children);
        let all = processes(&marker);
        let of_app = |(_, line): &&(Pid, String)| {
            line.contains("serve_forever") && !line.contains("__supervise") && !line.contains("run --debug")
        };
        let kill = |pid: Pid| kill_process(pid, signal).expect("it runs");
        match victim {
            Victim::Devmedia => process.signal(signal),
            Victim::Keeper => kill(all.iter().find(|(_, line)| line.contains("__supervise")).expect("it runs").0),
            Victim::App => kill(all.iter().find(of_app).expect("it runs").0),
        }
        let what = format!("the end of all processes after {signal:?} to {victim:?}");
        wait_until(&what, || processes(&marker).is_empty());
    }
}

/// On a terminal, the app receives Ctrl-C once, from the terminal, and can read input.
#[cfg(target_os = "linux")]
#[test]
fn on_a_terminal_the_app_reads_and_is_interrupted_once() {
    /// Runs a command on a terminal: types a line when the app is there, and Ctrl-C when it has read it.
    const TERMINAL: &str = r#"
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
seen = b""
def wait_for(text):
    global seen
    while text not in seen:
        seen += os.read(terminal, 4096)
try:
    wait_for(b"http://127.0.0.1:")
    os.write(terminal, b"hello\n")
    wait_for(b"read hello")
    os.write(terminal, b"\x03")
    while True:
        seen += os.read(terminal, 4096)
except OSError:
    pass
print(seen.decode().replace("\r", ""))
print("exit code", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;
    let Some(python) = python(&["http.server", "pty"]) else { return };
    let folder = folder();
    let marker = marker("terminal");
    let inner = devmedia(&folder, &[&python, "-c", APP, &marker, "terminal"]);
    let mut outer = Command::new(&python);
    outer.args(["-c", TERMINAL]).arg(inner.get_program()).args(inner.get_args()).current_dir(folder.path());
    let ended = run_to_its_end(outer);
    let lines = ended.stdout.join("\n");
    assert!(lines.contains("read hello"), "{lines}");
    assert!(lines.contains("interrupt number 1") && !lines.contains("interrupt number 2"), "{lines}");
    assert!(lines.contains("exit code 3"), "{lines}");
    assert_eq!(processes(&marker), []);
}
