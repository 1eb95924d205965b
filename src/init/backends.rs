//! Rails, Laravel, Phoenix, Flask, `FastAPI` and Go: the folders of uploads that their files name. Pure.

use super::plan::{Framework, Lines, Mount, Plan, last_segment};
use super::scan;
use super::snapshot::Snapshot;

/// The plan for one of these frameworks; `None` for the others.
pub(super) fn plan(framework: Framework, snapshot: &Snapshot) -> Option<Plan> {
    Some(match framework {
        Framework::Rails => rails(snapshot),
        Framework::Laravel => laravel(snapshot),
        Framework::Phoenix => phoenix(snapshot),
        Framework::Flask => flask(snapshot),
        Framework::FastApi => fastapi(snapshot),
        Framework::Go => go(snapshot),
        Framework::Django | Framework::Express | Framework::Next | Framework::Vite => return None,
    })
}

/// `CarrierWave`, Shrine and Paperclip store below `public`; Active Storage below a folder that only the app hands out.
fn rails(snapshot: &Snapshot) -> Plan {
    let gemfile = scan::code(snapshot.text("Gemfile").unwrap_or_default());
    let (mut mounts, mut notes, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    let gem = ["carrierwave", "shrine", "kt-paperclip", "paperclip"].into_iter().find(|gem| gemfile.contains(gem));
    let folder = if gem.is_some_and(|gem| gem.ends_with("paperclip")) { "system" } else { "uploads" };
    let root = format!("public/{folder}");
    match gem {
        Some(gem) => mounts.push(Mount::new(format!("/{folder}/"), root, format!("{gem} is in the Gemfile"))),
        None if snapshot.has_folder("public/uploads") => {
            mounts.push(Mount::new("/uploads/", "public/uploads", "the folder exists"));
        }
        None => {}
    }
    if let Some(storage) = snapshot.text("config/storage.yml") {
        let development = snapshot.text("config/environments/development.rb").unwrap_or_default();
        let development = scan::code(development);
        let chosen = scan::assigned(&development, "config.active_storage.service").unwrap_or(":local");
        let chosen = chosen.trim_matches([':', '"', '\'']);
        match service(storage, chosen) {
            Some(Service::Disk(root)) => {
                let mut mount = Mount::new("/storage/", root, format!("the service {chosen} in config/storage.yml"));
                mount.internal = true;
                mount.denied = vec![("*.sqlite3*", "databases of Rails 8 are in the same folder")];
                mounts.push(mount);
                if !development.contains("x_sendfile_header") {
                    lines.push(Lines::new(
                        "config/environments/development.rb",
                        "so that Rails decides who may have a file of Active Storage, and devmedia sends it",
                        "config.action_dispatch.x_sendfile_header = \"X-Sendfile\"",
                    ));
                }
            }
            Some(Service::Other(kind)) => notes.push(format!(
                "Active Storage uses the service {chosen} ({kind}) in development, so its files are not in a folder. To keep them \
                 on this machine, write config.active_storage.service = :local in config/environments/development.rb."
            )),
            None => notes.push(format!("config/storage.yml has no service {chosen}, so Active Storage was left out.")),
        }
    }
    if mounts.is_empty() {
        mounts.push(Mount::new("/uploads/", "public/uploads", "the usual place"));
    }
    let command = if snapshot.has("bin/rails") { "bin/rails server" } else { "bundle exec rails server" };
    Plan { mounts, notes, lines, command: Some(command.to_owned()) }
}

enum Service {
    /// In this folder.
    Disk(String),
    /// Elsewhere: `S3`.
    Other(String),
}

/// A service of `config/storage.yml`. The file is YAML with Ruby in it, which no YAML parser reads, so its lines are scanned.
fn service(storage: &str, name: &str) -> Option<Service> {
    let start = format!("{name}:");
    let mut lines = storage.lines().skip_while(|line| line.trim_end() != start);
    lines.next()?;
    let (mut kind, mut root) = (None, None);
    for line in lines.take_while(|line| line.is_empty() || line.starts_with([' ', '\t', '#'])) {
        match line.trim().split_once(':') {
            Some(("service", value)) => kind = Some(value.trim().trim_matches(['"', '\'']).to_owned()),
            Some(("root", value)) => root = Some(value.trim()),
            _ => {}
        }
    }
    let kind = kind?;
    if !kind.eq_ignore_ascii_case("disk") {
        return Some(Service::Other(kind));
    }
    let root = root.unwrap_or_default();
    let path = scan::path(root, "config/storage.yml").or_else(|| {
        let is_plain = !root.is_empty() && !root.contains(['<', '%', '$']);
        is_plain.then(|| root.trim_start_matches("./").trim_end_matches('/').to_owned())
    });
    Some(Service::Disk(path.unwrap_or_else(|| "storage".to_owned())))
}

/// The disk `public` in `config/filesystems.php`, which `storage:link` links to `public/storage`.
fn laravel(snapshot: &Snapshot) -> Plan {
    let code = scan::code(snapshot.text("config/filesystems.php").unwrap_or_default());
    let disk = code.find("'public' =>").map(|at| &code[at..]);
    let disk = disk.map(|disk| &disk[..disk.find("],").unwrap_or(disk.len())]);
    let root = disk.and_then(|disk| scan::assigned(disk, "root")).and_then(|value| {
        let path = scan::path(value, "config/filesystems.php")?;
        Some(if path.starts_with('/') {
            path
        } else if value.contains("storage_path(") {
            format!("storage/{path}")
        } else if value.contains("public_path(") {
            format!("public/{path}")
        } else {
            path
        })
    });
    let url = disk.and_then(|disk| scan::assigned(disk, "url")).and_then(|value| {
        // env('APP_URL').'/storage'
        let path = scan::strings(value).into_iter().rev().find(|text| text.starts_with('/'))?;
        Some(format!("/{}/", path.trim_matches('/')))
    });
    let why = if root.is_some() { "the disk public in config/filesystems.php" } else { "Laravel's default" };
    let mount = Mount::new(
        url.filter(|url| url != "//").unwrap_or_else(|| "/storage/".to_owned()),
        root.unwrap_or_else(|| "storage/app/public".to_owned()),
        why,
    );
    let mut notes = Vec::new();
    if !snapshot.has("public/storage") {
        notes.push(
            "php artisan storage:link is not needed in development: devmedia serves the folder itself.".to_owned(),
        );
    }
    let disk = variable(snapshot, "FILESYSTEM_DISK").or_else(|| variable(snapshot, "FILESYSTEM_DRIVER"));
    if disk.as_deref() == Some("s3") {
        notes.push(
            "FILESYSTEM_DISK is s3 in .env, so new files go to the bucket. To keep them in this folder, write \
             FILESYSTEM_DISK=public."
                .to_owned(),
        );
    }
    Plan { mounts: vec![mount], notes, lines: Vec::new(), command: Some("php artisan serve".to_owned()) }
}

/// `plug Plug.Static, at: "/uploads", from: ...` in the endpoint; else `priv/static/uploads`.
fn phoenix(snapshot: &Snapshot) -> Plan {
    let mut mounts = Vec::new();
    for (file, text) in snapshot.texts(&["ex"]) {
        let code = scan::code(text);
        for (at, _) in code.match_indices("Plug.Static") {
            // up to the next plug
            let plug = &code[at..];
            let plug = plug[1..].find("plug ").map_or(plug, |end| &plug[..=end]);
            let (Some(url), Some(from)) = (scan::assigned(plug, "at"), scan::assigned(plug, "from")) else { continue };
            let url = scan::strings(url).first().map(|url| url.trim_matches('/').to_owned()).unwrap_or_default();
            if let (false, Some(root)) = (url.is_empty(), scan::path(from, file)) {
                mounts.push(Mount::new(format!("/{url}/"), root, format!("Plug.Static in {file}")));
            }
        }
    }
    if mounts.is_empty() {
        mounts.push(Mount::new("/uploads/", "priv/static/uploads", "the usual place"));
    }
    let note = "devmedia answers these requests itself, so \"uploads\" need not be in static_paths() in development.";
    Plan { mounts, notes: vec![note.to_owned()], lines: Vec::new(), command: Some("mix phx.server".to_owned()) }
}

/// `UPLOAD_FOLDER`, as the documentation of Flask names it.
fn flask(snapshot: &Snapshot) -> Plan {
    let found = snapshot.texts(&["py"]).find_map(|(file, text)| {
        let code = scan::code(text);
        let names = ["UPLOAD_FOLDER", "UPLOADED_FILES_DEST", "UPLOAD_DIR", "UPLOAD_PATH"];
        let (name, value) = names.iter().find_map(|name| Some((*name, scan::assigned(&code, name)?)))?;
        let path = scan::path(value, file)?;
        let path = if value.contains("instance_path") { format!("instance/{path}") } else { path };
        Some((path, format!("{name} in {file}")))
    });
    let mount = match by_variable(snapshot, &["UPLOAD_FOLDER", "UPLOAD_DIR"]).or(found) {
        Some((root, why)) => {
            // Flask serves its folder static at /static/
            let url = match root.find("static/") {
                Some(at) => root[at..].to_owned(),
                None => last_segment(&root).to_owned(),
            };
            Mount::new(format!("/{url}/"), root, why)
        }
        None => Mount::new("/uploads/", "uploads", "the usual place"),
    };
    let note = "A route such as /uploads/<name> in the app is not asked any more; devmedia answers it.";
    Plan { mounts: vec![mount], notes: vec![note.to_owned()], lines: Vec::new(), command: Some("flask run".to_owned()) }
}

/// `app.mount("/media", StaticFiles(directory="media"))`.
fn fastapi(snapshot: &Snapshot) -> Plan {
    let mut mounts = Vec::new();
    for (file, text) in snapshot.texts(&["py"]) {
        let code = scan::code(text);
        for call in scan::calls(&code, "StaticFiles(") {
            let directory = scan::assigned(call.arguments, "directory").unwrap_or(call.arguments);
            let prefix = call.before.rfind("mount(").and_then(|at| scan::strings(&call.before[at..]).first().copied());
            let prefix = prefix.unwrap_or_default().trim_matches('/');
            if let (false, Some(root)) = (prefix.is_empty(), scan::path(directory, file)) {
                mounts.push(Mount::new(format!("/{prefix}/"), root, format!("StaticFiles in {file}")));
            }
        }
    }
    if let Some((root, why)) = by_variable(snapshot, &["MEDIA_ROOT", "UPLOAD_DIR", "UPLOAD_FOLDER"])
        && !mounts.iter().any(|mount| mount.root == root)
    {
        mounts.insert(0, Mount::new(format!("/{}/", last_segment(&root)), root, why));
    }
    if mounts.is_empty() {
        mounts.push(Mount::new("/media/", "media", "the usual place"));
    }
    mounts.sort_by_key(|mount| !is_media(&mount.url));
    Plan { mounts, notes: Vec::new(), lines: Vec::new(), command: Some("fastapi dev".to_owned()) }
}

/// `http.FileServer(http.Dir("..."))`, and `Static("/uploads", "./uploads")` of Gin, Echo and Fiber.
fn go(snapshot: &Snapshot) -> Plan {
    let mut mounts = Vec::new();
    for (file, text) in snapshot.texts(&["go"]) {
        let code = scan::code(text);
        for call in scan::calls(&code, "http.Dir(") {
            let prefix = call.before.rfind(".Handle").or_else(|| call.before.rfind("StripPrefix("));
            let prefix = prefix.and_then(|at| scan::strings(&call.before[at..]).first().copied()).unwrap_or_default();
            // "GET /media/"
            let prefix = prefix.rsplit(' ').next().unwrap_or_default();
            mounts.extend(mount_at(prefix, call.arguments, file, "http.FileServer"));
        }
        let code = &code;
        for (at, _) in code.match_indices(".Static(") {
            let arguments = code[at + ".Static(".len()..].split(')').next().unwrap_or_default();
            if let Some((prefix, root)) = arguments.split_once(',') {
                let prefix = scan::strings(prefix).first().copied().unwrap_or_default();
                mounts.extend(mount_at(prefix, root, file, "Static"));
            }
        }
    }
    if mounts.is_empty() {
        let folder = if snapshot.has_folder("uploads") { "uploads" } else { "media" };
        mounts.push(Mount::new(format!("/{folder}/"), folder, "the usual place"));
    }
    mounts.sort_by_key(|mount| !is_media(&mount.url));
    let mut lines = Vec::new();
    if !snapshot.texts(&["go"]).any(|(_, text)| text.contains("\"PORT\"")) {
        let why = "to listen on the port that devmedia chooses (needed on macOS and Windows)";
        lines.push(Lines::new("main.go", why, "http.ListenAndServe(\"127.0.0.1:\"+os.Getenv(\"PORT\"), nil)"));
    }
    Plan { mounts, notes: Vec::new(), lines, command: Some("go run .".to_owned()) }
}

fn mount_at(prefix: &str, root: &str, file: &str, call: &str) -> Option<Mount> {
    let prefix = prefix.trim_matches('/');
    let root = scan::path(root, file).filter(|_| !prefix.is_empty())?;
    Some(Mount::new(format!("/{prefix}/"), root, format!("{call} in {file}")))
}

fn is_media(url: &str) -> bool {
    ["media", "upload", "image", "file", "photo"].iter().any(|word| url.contains(word))
}

/// A variable in `.env`.
fn variable(snapshot: &Snapshot, name: &str) -> Option<String> {
    let entries = crate::environment::parse(snapshot.text(".env")?).ok()?;
    entries.into_iter().rfind(|entry| entry.name == name && !entry.has_reference).map(|entry| entry.value)
}

/// A folder that one of these variables in `.env` names.
fn by_variable(snapshot: &Snapshot, names: &[&str]) -> Option<(String, String)> {
    names.iter().find_map(|name| {
        let value = variable(snapshot, name)?;
        let path = scan::path(&format!("{value:?}"), ".env")?;
        Some((path, format!("{name} in .env")))
    })
}

#[cfg(test)]
mod tests;
