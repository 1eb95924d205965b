//! A slow or failing network, imitated: what clients see of it. How fast it is, the unit tests measure with a paused clock.

mod support;

use std::fs;
use std::time::{Duration, Instant};

use support::{Answer, Server, Way, command, process};

/// Long enough for several reads, short enough for one socket buffer.
fn big() -> Vec<u8> {
    (0..300_000_u32).map(|i| (i % 251) as u8).collect()
}

fn server(args: &[&str]) -> Server {
    let server = Server::start(Way::Fast, args);
    server.put("big.bin", big());
    server.put("a.txt", "hello");
    server
}

/// One answer, as the client sees it: its status (0 for none), the length it announces, and the bytes that come.
fn fetch(server: &Server, method: &str, target: &str, fields: &str) -> (u16, Option<usize>, Vec<u8>) {
    let request = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{fields}\r\n");
    let bytes = server.raw(request.as_bytes());
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return (0, None, bytes) };
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let status = head[9..12].parse().expect("a status");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    (status, length.map(|length| length.parse().expect("a number")), bytes[end + 4..].to_vec())
}

#[test]
fn mishaps_repeat_with_the_seed() {
    let mishaps = |seed| -> Vec<(u16, usize)> {
        let server = server(&["--network", "fail=30%,cut=30%", "--network-seed", seed]);
        let one = |_| {
            let (status, _, body) = fetch(&server, "GET", "/media/big.bin", "");
            (status, body.len())
        };
        (0..12).map(one).collect()
    };
    let first = mishaps("5");
    // the last bytes before a reset may be lost on the way, so only what the server decides is compared
    let kinds = |mishaps: &[(u16, usize)]| -> Vec<(u16, bool)> {
        mishaps.iter().map(|(status, length)| (*status, *length == big().len())).collect()
    };
    assert_eq!(kinds(&first), kinds(&mishaps("5")));
    assert_ne!(kinds(&first), kinds(&mishaps("6")));
    assert!(first.iter().any(|(status, _)| *status == 503), "{first:?}");
    assert!(first.iter().any(|(status, length)| *status == 200 && *length < big().len()), "{first:?}");
    assert!(first.contains(&(200, big().len())), "{first:?}");
}

#[test]
fn a_request_that_fails_is_answered_with_503() {
    let server = server(&["--network", "fail=100%"]);
    for target in ["/media/a.txt", "/media/", "/media/missing.txt", "/media/a.txt?thumbnail"] {
        let answer = server.get(target);
        assert_eq!(answer.status, 503, "{target}");
        assert!(answer.text().contains("--network"), "{answer:?}");
    }
    assert_eq!(
        server.request("GET", "/media/a.txt", &[("Accept", "application/json")]).json()["code"],
        "network-failed"
    );
    assert!(server.logged("failed").contains("503"));
    assert_eq!(server.request("OPTIONS", "/media/a.txt", &[]).status, 204, "a preflight tells nothing of the network");
    assert_eq!(server.get("/").status, 200, "devmedia's own page is not on it");
}

#[test]
fn a_cut_answer_is_never_a_whole_one() {
    let server = server(&["--network", "cut=100%"]);
    for (target, fields, status) in [
        ("/media/big.bin", "", 200),
        ("/media/big.bin", "Range: bytes=100-200099\r\n", 206),
        ("/media/big.bin", "Range: bytes=0-9,100000-250000\r\n", 206),
        ("/media/a.txt", "", 200),
        ("/media/missing.txt", "", 404),
    ] {
        let (seen, length, body) = fetch(&server, "GET", target, fields);
        assert_eq!(seen, status, "{target}");
        assert!(body.len() < length.expect("an announced length"), "{target} {fields}: {} bytes", body.len());
    }
    let (_, _, body) = fetch(&server, "GET", "/media/big.bin", "");
    assert_eq!(body, big()[..body.len()], "what comes is right");
    // its length is not announced: the last chunk must be missing
    let (status, length, body) = fetch(&server, "GET", "/media/?format=json", "");
    assert_eq!((status, length), (200, None));
    assert!(!body.ends_with(b"0\r\n\r\n"), "{:?}", String::from_utf8_lossy(&body));
    for (method, fields, status) in [("HEAD", "", 200), ("OPTIONS", "", 204)] {
        let (seen, _, body) = fetch(&server, method, "/media/big.bin", fields);
        assert_eq!((seen, body.len()), (status, 0), "{method} has nothing to cut");
    }
    let etag = server.request("HEAD", "/media/a.txt", &[]).field("etag").to_owned();
    let fields = format!("If-None-Match: {etag}\r\n");
    assert_eq!(fetch(&server, "GET", "/media/a.txt", &fields).0, 304, "and neither has a 304");
    assert!(server.logged("cut after").contains("\"network\":\"cut\""));
}

#[test]
fn offline_closes_the_connection() {
    let server = server(&["--network", "offline", "--upload"]);
    for (method, target) in
        [("GET", "/media/a.txt"), ("HEAD", "/media/a.txt"), ("GET", "/media/"), ("DELETE", "/media/a.txt")]
    {
        assert_eq!(
            server.raw(format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()),
            b"",
            "{target}"
        );
        assert!(server.logged("\"network\":\"offline\"").contains("444"));
    }
    assert!(server.root.join("a.txt").exists(), "nothing was done");
    assert_eq!(server.get("/").status, 200);
    let stranger = server.request("GET", "/media/a.txt", &[("Host", "evil.example")]);
    assert_eq!(stranger.status, 421, "the guard comes first");
}

#[test]
fn an_upload_that_is_cut_stores_nothing() {
    let server = server(&["--network", "cut=100%", "--upload"]);
    for _ in 0..4 {
        let answer = support::client::send(server.address, "PUT", "/media/new.bin", &[], &big());
        assert_eq!(answer.status, 0, "{answer:?}");
    }
    assert!(!server.root.join("new.bin").exists());
    assert!(server.logged("upload cut").contains("444"));
}

/// tus: what came before the cut is kept, and the rest follows.
#[test]
fn a_resumable_upload_that_is_cut_goes_on() {
    let server = server(&["--network", "cut=60%", "--network-seed", "1", "--upload"]);
    let tus = ("Tus-Resumable", "1.0.0");
    let send = |method, target: &str, fields: &[(&str, &str)], body: &[u8]| {
        support::client::send(server.address, method, target, &[&[tus], fields].concat(), body)
    };
    let length = big().len().to_string();
    // `new.bin`
    let fields = [("Upload-Metadata", "filename bmV3LmJpbg=="), ("Upload-Length", length.as_str())];
    let url = send("POST", "/media/", &fields, b"").field("location").to_owned();
    let mut cuts = 0;
    let mut seen = 0;
    loop {
        let head = send("HEAD", &url, &[], b"");
        let offset = head.field("upload-offset").to_owned();
        let at: usize = offset.parse().unwrap_or_else(|_| panic!("{head:?}"));
        assert!(at >= seen, "what came is kept");
        seen = at;
        let fields = [("Content-Type", "application/offset+octet-stream"), ("Upload-Offset", offset.as_str())];
        match send("PATCH", &url, &fields, &big()[at..]).status {
            0 => cuts += 1,
            status => break assert_eq!(status, 204),
        }
        assert!(cuts < 50, "the seed has a request that is not cut");
    }
    assert!(cuts > 0 && seen > 0, "{cuts} cuts, {seen} bytes before the last request");
    assert_eq!(fs::read(server.root.join("new.bin")).expect("stored"), big());
}

#[test]
fn latency_delays_every_answer() {
    let server = server(&["--network", "latency=150ms"]);
    for (method, target, status) in
        [("GET", "/media/a.txt", 200), ("HEAD", "/media/a.txt", 200), ("GET", "/media/missing", 404)]
    {
        let began = Instant::now();
        assert_eq!(server.request(method, target, &[]).status, status);
        assert!(began.elapsed() >= Duration::from_millis(150), "{method} {target}");
    }
    assert!(server.logged("150 ms late").contains("a.txt"));
}

/// Slowed down and whole: all of it comes, in the right order, without sendfile.
#[test]
fn a_slow_answer_is_the_same_answer() {
    let server = server(&["--network", "down=40Mbit/s,up=40Mbit/s", "--upload"]);
    let began = Instant::now();
    assert_eq!(server.get("/media/big.bin").body, big());
    // 300 kB at 5 MB/s are 60 ms; 20 ms may be made up for
    assert!(began.elapsed() >= Duration::from_millis(40));
    let answer = server.request("GET", "/media/big.bin", &[("Range", "bytes=1000-200999")]);
    assert_eq!(answer.body, big()[1000..201_000]);
    let head = server.request("HEAD", "/media/big.bin", &[]);
    assert_eq!(head.field("content-length"), "300000");
    let began = Instant::now();
    assert_eq!(support::client::send(server.address, "PUT", "/media/new.bin", &[], &big()).status, 201);
    assert!(began.elapsed() >= Duration::from_millis(40));
    assert_eq!(fs::read(server.root.join("new.bin")).expect("stored"), big());
}

#[test]
fn each_mount_may_have_a_network_of_its_own() {
    let prepare = |folder: &std::path::Path| {
        fs::create_dir_all(folder.join("media")).expect("a folder");
        fs::create_dir_all(folder.join("static")).expect("a folder");
        fs::write(folder.join("static/a.txt"), "hello").expect("a file");
        let file = "[[mount]]\nurl = \"/media/\"\nroot = \"media\"\nnetwork = { fail = \"100%\", preset = \"4g\", latency = \"1ms\" }\n\
                    [[mount]]\nurl = \"/static/\"\nroot = \"static\"\n\
                    [[mount]]\nurl = \"/off/\"\nroot = \"static\"\nnetwork = \"offline\"\n";
        fs::write(folder.join("devmedia.toml"), file).expect("a file");
    };
    let server = Server::prepared(Way::Fast, &[], prepare);
    let statuses = ["/media/a.txt", "/static/a.txt"].map(|target| server.get(target).status);
    assert_eq!(statuses, [503, 200]);
    assert_eq!(fetch(&server, "GET", "/off/a.txt", "").0, 0);
    // the flag is for all
    let server = Server::prepared(Way::Fast, &["--network", "no"], prepare);
    let answers: Vec<Answer> = ["/media/", "/static/a.txt", "/off/a.txt"].map(|target| server.get(target)).into();
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
}

#[test]
fn mistakes_are_explained() {
    for (args, says) in [
        (&["--network", "5g"][..], "write slow-3g, 3g, 4g, offline"),
        (&["--network", "latency=300"], "write one such as 300ms"),
        (&["--network-seed", "x"], "not a seed"),
    ] {
        let mut command = command();
        command.args(["--debug", "--root", "/nonexistent", "--listen", "127.0.0.1:0"]).args(args);
        let ended = process::run(command);
        assert_eq!(ended.code, Some(2), "{args:?}");
        assert!(ended.stderr.iter().any(|line| line.contains(args[0]) && line.contains(says)), "{:?}", ended.stderr);
    }
}
