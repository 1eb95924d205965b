//! A folder as a gallery: the page around the entries, and the row of each entry.
//!
//! The page works without JavaScript: it is a table of links, which the style sheet shows as a grid of cards. The
//! script adds sorting, filtering, the table view, the preview and live updates. It reads everything about an entry
//! from the entry's row.

mod glyph;
mod upload;

use std::sync::LazyLock;

use bytesize::ByteSize;
use hyper::header::HeaderValue;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use self::glyph::glyph;
use super::entry::{href, size};
use super::way;
use crate::live::change::State;
use crate::mount::{Mount, Mounts};
use crate::request::path::{MediaPath, Visible};
use crate::storage::folder::{Entry, Kind};
use crate::storage::media_type::MediaTypes;
use crate::thumbnail::Subject;
use crate::thumbnail::icon::Icon;

const STYLE: &str = concat!(include_str!("gallery/entries.css"), include_str!("gallery/preview.css"));

/// Added if files can be uploaded.
const UPLOAD_STYLE: &str = include_str!("gallery/upload.css");

/// Runs before the first paint and restores the last view.
const EARLY: &str =
    "try { document.documentElement.dataset.view = localStorage.getItem('devmedia.view') ?? 'grid' } catch {}";

/// The parts of the script, in order. They form one module, so that none of their names is global.
macro_rules! script {
    ($($more:literal)?) => {
        concat!(
            include_str!("gallery/entries.js"),
            include_str!("gallery/notices.js"),
            include_str!("gallery/zoom.js"),
            include_str!("gallery/decode.js"),
            include_str!("gallery/preview.js"),
            include_str!("gallery/live.js"),
            $(include_str!($more))?
        )
    };
}

const SCRIPT: &str = script!();

/// The same, if files can be uploaded.
const UPLOAD_SCRIPT: &str = script!("gallery/upload.js");

/// The sources that a preview needs: media of this origin, and text fetched from it.
const SOURCES: &str = "img-src 'self' data:; media-src 'self'; connect-src 'self'; frame-src 'self'";

/// The policy of the other pages, plus the sources that a preview needs and, if files can be uploaded, the form.
pub(super) fn policy(mount: &Mount) -> HeaderValue {
    static READING: LazyLock<HeaderValue> =
        LazyLock::new(|| super::policy(&[super::STYLE, STYLE], &[EARLY, SCRIPT], SOURCES, "'none'"));
    static UPLOADING: LazyLock<HeaderValue> = LazyLock::new(|| {
        super::policy(&[super::STYLE, STYLE, UPLOAD_STYLE], &[EARLY, UPLOAD_SCRIPT], SOURCES, "'self'")
    });
    if mount.uploads.is_some() { UPLOADING.clone() } else { READING.clone() }
}

/// Marks the place of the rows in the page. All names in the page are escaped, so no name can contain it.
pub(super) const ROWS: &str = "<!--rows-->";

/// Separates the folders from the files.
pub(super) const FILES: &str = "</tbody><tbody class=\"files\">";

/// The rows without the page around them.
pub(super) fn rows_only() -> Markup {
    html! { (DOCTYPE) title { "rows" } table.entries { tbody.folders { (PreEscaped(ROWS)) } } }
}

/// The page around the rows. `state` is the state of the folder.
pub(super) fn page(mounts: &Mounts, mount: &Mount, path: &MediaPath, entries: &[Entry], state: State) -> Markup {
    let title = format!("{}{path}", mount.site.prefix);
    let takes = mount.uploads.is_some();
    let head = html! {
        style { (PreEscaped(STYLE)) }
        @if takes { style { (PreEscaped(UPLOAD_STYLE)) } }
        script { (PreEscaped(EARLY)) }
    };
    let body = html! {
        (symbols())
        header.bar {
            (way::others(mounts, Some(&mount.site.prefix)))
            (way::crumbs(mounts, &mount.site.prefix, path))
            @if takes { (upload::form()) }
            div.tools hidden {
                input.filter type="search" placeholder="Filter" aria-label="Filter by name" autocomplete="off"
                    spellcheck="false" aria-keyshortcuts="/";
                div.views role="group" aria-label="View" {
                    button type="button" data-view="grid" title="Grid" { (glyph("grid")) span.unseen { "Grid" } }
                    button type="button" data-view="table" title="Table" { (glyph("table")) span.unseen { "Table" } }
                }
            }
            (notices())
        }
        main {
            p.count role="status" { (count(entries)) }
            p.news.unseen role="status" {}
            @if entries.is_empty() { (empty(takes)) }
            table.entries aria-label=(title) data-state=(state)
                data-still[mount.site.root.folder().is_err()] hidden[entries.is_empty()] {
                thead {
                    tr {
                        @for (key, name) in [("name", "Name"), ("type", "Type"), ("size", "Size"), ("time", "Modified")] {
                            th class=(key) data-key=(key) { (name) }
                        }
                    }
                }
                tbody.folders { (PreEscaped(ROWS)) }
            }
            p.none hidden { "No names match." }
        }
        (preview())
        @if takes { (upload::stage(&title)) }
        script type="module" { (PreEscaped(if takes { UPLOAD_SCRIPT } else { SCRIPT })) }
    };
    super::document(&title, &head, &body)
}

/// The place for notices about the open page. The script fills it.
fn notices() -> Markup {
    html! { div.notices role="alert" {} }
}

fn count(entries: &[Entry]) -> String {
    let folders = entries.iter().filter(|entry| entry.kind == Kind::Directory).count();
    let counted = |count: usize, one: &str, many: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {many}")),
    };
    let parts = [counted(folders, "folder", "folders"), counted(entries.len() - folders, "file", "files")];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn empty(takes: bool) -> Markup {
    html! {
        div.empty {
            (icon(Icon::Folder))
            p { "This folder is empty." }
            @if takes { p.soft { "Drop files here, paste them, or choose them with Upload." } }
            @else { p.soft { "Files that your app stores here appear on this page." } }
        }
    }
}

/// The card of a folder has one line, so a name with more bytes than this may be truncated. A file has two lines.
const LINE: usize = 12;

/// One entry: a row of the table or a card of the grid.
pub(super) fn row(entry: &Entry, types: &MediaTypes, zone: &TimeZone) -> Markup {
    let slash = if entry.kind == Kind::Directory { "/" } else { "" };
    let name = String::from_utf8_lossy(&entry.name);
    let size = size(entry);
    let media_type = types.by_name(&entry.name);
    // an empty type means that the name does not reveal the type, but the first bytes may
    let essence = media_type.as_ref().map_or("", |media_type| media_type.essence());
    let kind = match entry.kind {
        Kind::Directory => "folder",
        Kind::File(_) if essence.is_empty() => "file",
        Kind::File(_) => essence,
        Kind::Other => "not served",
    };
    let shown = match entry.kind {
        Kind::Directory => Subject::Icon(Icon::Folder),
        Kind::Other => Subject::Icon(Icon::File),
        Kind::File(len) => text_by_name(&entry.name, len)
            .map_or_else(|| media_type.as_ref().map_or(Subject::Picture, Subject::of), Subject::Icon),
    };
    let href = href(entry);
    let time = entry.modified.and_then(|time| Timestamp::try_from(time).ok());
    html! {
        tr data-type=[matches!(entry.kind, Kind::File(_)).then_some(essence)] data-size=[size]
            data-time=[time.map(Timestamp::as_millisecond)]
        {
            td.name {
                @match shown {
                    Subject::Picture => {
                        @let version = time.map_or(0, Timestamp::as_millisecond);
                        // the version matters for a page that stays open, because a page caches one image per URL
                        // a photograph is cropped to fill its card, a drawing or a logo is shown completely
                        img.thumbnail.whole[essence != "image/jpeg"] loading="lazy" alt=""
                            src={ (href) "?thumbnail=256&v=" (version) }
                            srcset={ (href) "?thumbnail=512&v=" (version) " 2x" };
                    }
                    Subject::Itself => {
                        img.thumbnail.whole.vector[essence == "image/svg+xml"] loading="lazy" alt="" src=(href);
                    }
                    Subject::Icon(kind) => { span.thumbnail { (icon(kind)) } }
                }
                @let name = Visible(&name).to_string();
                @let lines = if entry.kind == Kind::Directory { 1 } else { 2 };
                a href=(href) title=[(name.len() > LINE * lines).then_some(&name)] { (name) (slash) }
            }
            td.type { (kind) }
            td.size { @if let Some(size) = size { (ByteSize::b(size).display().iec()) } }
            td.time { @if let Some(time) = time { (local(time, zone)) } }
        }
    }
}

/// The icon of a file whose name shows that it is text, although its media type does not. TypeScript shares its
/// extension with MPEG transport streams, whose packets have 188 or 192 bytes.
fn text_by_name(name: &[u8], len: u64) -> Option<Icon> {
    const CODE: [&str; 30] = [
        "astro", "bash", "c", "cfg", "conf", "cpp", "cs", "env", "ex", "go", "graphql", "h", "ini", "java", "jsx",
        "kt", "lua", "php", "pl", "proto", "py", "rb", "rs", "scss", "sh", "sql", "svelte", "swift", "tsx", "vue",
    ];
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    match (name.rsplit_once('.'), name.as_str()) {
        (Some((_, "ts" | "mts" | "cts")), _) => {
            (!len.is_multiple_of(188) && !len.is_multiple_of(192)).then_some(Icon::Code)
        }
        (Some((_, extension)), _) => CODE.binary_search(&extension).is_ok().then_some(Icon::Code),
        (None, "dockerfile" | "gemfile" | "makefile" | "procfile") => Some(Icon::Code),
        (None, "authors" | "changelog" | "copying" | "licence" | "license" | "notice" | "readme") => Some(Icon::Text),
        _ => None,
    }
}

/// The dialog of the preview. The script fills it.
fn preview() -> Markup {
    html! {
        dialog.preview tabindex="-1" aria-labelledby="preview-name" {
            header {
                div.about {
                    h2 id="preview-name" {}
                    p.facts.soft {}
                }
                div.actions {
                    button type="button" data-act="zoom" title="Actual size or fit (z); + and − zoom" hidden {
                        (glyph("zoom")) span.unseen { "Zoom" }
                    }
                    button type="button" data-act="url" title="Copy the URL" { (glyph("link")) span { "Copy URL" } }
                    button type="button" data-act="tag" title="Copy the HTML tag" { (glyph("tag")) span { "Copy tag" } }
                    a data-act="download" title="Download" download { (glyph("download")) span.unseen { "Download" } }
                    a data-act="original" title="Open the original" target="_blank" rel="noopener" {
                        (glyph("open")) span.unseen { "Open the original" }
                    }
                    button type="button" data-act="close" title="Close (Esc)" { (glyph("close")) span.unseen { "Close" } }
                }
            }
            (notices())
            div.stage {}
            button.step type="button" data-act="previous" title="Previous (←)" { (glyph("previous")) span.unseen { "Previous" } }
            button.step type="button" data-act="next" title="Next (→)" { (glyph("next")) span.unseen { "Next" } }
            p.said role="status" {}
        }
    }
}

/// All icons, once. The entries refer to them.
fn symbols() -> Markup {
    const GLYPHS: [(&str, &str); 11] = [
        (
            "grid",
            "<rect x='4' y='4' width='6.5' height='6.5' rx='1.5'/><rect x='13.5' y='4' width='6.5' height='6.5' rx='1.5'/><rect x='4' y='13.5' width='6.5' height='6.5' rx='1.5'/><rect x='13.5' y='13.5' width='6.5' height='6.5' rx='1.5'/>",
        ),
        ("table", "<path d='M4 6.5h16M4 12h16M4 17.5h16'/>"),
        (
            "link",
            "<path d='M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3a4 4 0 0 0 5.7 5.7l1-1'/>",
        ),
        ("tag", "<path d='M8 7l-5 5 5 5M16 7l5 5-5 5M13.5 5l-3 14'/>"),
        ("download", "<path d='M12 4v11M7.5 11L12 15.5 16.5 11M5 19.5h14'/>"),
        ("upload", "<path d='M12 15.5v-11M7.5 9L12 4.5 16.5 9M5 19.5h14'/>"),
        ("open", "<path d='M13.5 4.5h6v6M19 5l-8 8M17.5 14v3.5a2 2 0 0 1-2 2h-9a2 2 0 0 1-2-2v-9a2 2 0 0 1 2-2H10'/>"),
        ("zoom", "<circle cx='10.5' cy='10.5' r='6'/><path d='M15 15l5 5M8 10.5h5M10.5 8v5'/>"),
        ("close", "<path d='M6 6l12 12M18 6L6 18'/>"),
        ("previous", "<path d='M14.5 5.5L8 12l6.5 6.5'/>"),
        ("next", "<path d='M9.5 5.5L16 12l-6.5 6.5'/>"),
    ];
    let icons = Icon::ALL.iter().map(|icon| (icon.name(), icon.drawing()));
    html! {
        svg.symbols aria-hidden="true" {
            @for (name, drawing) in icons.chain(GLYPHS) {
                symbol id={ "i-" (name) } viewBox="0 0 24 24" { (PreEscaped(drawing)) }
            }
        }
    }
}

fn icon(icon: Icon) -> Markup {
    glyph(icon.name())
}

/// A time in this machine's time zone.
fn local(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_recognised_by_their_names() {
        for (name, len, expected) in [
            ("main.rs", 10, Some(Icon::Code)),
            ("App.VUE", 10, Some(Icon::Code)),
            ("schema.sql", 10, Some(Icon::Code)),
            ("astro.astro", 10, Some(Icon::Code)),
            ("Dockerfile", 10, Some(Icon::Code)),
            ("README", 10, Some(Icon::Text)),
            ("types.ts", 23, Some(Icon::Code)),
            ("clip.ts", 188 * 7, None),
            ("clip.mts", 192 * 7, None),
            ("readme.png", 10, None),
            ("rs", 10, None),
            ("q7v2n0x4", 10, None),
        ] {
            assert_eq!(text_by_name(name.as_bytes(), len), expected, "{name}, {len} bytes");
        }
    }
}
