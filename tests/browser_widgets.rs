//! Real upload widgets in Debian's Chromium, on the page of an app, against a mount with `--upload`: each stores the whole
//! file, byte for byte, or shows its user why not. None may report success without a whole file.
//!
//! `npm ci` in `tests/widgets` installs them (or in another folder, whose `node_modules` is named in
//! `DEVMEDIA_TEST_WIDGETS`). Without them, or without a browser, these tests say so and pass; with `CI=true` they fail.

#[path = "browser/app.rs"]
mod app;
#[path = "browser/driver.rs"]
mod driver;
mod support;

use std::fs;
use std::path::{Path, PathBuf};

use app::{App, File};
use driver::Tab;
use support::{Server, Way, skip};

/// A widget with one set of options.
struct Widget {
    /// Also the name of the folder that it uploads to.
    name: &'static str,
    /// What its page loads from `node_modules`.
    scripts: &'static [&'static str],
    /// Bytes of the file.
    size: usize,
    /// Uploads `file` to `target`; returns `null` where it reports success, else what its user reads.
    run: &'static str,
    /// What the user reads; empty for a success.
    says: &'static str,
}

const DROPZONE: &[&str] = &["dropzone/dist/dropzone-min.js"];
const FILEPOND: &[&str] = &["filepond/dist/filepond.js"];
const UPPY: &[&str] = &["uppy/dist/uppy.min.js"];
const RESUMABLE: &[&str] = &["resumablejs/resumable.js"];
const FLOW: &[&str] = &["@flowjs/flow.js/dist/flow.js"];
const BLUEIMP: &[&str] = &[
    "jquery/dist/jquery.js",
    "blueimp-file-upload/js/vendor/jquery.ui.widget.js",
    "blueimp-file-upload/js/jquery.fileupload.js",
];
const AXIOS: &[&str] = &["axios/dist/axios.js"];
const TUS: &[&str] = &["tus-js-client/dist/tus.js"];

/// More than the two chunks of a megabyte that some widgets cut files into by default.
const LARGE: usize = 3_500_000;
const SMALL: usize = 100_000;

const WIDGETS: &[Widget] = &[
    Widget { name: "dropzone", scripts: DROPZONE, size: LARGE, run: "dropzone({})", says: "" },
    Widget {
        name: "dropzone-chunks",
        scripts: DROPZONE,
        size: LARGE,
        run: "dropzone({ chunking: true, chunkSize: 1e6 })",
        says: "part of a file",
    },
    Widget {
        name: "dropzone-one-chunk",
        scripts: DROPZONE,
        size: SMALL,
        run: "dropzone({ chunking: true, forceChunking: true })",
        says: "",
    },
    Widget { name: "filepond", scripts: FILEPOND, size: LARGE, run: "filepond({})", says: "" },
    Widget {
        name: "filepond-chunks",
        scripts: FILEPOND,
        size: LARGE,
        run: "filepond({ chunkUploads: true, chunkSize: 1e6 })",
        says: "Error during upload",
    },
    Widget { name: "uppy-xhr", scripts: UPPY, size: LARGE, run: "uppy(Uppy.XHRUpload, {})", says: "" },
    Widget {
        name: "uppy-xhr-raw",
        scripts: UPPY,
        size: SMALL,
        run: "uppy(Uppy.XHRUpload, { formData: false, headers: { 'Content-Type': 'text/plain' } })",
        says: "Failed to upload",
    },
    Widget { name: "uppy-tus", scripts: UPPY, size: LARGE, run: "uppy(Uppy.Tus, {})", says: "" },
    Widget { name: "uppy-tus-chunks", scripts: UPPY, size: LARGE, run: "uppy(Uppy.Tus, { chunkSize: 1e6 })", says: "" },
    Widget {
        name: "uppy-tus-parallel",
        scripts: UPPY,
        size: LARGE,
        run: "uppy(Uppy.Tus, { parallelUploads: 3 })",
        says: "",
    },
    Widget { name: "tus", scripts: TUS, size: LARGE, run: "tusClient({})", says: "" },
    Widget { name: "tus-parallel", scripts: TUS, size: LARGE, run: "tusClient({ parallelUploads: 3 })", says: "" },
    Widget {
        name: "tus-with-creation",
        scripts: TUS,
        size: LARGE,
        run: "tusClient({ uploadDataDuringCreation: true, chunkSize: 1e6 })",
        says: "",
    },
    Widget {
        name: "tus-deferred",
        scripts: TUS,
        size: LARGE,
        run: "tusClient({ uploadLengthDeferred: true, chunkSize: 1e6 })",
        says: "Upload-Defer-Length",
    },
    Widget { name: "resumable", scripts: RESUMABLE, size: LARGE, run: "resumable({})", says: "part of a file" },
    Widget { name: "resumable-small", scripts: RESUMABLE, size: SMALL, run: "resumable({})", says: "" },
    Widget {
        name: "resumable-octet",
        scripts: RESUMABLE,
        size: LARGE,
        run: "resumable({ method: 'octet', uploadMethod: 'PUT', target: target + 'a.bin' })",
        says: "part of a file",
    },
    Widget { name: "flow", scripts: FLOW, size: LARGE, run: "flow({})", says: "part of a file" },
    Widget { name: "flow-small", scripts: FLOW, size: SMALL, run: "flow({})", says: "" },
    Widget { name: "blueimp", scripts: BLUEIMP, size: LARGE, run: "blueimp({})", says: "" },
    Widget {
        name: "blueimp-chunks",
        scripts: BLUEIMP,
        size: LARGE,
        run: "blueimp({ maxChunkSize: 1000000 })",
        says: "part of a file",
    },
    Widget {
        name: "axios",
        scripts: AXIOS,
        size: LARGE,
        run: "axiosOutcome(axios.postForm(target, { file }))",
        says: "",
    },
    Widget {
        name: "axios-put",
        scripts: AXIOS,
        size: LARGE,
        run: "axiosOutcome(axios.put(target + 'a.bin', file))",
        says: "",
    },
    Widget {
        name: "axios-json",
        scripts: AXIOS,
        size: SMALL,
        run: "axiosOutcome(axios.post(target, { file: 'content' }))",
        says: "multipart/form-data is",
    },
];

/// How each widget is used, as its documentation shows.
const RUNNERS: &str = r"
    const file = new File([Uint8Array.from({ length: size }, (_, at) => (at ^ (at >> 9)) & 255)], 'a.bin');
    // a widget that stays silent must not take the other ones' turn
    const within = outcome => Promise.race([outcome, new Promise(tell => setTimeout(tell, 10000, 'nothing at all'))]);
    const place = () => document.body.appendChild(document.createElement('div'));
    const dropzone = options => new Promise(tell => {
        const element = place();
        const zone = new Dropzone(element, { url: target, ...options });
        zone.on('success', () => tell(null));
        zone.on('error', () => tell(element.querySelector('[data-dz-errormessage]').textContent));
        zone.addFile(file);
    });
    const filepond = options => new Promise(tell => {
        const element = place();
        const pond = FilePond.create(element, { server: target, chunkRetryDelays: [], ...options });
        pond.on('processfile', error => {
            if (!error) return tell(null);
            const status = () => document.querySelector('.filepond--file-status-main')?.textContent;
            const wait = () => (status() ?? '').startsWith('Error') ? tell(status()) : setTimeout(wait, 20);
            wait();
        });
        pond.addFile(file);
    });
    const uppy = async (plugin, options) => {
        const uppy = new Uppy.Uppy().use(plugin, { endpoint: target, ...options });
        let info = '';
        uppy.on('info-visible', () => { info = uppy.getState().info.map(({ message }) => message).join() });
        uppy.addFile({ name: file.name, type: file.type, data: file });
        const { successful, failed } = await uppy.upload();
        if (failed.length) return info || failed[0].error;
        // the URL that the widget shows as the result leads to the file
        const shown = await fetch(new URL(successful[0].uploadURL, target));
        return (await shown.arrayBuffer()).byteLength === size ? null : `${successful[0].uploadURL} is ${shown.status}`;
    };
    const tusClient = options => new Promise(tell => {
        const upload = new tus.Upload(options.uploadLengthDeferred ? file.stream().getReader() : file, {
            endpoint: target, metadata: { filename: file.name }, retryDelays: [],
            onSuccess: () => tell(null), onError: error => tell(error.message), ...options,
        });
        upload.start();
    });
    const resumable = options => new Promise(tell => {
        const resumable = new Resumable({ target, ...options });
        resumable.on('fileSuccess', () => tell(null));
        resumable.on('fileError', (_, message) => tell(message));
        resumable.on('fileAdded', () => resumable.upload());
        resumable.addFile(file);
    });
    const flow = options => new Promise(tell => {
        const flow = new Flow({ target, ...options });
        flow.on('fileSuccess', () => tell(null));
        flow.on('fileError', (_, message) => tell(message));
        flow.on('filesSubmitted', () => flow.upload());
        flow.addFile(file);
    });
    const blueimp = options => new Promise(tell => {
        const input = $('<input type=file name=files multiple>').appendTo(document.body);
        input.fileupload({ url: target, dataType: 'json', ...options });
        input.fileupload('send', { files: [file] })
            .done(() => tell(null)).fail(answer => tell(answer.responseText || answer.statusText));
    });
    const axiosOutcome = request =>
        request.then(() => null, error => error.response?.data.reason ?? error.response?.data ?? error.message);
";

/// Where npm has put the widgets.
fn node_modules() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/widgets/node_modules");
    let folder = std::env::var_os("DEVMEDIA_TEST_WIDGETS").map_or(here, PathBuf::from);
    if folder.join("dropzone").is_dir() {
        return Some(folder);
    }
    skip(format_args!("{} has no upload widgets; run npm ci in tests/widgets", folder.display()));
    None
}

/// A page for each widget, and the scripts that the pages load.
fn files(node_modules: &Path) -> Vec<File> {
    let mut files: Vec<File> = Vec::new();
    for Widget { name, scripts, .. } in WIDGETS {
        let tags: String = scripts.iter().map(|script| format!("<script src='/{script}'></script>")).collect();
        let html = format!("<!doctype html><meta charset=utf-8><title>{name}</title>{tags}<body>");
        files.push((format!("/{name}").leak(), "text/html", html));
        for script in *scripts {
            let path: &str = format!("/{script}").leak();
            if files.iter().all(|(other, ..)| *other != path) {
                let content = fs::read_to_string(node_modules.join(script)).expect("a script of the widget");
                files.push((path, "text/javascript; charset=utf-8", content));
            }
        }
    }
    files
}

#[test]
fn every_widget_stores_the_whole_file_or_shows_an_error() {
    let Some(node_modules) = node_modules() else { return };
    let Some(tab) = Tab::new() else { return };
    let app = App::start("", files(&node_modules));
    let server = Server::start(Way::Fast, &["--upload"]);
    let mut wrong = Vec::new();
    for Widget { name, size, run, says, .. } in WIDGETS {
        tab.open(&(app.at("localhost") + name));
        let target = format!("{}{name}/", server.urls[0]);
        let said =
            tab.ask_about(&target, &format!("const [target, size] = [url, {size}]; {RUNNERS} return within({run})"));
        let stored: Vec<_> = fs::read_dir(server.root.join(name)).into_iter().flatten().flatten().collect();
        let content: Vec<u8> = (0..*size).map(|at| (at ^ (at >> 9)).to_le_bytes()[0]).collect();
        let is_whole = stored.len() == 1 && fs::read(stored[0].path()).expect("stored") == content;
        let is_right = match said.as_str() {
            None => says.is_empty() && is_whole,
            Some(said) => !says.is_empty() && said.contains(says) && stored.is_empty(),
        };
        if !is_right {
            wrong.push(format!("{name}: said {said}, {} files stored, whole: {is_whole}", stored.len()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
