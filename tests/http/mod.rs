//! What a client sees, byte by byte: the same over every way to the files.

mod sizes;

use crate::WAY;
use crate::support::Server;

#[test]
fn a_file_is_served_whole() {
    let server = Server::start(WAY, &[]);
    server.put("a.txt", "hello");
    let answer = server.get("/media/a.txt");
    assert_eq!((answer.status, answer.text().as_str()), (200, "hello"));
    assert_eq!(answer.field("content-type"), "text/plain; charset=utf-8");
    assert_eq!(answer.field("content-length"), "5");
}
