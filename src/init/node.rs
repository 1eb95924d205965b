//! Express, Next and Vite: `express.static(...)`, multer's destination, and folders below `public`. Pure.

use super::plan::{Lines, Mount, Plan, last_segment};
use super::scan;
use super::snapshot::Snapshot;

const EXTENSIONS: &[&str] = &["js", "mjs", "cjs", "ts", "mts"];

/// Folders below `public` that usually hold media.
const MEDIA_FOLDERS: &[&str] = &["uploads", "media", "images", "img", "videos", "files"];

/// The plan for Express.
pub(super) fn express(snapshot: &Snapshot) -> Plan {
    let (mut mounts, mut public, mut stored) = (Vec::new(), Vec::new(), Vec::new());
    for (file, text) in snapshot.texts(EXTENSIONS) {
        let code = scan::code(text);
        for name in ["express.static(", "serveStatic("] {
            for call in scan::calls(&code, name) {
                let Some(root) = scan::path(scan::first_expression(call.arguments), file) else { continue };
                let prefix =
                    call.before.rfind("use(").and_then(|at| scan::strings(&call.before[at..]).first().copied());
                match prefix.map(|prefix| prefix.trim_matches('/')) {
                    None | Some("") => public.push(root),
                    Some(prefix) => {
                        let why = format!("express.static in {file}");
                        mounts.push(Mount::new(format!("/{prefix}/"), root, why));
                    }
                }
            }
        }
        stored.extend(multer(&code, file).into_iter().map(|root| (root, file.to_owned())));
    }
    // uploads come before stylesheets
    mounts.sort_by_key(|mount| !stored.iter().any(|(root, _)| *root == mount.root));
    for (root, file) in stored {
        if mounts.iter().any(|mount| mount.root == root) {
            continue;
        }
        let below = public.iter().find_map(|public| root.strip_prefix(public.as_str())?.strip_prefix('/'));
        let url = format!("/{}/", below.unwrap_or(last_segment(&root)));
        mounts.insert(0, Mount::new(url, root, format!("the folder of multer in {file}")));
    }
    if mounts.is_empty() {
        mounts.extend(public.iter().find_map(|public| media_folder(snapshot, public)));
    }
    if mounts.is_empty() {
        mounts.push(default_mount(snapshot));
    }
    let start = mounts.first().map(|mount| mount.url.clone()).unwrap_or_default();
    let reads_port = snapshot.texts(EXTENSIONS).any(|(_, text)| text.contains("process.env.PORT"));
    let mut lines = Vec::new();
    if !reads_port {
        let why = "to listen on the port that devmedia chooses (needed on macOS and Windows)";
        lines.push(Lines::new("the file that starts the server", why, "app.listen(process.env.PORT || 3000);"));
    }
    let notes = vec![format!(
        "devmedia answers requests below {start} before Express sees them; your routes stay as they are."
    )];
    let command = script(snapshot, &["dev", "start"]).unwrap_or_else(|| format!("node {}", entry_file(snapshot)));
    Plan { mounts, notes, lines, command: Some(command) }
}

/// The folders that multer stores files in.
fn multer(code: &str, file: &str) -> Vec<String> {
    let direct = scan::calls(code, "multer(").filter_map(|call| scan::assigned(call.arguments, "dest"));
    let direct = direct.filter_map(|value| scan::path(value, file));
    let by_storage =
        scan::calls(code, "multer.diskStorage(").chain(scan::calls(code, "diskStorage(")).filter_map(|call| {
            let at = call.arguments.find("destination")?;
            let rest = &call.arguments[at + "destination".len()..];
            let rest = rest.split("filename").next().unwrap_or_default();
            let by_callback = scan::calls(rest, "cb(").chain(scan::calls(rest, "callback("));
            let value =
                by_callback.map(|call| call.arguments).next().or_else(|| Some(rest.trim_start_matches([':', ' '])))?;
            scan::path(value.split('\n').next().unwrap_or_default(), file)
        });
    let mut found: Vec<String> = Vec::new();
    for root in direct.chain(by_storage) {
        if !found.contains(&root) {
            found.push(root);
        }
    }
    found
}

fn default_mount(snapshot: &Snapshot) -> Mount {
    if let Some(mount) = media_folder(snapshot, "public") {
        return mount;
    }
    if snapshot.has_folder("uploads") {
        return Mount::new("/uploads/", "uploads", "the folder exists");
    }
    Mount::new("/media/", "media", "the usual place")
}

/// A folder of media below one that is served at `/`.
fn media_folder(snapshot: &Snapshot, public: &str) -> Option<Mount> {
    let folder = MEDIA_FOLDERS.iter().find(|folder| snapshot.has_folder(&format!("{public}/{folder}")))?;
    Some(Mount::new(format!("/{folder}/"), format!("{public}/{folder}"), "the folder exists"))
}

/// The plan for Next or Vite, which serve `public` at `/`.
pub(super) fn pages(snapshot: &Snapshot, is_next: bool) -> Plan {
    let public = if is_next { None } else { public_dir(snapshot) };
    let public = public.unwrap_or_else(|| "public".to_owned());
    let (tool, script_default) = if is_next { ("Next", "npx next dev") } else { ("Vite", "npx vite") };
    let mount = media_folder(snapshot, &public).unwrap_or_else(|| {
        let why = format!("{tool} serves {public} at /, so the URLs are the same after a build");
        Mount::new("/media/", format!("{public}/media"), why)
    });
    let notes = vec![format!(
        "A file in {} is at {} in development and after a build, which copies {public}. devmedia cannot have all of {public} at \
         /, because then the app would get no request.",
        mount.root, mount.url
    )];
    let example = format!("<img src=\"{}photo.jpg\">", mount.url);
    let lines = vec![Lines::new("a page", "to show a file", example)];
    let command = script(snapshot, &["dev"]).unwrap_or_else(|| script_default.to_owned());
    Plan { mounts: vec![mount], notes, lines, command: Some(command) }
}

/// Vite's `publicDir`.
fn public_dir(snapshot: &Snapshot) -> Option<String> {
    let texts = snapshot.texts(EXTENSIONS);
    texts.filter(|(file, _)| file.starts_with("vite.config.")).find_map(|(file, text)| {
        let code = scan::code(text);
        scan::path(scan::assigned(&code, "publicDir")?, file).filter(|path| !path.starts_with('/'))
    })
}

/// The command of the first of these scripts that `package.json` has.
fn script(snapshot: &Snapshot, names: &[&str]) -> Option<String> {
    let package: serde_json::Value = serde_json::from_str(snapshot.text("package.json")?).ok()?;
    let scripts = package.get("scripts")?;
    let name = names.iter().find(|name| {
        let command = scripts.get(**name).and_then(serde_json::Value::as_str);
        // a script that starts devmedia would start itself
        command.is_some_and(|command| !command.contains("devmedia"))
    })?;
    let by_lock = [("pnpm-lock.yaml", "pnpm"), ("yarn.lock", "yarn"), ("bun.lock", "bun"), ("bun.lockb", "bun")];
    let runner = by_lock.iter().find(|(lock, _)| snapshot.has(lock)).map_or("npm", |(_, runner)| runner);
    Some(format!("{runner} run {name}"))
}

fn entry_file(snapshot: &Snapshot) -> String {
    let main = snapshot.text("package.json").and_then(|text| {
        let package: serde_json::Value = serde_json::from_str(text).ok()?;
        Some(package.get("main")?.as_str()?.to_owned())
    });
    let usual = ["server.js", "app.js", "index.js", "src/index.js", "src/server.js"];
    let usual = || usual.iter().find(|file| snapshot.has(file)).map(|file| (*file).to_owned());
    main.filter(|file| snapshot.has(file)).or_else(usual).unwrap_or_else(|| "server.js".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Files<'a> = &'a [(&'a str, &'a str)];

    #[test]
    fn folders_of_express_are_found() {
        for (code, expected) in [
            ("app.use('/uploads', express.static('uploads'));", "/uploads/=uploads"),
            (
                "app.use(\"/files\", express.static(path.join(__dirname, \"data/files\"), { maxAge: '1d' }))",
                "/files/=data/files",
            ),
            ("app.use('/css', express.static('css')); const up = multer({ dest: 'up/' })", "/up/=up"),
            (
                "app.use('/css', express.static('css')); app.use('/i', express.static('up')); multer({ dest: './up' })",
                "/i/=up",
            ),
            (
                "app.use(express.static('public')); const upload = multer({ dest: 'public/uploads/' });",
                "/uploads/=public/uploads",
            ),
            (
                "multer.diskStorage({\n destination: function (req, file, cb) {\n  cb(null, 'public/img/')\n },\n filename: (r, f, cb) => cb(null, 'x') })",
                "/img/=public/img",
            ),
            ("multer.diskStorage({ destination: 'data/up', filename: name })", "/up/=data/up"),
            ("// app.use('/a', express.static('a'))", "/media/=media"),
            ("app.use(express.static('public'))", "/media/=media"),
            ("", "/media/=media"),
        ] {
            let plan = express(&Snapshot::of(&[("server.js", code)]));
            let mount = &plan.mounts[0];
            assert_eq!(format!("{}={}", mount.url, mount.root), expected, "{code}");
        }
    }

    #[test]
    fn folders_of_next_and_vite_are_below_public() {
        let rows: &[(Files<'_>, bool, &str)] = &[
            (&[("package.json", "{}")], true, "/media/=public/media"),
            (&[("public/uploads/", "")], true, "/uploads/=public/uploads"),
            (&[("public/images/a.png", "")], false, "/images/=public/images"),
            (&[("vite.config.js", "export default { publicDir: 'static' }")], false, "/media/=static/media"),
            (&[("vite.config.js", "export default { publicDir: false }")], false, "/media/=public/media"),
        ];
        for (entries, is_next, expected) in rows {
            let mount = &pages(&Snapshot::of(entries), *is_next).mounts[0];
            assert_eq!(format!("{}={}", mount.url, mount.root), *expected, "{entries:?}");
        }
    }

    #[test]
    fn the_command_is_a_script_of_the_package() {
        for (package, lock, expected) in [
            (r#"{"scripts": {"dev": "vite"}}"#, "", "npm run dev"),
            (r#"{"scripts": {"dev": "vite"}}"#, "pnpm-lock.yaml", "pnpm run dev"),
            (r#"{"scripts": {"dev": "devmedia run --debug -- vite"}}"#, "", "npx vite"),
            (r#"{"scripts": {}}"#, "", "npx vite"),
            ("[", "", "npx vite"),
        ] {
            let plan = pages(&Snapshot::of(&[("package.json", package), (lock, "")]), false);
            assert_eq!(plan.command.as_deref(), Some(expected), "{package}");
        }
    }
}
