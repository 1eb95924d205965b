//! `devmedia sign`: a URL as the app in production would sign it.

use hyper::{Method, Uri};
use jiff::Timestamp;

use crate::access::Policy;
use crate::config::Config;
use crate::config::values::days;
use crate::request::path::MediaPath;
use crate::server::listener::Listen;

/// Signs `url`, which may be just a path, for `method`. The URL expires after the duration `expires`. The error is
/// advice.
pub fn sign(config: &Config, url: &str, method: &str, expires: &str) -> Result<String, String> {
    let not_a_url = || format!("{url:?} is not a URL; write one such as /private/photo.jpg, with %20 for a space");
    let listen = config.listen.iter().find(|listen| !matches!(listen, Listen::Unix(_)));
    let absolute = match (url.starts_with('/'), listen) {
        (true, Some(listen)) => format!("{}://{listen}{url}", config.scheme().as_str()),
        _ => url.to_owned(),
    };
    let uri: Uri = absolute.parse().map_err(|_| not_a_url())?;
    let parsed = method.to_ascii_uppercase().parse();
    let method: Method = parsed.map_err(|_| format!("--method {method:?}: not a method; write GET, HEAD or PUT"))?;
    let duration = days(expires).filter(|duration| !duration.is_zero());
    let duration =
        duration.ok_or_else(|| format!("--expires {expires:?}: not a duration; write one such as 10m, 1h or 7d"))?;
    let path = MediaPath::parse(uri.path().as_bytes()).map_err(|_| not_a_url())?;
    let (mount, path) = config.mounts.find(&path).ok_or_else(|| {
        let prefixes: Vec<String> = config.mounts.iter().map(|mount| mount.site.prefix.to_string()).collect();
        format!("{url:?}: no mount serves this path; the mounts are {}", prefixes.join(", "))
    })?;
    let judges = mount.site.access.policies_for(std::iter::once(&path));
    let Some(signed) =
        judges.iter().find_map(|policy| if let Policy::Signed(signed) = policy { Some(signed) } else { None })
    else {
        return Err(format!("{url:?} needs no signature: its access is {}", judges[0]));
    };
    let now = Timestamp::now();
    let expires = now
        .checked_add(duration)
        .map_err(|_| format!("--expires {expires:?}: too long; write one such as 10m, 1h or 7d"))?;
    signed.sign(&method, &uri, now, expires).map_err(|advice| format!("{url:?}: {advice}"))
}
