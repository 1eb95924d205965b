//! Small drawings, which the page defines once.

use maud::{Markup, html};

/// The drawing of this name.
pub(super) fn glyph(name: &str) -> Markup {
    html! { svg class={ "i i-" (name) } aria-hidden="true" { use href={ "#i-" (name) }; } }
}
