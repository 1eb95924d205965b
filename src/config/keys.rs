//! Advice about unknown keys of the file: their equivalents, and where they belong.

use std::borrow::Cow;

use super::setting::Scope;
use super::settings::ALL;

/// The place of a key in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Top,
    Mount,
    Rule,
}

/// Keys of other servers and frameworks, and what to write instead; `{}` is replaced by the value.
const ELSEWHERE: &[(&[&str], &str)] = &[
    (&["port"], "write listen = \"127.0.0.1:{}\" at the top of the file"),
    (
        &["host", "hostname", "address", "addr", "bind", "interface", "ip", "listen_address"],
        "write listen = \"{}:8001\" at the top of the file",
    ),
    (
        &[
            "dir",
            "directory",
            "path",
            "folder",
            "document_root",
            "media_root",
            "public_dir",
            "public_path",
            "root_dir",
            "root_path",
            "src",
        ],
        "write root = \"{}\" in a [[mount]]",
    ),
    (
        &[
            "prefix",
            "media_url",
            "base_url",
            "location",
            "mount_path",
            "route",
            "url_prefix",
            "mount_url",
            "route_prefix",
        ],
        "write url = \"{}\" in a [[mount]]",
    ),
    (
        &["cors", "origins", "allow_origins", "allowed_origins", "cors_origins", "cors_allowed_origins"],
        "write allow_origin = [\"https://app.example:3000\"] at the top of the file; pages on localhost need no setting",
    ),
    (
        &["allowed_hosts", "hosts", "server_name", "server_names", "domains", "trusted_hosts"],
        "write allow_host = [\"app.example.dev\"] at the top of the file",
    ),
    (
        &["index", "listing", "autoindex", "browse", "directory_listing", "list"],
        "folders are listed by default; to turn that off, write no_index = true",
    ),
    (
        &["upstream", "proxy", "proxy_pass", "origin", "production", "remote", "source", "fallback_url"],
        "write fallback = \"https://www.example.com/media/\" in a [[mount]]",
    ),
    (
        &["auth", "auth_request", "deny", "allow", "private", "require_login", "login_required", "permissions"],
        "write access = \"deny\", or access = { ask = \"http://127.0.0.1:8000/media-auth/\" }, in a [[mount]] or a [[mount.rule]]",
    ),
    (
        &["max_size", "upload_limit", "client_max_body_size", "max_body_size", "max_upload_size", "max_file_size"],
        "write max_upload = \"{}\"",
    ),
    (&["allow_upload", "allow_uploads", "enable_upload", "writable", "write"], "write upload = true"),
    (&["upload_dir", "upload_folder", "upload_path"], "write upload_to = \"{}\""),
    (
        &["types", "mime", "mime_types", "content_types", "media_types"],
        "write type = { stl = \"model/stl\" } at the top of the file",
    ),
    (&["dotfiles", "show_hidden", "dot_files", "hidden_files"], "write hidden = true"),
    (&["symlinks", "follow_symlinks", "allow_symlinks", "allow_symlink"], "write follow_links = true"),
    (&["cache", "expires", "max_age", "caching"], "write cache_control = \"max-age=3600\""),
    (
        &["log", "log_level", "loglevel", "level", "verbose", "quiet", "verbosity"],
        "the file does not set how much is logged; start devmedia with -v or -q",
    ),
    (&["ssl", "https"], "write tls = true at the top of the file"),
    (
        &["cert", "certificate", "ssl_certificate", "ssl_cert", "certfile"],
        "write tls_cert = \"{}\" and tls_key = \"...\" at the top of the file",
    ),
    (
        &["key", "ssl_certificate_key", "ssl_key", "keyfile"],
        "write tls_cert = \"...\" and tls_key = \"{}\" at the top of the file",
    ),
    (
        &["latency", "jitter", "down", "up", "fail", "cut", "throttle", "throttling", "delay", "slow"],
        "write network = { latency = \"300ms\", down = \"1.6Mbit/s\", fail = \"2%\" }",
    ),
    (
        &["server", "devmedia", "settings", "general", "global", "tool", "default", "main"],
        "write settings at the top of the file, without a table",
    ),
    (&["mounts", "static", "media", "folders", "site", "sites"], "write [[mount]] with url and root"),
    (&["rule", "rules"], "write [[mount.rule]], below the [[mount]] that it is for"),
    (
        &["match", "headers", "disposition", "add_header", "header"],
        "it belongs in a [[mount.rule]] with match = \"**\", below the [[mount]] that it is for",
    ),
    (&["workers", "threads"], "remove it; devmedia uses all processors"),
    (&["gzip", "compress", "compression"], "remove it; devmedia sends files as they are"),
];

/// Advice for a key that is unknown at this place, if there is any.
pub(super) fn advice(place: Place, key: &str, value: Option<&str>) -> Option<String> {
    let plain = plain(key);
    if key == "debug" {
        let why = "a file that is deployed by accident must not turn debugging on";
        return Some(format!("{why}: start devmedia with --debug, or set DEBUG=1"));
    }
    if place == Place::Top && plain == "access" {
        return Some("it belongs in a [[mount]] or a [[mount.rule]]".to_owned());
    }
    let elsewhere = ELSEWHERE.iter().find(|(names, _)| names.contains(&plain.as_ref()));
    let declared = ALL.iter().find(|declared| declared.key() == plain);
    if let (Some(declared), None) = (declared, elsewhere) {
        return Some(match declared.scope {
            Scope::CommandLine => format!("it is a flag only: {}", declared.flag()),
            Scope::Server => format!("write {plain} at the top of the file, above the first [[mount]]"),
            Scope::Mounts => format!("write {plain} in the [[mount]], not in its rule"),
            Scope::FirstMount | Scope::FileMount if place == Place::Rule => {
                format!("{plain} belongs in the [[mount]] above")
            }
            Scope::FirstMount | Scope::FileMount => format!("{plain} belongs to a mount; write it below [[mount]]"),
        });
    }
    let Some((_, advice)) = elsewhere else {
        // a mistyped key that is valid at another place
        let keys: Vec<String> = ALL.iter().map(|declared| declared.key()).collect();
        let (meant, _) = nearest(key, &keys)?;
        let belongs = self::advice(place, meant, value)?;
        return Some(format!("did you mean {meant}? Then {belongs}"));
    };
    match value {
        Some(value) if !value.is_empty() => Some(advice.replace("{}", value)),
        _ if advice.contains("{}") => Some(advice.replace("\"{}\"", "\"...\"").replace("{}", "...")),
        _ => Some((*advice).to_owned()),
    }
}

/// The known key that an unknown one is probably meant to be, and whether the two differ only in their spelling of
/// words (`max-upload`, `maxUpload`).
pub(super) fn nearest<'k>(key: &str, known: &'k [String]) -> Option<(&'k str, bool)> {
    let plain = plain(key);
    if let Some(same) = known.iter().find(|known| **known == plain) {
        return Some((same, true));
    }
    // a short word is similar to many others
    let typos = match plain.chars().count() {
        0..=3 => 0,
        4..=5 => 1,
        _ => 2,
    };
    if ELSEWHERE.iter().any(|(names, _)| names.contains(&plain.as_ref())) {
        return None;
    }
    let near = known.iter().map(|known| (strsim::damerau_levenshtein(known, &plain), known));
    let (distance, known) = near.min_by_key(|(distance, _)| *distance)?;
    (distance <= typos).then_some((known.as_str(), false))
}

/// One spelling for `maxUpload`, `max-upload` and `MAX_UPLOAD`.
fn plain(key: &str) -> Cow<'_, str> {
    if key.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
        return key.into();
    }
    let is_camel = key.chars().any(char::is_lowercase);
    let mut plain = String::new();
    for c in key.chars() {
        if is_camel && c.is_uppercase() && !plain.is_empty() && !plain.ends_with('_') {
            plain.push('_');
        }
        plain.push(if c == '-' { '_' } else { c.to_ascii_lowercase() });
    }
    plain.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_keys_are_suggested() {
        let known: Vec<String> =
            ["poll", "open", "max_upload", "hidden", "grace", "type", "url", "no_index"].map(String::from).into();
        for (key, expected) in [
            ("graze", Some(("grace", false))),
            ("hiden", Some(("hidden", false))),
            ("max_uplaod", Some(("max_upload", false))),
            ("max-upload", Some(("max_upload", true))),
            ("maxUpload", Some(("max_upload", true))),
            ("MAX_UPLOAD", Some(("max_upload", true))),
            ("noIndex", Some(("no_index", true))),
            ("pol", None),
            ("port", None), // not poll
            ("uri", None),
            ("types", None), // has its own advice
            ("", None),
            ("\u{e9}", None),
        ] {
            assert_eq!(nearest(key, &known), expected, "{key}");
        }
    }

    #[test]
    fn keys_of_other_servers_are_translated() {
        for (place, key, value, says) in [
            (Place::Top, "port", Some("8000"), "write listen = \"127.0.0.1:8000\""),
            (Place::Top, "port", None, "listen = \"127.0.0.1:...\""),
            (Place::Top, "host", Some("0.0.0.0"), "listen = \"0.0.0.0:8001\""),
            (Place::Mount, "path", Some("./media"), "root = \"./media\""),
            (Place::Mount, "listen", Some("8000"), "at the top of the file, above the first [[mount]]"),
            (Place::Mount, "match", Some("*"), "[[mount.rule]]"),
            (Place::Mount, "rules", None, "[[mount.rule]]"),
            (Place::Top, "rule", None, "[[mount.rule]]"),
            (Place::Top, "root", Some("media"), "write it below [[mount]]"),
            (Place::Top, "access", Some("deny"), "[[mount]]"),
            (Place::Top, "config", Some("x"), "--config"),
            (Place::Rule, "upload", Some("true"), "in the [[mount]], not in its rule"),
            (Place::Rule, "root", Some("x"), "belongs in the [[mount]] above"),
            (Place::Top, "server", None, "at the top of the file"),
            (Place::Top, "https", None, "tls = true"),
            (Place::Top, "ssl_certificate", Some("a.pem"), "tls_cert = \"a.pem\""),
            (Place::Mount, "latency", Some("1s"), "network = {"),
            (Place::Top, "allowedHosts", None, "allow_host"),
            (Place::Top, "debug", Some("true"), "--debug"),
        ] {
            let advice = advice(place, key, value).unwrap_or_default();
            assert!(advice.contains(says), "{key}: {advice}");
        }
        for (key, says) in [("fallbck", "did you mean fallback? Then fallback belongs to a mount"), ("roots", "root")] {
            let advice = advice(Place::Top, key, None).unwrap_or_default();
            assert!(advice.contains(says), "{key}: {advice}");
        }
        assert_eq!(advice(Place::Top, "nonsense", None), None);
        let mut seen = std::collections::HashSet::new();
        for name in ELSEWHERE.iter().flat_map(|(names, _)| *names) {
            assert!(
                !ALL.iter().any(|declared| declared.scope != Scope::CommandLine && declared.key() == **name),
                "{name}"
            );
            assert!(seen.insert(name), "{name} is listed twice");
        }
    }
}
