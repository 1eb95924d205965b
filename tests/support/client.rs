//! Raw HTTP to any server, with a body.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use super::{Answer, PATIENCE};

/// The headers of a request.
pub type Fields<'a> = &'a [(&'a str, &'a str)];

/// Sends one request with a body on a new connection.
pub fn send(address: SocketAddr, method: &str, target: &str, fields: Fields<'_>, body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).expect("the server accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let _ = stream.write_all(&head(address, method, target, fields, body.len()));
    // a refusal may arrive before all is sent
    let _ = stream.write_all(body);
    answer(&mut stream, method)
}

/// The head of a request with a body of this length. A Host in `fields` replaces the default one.
pub fn head(address: SocketAddr, method: &str, target: &str, fields: Fields<'_>, length: usize) -> Vec<u8> {
    let address = address.to_string();
    let host = [("Host", address.as_str())].into_iter().filter(|_| fields.iter().all(|(name, _)| *name != "Host"));
    let lines: String =
        host.chain(fields.iter().copied()).map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("{method} {target} HTTP/1.1\r\nConnection: close\r\n{lines}Content-Length: {length}\r\n\r\n").into_bytes()
}

/// The response to a request with this method. Reads until the server closes the connection.
pub fn answer(stream: &mut TcpStream, method: &str) -> Answer {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        result => drop(result.expect("the server answers or closes")),
    }
    Answer::take(&mut bytes.as_slice(), method)
}
