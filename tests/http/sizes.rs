//! Byte-exact transfers: sizes around the limits of the buffers, many requests on one connection, many connections.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::WAY;
use crate::support::{Answer, Server};

/// Sizes around a page, the minimum for sendfile, a chunk, the maximum of a queued range, and several such ranges.
const EDGES: &[usize] =
    &[0, 4096, 32 * 1024, 64 * 1024, 1024 * 1024, 2 * 1024 * 1024, 4 * 1024 * 1024, 5 * 1024 * 1024];

/// Bytes that differ at every offset, so that a range that is sent twice or from the wrong offset is noticed.
fn pattern(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let word = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    word.flatten().take(len).collect()
}

/// Reads one response from a connection that stays open.
fn read_answer(stream: &mut TcpStream, buffered: &mut Vec<u8>) -> Answer {
    let mut chunk = vec![0; 64 * 1024];
    loop {
        if let Some(end) = buffered.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = Answer::take(&mut &buffered[..end + 4], "HEAD");
            let len: usize = head.field("content-length").parse().expect("a length");
            while buffered.len() < end + 4 + len {
                let got = stream.read(&mut chunk).expect("the rest of the body");
                assert_ne!(got, 0, "closed with {} of {len} bytes sent", buffered.len() - end - 4);
                buffered.extend_from_slice(&chunk[..got]);
            }
            let rest = buffered.split_off(end + 4 + len);
            let answer = std::mem::replace(buffered, rest);
            return Answer::take(&mut answer.as_slice(), "GET");
        }
        let got = stream.read(&mut chunk).expect("a head");
        assert_ne!(got, 0, "closed before a head");
        buffered.extend_from_slice(&chunk[..got]);
    }
}

fn request(target: &str, range: &str) -> String {
    let range = if range.is_empty() { String::new() } else { format!("Range: bytes={range}\r\n") };
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{range}\r\n")
}

#[test]
fn files_of_every_size_arrive_completely() {
    let server = Server::start(WAY, &[]);
    let mut stream = server.connect();
    let mut buffered = Vec::new();
    for edge in EDGES {
        for size in edge.saturating_sub(1)..=edge + 1 {
            let content = pattern(size);
            server.put(format!("{size}.bin"), &content);
            stream.write_all(request(&format!("/media/{size}.bin"), "").as_bytes()).expect("a request");
            let answer = read_answer(&mut stream, &mut buffered);
            assert_eq!(answer.status, 200, "{size}");
            assert!(answer.body == content, "{size} bytes differ");
        }
    }
}

#[test]
fn ranges_of_every_size_arrive_exactly() {
    let server = Server::start(WAY, &[]);
    let content = pattern(5 * 1024 * 1024 + 17);
    server.put("a.bin", &content);
    let mut stream = server.connect();
    let mut buffered = Vec::new();
    for start in [0, 1, 4095, 4096, 65_535, 1_048_575, 1_048_576, 5_000_000] {
        for len in [1, 4096, 32_767, 32_768, 32_769, 65_536, 1_048_575, 1_048_577, 9_999_999] {
            let end = (start + len).min(content.len());
            let range = format!("{start}-{}", start + len - 1);
            stream.write_all(request("/media/a.bin", &range).as_bytes()).expect("a request");
            let answer = read_answer(&mut stream, &mut buffered);
            assert_eq!(answer.status, 206, "{range}");
            assert!(answer.body == content[start..end], "{range} differs");
        }
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = Server::start(WAY, &[]);
    let sizes = [10, 2_000_000, 0, 40_000, 5, 1_048_577, 70_000, 1];
    for size in sizes {
        server.put(format!("{size}.bin"), pattern(size));
    }
    let mut stream = server.connect();
    let requests: String = (0..5).flat_map(|_| sizes.map(|size| request(&format!("/media/{size}.bin"), ""))).collect();
    let mut sender = stream.try_clone().expect("a second handle");
    let sending = std::thread::spawn(move || sender.write_all(requests.as_bytes()).expect("requests"));
    let mut buffered = Vec::new();
    for round in 0..5 {
        for size in sizes {
            let answer = read_answer(&mut stream, &mut buffered);
            assert!(answer.body == pattern(size), "{size} bytes in round {round} differ");
        }
    }
    sending.join().expect("the sender does not panic");
}

#[test]
fn parts_of_a_multipart_response_arrive_exactly() {
    let server = Server::start(WAY, &[]);
    let content = pattern(6 * 1024 * 1024);
    server.put("a.bin", &content);
    let ranges = [(0, 1_500_000), (2_000_000, 2_000_001), (3_000_000, 3_040_000), (4_000_000, 6_000_000)];
    let set: Vec<String> = ranges.iter().map(|(start, end)| format!("{start}-{}", end - 1)).collect();
    let range = format!("bytes={}", set.join(","));
    let answer = server.request("GET", "/media/a.bin", &[("Range", &range)]);
    assert_eq!(answer.status, 206);
    assert_eq!(answer.field("content-length"), answer.body.len().to_string());
    let boundary = answer.field("content-type").split_once("boundary=").expect("a boundary").1;
    let mut rest = answer.body.as_slice();
    for (start, end) in ranges {
        let lines = format!(
            "--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes {start}-{}/{}\r\n\r\n",
            end - 1,
            content.len()
        );
        rest = rest.strip_prefix(lines.as_bytes()).expect("the lines before a part");
        assert!(rest.starts_with(&content[start..end]), "part {start}-{end} differs");
        rest = rest[end - start..].strip_prefix(b"\r\n").expect("the end of a part");
    }
    assert_eq!(rest, format!("--{boundary}--\r\n").as_bytes());
}

#[test]
fn parallel_large_downloads_arrive_and_do_not_block_small_ones() {
    let server = Server::start(WAY, &[]);
    let large = pattern(48 * 1024 * 1024);
    server.put("large.bin", &large);
    server.put("small.bin", "small");
    let mut streams: Vec<TcpStream> = (0..6).map(|_| server.connect()).collect();
    for stream in &mut streams {
        stream.write_all(request("/media/large.bin", "").as_bytes()).expect("a request");
    }
    // the large ones fill their socket buffers, which are not read yet
    assert_eq!(server.get("/media/small.bin").text(), "small");
    let readers =
        streams.into_iter().map(|mut stream| std::thread::spawn(move || read_answer(&mut stream, &mut Vec::new())));
    for reader in readers.collect::<Vec<_>>() {
        assert!(reader.join().expect("a reader").body == large, "a large download differs");
    }
}

#[test]
fn clients_that_disconnect_early_do_not_harm_the_server() {
    let server = Server::start(WAY, &[]);
    let large = pattern(8 * 1024 * 1024);
    server.put("large.bin", &large);
    for round in 0..50 {
        let mut stream = server.connect();
        stream.write_all(request("/media/large.bin", "").as_bytes()).expect("a request");
        let mut some = vec![0; 1 + round * 4096];
        stream.read_exact(&mut some).expect("a beginning");
    }
    assert!(server.get("/media/large.bin").body == large);
}
