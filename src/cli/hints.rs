//! Advice for people who know another server: the equivalents of its flags and commands.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::config::settings::ALL;
use crate::request::prefix::Prefix;
use crate::server::listener::Listen;

/// Hints that name the value that was typed, if it fits.
const AN_ADDRESS: &str = "write --host 127.0.0.1, or --listen 127.0.0.1:8001";
const A_PORT: &str = "write --port 8001, or --listen 127.0.0.1:8001";
const A_PREFIX: &str = "write --url /media/";

/// Flags of `http.server`, serve, http-server, miniserve, dufs, Caddy, nginx, Vite, Django and others, with their
/// equivalents.
const FLAGS: &[(&[&str], &str)] = &[
    (
        &["-b", "--bind", "-H", "--address", "--addr", "--ip", "--interface", "--interfaces", "-i", "--hostname"],
        AN_ADDRESS,
    ),
    (&["-l", "--port-number", "--http-port", "--server-port"], A_PORT),
    (&["--socket", "--unix", "--unix-socket"], "write --listen unix:/tmp/media.sock"),
    (
        &[
            "-d",
            "-r",
            "-D",
            "--dir",
            "--directory",
            "--path",
            "--folder",
            "--public",
            "--public-dir",
            "--document-root",
            "--media-root",
            "--root-dir",
            "--static-dir",
            "--webroot",
            "--docroot",
        ],
        "write the folder alone, such as devmedia ./media, or --root ./media",
    ),
    (
        &[
            "--prefix",
            "--url-prefix",
            "--path-prefix",
            "--route-prefix",
            "--base",
            "--base-url",
            "--media-url",
            "--public-path",
            "--url-path",
            "--context-path",
        ],
        A_PREFIX,
    ),
    (
        &[
            "-C",
            "--cors",
            "--enable-cors",
            "--no-cors",
            "--cors-allow-origins",
            "--cors-origin",
            "--cors-origins",
            "--allow-origins",
            "--allowed-origins",
        ],
        "pages on localhost may read the media without a flag; for another origin, write --allow-origin https://app.example:3000",
    ),
    (
        &["--allowed-hosts", "--allow-hosts", "--server-name", "--hosts", "--domain"],
        "write --allow-host app.example.dev",
    ),
    (&["-S", "--ssl", "--https", "--http2"], "write --tls"),
    (
        &["--cert", "--key", "--ssl-cert", "--ssl-key", "--certfile", "--keyfile"],
        "write --tls-cert FILE and --tls-key FILE; --tls alone makes a certificate",
    ),
    (
        &["--throttle", "--throttling", "--latency", "--delay", "--slow"],
        "write --network 3g, or --network latency=300ms",
    ),
    (
        &[
            "-A",
            "-u",
            "-w",
            "--uploads",
            "--allow-upload",
            "--allow-uploads",
            "--upload-files",
            "--enable-upload",
            "--allow-all",
            "--allow-delete",
            "--writable",
            "--write",
            "--rw",
            "--enable-put",
            "--put",
        ],
        "write --upload",
    ),
    (&["--upload-dir", "--upload-folder", "--upload-path"], "write --upload --upload-to uploads/%Y/%m/"),
    (
        &["--max-size", "--upload-limit", "--max-upload-size", "--max-file-size", "--max-body-size", "--body-limit"],
        "write --max-upload 1GiB",
    ),
    (
        &["-L", "--follow-symlinks", "--allow-symlink", "--allow-symlinks", "--symlinks", "--follow"],
        "write --follow-links",
    ),
    (
        &["--no-symlinks", "--no-follow-symlinks"],
        "remove it; links out of the folder are not followed without --follow-links",
    ),
    (&["-a", "--all", "--dotfiles", "--show-hidden", "--serve-hidden", "--include-hidden"], "write --hidden"),
    (
        &[
            "--no-listing",
            "--no-list",
            "--no-dirlist",
            "--no-directory-listing",
            "--no-dir-listing",
            "--no-autoindex",
            "--hide-listing",
            "--disable-indexing",
            "--no-indexes",
            "--disable-directory-listing",
        ],
        "write --no-index",
    ),
    (
        &[
            "--index",
            "--autoindex",
            "--browse",
            "--list",
            "--listing",
            "--directory-listing",
            "--show-dir",
            "--show-indexes",
        ],
        "remove it; folders are listed unless you write --no-index",
    ),
    (
        &["--spa", "-s", "--single", "--render-spa", "--render-index", "--try-files", "--error-page", "--index-file"],
        "devmedia serves files and folders only; index.html has no special meaning",
    ),
    (
        &["--auth", "--user", "--username", "--password", "--basic-auth", "--htpasswd"],
        "access rules are written in devmedia.toml, see docs/access.md",
    ),
    (
        &["--cache", "--max-age", "--no-cache", "--cache-time", "--caching", "--expires"],
        "write --cache-control 'public, max-age=3600'; the default is no-cache",
    ),
    (
        &["-c", "--conf", "--config-file", "--configuration", "--settings"],
        "write --config devmedia.toml (for caching: --cache-control 'max-age=3600')",
    ),
    (&["--noconfig", "--no-conf", "--ignore-config"], "write --no-config"),
    (
        &["-P", "--proxy", "--upstream", "--origin", "--production", "--remote", "--proxy-pass"],
        "write --fallback https://www.example.com/media/",
    ),
    (&["-o", "--browser", "--launch", "--open-browser"], "write --open"),
    (
        &["--log", "--log-level", "--loglevel", "--verbosity", "--access-log", "--trace"],
        "requests are logged on stderr; write -v for more, -q for less",
    ),
    (&["--silent", "--no-log", "--no-logging", "--no-request-logging"], "write -q"),
    (&["--json", "--log-json", "--json-log"], "write --log-format json"),
    (
        &["--watch", "--reload", "--noreload", "--livereload", "--live", "--hot", "--no-reload"],
        "remove it; an open gallery shows changes by itself",
    ),
    (
        &["--daemon", "--daemonize", "--background", "--detach"],
        "devmedia stays in the foreground; write & after the command",
    ),
    (&["--workers", "--threads", "--processes", "-t", "-n", "--jobs"], "remove it; devmedia uses all processors"),
    (
        &["-g", "--gzip", "--brotli", "--compress", "--compression", "--no-compression", "--etag", "--no-etag"],
        "remove it; devmedia sends files as they are, with an ETag",
    ),
    (
        &["--mime", "--mimetype", "--mime-type", "--mime-types", "--content-type", "--types"],
        "write --type stl=model/stl",
    ),
    (&["--insecure", "--dev", "--development", "--force", "--yes", "-y", "-f"], "write --debug"),
    (&["--static", "--static-root", "--static-url"], "write --mount /static/=./static"),
    (
        &["--timeout", "--shutdown-timeout", "--graceful-timeout"],
        "write --grace 10s for the time that transfers have after Ctrl-C",
    ),
    (&["--polling", "--use-polling", "--poll-interval"], "write --poll 1s"),
];

/// Commands that start other servers, and other words that people type as a command.
const SERVE: &[&str] = &[
    "serve",
    "server",
    "start",
    "up",
    "dev",
    "runserver",
    "file-server",
    "http-server",
    "http.server",
    "watch",
    "listen",
    "host",
    "open",
    "launch",
    "s",
];

/// Commands of other programs that prepare a project.
const PREPARE: &[&str] = &["new", "create", "config", "configure", "setup", "install"];

/// The commands, to find the one that a mistyped word means.
const COMMANDS: &[&str] = &["run", "init", "check", "sign", "pull", "completions", "man", "help"];

const HOW_TO_SERVE: &str = "write devmedia --debug ./media";

/// Adds a hint to an error of clap.
pub(super) fn advise(mut error: clap::Error, words: &[OsString]) -> clap::Error {
    let tip = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand, Some(ContextValue::String(word))) => {
            unknown(word, words, error.get(ContextKind::SuggestedArg).is_some())
        }
        (ErrorKind::InvalidValue, Some(ContextValue::String(flag))) if flag.starts_with("--host") => {
            Some("write --host 0.0.0.0 for all addresses of this machine".to_owned())
        }
        // `devmedia run` is how other servers start
        (ErrorKind::MissingRequiredArgument, _) if words.iter().any(|word| word == "run") => Some(format!(
            "to start your app with devmedia in front of it, write devmedia run --debug -- python manage.py runserver; \
             to serve files only, {HOW_TO_SERVE}"
        )),
        _ => None,
    };
    if let Some(tip) = tip {
        error.remove(ContextKind::SuggestedArg);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

/// Advice for a word that clap does not expect; `None` if clap's own suggestion is better.
fn unknown(word: &str, words: &[OsString], has_suggestion: bool) -> Option<String> {
    if word.starts_with('-') {
        let flag = word.split('=').next().unwrap_or_default();
        return match flag_hint(flag, value_of(flag, words)) {
            Some(hint) => Some(hint),
            None if has_suggestion => None,
            None => Some("devmedia --help lists the flags".to_owned()),
        };
    }
    let typed = words.iter().skip(1).filter_map(|word| word.to_str());
    if let Some(hint) = typed.filter(|word| !word.starts_with('-')).find_map(no_command) {
        return Some(hint);
    }
    let hint = written_otherwise(word).unwrap_or_else(|| "a value follows its flag, such as --root ./media".to_owned());
    Some(if word.contains(['/', '.']) && !word.contains([':', '=']) {
        format!("only one folder is served at --url; for another, write --mount /static/={word}")
    } else {
        hint
    })
}

/// The value that was typed with a flag, as `--flag=value` or after it.
fn value_of<'a>(flag: &str, words: &'a [OsString]) -> Option<&'a str> {
    let mut words = words.iter().filter_map(|word| word.to_str());
    let rest =
        words.find_map(|word| word.strip_prefix(flag).filter(|rest| rest.is_empty() || rest.starts_with('=')))?;
    match rest.strip_prefix('=') {
        Some(value) => Some(value),
        None => words.next().filter(|value| !value.starts_with('-')),
    }
}

/// The equivalent of a flag of another server, with the value that was typed.
fn flag_hint(flag: &str, value: Option<&str>) -> Option<String> {
    let (_, hint) = FLAGS.iter().find(|(names, _)| names.contains(&flag))?;
    let with_value = value.and_then(|value| match *hint {
        AN_ADDRESS | A_PORT => written_otherwise(value).filter(|hint| hint.starts_with("to listen")),
        A_PREFIX => {
            Prefix::parse(&format!("/{}/", value.trim_matches('/'))).ok().map(|url| format!("write --url {url}"))
        }
        _ => None,
    });
    Some(with_value.unwrap_or_else(|| (*hint).to_owned()))
}

/// The problem with a word in place of the folder, if it is probably not meant as a folder.
///
/// `words` is the command line, `prefix` is that of the mount. A word that follows a switch, such as `--debug true`, is
/// checked even if the folder `exists`: the switch would silently mean something else.
pub(super) fn mistaken_folder(word: &str, words: &[OsString], prefix: &str, exists: bool) -> Option<String> {
    let before = words.windows(2).find(|pair| pair[1] == *word).and_then(|pair| pair[0].to_str());
    let is_switch = |flag: &&str| {
        let named = ALL.iter().filter(|declared| declared.is_switch()).any(|declared| declared.flag() == **flag);
        named || *flag == "--debug"
    };
    if let Some(flag) = before.filter(is_switch) {
        let is_value = matches!(
            word.to_ascii_lowercase().as_str(),
            "0" | "1" | "true" | "false" | "yes" | "no" | "on" | "off" | "status"
        );
        let plain = |text: &str| text.trim_matches('/').to_owned();
        let is_prefix = flag == "--upload" && word.starts_with('/') && plain(word) == plain(prefix);
        let is_address = flag == "--s3" && !exists && Listen::parse(word).is_ok();
        if is_value
            || is_prefix
            || is_address
            || (flag == "--upload" && !exists && word.starts_with('/') && word.ends_with('/'))
        {
            return Some(format!("{word:?} is not a folder; to give {flag} this value, write {flag}={word}"));
        }
    }
    if exists {
        return None;
    }
    if let Some(hint) = no_command(word) {
        return Some(format!("there is no command {word:?}, and no folder of this name; {hint}"));
    }
    written_otherwise(word).map(|hint| format!("there is no folder {word:?}; {hint}"))
}

/// Advice for a word that is a command of another server, or a mistyped command.
fn no_command(word: &str) -> Option<String> {
    if word.contains(['/', '\\']) {
        return None;
    }
    if SERVE.contains(&word) {
        return Some(format!("devmedia serves if there is no command: {HOW_TO_SERVE}"));
    }
    if PREPARE.contains(&word) {
        return Some(format!("to write devmedia.toml for a project, write devmedia init; to serve, {HOW_TO_SERVE}"));
    }
    if word == "version" {
        return Some("write devmedia --version".to_owned());
    }
    if ["serve", "server", "start"].iter().any(|serve| strsim::damerau_levenshtein(serve, word) == 1) {
        return Some(format!("devmedia serves if there is no command: {HOW_TO_SERVE}"));
    }
    let near = COMMANDS.iter().map(|command| (strsim::damerau_levenshtein(command, word), command));
    let (typos, command) = near.min()?;
    let is_near = typos > 0 && (typos == 1 || (typos == 2 && word.chars().count() > 4));
    (is_near && word != "media").then(|| format!("did you mean devmedia {command}?"))
}

/// Advice for a word that looks like the value of a flag.
fn written_otherwise(word: &str) -> Option<String> {
    let is_port = |text: &str| text.parse::<u16>().is_ok();
    if is_port(word) {
        return Some(format!("to listen on a port, write --port {word}"));
    }
    if let Some(port) = word.strip_prefix(':').filter(|port| is_port(port)) {
        return Some(format!("to listen on a port, write --port {port}"));
    }
    if word.rsplit_once(':').is_some_and(|(host, port)| is_port(port) && !host.contains('/')) {
        return Some(format!("to listen there, write --listen {word}"));
    }
    if word.parse::<std::net::IpAddr>().is_ok() || word == "localhost" {
        return Some(format!("to listen there, write --host {word}"));
    }
    if word.starts_with("http://") || word.starts_with("https://") {
        return Some(format!("to download missing files from there, write --fallback {word}"));
    }
    if word.split_once('=').is_some_and(|(prefix, _)| prefix.starts_with('/')) {
        return Some(format!("to serve another folder, write --mount {word}"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_probably_not_a_folder_get_advice() {
        for (line, exists, says) in [
            ("serve", false, Some("devmedia serves if there is no command")),
            ("serve", true, None),
            ("sevre", false, Some("devmedia serves if there is no command")),
            ("runserver", false, Some("write devmedia --debug ./media")),
            ("setup", false, Some("write devmedia init")),
            ("inti", false, Some("did you mean devmedia init?")),
            ("chekc", false, Some("did you mean devmedia check?")),
            ("version", false, Some("--version")),
            ("8000", false, Some("--port 8000")),
            (":8000", false, Some("--port 8000")),
            ("0.0.0.0:8000", false, Some("--listen 0.0.0.0:8000")),
            ("0.0.0.0", false, Some("--host 0.0.0.0")),
            ("https://www.example.com/media/", false, Some("--fallback https://www.example.com/media/")),
            ("/static/=./static", false, Some("--mount /static/=./static")),
            ("--debug true", false, Some("write --debug=true")),
            ("--debug false", true, Some("write --debug=false")),
            ("--hidden no", false, Some("write --hidden=no")),
            ("--placeholder status", false, Some("write --placeholder=status")),
            ("--upload /media/", true, Some("write --upload=/media/")),
            ("--upload /files/", false, Some("write --upload=/files/")),
            ("--upload /srv/media", true, None),
            ("--upload ./media", false, None),
            ("--debug ./media", false, None),
            ("-v 1", true, None),
            ("./media", false, None),
            ("media", false, None),
            ("medai", false, None),
            ("men", true, None),
            ("./check", false, None),
        ] {
            let words: Vec<OsString> = ["devmedia"].into_iter().chain(line.split(' ')).map(Into::into).collect();
            let word = line.rsplit(' ').next().expect("a word");
            let hint = mistaken_folder(word, &words, "/media/", exists);
            match says {
                Some(says) => assert!(hint.as_ref().is_some_and(|hint| hint.contains(says)), "{line}: {hint:?}"),
                None => assert_eq!(hint, None, "{line}"),
            }
        }
    }

    #[test]
    fn a_flag_of_another_server_is_explained_with_the_value_that_was_typed() {
        for (line, expected) in [
            ("--bind 127.0.0.1", "to listen there, write --host 127.0.0.1"),
            ("--bind=0.0.0.0:3000", "to listen there, write --listen 0.0.0.0:3000"),
            ("-l 3000", "to listen on a port, write --port 3000"),
            ("-l", A_PORT),
            ("--bind nowhere/", AN_ADDRESS),
            ("--path-prefix files", "write --url /files/"),
            ("--base /files/", "write --url /files/"),
            ("--prefix --debug", A_PREFIX),
            ("--silent x", "write -q"),
        ] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let word = line.split(' ').next().expect("a word");
            assert_eq!(unknown(word, &words, false).as_deref(), Some(expected), "{line}");
        }
    }

    #[test]
    fn the_address_of_the_s3_endpoint_follows_an_equals_sign() {
        let hint = |words: &[&str]| {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            mistaken_folder("127.0.0.1:9010", &words, "/media/", false)
        };
        for (words, expected) in [
            (["devmedia", "--s3", "127.0.0.1:9010"], "write --s3=127.0.0.1:9010"),
            (["devmedia", "--tls", "127.0.0.1:9010"], "write --listen 127.0.0.1:9010"),
        ] {
            assert!(hint(&words).is_some_and(|hint| hint.ends_with(expected)), "{words:?}");
        }
    }

    #[test]
    fn no_flag_of_our_own_is_explained_as_one_of_another_server() {
        let ours: Vec<String> = ALL.iter().map(|declared| declared.flag()).collect();
        let mut seen = std::collections::HashSet::new();
        for name in FLAGS.iter().flat_map(|(names, _)| *names) {
            assert!(!ours.iter().any(|flag| flag == name), "{name} is a flag");
            assert!(seen.insert(name), "{name} is listed twice");
        }
    }
}
