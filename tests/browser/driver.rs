//! One headless Chromium for all tests, controlled over `WebDriver`.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use fantoccini::error::CmdError;
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand, WindowHandle};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use url::Url;

use crate::support::{PATIENCE, skip};

/// A page here is a stranger's: the name is not a local one, though the address is.
pub(crate) const STRANGER: &str = "evil.example";
/// A stranger's name that points to devmedia, as in DNS rebinding.
pub(crate) const REBOUND: &str = "rebind.example";

/// Every script may use these.
const HELPERS: &str = r"
    // Puts an element into the page: itself when the browser can use what it names, null when it cannot.
    const put = (tag, properties) => new Promise(tell => {
        const element = Object.assign(document.createElement(tag), properties);
        element.onload = () => tell(element);
        // a video that has its data may still have no frame to draw
        if (element.requestVideoFrameCallback) element.requestVideoFrameCallback(element.onload);
        else element.onloadeddata = element.onload;
        element.onerror = () => tell(null);
        document.body.append(element);
    });
    // The picture as the page's own data, or the name of the error that keeps it from the page.
    const read = image => {
        const canvas = Object.assign(document.createElement('canvas'), { width: 8, height: 8 });
        const context = canvas.getContext('2d');
        context.drawImage(image, 0, 0, 8, 8);
        try {
            const opaque = context.getImageData(4, 4, 1, 1).data[3] === 255;
            return opaque && canvas.toDataURL().startsWith('data:image/png');
        } catch (error) { return error.name; }
    };
    // The value of a promise, or the name of its error.
    const outcome = promise => promise.catch(error => error.name);
";

/// Holds while any test runs or waits for its turn, so one browser serves them all; the last one ends it.
static SHARED: Mutex<Weak<Browser>> = Mutex::new(Weak::new());
/// A `WebDriver` session has one current window: one test at a time.
static TURN: Mutex<()> = Mutex::new(());

struct Browser {
    runtime: Runtime,
    client: Client,
    home: WindowHandle,
    driver: Driver,
    /// The profile, and the home and the temporary folder of both programs: nothing of them stays behind.
    _keep: TempDir,
}

impl Browser {
    /// The running browser, or a new one; `None` where none is installed.
    fn shared() -> Option<Arc<Self>> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(browser) = shared.upgrade() {
            return Some(browser);
        }
        let programs = (on_path(&["chromium", "chromium-browser", "google-chrome"]), on_path(&["chromedriver"]));
        let (Some(chromium), Some(chromedriver)) = programs else {
            skip("chromium and chromedriver are not both on PATH");
            return None;
        };
        let browser = Arc::new(Self::start(&chromium, &chromedriver));
        *shared = Arc::downgrade(&browser);
        Some(browser)
    }

    fn start(chromium: &Path, chromedriver: &Path) -> Self {
        let keep = tempfile::tempdir().expect("a temporary folder");
        let driver = Driver::start(chromedriver, &keep);
        let profile = keep.path().join("profile");
        let rules = format!("--host-resolver-rules=MAP {STRANGER} 127.0.0.1, MAP {REBOUND} 127.0.0.1");
        let capabilities = json!({
            "goog:chromeOptions": {
                "binary": chromium,
                "args": [
                    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                    "--disable-background-networking", "--disable-component-update", "--disable-sync",
                    "--disable-dev-shm-usage", rules, format!("--user-data-dir={}", profile.display()),
                ],
            },
            "timeouts": { "script": PATIENCE.as_millis(), "pageLoad": PATIENCE.as_millis() },
        });
        let capabilities: Capabilities = serde_json::from_value(capabilities).expect("an object");
        let runtime = Runtime::new().expect("a runtime");
        let (client, home) = runtime.block_on(async {
            let mut builder = ClientBuilder::new(HttpConnector::new());
            let client = builder.capabilities(capabilities).connect(&driver.url).await.expect("a browser session");
            let home = client.window().await.expect("a window");
            (client, home)
        });
        Self { runtime, client, home, driver, _keep: keep }
    }

    fn wait<T>(&self, command: impl Future<Output = Result<T, CmdError>>) -> Result<T, CmdError> {
        self.runtime.block_on(async { timeout(PATIENCE * 2, command).await.expect("the browser answers") })
    }
}

impl Drop for Browser {
    /// A panic in a test comes by here too. Chromedriver ends Chromium when asked; killed itself, it would leave it.
    fn drop(&mut self) {
        let closed = self.runtime.block_on(async { timeout(PATIENCE, self.client.clone().close()).await });
        if !matches!(closed, Ok(Ok(()))) {
            let number = self.client.capabilities().and_then(|all| all.get("goog:processID")?.as_i64());
            if let Some(pid) = number.and_then(|number| Pid::from_raw(number.try_into().ok()?)) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        self.driver.stop();
    }
}

/// The program that translates `WebDriver` for Chromium.
struct Driver {
    child: Child,
    url: String,
    /// Held open: a closed pipe would end the program at its next word.
    _stdout: BufReader<ChildStdout>,
}

impl Driver {
    /// Starts it on a port of its own choice, which it prints.
    fn start(program: &Path, keep: &TempDir) -> Self {
        let mut command = Command::new(program);
        command.arg("--port=0").env("HOME", keep.path()).env("TMPDIR", keep.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("chromedriver starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let ready = stdout.by_ref().lines().map_while(Result::ok).find(|line| line.contains("started successfully"));
        let port: Option<u16> = ready.and_then(|line| line.trim_end_matches('.').rsplit(' ').next()?.parse().ok());
        let url = format!("http://127.0.0.1:{}", port.expect("chromedriver says its port"));
        Self { child, url, _stdout: stdout }
    }

    fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.stop();
    }
}

fn on_path(names: &[&str]) -> Option<PathBuf> {
    let path: OsString = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let candidates = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    candidates.into_iter().find(|program| program.is_file())
}

/// A command of Chromium's `DevTools` protocol, which chromedriver passes on.
#[derive(Debug)]
struct DevTools {
    name: &'static str,
    parameters: Value,
}

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "cmd": self.name, "params": self.parameters }).to_string()))
    }
}

/// A fresh tab for one test; closed, with all it opened, when dropped.
pub(crate) struct Tab {
    browser: Arc<Browser>,
    _turn: MutexGuard<'static, ()>,
}

impl Tab {
    /// Waits for its turn; `None` where no browser is installed.
    pub(crate) fn new() -> Option<Self> {
        let browser = Browser::shared()?;
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        browser
            .wait(async {
                let tab = browser.client.new_window(true).await?;
                browser.client.switch_to_window(tab.handle).await
            })
            .expect("a tab");
        Some(Self { browser, _turn: turn })
    }

    /// Goes to a URL and waits until it is loaded.
    pub(crate) fn open(&self, url: &str) {
        self.browser.wait(self.browser.client.goto(url)).unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// What F5 does.
    pub(crate) fn reload(&self) {
        self.browser.wait(self.browser.client.refresh()).expect("a reload");
    }

    /// Clicks the link that reads like this and waits until its target is loaded.
    pub(crate) fn follow(&self, link: &str) {
        let before = self.url();
        let click = async { self.browser.client.find(Locator::LinkText(link)).await?.click().await };
        self.browser.wait(click).unwrap_or_else(|error| panic!("the link {link:?}: {error}"));
        self.until(&format!("another page than {before}"), || self.url() != before);
        self.until("a loaded page", || self.ask("return document.readyState") == "complete");
    }

    /// Types keys where the focus is; `WebDriver` names those without a letter by private code points (section 17.4.2).
    pub(crate) fn press(&self, keys: &str) {
        let press = async { self.browser.client.active_element().await?.send_keys(keys).await };
        self.browser.wait(press).unwrap_or_else(|error| panic!("the keys {keys:?}: {error}"));
    }

    /// Clicks what this selector names.
    pub(crate) fn click(&self, selector: &str) {
        let click = async { self.browser.client.find(Locator::Css(selector)).await?.click().await };
        self.browser.wait(click).unwrap_or_else(|error| panic!("a click on {selector}: {error}"));
    }

    /// Gives the page a viewport of this size, and the theme that the reader prefers.
    pub(crate) fn viewport(&self, width: u32, height: u32, theme: &str) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.dev_tools("Emulation.setDeviceMetricsOverride", size);
        let theme = json!({ "features": [{ "name": "prefers-color-scheme", "value": theme }] });
        self.dev_tools("Emulation.setEmulatedMedia", theme);
    }

    /// Moves one finger from the first point to the second.
    pub(crate) fn swipe(&self, from: (i32, i32), to: (i32, i32)) {
        let touch = |kind: &str, points: &[(i32, i32)]| {
            let points: Vec<_> = points.iter().map(|(x, y)| json!({ "x": x, "y": y })).collect();
            self.dev_tools("Input.dispatchTouchEvent", json!({ "type": kind, "touchPoints": points }));
        };
        touch("touchStart", &[from]);
        touch("touchMove", &[(i32::midpoint(from.0, to.0), i32::midpoint(from.1, to.1))]);
        touch("touchMove", &[to]);
        touch("touchEnd", &[]);
    }

    /// Turns the wheel at a point; down is positive.
    pub(crate) fn wheel(&self, (x, y): (i32, i32), by: i32) {
        let event = json!({ "type": "mouseWheel", "x": x, "y": y, "deltaX": 0, "deltaY": by });
        self.dev_tools("Input.dispatchMouseEvent", event);
    }

    /// Drags with the mouse from the first point to the second.
    pub(crate) fn drag(&self, from: (i32, i32), to: (i32, i32)) {
        for (kind, (x, y), buttons) in
            [("mouseMoved", from, 0), ("mousePressed", from, 1), ("mouseMoved", to, 1), ("mouseReleased", to, 0)]
        {
            let button = if kind == "mouseMoved" { "none" } else { "left" };
            let event = json!({ "type": kind, "x": x, "y": y, "button": button, "buttons": buttons, "clickCount": 1 });
            self.dev_tools("Input.dispatchMouseEvent", event);
        }
    }

    fn dev_tools(&self, name: &'static str, parameters: Value) {
        let command = DevTools { name, parameters };
        self.browser.wait(self.browser.client.issue_cmd(command)).unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    /// The window of this test that all else is about.
    pub(crate) fn window(&self) -> WindowHandle {
        self.browser.wait(self.browser.client.window()).expect("a window")
    }

    /// Opens another window beside it and turns to that.
    pub(crate) fn new_window(&self) -> WindowHandle {
        let window = self.browser.wait(self.browser.client.new_window(false)).expect("a window").handle;
        self.turn_to(&window);
        window
    }

    /// Turns to another window of this test.
    pub(crate) fn turn_to(&self, window: &WindowHandle) {
        self.browser.wait(self.browser.client.switch_to_window(window.clone())).expect("an open window");
    }

    /// Chooses files in the field that this selector names, as its dialog would.
    pub(crate) fn choose(&self, field: &str, files: &[&Path]) {
        let paths = files.iter().map(|file| file.to_str().expect("a path in UTF-8")).collect::<Vec<_>>().join("\n");
        let choose = async { self.browser.client.find(Locator::Css(field)).await?.send_keys(&paths).await };
        self.browser.wait(choose).unwrap_or_else(|error| panic!("choosing {paths}: {error}"));
    }

    /// What the browser's button does.
    pub(crate) fn back(&self) {
        self.browser.wait(self.browser.client.back()).expect("an earlier page");
    }

    /// The URL in the address bar.
    pub(crate) fn url(&self) -> String {
        self.browser.wait(self.browser.client.current_url()).expect("a URL").into()
    }

    /// What a person sees of the first element that this selector names, as a PNG.
    pub(crate) fn picture(&self, selector: &str) -> Vec<u8> {
        let picture = async { self.browser.client.find(Locator::Css(selector)).await?.screenshot().await };
        self.browser.wait(picture).unwrap_or_else(|error| panic!("a picture of {selector}: {error}"))
    }

    /// The title in the tab.
    pub(crate) fn title(&self) -> String {
        self.browser.wait(self.browser.client.title()).expect("a title")
    }

    /// The text a person reads.
    pub(crate) fn text(&self) -> String {
        let body = async { self.browser.client.find(Locator::Css(":root")).await?.text().await };
        self.browser.wait(body).expect("a page")
    }

    /// Runs the body of an async function in the page and gives what it returns. An `alert` in the page fails it.
    pub(crate) fn ask(&self, script: &str) -> Value {
        self.ask_about("", script)
    }

    /// The same; the script sees `url`.
    pub(crate) fn ask_about(&self, url: &str, script: &str) -> Value {
        let script = format!("const url = arguments[0]; {HELPERS} return (async () => {{ {script} }})()");
        self.browser
            .wait(self.browser.client.execute(&script, vec![url.into()]))
            .unwrap_or_else(|error| panic!("{error}, in {script}"))
    }

    fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let until = Instant::now() + PATIENCE;
        while !is_so() {
            assert!(Instant::now() < until, "timed out waiting for {what}; the page is {}", self.url());
        }
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        let client = &self.browser.client;
        let home = &self.browser.home;
        // what cannot be closed ends with the browser
        let _ = self.browser.wait(async {
            for window in client.windows().await? {
                if window != *home {
                    client.switch_to_window(window).await?;
                    client.close_window().await?;
                }
            }
            client.switch_to_window(home.clone()).await
        });
    }
}
