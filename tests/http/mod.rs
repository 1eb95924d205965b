//! The HTTP behaviour, byte by byte. It must be the same for every way of reading files.

mod changing;
mod conditions;
mod connections;
mod containment;
mod explanations;
mod folders;
mod garbage;
mod links;
mod methods;
mod names;
mod paths;
mod ranges;
mod repeated;
mod sizes;
mod special;
mod strangers;
mod types;

use std::path::Path;

use crate::WAY;
use crate::support::{Answer, Server};

/// A server that reads files in the way of this test binary.
fn start(args: &[&str]) -> Server {
    Server::start(WAY, args)
}

/// The same, with more files next to the root.
fn prepared(args: &[&str], prepare: impl FnOnce(&Path)) -> Server {
    Server::prepared(WAY, args, prepare)
}

/// Bytes that depend on their offset and are never zero, so that padding and wrong offsets are noticed.
fn pattern(len: usize) -> Vec<u8> {
    /// A prime number, so that no power of two is a multiple of it. The block is repeated, because debug builds are
    /// slow.
    const BLOCK: usize = 65_521;
    let block: Vec<u8> = (0..BLOCK).map(|at| u8::try_from((at ^ (at >> 8)) % 251 + 1).expect("below 252")).collect();
    let mut bytes = block.repeat(len.div_ceil(BLOCK));
    bytes.truncate(len);
    bytes
}

#[test]
fn a_file_is_served_completely() {
    let server = start(&[]);
    server.put("a.txt", "hello");
    let answer: Answer = server.settled("/media/a.txt");
    assert_eq!((answer.status, answer.text().as_str()), (200, "hello"));
    for (name, value) in [
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", "5"),
        ("accept-ranges", "bytes"),
        ("cache-control", "no-cache"),
        ("vary", "Origin"),
        ("cross-origin-resource-policy", "same-site"),
    ] {
        assert_eq!(answer.field(name), value, "{name}");
    }
}
