//! Spellings of paths and where they lead (design section 4, "Path bytes"; the cases in peers.md section 4).

use std::time::{Duration, Instant};

use super::start;
use crate::support::{Server, skip_on_windows};

fn server() -> Server {
    let server = start(&[]);
    server.put("a.txt", "hello");
    server.put("dir/b.txt", "below");
    server.put(".env", "HIDDEN");
    server.put(".git/config", "HIDDEN");
    server.put("dir/.hidden/c.txt", "HIDDEN");
    server
}

#[test]
fn no_spelling_leaves_the_root() {
    let server = server();
    for (target, status) in [
        // Go's and models.md section 5
        ("/../secret.txt", 400),
        ("/media/../secret.txt", 400),
        ("/media/./../secret.txt", 400),
        ("/media/dir/../../secret.txt", 400),
        ("/media/a.txt/../../secret.txt", 400),
        ("/media/..", 400),
        ("/media/dir/..", 400),
        ("/media/dir/../a.txt", 400), // refused, although it stays inside
        // escaped: st CVE-2014-3744, Rack CVE-2025-27610, fastify CVE-2026-6410
        ("/media/%2e%2e/secret.txt", 400),
        ("/media/%2E%2E/secret.txt", 400),
        ("/media/.%2e/secret.txt", 400),
        ("/media/%2e./secret.txt", 400),
        ("/media/..%2fsecret.txt", 400),
        ("/media/%2e%2e%2fsecret.txt", 400),
        ("/media/dir%2f..%2f..%2fsecret.txt", 400),
        ("/%2e%2e/secret.txt", 400),
        ("/..%2fsecret.txt", 400),
        // decoded once only
        ("/media/%252e%252e/secret.txt", 404),
        ("/media/%252e%252e%252fsecret.txt", 404),
        ("/media/%%32%65%%32%65/secret.txt", 404),
        // overlong UTF-8 and IIS escapes are ordinary names
        ("/media/%c0%ae%c0%ae/secret.txt", 404),
        ("/media/%u002e%u002e/secret.txt", 404),
        ("/media/%ff", 404),
        // backslashes and drives: Caddy CVE-2026-52844, Hono CVE-2026-54286, tower-http RUSTSEC-2022-0043
        ("/media/..\\secret.txt", 404),
        ("/media/..%5csecret.txt", 404),
        ("/media/dir%5c..%5c..%5csecret.txt", 404),
        ("/media/\\\\host\\share\\x", 404),
        ("/media/c:/windows/win.ini", 404),
        ("/c:/x", 404),
        ("/media/a/C%3A%5Cwindows", 404),
        ("/media/NUL", 404),
        // path parameters (Tomcat), doubled dots against naive replacement
        ("/media/..;/secret.txt", 404),
        ("/media/....//secret.txt", 404),
        // absolute paths inside the path: st, fastify CVE-2026-6414
        ("//etc/passwd", 404),
        ("/%2fetc/passwd", 404),
        ("/media//etc/passwd", 404),
        ("/media/%2fetc%2fpasswd", 404),
        ("/media/file:///etc/passwd", 404),
        // prefixes without a segment boundary: nginx alias off by slash, dufs #725, sirv CVE-2025-58751, Starlette
        // CVE-2023-29159
        ("/media../secret.txt", 404),
        ("/media..%2fsecret.txt", 404),
        ("/media-private/secret.txt", 404),
        ("/media%2dprivate/secret.txt", 404),
        ("/media/../media-private/secret.txt", 400),
        ("/media/..-private/secret.txt", 404),
        ("/mediasecret.txt", 404),
        // NUL: Ruby and PHP truncated the name
        ("/media/a%00.png", 400),
        ("/media/a.txt%00", 400),
        ("/media/%00", 400),
        ("/media/..%00/secret.txt", 400),
        // Vite CVE-2025-30208, CVE-2025-31125, CVE-2025-31486, CVE-2025-32395
        ("/@fs/etc/passwd?raw??", 404),
        ("/media/@fs/etc/passwd?import&raw??", 404),
        ("/etc/passwd?.svg?.wasm?init", 404),
        ("/media/x?/../secret.txt", 404),
        ("/media/x#/../secret.txt", 404),
        ("/media/x/%3f/../secret.txt", 400),
        ("/media/x/%23/../secret.txt", 400),
        ("/media/secret.txt", 404),
        ("/media/proc/self/environ", 404),
        // absolute form (RFC 9112 section 3.2.2)
        ("http://localhost/media/../secret.txt", 400),
        ("http://localhost/media/%2e%2e/secret.txt", 400),
        ("http://localhost/../secret.txt", 400),
        ("http://localhost/media-private/secret.txt", 404),
    ] {
        assert_eq!(server.get(target).status, status, "{target}");
    }
}

#[test]
fn no_spelling_reaches_a_hidden_name() {
    let server = server();
    for target in [
        "/media/.env",
        "/media/./.env", // serve CVE-2019-5417
        "/media//.env",
        "/media/.env/.", // Vite CVE-2025-46565
        "/media/.env/",
        "/media/.env//",
        "/media/.env%20",
        "/media/.env.",
        "/media/.env::$DATA", // Vite CVE-2026-53571
        "/media/.env\\",      // Vite CVE-2025-62522
        "/media/.env?raw",
        "/media/.env#x",
        "/media/ENV~1",
        "/media/.ENV",
        "/media/.%65nv", // serve applied its rule before decoding
        "/media/%2eenv",
        "/media/%2E%65%6e%76",
        "/media/.git",
        "/media/.git/",
        "/media/.git/config",
        "/media/%2egit%2fconfig",
        "/media/dir/.hidden",
        "/media/dir/.hidden/c.txt",
        "/media/dir%2f.hidden%2fc.txt",
        "//media//dir//.hidden//c.txt",
        "http://localhost/media/.env",
    ] {
        for method in ["GET", "HEAD"] {
            let answer = server.request(method, target, &[]);
            assert_eq!(answer.status, 404, "{method} {target}");
            assert!(!answer.text().contains("HIDDEN"), "{target}");
        }
    }
    assert!(server.get("/media/.env").text().contains("start with a dot"));
}

#[test]
fn hidden_names_are_served_with_the_hidden_flag() {
    let server = start(&["--hidden"]);
    server.put(".well-known/a.txt", "shown");
    assert_eq!(server.get("/media/.well-known/a.txt").text(), "shown");
    assert_eq!(server.get("/media/..well").status, 404);
    assert_eq!(server.get("/media/../media/.well-known/a.txt").status, 400);
}

#[test]
fn equivalent_spellings_lead_to_the_same_file() {
    let has_backslashes = !skip_on_windows("the rows with a backslash, which names on Windows cannot contain");
    let server = server();
    for name in ["%zz", "100%", "%2", "b\\s", "a b", "%2e%2e"] {
        server.put(name, name);
    }
    for (target, body) in [
        ("/media/a.txt", "hello"),
        ("/media/%61.txt", "hello"),
        ("/media/a%2Etxt", "hello"),
        ("/media/./a.txt", "hello"),
        ("/media/%2e/a.txt", "hello"),
        ("/media//a.txt", "hello"),
        ("//media/a.txt", "hello"),
        ("/./media/a.txt", "hello"),
        ("/media%2fa.txt", "hello"),
        ("/%6dedia/a.txt", "hello"),
        ("%2fmedia%2fa.txt", ""), // not a path (RFC 9112 section 3.2.1): refused below
        ("/media/dir/b.txt", "below"),
        ("/media/dir%2Fb.txt", "below"),
        ("/media/dir//.//b.txt", "below"),
        // the target ends at the first ? or #
        ("/media/a.txt?v=1", "hello"),
        ("/media/a.txt?", "hello"),
        ("/media/a.txt?/../../secret.txt", "hello"),
        ("/media/a.txt#/../../secret.txt", "hello"),
        ("/media/a.txt?a?b", "hello"),
        // absolute form
        ("http://localhost/media/a.txt", "hello"),
        ("HTTP://127.0.0.1:1/media/a.txt", "hello"),
        ("http://localhost//media//a.txt?x", "hello"),
        // malformed escapes are literal, and a backslash is an ordinary character
        ("/media/%zz", "%zz"),
        ("/media/100%", "100%"),
        ("/media/100%25", "100%"),
        ("/media/%2", "%2"),
        ("/media/b\\s", "b\\s"),
        ("/media/b%5cs", "b\\s"),
        ("/media/a%20b", "a b"),
        ("/media/%252e%252e", "%2e%2e"),
    ] {
        if body.contains('\\') && !has_backslashes {
            continue;
        }
        let answer = server.get(target);
        if body.is_empty() {
            assert!(answer.is_bare() || answer.status == 404, "{target}: {answer:?}");
        } else {
            assert_eq!((answer.status, answer.text().as_str()), (200, body), "{target}");
        }
    }
}

#[test]
fn a_redirect_stays_on_the_mount() {
    let has_all_names = !skip_on_windows("the rows with names that Windows cannot store");
    let server = start(&["--url", "/"]);
    for folder in ["evil.com/x", "\\evil.com", "javascript:x", "a\r\nSet-Cookie: b=c", "%2e%2e", "é?#"] {
        std::fs::create_dir_all(server.root.join(folder)).expect("a folder");
    }
    for (target, location) in [
        // hyper-staticfile RUSTSEC-2022-0072, ecstatic CVE-2015-9242
        ("//evil.com", "/evil.com/"),
        ("///evil.com", "/evil.com/"),
        ("/%2fevil.com", "/evil.com/"),
        ("/%2f%2fevil.com/x", "/evil.com/x/"),
        ("/.//evil.com", "/evil.com/"),
        ("http://localhost//evil.com", "/evil.com/"),
        ("/\\evil.com", "/%5Cevil.com/"),
        ("/%5cevil.com", "/%5Cevil.com/"),
        ("/javascript:x", "/javascript%3Ax/"),
        ("/a%0d%0aSet-Cookie:%20b=c", "/a%0D%0ASet-Cookie%3A%20b%3Dc/"),
        ("/%252e%252e", "/%252e%252e/"),
        ("/%c3%a9%3f%23", "/%C3%A9%3F%23/"),
        ("/evil.com?//other.com", "/evil.com/?//other.com"),
        ("/evil.com?a=1&b=%20#c", "/evil.com/?a=1&b=%20"),
    ] {
        if ["%5C", "%3A", "%0D", "%3F"].iter().any(|escape| location.contains(escape)) && !has_all_names {
            continue;
        }
        let answer = server.get(target);
        assert_eq!((answer.status, answer.field("location")), (302, location), "{target}");
        assert_eq!(answer.field("cache-control"), "no-cache", "{target}");
        assert_eq!(answer.field("set-cookie"), "", "{target}");
    }
    // st redirected paths that it refuses
    assert_eq!(server.get("//evil.com/%2e%2e").status, 400);
    assert_eq!(server.get("//nodesecurity.org/%2e%2e/x").status, 400);
}

#[test]
fn a_redirect_keeps_any_query_or_the_request_is_refused() {
    let server = server();
    for byte in 1..=255_u8 {
        let mut target = b"/media/dir?q=".to_vec();
        target.push(byte);
        if matches!(byte, b'\r' | b'\n' | b' ' | b'\t') {
            continue; // these bytes end the target or the line
        }
        let raw = [b"GET ", target.as_slice(), b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"].concat();
        let answer = server.raw(&raw);
        let status = answer.get(9..12).unwrap_or_default();
        assert!([&b"302"[..], b"400"].contains(&status), "{byte:#x}: {}", String::from_utf8_lossy(&answer));
    }
}

#[test]
fn a_path_that_is_too_long_is_404() {
    let server = server();
    for target in [
        format!("/media/{}", "n".repeat(255)),
        format!("/media/{}", "n".repeat(256)),
        format!("/media/{}", "n".repeat(300)), // ENAMETOOLONG
        format!("/media/{}/x", "n".repeat(300)),
        format!("/media/{}", "%C3%A9".repeat(200)),
        format!("/media/dir/{}", "n/".repeat(4096)), // longer than PATH_MAX
        format!("/media/a.txt/{}", "n/".repeat(4096)),
        format!("/{}", "n".repeat(5000)),
    ] {
        let answer = server.get(&target);
        assert_eq!(answer.status, 404, "{} bytes: {}", target.len(), answer.text());
    }
}

/// ecstatic CVE-2016-10703: thousands of `%00` took quadratic time. The same with segments.
#[test]
fn a_huge_target_is_handled_quickly() {
    let server = server();
    for target in [
        format!("/media/{}", "%00".repeat(28_700)), // 86 kB
        format!("/media/{}", "%00".repeat(20_000)),
        format!("/media/{}", "n".repeat(60_000)),
        format!("/media/{}", "n/".repeat(30_000)),
        format!("/media/dir/{}", "n/".repeat(30_000)),
        format!("/{}", "n/".repeat(30_000)),
        format!("/media/{}a.txt", "./".repeat(30_000)),
        format!("/media{}a.txt", "/".repeat(60_000)),
        format!("/media/{}", "%".repeat(60_000)),
        format!("/media/a.txt?{}", "q".repeat(60_000)),
    ] {
        let before = Instant::now();
        let answer = server.get(&target);
        assert!(answer.status == 200 || (400..500).contains(&answer.status), "{}", answer.status);
        let elapsed = before.elapsed();
        assert!(elapsed < Duration::from_secs(3), "{:?}... took {elapsed:?}", &target[..20]);
    }
}
