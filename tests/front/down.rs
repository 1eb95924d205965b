//! The app is not running.

use std::net::TcpListener;

use super::app::App;
use super::{ask, free_port};
use crate::support::{Server, Way};

#[test]
fn an_app_that_is_down_is_a_502_that_says_what_to_do() {
    let port = free_port();
    let server = Server::start(Way::Fast, &["--app", &format!("http://127.0.0.1:{port}")]);
    let answer = server.get("/x");
    assert_eq!((answer.status, answer.field("x-devmedia")), (502, "app-down"));
    let text = answer.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains(&format!("The app at http://127.0.0.1:{port} ")), "{}", lines[0]);
    assert!(lines[0].contains("connection refused"), "{}", lines[0]);
    assert!(lines[1].contains("Start the app"), "{}", lines[1]);

    let page = server.request("GET", "/x", &[("Accept", "text/html")]);
    assert!(page.text().contains("location.reload()"), "it waits for the app");
    assert!(page.field("content-security-policy").contains("connect-src 'self'"));
    let form = server.request("POST", "/x", &[("Accept", "text/html")]);
    assert!(!form.text().contains("location.reload()"), "a form is not sent again by itself");

    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is still free");
    let _app = App::listen(listener, |exchange| {
        while exchange.head().is_some() {
            exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nup");
        }
    });
    let answer = ask(server.address, "GET", "/x", &[("Accept", "text/html")], b"");
    assert_eq!((answer.text().as_str(), answer.field("x-devmedia")), ("up", ""));
}

#[test]
fn an_app_with_an_invalid_answer_is_not_reported_as_down() {
    for (bytes, why) in [("", "closed the connection before it answered"), ("SSH-2.0-x\r\n\r\n", "is not HTTP")] {
        let app = App::start(move |exchange| {
            if exchange.head().is_some() {
                exchange.write(bytes.as_bytes());
            }
        });
        let server = super::before(&app);
        let answer = server.get("/x");
        assert_eq!((answer.status, answer.field("x-devmedia")), (502, ""), "{answer:?}");
        assert!(answer.text().contains(why), "{}", answer.text());
    }
}
