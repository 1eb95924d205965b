//! Navigation: links to the parent folders, to the landing page and to the other mounts.

use maud::{Markup, PreEscaped, html};

use crate::mount::Mounts;
use crate::request::path::{MediaPath, Visible};
use crate::request::prefix::Prefix;

/// A house icon.
const HOME: &str = "<path d='M3.5 11.2L12 4l8.5 7.2M6 9.5V19a1 1 0 0 0 1 1h3.5v-5.5h3V20H17a1 1 0 0 0 1-1V9.5'/>";

/// The link to the landing page, unless a mount at `/` replaces it.
fn home(mounts: &Mounts) -> Markup {
    let has_landing = mounts.iter().all(|mount| !mount.site.prefix.path().is_top());
    html! {
        @if has_landing {
            a.home href="/" title="All mounts" {
                svg.i viewBox="0 0 24 24" aria-hidden="true" { (PreEscaped(HOME)) }
                span.unseen { "All mounts" }
            }
        }
    }
}

/// The folders from the mount down to `path`, the last one being this page.
pub(super) fn crumbs(mounts: &Mounts, prefix: &Prefix, path: &MediaPath) -> Markup {
    let last = path.segments().count();
    html! {
        nav.crumbs aria-label="Folders" {
            (home(mounts))
            h1 {
                @for (depth, (url, name)) in steps(prefix, path).enumerate() {
                    @if depth > 0 { span.slash aria-hidden="true" { "/" } }
                    a href=(url) aria-current=[(depth == last).then_some("page")] { (name) }
                }
            }
        }
    }
}

/// Breadcrumbs for a page that explains why `asked`, a path from the server's top, is not shown.
pub(super) fn back(mounts: &Mounts, asked: &MediaPath) -> Markup {
    let place = mounts.find(asked);
    html! {
        header.bar {
            (others(mounts, None))
            nav.crumbs aria-label="Folders" {
                (home(mounts))
                @if let Some((mount, path)) = place {
                    @let last = path.segments().count();
                    @for (depth, (url, name)) in steps(&mount.site.prefix, &path).enumerate() {
                        @if depth > 0 { span.slash aria-hidden="true" { "/" } }
                        @if depth == last && depth > 0 { span { (name) } } @else { a href=(url) { (name) } }
                    }
                }
            }
        }
    }
}

/// The URL and the name of each folder, starting with the mount.
fn steps(prefix: &Prefix, path: &MediaPath) -> impl Iterator<Item = (String, String)> {
    let top = String::from_utf8_lossy(prefix.path().file_name()).into_owned();
    let top = (prefix.to_string(), if top.is_empty() { "/".to_owned() } else { Visible(&top).to_string() });
    let below = path.segments().enumerate().map(|(depth, segment)| {
        let url = prefix.url_of(&path.head(depth + 1));
        (url, Visible(&String::from_utf8_lossy(segment)).to_string())
    });
    std::iter::once(top).chain(below)
}

/// Links to the mounts that list their folders, if there are several. `current` is the mount of this page.
pub(super) fn others(mounts: &Mounts, current: Option<&Prefix>) -> Markup {
    let listed = || mounts.public().filter(|mount| mount.listing);
    html! {
        @if listed().count() > 1 {
            nav.others aria-label="Mounts" {
                @for mount in listed() {
                    a href=(mount.site.prefix) aria-current=[(current == Some(&mount.site.prefix)).then_some("true")] {
                        (mount.site.prefix)
                    }
                }
            }
        }
    }
}
