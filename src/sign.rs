//! `devmedia sign`: a URL as the app in production would make it.

use hyper::{Method, Uri};
use jiff::Timestamp;

use crate::access::Policy;
use crate::config::{Config, days};
use crate::request::path::MediaPath;
use crate::server::listener::Listen;

/// Signs `url`, or the path that it is, for `method`, for as long as `expires` says. The error is advice.
pub fn sign(config: &Config, url: &str, method: &str, expires: &str) -> Result<String, String> {
    const NO_URL: &str = "it is no URL; write /private/photo.jpg, with %20 for a space";
    let listen = config.listen.iter().find(|listen| !matches!(listen, Listen::Unix(_)));
    let absolute = match (url.starts_with('/'), listen) {
        (true, Some(listen)) => format!("http://{listen}{url}"),
        _ => url.to_owned(),
    };
    let uri: Uri = absolute.parse().map_err(|_| format!("{url:?}: {NO_URL}"))?;
    let method: Method = method.to_ascii_uppercase().parse().map_err(|_| format!("{method:?} is no method"))?;
    let span = days(expires).filter(|span| !span.is_zero());
    let span = span.ok_or_else(|| format!("--expires {expires:?}: write 10m, 1h or 7d"))?;
    let path = MediaPath::parse(uri.path().as_bytes()).map_err(|_| format!("{url:?}: {NO_URL}"))?;
    let (mount, path) = config.mounts.find(&path).ok_or_else(|| format!("{url:?}: no mount serves it"))?;
    let judges = mount.site.access.policies_for(std::iter::once(&path));
    let Some(signed) =
        judges.iter().find_map(|policy| if let Policy::Signed(signed) = policy { Some(signed) } else { None })
    else {
        return Err(format!("{url:?}: it needs no signature; its access is {}", judges[0]));
    };
    let now = Timestamp::now();
    let expires = now.checked_add(span).map_err(|_| format!("--expires {expires:?} is too long"))?;
    signed.sign(&method, &uri, now, expires).map_err(|advice| format!("{url:?}: {advice}"))
}
