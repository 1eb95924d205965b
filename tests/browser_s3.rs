//! Pages that use the S3 endpoint from a real browser: Uppy's aws-s3 plugin on the app's page stores whole files, and a
//! stranger's page that knows the default keys stores nothing.

#[path = "browser/app.rs"]
mod app;
#[path = "browser/driver.rs"]
mod driver;
#[path = "s3/endpoint.rs"]
mod endpoint;
mod support;

use std::fs;
use std::path::PathBuf;

use app::App;
use driver::{STRANGER, Tab};
use endpoint::{S3, SigningApp};
use support::skip;

const LARGE: usize = 12_000_000;
const SMALL: usize = 100_000;

/// Asks the app, as the examples of Uppy's documentation do.
const HELPERS: &str = r"
    const [endpoint, signer] = url.split(' ');
    const ask = async (path, query) => (await fetch(`${signer}/${path}?${new URLSearchParams(query)}`)).json();
    const file = (name, size) =>
        new File([Uint8Array.from({ length: size }, (_, at) => (at ^ (at >> 9)) & 255)], name, { type: 'image/x-own' });
    const upload = async (name, size, options) => {
        const uppy = new Uppy.Uppy().use(Uppy.AwsS3, options);
        uppy.addFile({ name, type: 'image/x-own', data: file(name, size) });
        const { successful, failed } = await uppy.upload();
        return failed.length ? `failed: ${failed[0].error}` : successful[0].uploadURL;
    };
    const whole = {
        shouldUseMultipart: false,
        getUploadParameters: async ({ name, type }) =>
            ({ method: 'PUT', fields: {}, headers: { 'Content-Type': type }, ...await ask('put', { key: name, type }) }),
    };
    const form = {
        shouldUseMultipart: false,
        getUploadParameters: async ({ name }) => ({ method: 'POST', ...await ask('form', { key: name }) }),
    };
    const parts = {
        shouldUseMultipart: true,
        createMultipartUpload: async ({ name }) =>
            ({ key: name, uploadId: (await ask('create', { key: name })).upload }),
        signPart: async (_, { key, uploadId, partNumber }) => ask('part', { key, upload: uploadId, part: partNumber }),
        listParts: async (_, { key, uploadId }) => (await ask('parts', { key, upload: uploadId })).parts,
        abortMultipartUpload: async (_, { key, uploadId }) => ask('abort', { key, upload: uploadId }),
        completeMultipartUpload: async (_, { key, uploadId, parts }) =>
            (await ask('complete', { key, upload: uploadId, parts: JSON.stringify(parts) }), {}),
    };
";

fn content(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at ^ (at >> 9)).to_le_bytes()[0]).collect()
}

/// Uppy's script, from where npm has put the widgets.
fn uppy() -> Option<String> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/widgets/node_modules");
    let folder = std::env::var_os("DEVMEDIA_TEST_WIDGETS").map_or(here, PathBuf::from);
    let script = fs::read_to_string(folder.join("uppy/dist/uppy.min.js")).ok();
    if script.is_none() {
        skip(format_args!("{} has no Uppy; run npm ci in tests/widgets", folder.display()));
    }
    script
}

#[test]
fn uppy_stores_whole_files_by_put_by_form_and_in_parts() {
    let Some(uppy) = uppy() else { return };
    let Some(tab) = Tab::new() else { return };
    let s3 = S3::start(&[]);
    let page = "<!doctype html><meta charset=utf-8><title>app</title><script src='/uppy.js'></script><body>";
    let files = [("/", "text/html", page.to_owned()), ("/uppy.js", "text/javascript; charset=utf-8", uppy)];
    let app = App::start("", files);
    for version in ["s3v4", "s3"] {
        let Some(signer) = SigningApp::start(&s3, version) else { return };
        let about = format!("{} {}", s3.endpoint, signer.url);
        tab.open(&app.at("localhost"));
        for (options, size) in [("whole", LARGE), ("form", SMALL), ("parts", LARGE)] {
            let name = format!("{options}-{version}.bin");
            let said = tab.ask_about(&about, &format!("{HELPERS} return upload('{name}', {size}, {options})"));
            let stored = fs::read(s3.server.root.join(&name)).unwrap_or_default();
            assert!(stored == content(size), "{name}: {said}, {} bytes stored", stored.len());
        }
        // the page reads what it stored, and its ETag
        let read = format!(
            "{HELPERS} const {{ url: at }} = await ask('get', {{ key: 'parts-{version}.bin' }});
            const answer = await fetch(at); const body = await answer.arrayBuffer();
            return [body.byteLength, answer.headers.get('ETag')?.endsWith('-3\"')]"
        );
        assert_eq!(tab.ask_about(&about, &read), serde_json::json!([LARGE, true]), "{version}");
    }
}

/// What a page can send by itself when it knows the keys: forms, also by navigation, and presigned requests.
const ATTACKS: &[(&str, &str)] = &[
    ("a form", "return outcome(ask('form', { key: 'a.txt' }).then(signed => sent(signed, {})))"),
    (
        "a form without CORS",
        "return outcome(ask('form', { key: 'a.txt' }).then(signed => sent(signed, { mode: 'no-cors' })))",
    ),
    (
        "a presigned PUT",
        "const { url: at } = await ask('put', { key: 'a.txt' });
         return outcome(fetch(at, { method: 'PUT', body: 'x' }).then(answer => answer.status))",
    ),
    (
        "a submitted form",
        "const { url: at, fields } = await ask('form', { key: 'a.txt' });
         const element = Object.assign(document.createElement('form'), { action: at, method: 'post' });
         element.enctype = 'multipart/form-data';
         for (const [name, value] of [...Object.entries(fields), ['file', 'x']]) {
             element.append(Object.assign(document.createElement('textarea'), { name, value }));
         }
         document.body.append(element);
         setTimeout(() => HTMLFormElement.prototype.submit.call(element));
         return 'submitted'",
    ),
];

#[test]
fn a_stranger_who_signs_with_the_default_keys_stores_nothing() {
    let Some(tab) = Tab::new() else { return };
    let s3 = S3::start(&[]);
    let Some(signer) = SigningApp::start(&s3, "s3v4") else { return };
    let app = App::blank("");
    let about = format!("{} {}", s3.endpoint, signer.url);
    let sent = r"
        const sent = ({ url: at, fields }, options) => {
            const form = new FormData();
            for (const [name, value] of Object.entries(fields)) form.append(name, value);
            form.append('file', new Blob(['x']));
            return fetch(at, { method: 'POST', body: form, ...options }).then(answer => answer.status);
        };
    ";
    for (host, expected) in [(STRANGER, 0), ("localhost", ATTACKS.len())] {
        let mut stored = 0;
        for (what, attack) in ATTACKS {
            tab.open(&app.at(host));
            let said = tab.ask_about(&about, &format!("{HELPERS} {sent} {attack}"));
            if *what == "a submitted form" {
                // the browser leaves the page when the server has answered
                let left = || tab.url().starts_with(&s3.endpoint) || s3.server.root.join("a.txt").exists();
                support::wait_until("the answer to the form", left);
            }
            let path = s3.server.root.join("a.txt");
            stored += usize::from(path.exists());
            let _ = fs::remove_file(path);
            eprintln!("{host}: {what}: {said}");
        }
        assert_eq!(stored, expected, "objects that a page of {host} stored");
    }
}
