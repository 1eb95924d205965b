//! Small icons, which the page defines once as symbols.

use maud::{Markup, html};

/// The icon with this name.
pub(super) fn glyph(name: &str) -> Markup {
    html! { svg class={ "i i-" (name) } aria-hidden="true" { use href={ "#i-" (name) }; } }
}
