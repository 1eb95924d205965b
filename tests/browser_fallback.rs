//! An app's page whose images are in production or nowhere: Debian's Chromium with the real binary.
//!
//! Without `chromium` and `chromedriver` on `PATH` this test says so and passes; with `CI=true` it fails.

#[path = "browser/app.rs"]
mod app;
#[path = "browser/driver.rs"]
mod driver;
#[path = "production/upstream.rs"]
mod upstream;
mod support;

use std::io::Write as _;
use std::path::Path;

use serde_json::json;

use app::App;
use driver::Tab;
use support::{Server, Way};
use upstream::Upstream;

#[test]
fn the_images_of_a_page_come_from_production_or_placeholders() {
    let Some(tab) = Tab::new() else { return };
    let media = Path::new(env!("CARGO_MANIFEST_DIR")).join("media");
    let production = Upstream::start(move |asked, stream| {
        let name = asked.target.trim_start_matches("/files/");
        let (status, bytes) = match std::fs::read(media.join(name)) {
            Ok(bytes) => ("200 OK", bytes),
            Err(_) => ("404 Not Found", Vec::new()),
        };
        let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", bytes.len());
        let _ = stream.write_all(&bytes);
    });
    let server = Server::start(Way::Fast, &["--fallback", &production.url(), "--placeholder"]);
    let media = format!("http://localhost:{}/media", server.address.port());
    let app = App::blank("");
    tab.open(&app.at("localhost"));

    // twice: fetched, then local
    for _ in 0..2 {
        let width = tab.ask(&format!("return (await put('img', {{ src: '{media}/avatars/ada.png' }}))?.naturalWidth"));
        assert_eq!(width, 400);
    }
    assert_eq!(production.count(), 1);
    let drawn = format!(
        "const image = await put('img', {{ src: '{media}/nowhere.300x200.jpg' }}); \
         return [image?.naturalWidth, image?.naturalHeight]"
    );
    assert_eq!(tab.ask(&drawn), json!([300, 200]));
    for (tag, name) in
        [("video", "nowhere.webm"), ("video", "nowhere.mp4"), ("audio", "nowhere.mp3"), ("audio", "nowhere.ogg")]
    {
        let played = tab.ask(&format!("return !!(await put('{tag}', {{ src: '{media}/{name}' }}))"));
        assert_eq!(played, true, "{name}");
    }
}
