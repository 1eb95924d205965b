//! devmedia with its S3 endpoint, and the clients that use it.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::{Server, Way, python, skip};

/// Both keys where none are configured.
pub(crate) const KEY: &str = "devmedia";

/// A running server whose media root is the bucket `media`.
pub(crate) struct S3 {
    pub(crate) server: Server,
    /// `http://127.0.0.1:PORT`.
    pub(crate) endpoint: String,
}

impl S3 {
    /// Starts a server that accepts uploads and new buckets.
    pub(crate) fn start(args: &[&str]) -> Self {
        let args = [&["--upload", "--s3=127.0.0.1:0", "--s3-buckets", "buckets"], args].concat();
        let prepare = |folder: &Path| std::fs::create_dir(folder.join("buckets")).expect("a folder");
        let server = Server::prepared(Way::Fast, &args, prepare);
        let line = server.logged("S3 endpoint at http://");
        let address = line.split("http://").nth(1).and_then(|rest| rest.split(' ').next()).expect("an address");
        let endpoint = format!("http://{address}");
        Self { server, endpoint }
    }

    /// The port of the endpoint.
    pub(crate) fn port(&self) -> &str {
        self.endpoint.rsplit(':').next().expect("a port")
    }

    /// A client with the default keys, without the caller's own settings.
    pub(crate) fn client(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
            command.env_remove(name);
        }
        command.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", KEY).env("AWS_REGION", "us-east-1");
        command.env("AWS_ENDPOINT_URL_S3", &self.endpoint).env("AWS_EC2_METADATA_DISABLED", "true");
        command.env("AWS_DEFAULT_REGION", "us-east-1").env("HOME", &self.server.outside);
        command.current_dir(&self.server.outside).stdin(Stdio::null());
        command
    }

    /// Runs a client with these arguments, separated by spaces; its output. Panics if it fails.
    pub(crate) fn run(&self, program: &str, args: &str) -> String {
        run(self.client(program).args(args.split_whitespace()))
    }
}

/// Runs a command; its output. Panics with all that it printed if it fails.
pub(crate) fn run(command: &mut Command) -> String {
    let done = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{command:?}: {said}\n{}", String::from_utf8_lossy(&done.stderr));
    said
}

/// A file beside this one.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/s3").join(name)
}

/// A program on PATH, or beside the Python of the tests; `None` if it is missing, see [`skip`].
pub(crate) fn program(name: &str) -> Option<String> {
    let python = std::env::var_os("DEVMEDIA_TEST_PYTHON").map(PathBuf::from);
    let beside = python.and_then(|python| Some(python.parent()?.join(name))).filter(|path| path.is_file());
    let path = beside.unwrap_or_else(|| PathBuf::from(name)).into_os_string().into_string().expect("UTF-8");
    if Command::new(&path).arg("--version").output().is_ok_and(|output| output.status.success()) {
        return Some(path);
    }
    skip(format_args!("{name} is not installed"));
    None
}

/// The app that signs for a page; see `signing_app.py`.
pub(crate) struct SigningApp {
    child: Child,
    pub(crate) url: String,
}

impl SigningApp {
    /// Starts it with the default keys and a version of signatures; `None` without boto3.
    pub(crate) fn start(s3: &S3, version: &str) -> Option<Self> {
        let python = python(&["boto3"])?;
        let mut command = s3.client(&python);
        command.arg("-B").arg(script("signing_app.py")).args([&s3.endpoint, "media", version]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("Python starts");
        let mut port = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut port).expect("a port");
        let url = format!("http://127.0.0.1:{}", port.trim_end());
        Some(Self { child, url })
    }
}

impl Drop for SigningApp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
