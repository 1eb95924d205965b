//! What a file is: by its name, the same on every machine; by its first bytes only where the name does not say.

use std::borrow::Cow;
use std::collections::HashMap;
use std::str::FromStr as _;

use hyper::header::HeaderValue;
use infer::MatcherType;

/// How many bytes of a file without a known extension are looked at.
pub const SNIFF_LEN: usize = 4096;

/// What `mime_guess` lacks or gets wrong for media (peers.md 1a lists who fell for which).
const CORRECTIONS: &[(&str, &str)] = &[
    ("3gp", "video/3gpp"),
    ("aac", "audio/aac"),
    ("apng", "image/apng"),
    ("avif", "image/avif"),
    ("flac", "audio/flac"),
    ("glb", "model/gltf-binary"),
    ("gltf", "model/gltf+json"),
    ("gz", "application/gzip"),
    ("heic", "image/heic"),
    ("heif", "image/heif"),
    ("jfif", "image/jpeg"),
    ("jxl", "image/jxl"),
    ("log", "text/plain"),
    ("m2ts", "video/mp2t"),
    ("m3u8", "application/vnd.apple.mpegurl"),
    ("m4a", "audio/mp4"),
    ("m4b", "audio/mp4"),
    ("m4s", "video/iso.segment"),
    ("m4v", "video/mp4"),
    ("mjs", "text/javascript"),
    ("mkv", "video/x-matroska"),
    ("mpd", "application/dash+xml"),
    ("mts", "video/mp2t"),
    ("oga", "audio/ogg"),
    ("ogg", "audio/ogg"),
    ("ogv", "video/ogg"),
    ("opus", "audio/ogg"),
    ("srt", "application/x-subrip"),
    ("svgz", "application/gzip"),
    ("tgz", "application/gzip"),
    ("ts", "video/mp2t"),
    ("usdz", "model/vnd.usdz+zip"),
    ("vtt", "text/vtt"),
    ("wav", "audio/wav"),
    ("weba", "audio/webm"),
    ("webmanifest", "application/manifest+json"),
    ("webp", "image/webp"),
    ("xsl", "text/xsl"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
];

/// A `Content-Type` value and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaType {
    /// With `; charset=utf-8` on text types.
    pub header: HeaderValue,
    /// A browser would run script in it, so it is sent with `Content-Security-Policy: sandbox`.
    pub can_script: bool,
}

impl MediaType {
    /// A type that is known here; costs no allocation but for the charset of a text.
    pub fn from_static(text: &'static str) -> Self {
        let header = if text.starts_with("text/") {
            HeaderValue::try_from(format!("{text}; charset=utf-8")).expect("a media type is visible ASCII")
        } else {
            HeaderValue::from_static(text)
        };
        Self { header, can_script: can_script(text) }
    }

    /// Reads a type as people type it, such as `model/stl`; `None` if it is none. A text type without parameters gets
    /// its charset.
    pub fn parse(text: &str) -> Option<Self> {
        let mime = mime_guess::Mime::from_str(text.trim()).ok()?;
        let charset = if mime.type_() == "text" && mime.params().next().is_none() { "; charset=utf-8" } else { "" };
        let header = HeaderValue::try_from(format!("{mime}{charset}")).ok()?;
        Some(Self { header, can_script: can_script(mime.as_ref()) })
    }

    /// The type without its parameters.
    pub fn essence(&self) -> &str {
        let text = self.header.to_str().unwrap_or_default();
        text.split(';').next().unwrap_or_default().trim_end()
    }
}

/// Types by extension: the user's `--type` first, then the corrections, then `mime_guess`.
#[derive(Debug, Clone, Default)]
pub struct MediaTypes {
    /// Keys are lower case and have no dot.
    overrides: HashMap<String, MediaType>,
}

impl MediaTypes {
    /// `overrides` has extensions in lower case and without a dot.
    pub fn new(overrides: HashMap<String, MediaType>) -> Self {
        Self { overrides }
    }

    /// The type that a file's name promises, by its last extension; `None` where it says nothing.
    pub fn by_name(&self, name: &[u8]) -> Option<MediaType> {
        let extension = extension(name)?;
        if let Some(chosen) = self.overrides.get(&*extension) {
            return Some(chosen.clone());
        }
        let known = match CORRECTIONS.binary_search_by_key(&&*extension, |(extension, _)| extension) {
            Ok(row) => CORRECTIONS[row].1,
            Err(_) => mime_guess::from_ext(&extension).first_raw()?,
        };
        Some(MediaType::from_static(known))
    }

    /// The type that a file's first bytes show, for names that do not tell. Pictures, sound, video, fonts and PDF only:
    /// what a stranger uploaded without an extension must never become a page.
    pub fn by_content(first: &[u8]) -> MediaType {
        infer::get(first)
            .filter(|found| match found.matcher_type() {
                MatcherType::Image | MatcherType::Audio | MatcherType::Video | MatcherType::Font => true,
                _ => found.mime_type() == "application/pdf",
            })
            .map(|found| MediaType::from_static(found.mime_type()))
            .filter(|found| !found.can_script)
            .unwrap_or_else(|| MediaType::from_static("application/octet-stream"))
    }
}

/// The last extension in lower case: none for `.name`, `name.` and what is not ASCII.
fn extension(name: &[u8]) -> Option<Cow<'_, str>> {
    let dot = name.iter().rposition(|&b| b == b'.').filter(|&dot| dot > 0)?;
    let extension = std::str::from_utf8(&name[dot + 1..]).ok()?;
    let lower = if extension.contains(|c: char| c.is_ascii_uppercase()) {
        Cow::Owned(extension.to_ascii_lowercase())
    } else {
        Cow::Borrowed(extension)
    };
    (!extension.is_empty() && extension.is_ascii()).then_some(lower)
}

/// HTML, any XML (an SVG, an XSLT style sheet), and mail, which browsers may show as a page.
fn can_script(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let subtype = essence.split_once('/').map_or("", |(_, subtype)| subtype);
    let ends_in_xml = subtype.len() > 4 && subtype.as_bytes()[subtype.len() - 4..].eq_ignore_ascii_case(b"+xml");
    ["text/html", "text/xsl", "message/rfc822"].iter().any(|page| essence.eq_ignore_ascii_case(page))
        || subtype.eq_ignore_ascii_case("xml")
        || ends_in_xml
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corrections_are_sorted_so_that_they_are_found() {
        assert!(CORRECTIONS.is_sorted_by_key(|(extension, _)| extension));
    }

    #[test]
    fn names_tell_types() {
        let types = MediaTypes::new(HashMap::from([
            ("stl".to_owned(), MediaType::parse("model/stl").unwrap()),
            ("page".to_owned(), MediaType::parse("text/html").unwrap()),
        ]));
        for (name, expected) in [
            ("a.jpg", Some("image/jpeg")),
            ("a.JPG", Some("image/jpeg")),
            ("photo.v1.2.png", Some("image/png")),
            ("a.txt", Some("text/plain; charset=utf-8")),
            ("a.html", Some("text/html; charset=utf-8")),
            ("a.svg", Some("image/svg+xml")),
            ("a.tar.gz", Some("application/gzip")), // never a Content-Encoding (miniserve #160)
            ("a.ts", Some("video/mp2t")),           // not a Linguist file, not DLNA
            ("a.heic", Some("image/heic")),
            ("a.opus", Some("audio/ogg")),
            ("a.mjs", Some("text/javascript; charset=utf-8")),
            ("a.vtt", Some("text/vtt; charset=utf-8")),
            ("a.stl", Some("model/stl")),
            ("a.page", Some("text/html; charset=utf-8")),
            ("noextension", None),
            (".jpg", None),
            ("a.", None),
            ("a.nosuchthing", None),
            ("a.jp\u{e9}g", None),
        ] {
            let found = types.by_name(name.as_bytes()).map(|found| found.header);
            assert_eq!(found.as_ref().map(|header| header.to_str().unwrap()), expected, "{name}");
        }
    }

    #[test]
    fn what_can_run_script_is_known() {
        for (media_type, expected) in [
            ("text/html", true),
            ("Text/HTML; charset=utf-8", true),
            ("image/svg+xml", true),
            ("application/xml", true),
            ("text/xml", true),
            ("application/xhtml+xml", true),
            ("text/xsl", true),
            ("message/rfc822", true),
            ("image/png", false),
            ("text/plain", false),
            ("application/pdf", false),
            ("application/xml-dtd", false),
        ] {
            assert_eq!(can_script(media_type), expected, "{media_type}");
        }
    }

    #[test]
    fn content_never_becomes_a_page() {
        for (first, expected) in [
            (&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], "image/png"),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
            (b"GIF89a", "image/gif"),
            (b"%PDF-1.7", "application/pdf"),
            (b"<!DOCTYPE html><script>", "application/octet-stream"),
            (b"<?xml version=\"1.0\"?><svg/>", "application/octet-stream"),
            (b"#!/bin/sh", "application/octet-stream"),
            (b"PK\x03\x04", "application/octet-stream"),
            (b"", "application/octet-stream"),
        ] {
            assert_eq!(MediaTypes::by_content(first).header, expected, "{first:?}");
        }
    }
}
