//! A store that misbehaves: it speaks as much of S3 as is necessary, and fails in the way that the key says.
#![allow(unreachable_pub, reason = "a module of one test binary")]

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The bytes of each object.
pub fn content() -> Vec<u8> {
    (0..300_000_u32).flat_map(u32::to_le_bytes).collect()
}

/// A running store. It ends with the test.
pub struct Stub {
    pub address: SocketAddr,
    /// The requests so far: method, path and Range.
    pub seen: Arc<Mutex<Vec<(String, String, String)>>>,
}

impl Stub {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let seen: Arc<Mutex<Vec<(String, String, String)>>> = Arc::default();
        let counts: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, counts) = (Arc::clone(&shared), Arc::clone(&counts));
                std::thread::spawn(move || while serve(&stream, &seen, &counts).is_some() {});
            }
        });
        Self { address, seen }
    }

    /// The Range fields of the GET requests for this key.
    pub fn ranges(&self, key: &str) -> Vec<String> {
        let seen = self.seen.lock().expect("nothing panics while holding it");
        let of_key = seen.iter().filter(|(method, path, _)| method == "GET" && path.ends_with(key));
        of_key.map(|(_, _, range)| range.clone()).collect()
    }
}

/// Answers one request; `None` if the connection ends.
fn serve(
    stream: &TcpStream,
    seen: &Mutex<Vec<(String, String, String)>>,
    counts: &Mutex<HashMap<String, usize>>,
) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut range = String::new();
    loop {
        let mut field = String::new();
        reader.read_line(&mut field).ok()?;
        let field = field.trim_end().to_ascii_lowercase();
        if field.is_empty() {
            break;
        }
        if let Some(value) = field.strip_prefix("range: bytes=") {
            value.clone_into(&mut range);
        }
    }
    let path = target.split('?').next()?.to_owned();
    let count = {
        let mut counts = counts.lock().expect("nothing panics while holding it");
        let count = counts.entry(format!("{method} {path}")).or_default();
        *count += 1;
        *count
    };
    seen.lock().expect("nothing panics while holding it").push((method.clone(), path.clone(), range.clone()));
    let query = target.split_once('?').map_or("", |(_, query)| query);
    answer(stream, &method, &path, query, &range, count)
}

/// The keys in these folders: one that only marks the folder, and one that is not a path.
const LISTED: [(&str, &[&str]); 2] = [("marker%2F", &["marker/", "marker/one.txt"]), ("double%2F", &["double//x"])];

fn answer(mut stream: &TcpStream, method: &str, path: &str, query: &str, range: &str, count: usize) -> Option<()> {
    let key = path.strip_prefix("/media").unwrap_or_default().trim_start_matches('/');
    let is_list = key.is_empty();
    let mut fail = |status: &str, code: &str| {
        let body = format!("<Error><Code>{code}</Code><Message>said the stub</Message></Error>");
        let body = if method == "HEAD" { String::new() } else { body };
        let length = body.len();
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}").ok()
    };
    if is_list {
        return match path.trim_end_matches('/') {
            "/media" => {
                let prefix = query.split('&').find_map(|parameter| parameter.strip_prefix("prefix="));
                let keys =
                    LISTED.into_iter().find(|(folder, _)| prefix == Some(folder)).map_or(&[][..], |(_, keys)| keys);
                let of_key = |key: &&str| {
                    format!(
                        "<Contents><Key>{key}</Key><Size>3</Size><LastModified>2025-01-01T00:00:00.000Z</LastModified>\
                         </Contents>"
                    )
                };
                let keys: String = keys.iter().map(of_key).collect();
                let body = format!("<ListBucketResult><IsTruncated>false</IsTruncated>{keys}</ListBucketResult>");
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).ok()
            }
            "/elsewhere" => fail("400 Bad Request", "AuthorizationHeaderMalformed"),
            "/foreign" => fail("403 Forbidden", "InvalidAccessKeyId"),
            "/secret" => fail("403 Forbidden", "AccessDenied"),
            _ => fail("404 Not Found", "NoSuchBucket"),
        };
    }
    match key {
        "denied.bin" => return fail("403 Forbidden", "AccessDenied"),
        "unreadable.bin" if method == "GET" => return fail("403 Forbidden", "AccessDenied"),
        "busy.bin" if method == "GET" && count <= 2 => return fail("503 Slow Down", "SlowDown"),
        "cut.bin" | "broken.bin" | "busy.bin" | "unreadable.bin" | "lies.bin" => {}
        _ => return fail("404 Not Found", "NoSuchKey"),
    }
    let all = content();
    let len = all.len();
    if method == "HEAD" {
        let head =
            format!("Content-Length: {len}\r\nETag: \"one\"\r\nLast-Modified: Wed, 01 Jan 2025 00:00:00 GMT\r\n");
        return write!(stream, "HTTP/1.1 200 OK\r\n{head}\r\n").ok();
    }
    let (start, end) = range.split_once('-')?;
    let (start, end) = (start.parse::<usize>().ok()?, end.parse::<usize>().ok()? + 1);
    // a store that lies about the length
    let total = if key == "lies.bin" { len * 2 } else { len };
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\nContent-Length: {}\r\nContent-Range: bytes {start}-{}/{total}\r\nETag: \"one\"\r\n\
         Last-Modified: Wed, 01 Jan 2025 00:00:00 GMT\r\n\r\n",
        end - start,
        end - 1
    );
    stream.write_all(head.as_bytes()).ok()?;
    let is_cut = (key == "cut.bin" && count == 1) || key == "broken.bin";
    let sent = if is_cut { start + (end - start) / 2 } else { end };
    // a broken store sends nothing more after the first half
    let sent = if key == "broken.bin" && count > 1 { start } else { sent };
    stream.write_all(&all[start..sent]).ok()?;
    if is_cut {
        let _ = stream.shutdown(std::net::Shutdown::Both);
        return None;
    }
    Some(())
}
