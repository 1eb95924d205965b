//! Icons for kinds of files. The gallery shows them, and they replace thumbnails of files that have none.

/// The media type of the icons.
pub const CONTENT_TYPE: &str = "image/svg+xml";

/// The kinds of files that have different icons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Icon {
    /// A folder.
    Folder,
    /// An image in a format that is not decoded here.
    Picture,
    /// A damaged image.
    BrokenPicture,
    /// An image that is too large to decode.
    LargePicture,
    /// A video.
    Video,
    /// An audio recording or music.
    Audio,
    /// A PDF or an office document.
    Document,
    /// A text for people to read.
    Text,
    /// Source code or structured data.
    Code,
    /// An archive.
    Archive,
    /// A font.
    Font,
    /// A 3D model.
    Model,
    /// Anything else.
    File,
}

/// A sheet of paper with a folded corner, shared by several icons.
macro_rules! sheet {
    ($($mark:literal),*) => {
        concat!(
            r#"<path d="M6.5 3h7.2L19 8.3v11.2a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 5 19.5v-15A1.5 1.5 0 0 1 6.5 3z" fill="currentColor" fill-opacity=".12"/><path d="M13.5 3.2v3.8a1.5 1.5 0 0 0 1.5 1.5h3.8"/>"#,
            $($mark),*
        )
    };
}

impl Icon {
    /// All icons, for a page that defines each of them once.
    pub const ALL: [Self; 13] = [
        Self::Folder,
        Self::Picture,
        Self::BrokenPicture,
        Self::LargePicture,
        Self::Video,
        Self::Audio,
        Self::Document,
        Self::Text,
        Self::Code,
        Self::Archive,
        Self::Font,
        Self::Model,
        Self::File,
    ];

    /// Chooses an icon by media type without parameters.
    pub fn of(essence: &str) -> Self {
        let (kind, subtype) = essence.split_once('/').unwrap_or((essence, ""));
        match (kind, subtype) {
            ("image", _) => Self::Picture,
            ("video", _) | ("application", "vnd.apple.mpegurl" | "dash+xml") => Self::Video,
            ("audio", _) => Self::Audio,
            ("font", _) | ("application", "vnd.ms-fontobject" | "font-woff" | "font-sfnt") => Self::Font,
            ("model", _) => Self::Model,
            ("text", "html" | "css" | "javascript" | "xml" | "xsl")
            | ("application", "json" | "javascript" | "xml" | "yaml" | "toml" | "sql" | "wasm") => Self::Code,
            ("text", _) | ("application", "x-subrip" | "rtf") => Self::Text,
            ("application", "pdf" | "msword" | "postscript" | "epub+zip") => Self::Document,
            ("application", subtype) if subtype.starts_with("vnd.") && subtype.contains("document") => Self::Document,
            ("application", subtype) if subtype.ends_with("+json") || subtype.ends_with("+xml") => Self::Code,
            ("application", subtype)
                if ["zip", "gzip", "tar", "compressed", "zstd", "bzip"].iter().any(|mark| subtype.contains(mark)) =>
            {
                Self::Archive
            }
            _ => Self::File,
        }
    }

    /// True if devmedia decodes images of this type, so that a file with unknown first bytes is damaged.
    pub fn is_decoded(essence: &str) -> bool {
        matches!(
            essence,
            "image/jpeg" | "image/png" | "image/apng" | "image/gif" | "image/webp" | "image/bmp" | "image/avif"
        )
    }

    /// The icon's name in the style sheet and among the page's symbols.
    pub fn name(self) -> &'static str {
        match self {
            Self::Folder => "folder",
            Self::Picture => "picture",
            Self::BrokenPicture => "broken",
            Self::LargePicture => "too-large",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Document => "document",
            Self::Text => "text",
            Self::Code => "code",
            Self::Archive => "archive",
            Self::Font => "font",
            Self::Model => "model",
            Self::File => "file",
        }
    }

    /// A standalone SVG, which follows the reader's preferred colour scheme.
    pub fn svg(self) -> String {
        let (light, dark) = self.colours();
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 256 256\" width=\"256\" height=\"256\">\
             <style>:root{{color:{light};background:#f5f6f8}}@media(prefers-color-scheme:dark){{:root{{color:{dark};\
             background:#191f2b}}}}</style><svg x=\"72\" y=\"72\" width=\"112\" height=\"112\" viewBox=\"0 0 24 24\" \
             {STROKE}>{}</svg></svg>\n",
            self.drawing()
        )
    }

    /// The SVG elements of the icon, in a view box of 24 by 24.
    pub fn drawing(self) -> &'static str {
        match self {
            Self::Folder => {
                r#"<path d="M3 7.2c0-1.2.9-2.2 2.1-2.2h3.6c.6 0 1.1.2 1.5.6l1.4 1.4h7.3c1.2 0 2.1 1 2.1 2.1v7.8c0 1.2-.9 2.1-2.1 2.1H5.1C3.9 19 3 18 3 16.9z" fill="currentColor" fill-opacity=".2"/><path d="M3 10.2h18" stroke-opacity=".55"/>"#
            }
            Self::Picture => {
                r#"<rect x="3" y="4" width="18" height="16" rx="2" fill="currentColor" fill-opacity=".12"/><circle cx="8.5" cy="9.2" r="1.6"/><path d="M3.5 17.5l4.7-4.4a1.2 1.2 0 0 1 1.7 0l2.6 2.5 2.9-3.2a1.2 1.2 0 0 1 1.8 0l3.3 3.7"/>"#
            }
            Self::BrokenPicture => {
                r#"<path d="M10.5 20H5a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2h7.5l-2.2 4.6 2.9 3-2.7 3.9zM15.3 4H19a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2h-5.3l-.3-3.2 2.9-4.6-3-3.1z" fill="currentColor" fill-opacity=".12"/>"#
            }
            // an image frame, two arrows pointing outwards, and the words
            Self::LargePicture => {
                r#"<rect x="3" y="4" width="18" height="16" rx="2" fill="currentColor" fill-opacity=".12"/><path d="M9.2 10.2L6 7M6 9.4V7h2.4M14.8 10.2L18 7M15.6 7H18v2.4"/><text x="12" y="16.6" font-family="sans-serif" font-size="3.6" text-anchor="middle" fill="currentColor" stroke="none">too large</text>"#
            }
            Self::Video => {
                r#"<rect x="3" y="5" width="18" height="14" rx="2.5" fill="currentColor" fill-opacity=".12"/><path d="M10 9.1c0-.5.5-.8.9-.5l4.5 2.9c.4.2.4.8 0 1L10.9 15.4c-.4.3-.9 0-.9-.5z"/>"#
            }
            Self::Audio => {
                r#"<path d="M9 17.5V6.2a1 1 0 0 1 .8-1l8-1.7a1 1 0 0 1 1.2 1v11"/><path d="M9 9.2l10-2.1" stroke-opacity=".55"/><circle cx="6.5" cy="17.5" r="2.5" fill="currentColor" fill-opacity=".12"/><circle cx="16.5" cy="15.5" r="2.5" fill="currentColor" fill-opacity=".12"/>"#
            }
            Self::Document => sheet!(r#"<path d="M8.5 12.5h7M8.5 15h7M8.5 17.5h4"/>"#),
            Self::Text => sheet!(r#"<path d="M8.5 12.5h7v1M12 12.5v5.5M10.8 18h2.4M8.5 13.5v-1"/>"#),
            Self::Code => sheet!(r#"<path d="M10 12.5l-2.2 2.5L10 17.5M14 12.5l2.2 2.5-2.2 2.5"/>"#),
            Self::Archive => {
                r#"<rect x="3.5" y="8.5" width="17" height="11.5" rx="1.5" fill="currentColor" fill-opacity=".12"/><rect x="3" y="4" width="18" height="4.5" rx="1.2"/><path d="M10 12.5h4"/>"#
            }
            Self::Font => sheet!(r#"<path d="M8.5 18l3.5-7 3.5 7M9.7 15.7h4.6"/>"#),
            Self::Model => {
                r#"<path d="M12 3l7.8 4.4v9.2L12 21l-7.8-4.4V7.4z" fill="currentColor" fill-opacity=".12"/><path d="M4.4 7.5L12 12l7.6-4.5M12 12v8.8"/>"#
            }
            Self::File => sheet!(),
        }
    }

    /// The colours in the light and the dark scheme. The page's style sheet uses the same ones.
    fn colours(self) -> (&'static str, &'static str) {
        match self {
            Self::Folder => ("#3b6fe0", "#8fb2ff"),
            Self::Picture | Self::LargePicture => ("#0e8a6a", "#5fd3b0"),
            Self::Video => ("#7a4fd8", "#b79cff"),
            Self::Audio => ("#c2417c", "#ff9cc6"),
            Self::Document => ("#c8452f", "#ff9f8c"),
            Self::Archive => ("#a86a08", "#f0bf6a"),
            Self::BrokenPicture | Self::Text | Self::Code | Self::Font | Self::Model | Self::File => {
                ("#667085", "#98a2b3")
            }
        }
    }
}

/// The stroke attributes of every icon. The page's style sheet uses the same ones.
const STROKE: &str = "fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.4\" stroke-linecap=\"round\" \
                          stroke-linejoin=\"round\"";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_icons() {
        for (essence, expected) in [
            ("image/heic", Icon::Picture),
            ("video/mp4", Icon::Video),
            ("application/vnd.apple.mpegurl", Icon::Video),
            ("audio/ogg", Icon::Audio),
            ("application/pdf", Icon::Document),
            ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", Icon::Document),
            ("application/vnd.oasis.opendocument.text", Icon::Document),
            ("text/plain", Icon::Text),
            ("text/html", Icon::Code),
            ("application/ld+json", Icon::Code),
            ("application/gzip", Icon::Archive),
            ("application/x-7z-compressed", Icon::Archive),
            ("font/woff2", Icon::Font),
            ("model/gltf-binary", Icon::Model),
            ("application/octet-stream", Icon::File),
            ("nonsense", Icon::File),
            ("", Icon::File),
        ] {
            assert_eq!(Icon::of(essence), expected, "{essence}");
        }
    }

    #[test]
    fn names_are_unique() {
        let names: std::collections::HashSet<_> = Icon::ALL.iter().map(|icon| icon.name()).collect();
        assert_eq!(names.len(), Icon::ALL.len());
    }
}
