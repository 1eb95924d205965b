//! The media type of a file: by its name, the same on every machine; by its first bytes only if the name does not
//! determine it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::str::FromStr as _;
use std::sync::{Arc, PoisonError, RwLock};

use hyper::header::HeaderValue;
use infer::MatcherType;

/// How many bytes of a file without a known extension are examined.
pub const SNIFF_LEN: usize = 4096;

/// Types that `mime_guess` lacks or gets wrong. The names are those registered with IANA or, if there is none, those
/// that browsers and libmagic use. A test checks the table.
const CORRECTIONS: &[(&str, &str)] = &[
    ("210", "model/step"),
    ("3gp", "video/3gpp"),
    ("3mf", "model/3mf"),
    ("7z", "application/x-7z-compressed"),
    ("aac", "audio/aac"),
    ("ac3", "audio/ac3"),
    ("adoc", "text/plain"),
    ("aif", "audio/aiff"),
    ("aifc", "audio/aiff"),
    ("aiff", "audio/aiff"),
    ("amr", "audio/amr"),
    ("ape", "audio/x-ape"),
    ("apng", "image/apng"),
    ("arrow", "application/vnd.apache.arrow.file"),
    ("arw", "image/x-sony-arw"),
    ("ass", "text/x-ssa"),
    ("avci", "image/avci"),
    ("avcs", "image/avcs"),
    ("avif", "image/avif"),
    ("avifs", "image/avif"),
    ("azv", "image/vnd.airzip.accelerator.azv"),
    ("azw3", "application/vnd.amazon.mobi8-ebook"),
    ("b16", "image/vnd.pco.b16"),
    ("bary", "model/vnd.bary"),
    ("bmp", "image/bmp"),
    ("br", "application/x-brotli"),
    ("bsp", "model/vnd.valve.source.compiled-map"),
    ("btf", "image/prs.btif"),
    ("bz2", "application/x-bzip2"),
    ("caf", "audio/x-caf"),
    ("cbr", "application/vnd.comicbook-rar"),
    ("cbz", "application/vnd.comicbook+zip"),
    ("cfg", "text/plain"),
    ("cjs", "text/javascript"),
    ("cld", "model/vnd.cld"),
    ("conf", "text/plain"),
    ("cr2", "image/x-canon-cr2"),
    ("cr3", "image/x-canon-cr3"),
    ("cur", "image/vnd.microsoft.icon"),
    ("dae", "model/vnd.collada+xml"),
    ("dcm", "application/dicom"),
    ("dds", "image/vnd.ms-dds"),
    ("dfxp", "application/ttml+xml"),
    ("dicom", "application/dicom"),
    ("diff", "text/plain"),
    ("dng", "image/x-adobe-dng"),
    ("dpx", "image/dpx"),
    ("drle", "image/dicom-rle"),
    ("dsf", "audio/x-dsf"),
    ("dwf", "model/vnd.dwf"),
    ("dwg", "image/vnd.dwg"),
    ("dxf", "image/vnd.dxf"),
    ("emf", "image/emf"),
    ("exr", "image/x-exr"),
    ("f4v", "video/mp4"),
    ("fdf", "application/fdf"),
    ("fits", "image/fits"),
    ("flac", "audio/flac"),
    ("geojson", "application/geo+json"),
    ("glb", "model/gltf-binary"),
    ("glsl", "text/plain"),
    ("gltf", "model/gltf+json"),
    ("gpx", "application/gpx+xml"),
    ("gz", "application/gzip"),
    ("har", "application/json"),
    ("hdr", "image/vnd.radiance"),
    ("heic", "image/heic"),
    ("heics", "image/heic-sequence"),
    ("heif", "image/heif"),
    ("heifs", "image/heif-sequence"),
    ("hej2", "image/hej2k"),
    ("hif", "image/heif"),
    ("ico", "image/vnd.microsoft.icon"),
    ("ics", "text/calendar"),
    ("ifb", "text/calendar"),
    ("ini", "text/plain"),
    ("ipynb", "application/x-ipynb+json"),
    ("jaii", "image/jaii"),
    ("jais", "image/jais"),
    ("jfif", "image/jpeg"),
    ("jhc", "image/jphc"),
    ("jls", "image/jls"),
    ("jpgm", "image/jpm"),
    ("jph", "image/jph"),
    ("json5", "application/json5"),
    ("jsonc", "application/json"),
    ("jsonl", "application/jsonl"),
    ("jsonld", "application/ld+json"),
    ("jt", "model/jt"),
    ("jxl", "image/jxl"),
    ("jxr", "image/jxr"),
    ("jxra", "image/jxra"),
    ("jxrs", "image/jxrs"),
    ("jxs", "image/jxs"),
    ("jxsc", "image/jxsc"),
    ("jxsi", "image/jxsi"),
    ("jxss", "image/jxss"),
    ("kar", "audio/midi"),
    ("key", "application/vnd.apple.keynote"),
    ("kml", "application/vnd.google-earth.kml+xml"),
    ("ktx", "image/ktx"),
    ("ktx2", "image/ktx2"),
    ("log", "text/plain"),
    ("lottie", "application/zip+dotlottie"),
    ("lrc", "text/plain"),
    ("m2t", "video/mp2t"),
    ("m2ts", "video/mp2t"),
    ("m3u8", "application/vnd.apple.mpegurl"),
    ("m4a", "audio/mp4"),
    ("m4b", "audio/mp4"),
    ("m4p", "audio/mp4"),
    ("m4r", "audio/mp4"),
    ("m4s", "video/iso.segment"),
    ("m4v", "video/mp4"),
    ("map", "application/json"),
    ("markdown", "text/markdown"),
    ("md", "text/markdown"),
    ("mdx", "text/markdown"),
    ("mid", "audio/midi"),
    ("midi", "audio/midi"),
    ("mjs", "text/javascript"),
    ("mk3d", "video/x-matroska"),
    ("mka", "audio/x-matroska"),
    ("mkv", "video/x-matroska"),
    ("mobi", "application/vnd.amazon.mobi8-ebook"),
    ("mpd", "application/dash+xml"),
    ("mtl", "model/mtl"),
    ("mts", "video/mp2t"),
    ("mvt", "application/vnd.mapbox-vector-tile"),
    ("mxf", "application/mxf"),
    ("mxmf", "audio/mobile-xmf"),
    ("ndjson", "application/x-ndjson"),
    ("nef", "image/x-nikon-nef"),
    ("numbers", "application/vnd.apple.numbers"),
    ("obj", "model/obj"),
    ("oga", "audio/ogg"),
    ("ogex", "model/vnd.opengex"),
    ("ogg", "audio/ogg"),
    ("ogv", "video/ogg"),
    ("ogx", "application/ogg"),
    ("opus", "audio/ogg"),
    ("ora", "image/openraster"),
    ("osm", "application/vnd.openstreetmap.data+xml"),
    ("otf", "font/otf"),
    ("p21", "model/step"),
    ("pages", "application/vnd.apple.pages"),
    ("parquet", "application/vnd.apache.parquet"),
    ("patch", "text/plain"),
    ("pcx", "image/vnd.zbrush.pcx"),
    ("pjp", "image/jpeg"),
    ("pjpeg", "image/jpeg"),
    ("ply", "model/ply"),
    ("pmtiles", "application/vnd.pmtiles"),
    ("pnm", "image/x-portable-anymap"),
    ("psd", "image/vnd.adobe.photoshop"),
    ("pti", "image/prs.pti"),
    ("pyo", "model/vnd.pytha.pyox"),
    ("pyox", "model/vnd.pytha.pyox"),
    ("qoi", "image/qoi"),
    ("rar", "application/vnd.rar"),
    ("rmi", "audio/midi"),
    ("rst", "text/plain"),
    ("rtf", "application/rtf"),
    ("sbv", "text/plain"),
    ("smi", "application/smil+xml"),
    ("sql", "application/sql"),
    ("sqlite", "application/vnd.sqlite3"),
    ("sqlite3", "application/vnd.sqlite3"),
    ("srt", "application/x-subrip"),
    ("ssa", "text/x-ssa"),
    ("step", "model/step"),
    ("stl", "model/stl"),
    ("stp", "model/step"),
    ("stpnc", "model/step"),
    ("stpx", "model/step+xml"),
    ("stpxz", "model/step-xml+zip"),
    ("stpz", "model/step+zip"),
    ("svgz", "image/svg+xml"),
    ("t38", "image/t38"),
    ("tap", "image/vnd.tencent.tap"),
    ("tbz2", "application/x-bzip2"),
    ("tfx", "image/tiff-fx"),
    ("tga", "image/x-tga"),
    ("tgz", "application/gzip"),
    ("toml", "application/toml"),
    ("topojson", "application/json"),
    ("ts", "video/mp2t"),
    ("ttc", "font/collection"),
    ("ttf", "font/ttf"),
    ("ttml", "application/ttml+xml"),
    ("txz", "application/x-xz"),
    ("u3d", "model/u3d"),
    ("usda", "model/vnd.usda"),
    ("usdz", "model/vnd.usdz+zip"),
    ("vcard", "text/vcard"),
    ("vcf", "text/vcard"),
    ("vds", "model/vnd.sap.vds"),
    ("vrml", "model/vrml"),
    ("vsdx", "application/vnd.visio"),
    ("vtf", "image/vnd.valve.source.texture"),
    ("vtt", "text/vtt"),
    ("wasm", "application/wasm"),
    ("wav", "audio/wav"),
    ("weba", "audio/webm"),
    ("webmanifest", "application/manifest+json"),
    ("webp", "image/webp"),
    ("wgsl", "text/wgsl"),
    ("wmf", "image/wmf"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("wrl", "model/vrml"),
    ("x3db", "model/x3d+fastinfoset"),
    ("x3dv", "model/x3d-vrml"),
    ("x_b", "model/vnd.parasolid.transmit.binary"),
    ("x_t", "model/vnd.parasolid.transmit.text"),
    ("xcf", "image/x-xcf"),
    ("xfdf", "application/xfdf"),
    ("xlf", "application/xliff+xml"),
    ("xliff", "application/xliff+xml"),
    ("xsl", "text/xsl"),
    ("xz", "application/x-xz"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("zst", "application/zstd"),
    ("zstd", "application/zstd"),
];

/// A `Content-Type` value and its properties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaType {
    /// With `; charset=utf-8` on text types.
    pub header: HeaderValue,
    /// A browser would run scripts in it, so it is sent with `Content-Security-Policy: sandbox`.
    pub can_script: bool,
    /// The bytes are compressed, and a browser shows them only with `Content-Encoding: gzip` (`.svgz`). Such a file is
    /// always sent whole: a byte range of the compressed form is of no use to a client that shows the image.
    pub is_gzip: bool,
}

impl MediaType {
    /// A known type; allocates only for the charset of a text type.
    pub fn from_static(text: &'static str) -> Self {
        let header = if text.starts_with("text/") {
            HeaderValue::try_from(format!("{text}; charset=utf-8")).expect("a media type is visible ASCII")
        } else {
            HeaderValue::from_static(text)
        };
        Self { header, can_script: can_script(text), is_gzip: false }
    }

    /// The type of unknown bytes.
    pub fn octet_stream() -> Self {
        Self::from_static("application/octet-stream")
    }

    /// Parses a type such as `model/stl`; returns `None` if it is not valid. A text type without parameters gets a
    /// charset.
    pub fn parse(text: &str) -> Option<Self> {
        let mime = mime_guess::Mime::from_str(text.trim()).ok()?;
        let charset = if mime.type_() == "text" && mime.params().next().is_none() { "; charset=utf-8" } else { "" };
        let header = HeaderValue::try_from(format!("{mime}{charset}")).ok()?;
        Some(Self { header, can_script: can_script(mime.as_ref()), is_gzip: false })
    }

    /// A type that a client stored with a file: it is sent as it was received, without another charset.
    pub fn verbatim(text: &str) -> Option<Self> {
        let header = HeaderValue::from_bytes(text.as_bytes()).ok()?;
        Some(Self { header, can_script: can_script(text), is_gzip: false })
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
    /// The types of the extensions that were asked for. Only known extensions are in it, so their number is limited.
    seen: Arc<RwLock<HashMap<String, MediaType>>>,
}

impl MediaTypes {
    /// `overrides` has extensions in lower case and without a dot.
    pub fn new(overrides: HashMap<String, MediaType>) -> Self {
        Self { overrides, ..Self::default() }
    }

    /// The type for the last extension of a name; `None` if the extension is missing or unknown.
    pub fn by_name(&self, name: &[u8]) -> Option<MediaType> {
        self.by_extension(&extension(name)?)
    }

    /// The type of a file of this name, if it does not depend on the content. `None` if [`MediaTypes::by_content`] is
    /// needed: the extension is unknown, or it is `.svgz`, which may or may not be compressed.
    pub fn by_name_alone(&self, name: &[u8]) -> Option<MediaType> {
        let extension = extension(name)?;
        if self.may_be_gzip(&extension) { None } else { self.by_extension(&extension) }
    }

    /// The type of a file of this name that begins with `first`. If the name does not determine it, the bytes do. This
    /// detects only images, audio, video, fonts and PDF: an uploaded file without an extension must never be displayed
    /// as a page.
    pub fn by_content(&self, name: &[u8], first: &[u8]) -> MediaType {
        /// RFC 1952 section 2.3.1.
        const GZIP: &[u8] = b"\x1f\x8b";
        let extension = extension(name);
        if let Some(promised) = extension.as_deref().and_then(|extension| self.by_extension(extension)) {
            let is_gzip = extension.is_some_and(|extension| self.may_be_gzip(&extension)) && first.starts_with(GZIP);
            return MediaType { is_gzip, ..promised };
        }
        infer::get(first)
            .filter(|found| match found.matcher_type() {
                MatcherType::Image | MatcherType::Audio | MatcherType::Video | MatcherType::Font => true,
                _ => found.mime_type() == "application/pdf",
            })
            .map(|found| {
                let extension = refine(found.extension(), first);
                self.by_extension(extension).unwrap_or(MediaType::from_static(found.mime_type()))
            })
            .filter(|found| !found.can_script)
            .unwrap_or_else(MediaType::octet_stream)
    }

    /// `extension` is in lower case and has no dot.
    fn by_extension(&self, extension: &str) -> Option<MediaType> {
        if let Some(chosen) = self.overrides.get(extension) {
            return Some(chosen.clone());
        }
        let seen = || self.seen.read().unwrap_or_else(PoisonError::into_inner).get(extension).cloned();
        if let Some(seen) = seen() {
            return Some(seen);
        }
        let known = match CORRECTIONS.binary_search_by_key(&extension, |(extension, _)| extension) {
            Ok(row) => CORRECTIONS[row].1,
            Err(_) => mime_guess::from_ext(extension).first_raw()?,
        };
        let found = MediaType::from_static(known);
        self.seen.write().unwrap_or_else(PoisonError::into_inner).insert(extension.to_owned(), found.clone());
        Some(found)
    }

    fn may_be_gzip(&self, extension: &str) -> bool {
        extension == "svgz" && !self.overrides.contains_key(extension)
    }
}

/// The extension of a file with these bytes, if `infer` only detects its family.
fn refine<'a>(extension: &'a str, first: &[u8]) -> &'a str {
    let has = |mark: &[u8]| first.windows(mark.len()).any(|part| part == mark);
    // ISO 23008-12: the brands are in the first box, which starts with its length
    let brands = first.get(8..usize::from(first.get(3).copied().unwrap_or_default())).unwrap_or_default();
    let is_brand = |brand: &[u8]| brands.chunks(4).any(|chunk| chunk == brand);
    match extension {
        "heif" if is_brand(b"heic") || is_brand(b"heix") => "heic",
        "ogg" if has(b"\x80theora") => "ogv",
        "mp4" if brands.starts_with(b"3gp") => "3gp",
        "mp4" if brands.starts_with(b"M4B ") || brands.starts_with(b"M4A ") => "m4a",
        extension => extension,
    }
}

/// The last extension in lower case; `None` for `.name`, `name.` and extensions that are not ASCII.
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

/// Whether this is HTML, any XML (an SVG, an XSLT style sheet), mail, or several parts, which browsers may display as a page.
///
/// Browsers take the last type of a list ("extract a MIME type" in the Fetch standard), and Chromium ends a type at a space or
/// a parenthesis, so each part of the text is examined.
fn can_script(content_type: &str) -> bool {
    let is_end = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '(');
    content_type.split(is_end).any(is_page)
}

fn is_page(essence: &str) -> bool {
    let (family, subtype) = essence.split_once('/').unwrap_or_default();
    let ends_in_xml = subtype.len() > 4 && subtype.as_bytes()[subtype.len() - 4..].eq_ignore_ascii_case(b"+xml");
    ["text/html", "text/xsl", "message/rfc822"].iter().any(|page| essence.eq_ignore_ascii_case(page))
        || family.eq_ignore_ascii_case("multipart")
        || subtype.eq_ignore_ascii_case("xml")
        || ends_in_xml
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corrections_are_sorted_for_the_binary_search() {
        assert!(CORRECTIONS.is_sorted_by_key(|(extension, _)| extension));
    }

    #[test]
    fn names_determine_types() {
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
    fn types_that_can_run_scripts_are_sandboxed() {
        for (media_type, expected) in [
            ("text/html", true),
            ("Text/HTML; charset=utf-8", true),
            ("image/svg+xml", true),
            ("application/xml", true),
            ("text/xml", true),
            ("application/xhtml+xml", true),
            ("text/xsl", true),
            ("message/rfc822", true),
            (" text/html", true),
            ("image/png, text/html", true),
            ("image/png,image/svg+xml", true),
            ("text/html (comment)", true),
            ("text/html nothing", true),
            ("multipart/x-mixed-replace; boundary=a", true),
            ("", false),
            ("text", false),
            ("image/png; a=b", false),
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
            let found = MediaTypes::default().by_content(b"name", first);
            assert_eq!(found.header, expected, "{first:?}");
        }
    }

    /// Types that IANA has not registered. They are used because no registered name exists, and browsers and libmagic use
    /// this one.
    const UNREGISTERED: &[&str] = &[
        "application/gpx+xml",
        "application/json5",
        "application/jsonl",
        "application/vnd.pmtiles", // according to its specification
        "application/x-7z-compressed",
        "application/x-brotli",
        "application/x-bzip2",
        "application/x-ipynb+json",
        "application/x-ndjson",
        "application/x-subrip",
        "application/x-xz",
        "application/zip+dotlottie",
        "audio/aiff",
        "audio/midi", // the WHATWG MIME Sniffing standard
        "audio/wav",  // registered as audio/vnd.wave, which no browser uses
        "audio/webm", // defined by the WebM project; RFC 9559 registers Matroska only
        "audio/x-ape",
        "audio/x-caf",
        "audio/x-dsf",
        "audio/x-matroska",
        "image/openraster",
        "image/qoi",
        "image/vnd.ms-dds",
        "image/x-adobe-dng",
        "image/x-canon-cr2",
        "image/x-canon-cr3",
        "image/x-exr", // registered is only image/aces, for files of one colour system
        "image/x-nikon-nef",
        "image/x-portable-anymap",
        "image/x-sony-arw",
        "image/x-tga",
        "image/x-xcf",
        "model/ply",
        "text/x-ssa",
        "text/xsl", // required by browsers for style sheets; the registered application/xslt+xml does not work everywhere
        "video/x-matroska", // registered without the x- since RFC 9559, but players use this name
    ];

    /// Extensions whose registered type differs from ours, and the reason.
    const DELIBERATE: &[(&str, &str)] = &[
        ("cjs", "application/node is for programs; browsers and editors need a JavaScript type (RFC 9239)"),
        ("exr", "see UNREGISTERED"),
        ("prc", "far more files of this name are books than models"),
        ("ts", "a video segment is what media servers have; the registered text/vnd.trolltech.linguist is rare"),
        ("wav", "see UNREGISTERED"),
        ("xsl", "see UNREGISTERED"),
    ];

    /// IANA's registry: one type per line, followed by the extensions in its registration.
    fn registered() -> HashMap<&'static str, Vec<&'static str>> {
        let lines = include_str!("../../tests/data/iana_media_types.tsv").lines();
        let rows = lines.map(|line| line.split_once('\t').unwrap_or((line, "")));
        rows.map(|(media_type, extensions)| (media_type, extensions.split_whitespace().collect())).collect()
    }

    #[test]
    fn every_type_in_the_table_is_registered_or_listed_as_an_exception() {
        let registered = registered();
        for (extension, media_type) in CORRECTIONS {
            let is_known = registered.contains_key(media_type) || UNREGISTERED.contains(media_type);
            assert!(is_known, "{extension}: {media_type} is not registered");
        }
        for media_type in UNREGISTERED {
            assert!(!registered.contains_key(media_type), "{media_type} has been registered");
            assert!(CORRECTIONS.iter().any(|(_, used)| used == media_type), "{media_type} is not used");
        }
    }

    #[test]
    fn media_files_have_their_registered_types() {
        let types = MediaTypes::default();
        let mut wrong = Vec::new();
        for (media_type, extensions) in registered() {
            let kind = media_type.split('/').next().unwrap_or_default();
            if !matches!(kind, "audio" | "font" | "image" | "model" | "video") {
                continue;
            }
            for extension in extensions {
                let ours = types.by_name(format!("a.{extension}").as_bytes());
                let ours = ours.as_ref().map_or("nothing", MediaType::essence).to_owned();
                let is_registered = registered().get(&*ours).is_some_and(|known| known.contains(&extension));
                if !is_registered && ours != media_type && !DELIBERATE.iter().any(|(known, _)| *known == extension) {
                    wrong.push(format!("{extension}: {ours}, registered as {media_type}"));
                }
            }
        }
        wrong.sort();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn first_bytes_give_the_same_type_as_the_name() {
        for (first, extension) in [
            (&b"wOF2\0\x01\0\0"[..], "woff2"),
            (b"wOFF\0\x01\0\0", "woff"),
            (b"\0\x01\0\0\0", "ttf"),
            (b"OTTO\0", "otf"),
            (b"\0\0\0\x20ftypM4A ", "m4a"),
            (b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x13OpusHead", "opus"),
            (b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x1e\x01vorbis", "ogg"),
            (b"fLaC\0\0\0\x22", "flac"),
            (b"RIFF\x24\0\0\0WAVEfmt ", "wav"),
            (b"ID3\x04\0", "mp3"),
            (b"MThd\0\0\0\x06", "mid"),
            (b"#!AMR\n\x3c\x40\0\0\0\0\0\0\0", "amr"),
            (b"FORM\0\0\0\0AIFF", "aiff"),
            (b"RIFF\x24\0\0\0WEBPVP8 ", "webp"),
            (b"BM\x36\0\0\0\0\0", "bmp"),
            (b"\0\0\x01\0\x01\0", "ico"),
            (b"II*\0\x08\0\0\0\x0f\0\0\x01", "tif"),
            (b"8BPS\0\x01", "psd"),
            (b"\0\0\0\x18ftypavif\0\0\0\0avifmif1", "avif"),
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "heic"),
            (b"\0\0\0\x1cftypisom\0\0\x02\0isomiso2mp41", "mp4"),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "heic"),
            (b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x2a\x80theora", "ogv"),
            (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "mov"),
            (b"RIFF\x24\0\0\0AVI LIST", "avi"),
        ] {
            let types = MediaTypes::default();
            let by_name = types.by_name(format!("a.{extension}").as_bytes()).expect("a row");
            assert_eq!(types.by_content(b"name", first), by_name, "{extension}");
            assert_eq!(types.by_content(b"name.unknown", first), by_name, "{extension}");
        }
        let mine = MediaTypes::new(HashMap::from([("png".to_owned(), MediaType::parse("image/x-mine").unwrap())]));
        assert_eq!(mine.by_content(b"name", b"\x89PNG\r\n\x1a\n").header, "image/x-mine", "--type takes precedence");
    }

    #[test]
    fn a_compressed_svg_is_detected_by_its_bytes() {
        let types = MediaTypes::default();
        assert!(types.by_name_alone(b"a.svgz").is_none());
        for (first, is_gzip) in [(&b"\x1f\x8b\x08"[..], true), (b"<svg ", false), (b"", false)] {
            let found = types.by_content(b"a.SVGZ", first);
            assert_eq!(
                (found.essence(), found.can_script, found.is_gzip),
                ("image/svg+xml", true, is_gzip),
                "{first:?}"
            );
        }
        let mine = MediaTypes::new(HashMap::from([("svgz".to_owned(), MediaType::parse("application/gzip").unwrap())]));
        assert!(!mine.by_name_alone(b"a.svgz").expect("it was said").is_gzip);
    }
}
