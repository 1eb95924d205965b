use super::*;

/// The files of a project and their texts.
type Files<'a> = &'a [(&'a str, &'a str)];

/// `URL=ROOT` of each mount.
fn mounts(framework: Framework, entries: Files<'_>) -> Vec<String> {
    let plan = plan(framework, &Snapshot::of(entries)).expect("one of these frameworks");
    plan.mounts.iter().map(|mount| format!("{}={}", mount.url, mount.root)).collect()
}

const STORAGE: &str = "test:\n  service: Disk\n  root: <%= Rails.root.join(\"tmp/storage\") %>\n\nlocal:\n  service: Disk\n  \
                       root: <%= Rails.root.join(\"storage\") %>\n\n# amazon:\n#   service: S3\namazon:\n  service: S3\n  \
                       bucket: shop\n";

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn folders_are_found_in_the_files_of_each_framework() {
    let endpoint = "plug Plug.Static,\n    at: \"/\",\n    from: :shop,\n    only: ShopWeb.static_paths()\n\n  plug Plug.Static, \
                    at: \"/files\", from: Path.expand(\"./data/files\")\n  plug Plug.RequestId\n";
    let filesystems = "'local' => ['driver' => 'local', 'root' => storage_path('app/private'),],\n'public' => [\n 'driver' => \
                       'local',\n 'root' => storage_path('app/public'),\n 'url' => env('APP_URL').'/storage',\n],\n";
    let rows: &[(Framework, Files<'_>, &[&str])] = &[
        (Framework::Rails, &[], &["/uploads/=public/uploads"]),
        (Framework::Rails, &[("config/storage.yml", STORAGE)], &["/storage/=storage"]),
        (
            Framework::Rails,
            &[("config/storage.yml", STORAGE), ("Gemfile", "gem 'carrierwave'")],
            &["/uploads/=public/uploads", "/storage/=storage"],
        ),
        (
            Framework::Rails,
            &[
                ("config/storage.yml", STORAGE),
                ("config/environments/development.rb", "config.active_storage.service = :amazon"),
            ],
            &["/uploads/=public/uploads"],
        ),
        (
            Framework::Rails,
            &[("config/storage.yml", "local:\n  service: Disk\n  root: ./files/\n")],
            &["/storage/=files"],
        ),
        (Framework::Rails, &[("config/storage.yml", "local:\n  service: Disk\n")], &["/storage/=storage"]),
        (Framework::Rails, &[("config/storage.yml", "")], &["/uploads/=public/uploads"]),
        (Framework::Rails, &[("Gemfile", "gem 'kt-paperclip'")], &["/system/=public/system"]),
        (Framework::Laravel, &[], &["/storage/=storage/app/public"]),
        (Framework::Laravel, &[("config/filesystems.php", filesystems)], &["/storage/=storage/app/public"]),
        (
            Framework::Laravel,
            &[(
                "config/filesystems.php",
                "'public' => [ 'root' => public_path('files'), 'url' => env('APP_URL').'/files', ],",
            )],
            &["/files/=public/files"],
        ),
        (Framework::Phoenix, &[], &["/uploads/=priv/static/uploads"]),
        (Framework::Phoenix, &[("lib/shop_web/endpoint.ex", endpoint)], &["/files/=data/files"]),
        (
            Framework::Phoenix,
            &[("lib/a/endpoint.ex", "plug Plug.Static, at: \"/up\", from: {:a, \"priv/static/up\"}, gzip: false")],
            &["/up/=priv/static/up"],
        ),
        (Framework::Flask, &[], &["/uploads/=uploads"]),
        (Framework::Flask, &[("app.py", "UPLOAD_FOLDER = '/srv/uploads'")], &["/uploads/=/srv/uploads"]),
        (
            Framework::Flask,
            &[("shop/__init__.py", "app.config['UPLOAD_FOLDER'] = os.path.join(app.root_path, 'static', 'up')")],
            &["/static/up/=shop/static/up"],
        ),
        (
            Framework::Flask,
            &[("app.py", "app.config[\"UPLOAD_FOLDER\"] = os.path.join(app.instance_path, 'up')")],
            &["/up/=instance/up"],
        ),
        (Framework::Flask, &[("app.py", "UPLOAD_FOLDER = 'a'"), (".env", "UPLOAD_FOLDER=./b\n")], &["/b/=b"]),
        (Framework::Flask, &[(".env", "UPLOAD_FOLDER=${HOME}/b\n")], &["/uploads/=uploads"]),
        (Framework::FastApi, &[], &["/media/=media"]),
        (
            Framework::FastApi,
            &[(
                "main.py",
                "app.mount(\"/static\", StaticFiles(directory=\"static\"), name=\"static\")\napp.mount('/media', StaticFiles(directory='data/media'))",
            )],
            &["/media/=data/media", "/static/=static"],
        ),
        (Framework::FastApi, &[(".env", "MEDIA_ROOT=data/pictures")], &["/pictures/=data/pictures"]),
        (Framework::Go, &[], &["/media/=media"]),
        (
            Framework::Go,
            &[(
                "main.go",
                "\thttp.Handle(\"/media/\", http.StripPrefix(\"/media/\", http.FileServer(http.Dir(\"./uploads\"))))\n",
            )],
            &["/media/=uploads"],
        ),
        (
            Framework::Go,
            &[(
                "main.go",
                "mux.Handle(\"GET /files/\", http.StripPrefix(\"/files\", http.FileServer(http.Dir(\"data\"))))",
            )],
            &["/files/=data"],
        ),
        (Framework::Go, &[("main.go", "r.Static(\"/uploads\", \"./uploads\")")], &["/uploads/=uploads"]),
        (
            Framework::Go,
            &[("main.go", "http.Handle(\"/\", http.FileServer(http.Dir(\"./public\")))")],
            &["/media/=media"],
        ),
    ];
    for (framework, entries, expected) in rows {
        assert_eq!(mounts(*framework, entries), *expected, "{framework} {entries:?}");
    }
}

#[test]
fn active_storage_is_internal_and_its_databases_are_denied() {
    let plan = rails(&Snapshot::of(&[("config/storage.yml", STORAGE)]));
    assert!(plan.mounts[0].internal && plan.mounts[0].denied[0].0 == "*.sqlite3*", "{plan:?}");
    assert!(plan.lines[0].text.contains("x_sendfile_header"), "{plan:?}");
}

#[test]
fn a_bucket_in_development_is_explained() {
    let development = ("config/environments/development.rb", "config.active_storage.service = :amazon");
    let plan = rails(&Snapshot::of(&[("config/storage.yml", STORAGE), development]));
    assert!(plan.notes[0].contains("amazon (S3)"), "{plan:?}");
    let plan = laravel(&Snapshot::of(&[(".env", "FILESYSTEM_DISK=s3\n")]));
    assert!(plan.notes.iter().any(|note| note.contains("FILESYSTEM_DISK=public")), "{plan:?}");
}
