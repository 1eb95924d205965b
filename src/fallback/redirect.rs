//! Decides which redirects of the upstream are followed. Pure.

use url::Url;

use super::reason::NotFetched;

/// The target of a redirect (RFC 9110 section 10.2.2), if it may be followed. The target must have the same scheme, host and
/// port; a redirect from http to https is followed if both use their default ports.
pub(super) fn redirect(from: &Url, location: &[u8]) -> Result<Url, NotFetched> {
    let location = std::str::from_utf8(location).map_err(|_| NotFetched::Redirects)?;
    let mut to = from.join(location).map_err(|_| NotFetched::Redirects)?;
    let upgraded = (from.scheme(), to.scheme()) == ("http", "https") && from.port().is_none() && to.port().is_none();
    if to.host() != from.host() || (to.origin() != from.origin() && !upgraded) {
        let scheme_and_host = to.origin().ascii_serialization();
        return Err(NotFetched::Elsewhere(scheme_and_host));
    }
    // a redirect that only adds a slash means that the path is a folder
    if to.path().strip_suffix('/') == Some(from.path()) {
        return Err(NotFetched::Missing { remembered: false });
    }
    to.set_fragment(None);
    // on this host they cannot fail
    let _ = (to.set_username(""), to.set_password(None));
    Ok(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_stay_on_their_host() {
        let elsewhere = |host: &str| Err(NotFetched::Elsewhere(host.to_owned()));
        for (from, location, expected) in [
            ("https://a.example/m/x.jpg", "/n/x.jpg", Ok("https://a.example/n/x.jpg")),
            ("https://a.example/m/x.jpg", "y.jpg", Ok("https://a.example/m/y.jpg")),
            ("https://a.example/m/x.jpg", "https://a.example/n/x.jpg?v=1#f", Ok("https://a.example/n/x.jpg?v=1")),
            ("https://a.example/m/x.jpg", "https://u:p@a.example/n", Ok("https://a.example/n")),
            ("http://a.example/m/x.jpg", "https://a.example/m/x.jpg", Ok("https://a.example/m/x.jpg")),
            ("https://a.example/m/x.jpg", "http://a.example/m/x.jpg", elsewhere("http://a.example")),
            ("http://a.example:8000/x.jpg", "https://a.example/x.jpg", elsewhere("https://a.example")),
            ("https://a.example/m/x.jpg", "//b.example/x.jpg", elsewhere("https://b.example")),
            ("https://a.example/m/x.jpg", "https://a.example.b.example/", elsewhere("https://a.example.b.example")),
            ("https://a.example/m/x.jpg", "https://a.example:444/x.jpg", elsewhere("https://a.example:444")),
            ("https://a.example/m/x.jpg", "file:///etc/passwd", elsewhere("null")),
            ("https://a.example/m/x", "/m/x/", Err(NotFetched::Missing { remembered: false })),
            ("https://a.example/m/x.jpg", "https://", Err(NotFetched::Redirects)),
        ] {
            let to = redirect(&Url::parse(from).unwrap(), location.as_bytes());
            assert_eq!(to.as_ref().map(Url::as_str), expected.as_ref().copied(), "{from} {location}");
        }
    }
}
