//! The page at `/`: lists the mounts and describes each of them.

use bytesize::ByteSize;
use hyper::Response;
use maud::html;
use serde_json::{Value, json};

use crate::body::Body;
use crate::mount::{Mount, Mounts};
use crate::request::format::Format;
use crate::storage::store::Store;
use crate::thumbnail::icon::Icon;

/// The landing page. It shows a folder relative to the working directory, and never an absolute path or a secret.
pub fn landing(mounts: &Mounts, format: Format) -> Response<Body> {
    let (content_type, text) = match format {
        Format::Html => ("text/html; charset=utf-8", html_page(mounts)),
        Format::Text => ("text/plain; charset=utf-8", {
            mounts.public().map(|mount| format!("{} {}\n", mount.site.prefix, mount.site.access.name())).collect()
        }),
        Format::Json => ("application/json", {
            let mounts: Vec<_> = mounts.public().map(|mount| object(mount)).collect();
            format!("{}\n", json!({ "mounts": mounts }))
        }),
    };
    let mut response = Response::new(Body::full(text));
    *response.headers_mut() = super::headers(content_type);
    response
}

fn html_page(mounts: &Mounts) -> String {
    let body = html! {
        h1 { "devmedia" }
        p.soft { "This server serves media files for development. It has " (counted(mounts.public().count())) ":" }
        ul.mounts {
            @for mount in mounts.public() {
                li {
                    (super::drawing(Icon::Folder))
                    div {
                        a href=(mount.site.prefix) { (mount.site.prefix) }
                        @if let Some(folder) = folder(&mount.site.root) { " " code.soft { (folder) } }
                        ul.facts { @for fact in facts(mount) { li { (fact) } } }
                    }
                }
            }
        }
        p.soft.hint {
            "Serve another folder with " code { "--mount /static/=./static" }
            "; the command " code { "devmedia check" } " prints the whole configuration."
        }
    };
    super::frame("devmedia", &html! {}, &body).into_string()
}

fn counted(mounts: usize) -> String {
    if mounts == 1 { "one mount".to_owned() } else { format!("{mounts} mounts") }
}

/// The folder relative to the working directory, or else only its name.
fn folder(root: &Store) -> Option<String> {
    let path = root.path()?;
    let here = std::env::current_dir().ok();
    if let Some(below) = here.and_then(|here| path.strip_prefix(here).ok()) {
        return Some(if below.as_os_str().is_empty() { ".".to_owned() } else { format!("./{}", below.display()) });
    }
    path.file_name().map(|name| format!("…/{}", name.display()))
}

/// Short facts about a mount.
fn facts(mount: &Mount) -> Vec<String> {
    let policy = mount.site.access.default_policy().name();
    let access = match policy {
        "public" => "public".to_owned(),
        "deny" => "nobody may see it (deny)".to_owned(),
        "ask" => "the app decides who may see it (ask)".to_owned(),
        signed => format!("signed URLs only ({signed})"),
    };
    let rules = if mount.site.access.is_uniform() { "" } else { ", with rules for some paths" };
    let mut facts = vec![format!("{access}{rules}")];
    if !mount.listing {
        facts.push("folders are not listed".to_owned());
    }
    if mount.site.hidden {
        facts.push("hidden files are served".to_owned());
    }
    match &mount.uploads {
        Some(uploads) => facts.push(format!("takes uploads up to {}", ByteSize::b(uploads.max).display().iec())),
        None => facts.push("read only".to_owned()),
    }
    if let Some(fallback) = &mount.fallback {
        facts.push(format!("missing files come from {}", without_query(&fallback.upstream)));
    }
    if mount.placeholder.is_some() {
        facts.push("draws placeholders for missing images".to_owned());
    }
    facts
}

/// The upstream's URL without its query, which may contain a secret.
fn without_query(upstream: &impl ToString) -> String {
    let mut url = upstream.to_string();
    url.truncate(url.find('?').unwrap_or(url.len()));
    url
}

fn object(mount: &Mount) -> Value {
    json!({
        "url": mount.site.prefix.as_str(),
        "access": mount.site.access.name(),
        "folder": folder(&mount.site.root),
        "listing": mount.listing,
        "uploads": mount.uploads.is_some(),
        "fallback": mount.fallback.as_ref().map(|fallback| without_query(&fallback.upstream)),
        "placeholder": mount.placeholder.is_some(),
    })
}
