//! The parts of the page that exist only if files can be uploaded.

use maud::{Markup, html};

use super::glyph::glyph;

/// The upload button. Without JavaScript it is an ordinary form, which shows the folder again after submission.
pub(super) fn form() -> Markup {
    html! {
        form.upload method="post" enctype="multipart/form-data" {
            input type="file" name="file" multiple required aria-label="Files to upload";
            button title="Upload files (or drop or paste them here)" { (glyph("upload")) span { "Upload" } }
        }
    }
}

/// The drop target and the list of uploads. The script fills both.
pub(super) fn stage(title: &str) -> Markup {
    html! {
        div.drop hidden aria-hidden="true" {
            (glyph("upload"))
            p { "Drop to upload to " (title) }
        }
        section.uploads aria-labelledby="uploads-title" hidden {
            header {
                h2 id="uploads-title" {}
                button type="button" title="Clear finished uploads" {
                    (glyph("close")) span.unseen { "Clear finished uploads" }
                }
            }
            ol {}
        }
    }
}
