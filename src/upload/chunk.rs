//! Recognises chunks of files. Upload widgets send them when they split large files: Dropzone, Resumable.js, flow.js,
//! blueimp's jQuery File Upload, Plupload, Fine Uploader, `FilePond`, `DevExtreme`, Kendo and similar ones. devmedia
//! does not assemble chunks, and must not store one as if it were the whole file. Pure.
//!
//! The widgets differ only in the names of their fields, so the fields are recognised by the words in their names.

use hyper::header::{HeaderMap, HeaderName};

use crate::request::query::Query;

/// Endings of the names of fields that contain the number of chunks.
const TOTALS: &[&str] = &[
    "chunkcount", // bootstrap-fileinput; Dropzone's dztotalchunkcount
    "chunkscount",
    "chunkstotal",
    "chunktotal",
    "numberofchunks",
    "numchunks",
    "partcount",
    "partscount",
    "totalchunk",  // Syncfusion's total-chunk
    "totalchunks", // Resumable.js, flow.js, vue-simple-uploader, Kendo
    "totalparts",  // Fine Uploader's qqtotalparts
];

/// Endings of the names of fields that contain the index of a chunk.
const INDICES: &[&str] = &[
    "chunkid",
    "chunkindex", // Dropzone's dzchunkindex
    "chunkno",
    "chunknum",
    "chunknumber", // Resumable.js, flow.js, ng-file-upload's _chunkNumber
    "currentchunk",
    "partindex", // Fine Uploader's qqpartindex
    "partnumber",
];

/// Endings of the names of fields that contain the position of the chunk in the file.
const OFFSETS: &[&str] = &["byteoffset", "chunkoffset", "chunksizestart", "chunkstart", "fileoffset", "uploadoffset"];

/// Endings of the names of fields that identify the file of a chunk.
const IDENTIFIERS: &[&str] = &["fileid", "guid", "identifier", "uniqueid", "uuid"];

/// Prefixes of the fields of widgets that use a namespace.
const NAMESPACES: &[&str] = &["dz", "flow", "qq", "resumable"];

/// Request headers that never accompany a whole file.
const PART_FIELDS: &[&str] = &["content-range", "oc-chunked", "x-content-range", "x-update-range"];

/// What the fields so far say about a chunk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chunk {
    total: Option<u64>,
    index: Option<u64>,
    offset: Option<u64>,
    has_identifier: bool,
    has_namespace: bool,
    /// The last field about chunks, as it was sent.
    seen: Option<String>,
}

impl Chunk {
    /// Reads the parameters of a query.
    pub fn of_query(query: Query<'_>) -> Self {
        let mut chunk = Self::default();
        query.pairs().for_each(|(name, value)| chunk.note(name, value));
        chunk
    }

    /// Takes a field into account, whatever its name.
    pub fn note(&mut self, name: &str, value: &str) {
        let word = word(name);
        if word.ends_with("metadata") {
            self.note_json(value);
            return;
        }
        let ends = |ends: &[&str]| ends.iter().any(|end| word.ends_with(end));
        if ends(IDENTIFIERS) {
            self.has_identifier = true;
            return;
        }
        let Ok(number) = value.trim().parse() else { return };
        let slot = if word == "chunks" || ends(TOTALS) {
            &mut self.total
        } else if word == "chunk" || ends(INDICES) {
            &mut self.index
        } else if ends(OFFSETS) {
            &mut self.offset
        } else {
            return;
        };
        *slot = Some(number);
        self.has_namespace |= NAMESPACES.iter().any(|namespace| word.starts_with(namespace));
        self.seen = Some(format!("{name}={value}"));
    }

    /// Kendo and `DevExtreme` send all fields as one JSON object.
    fn note_json(&mut self, text: &str) {
        let Ok(serde_json::Value::Object(fields)) = serde_json::from_str(text) else { return };
        for (name, value) in fields {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            match name.as_str() {
                "TotalCount" => self.note("totalChunks", &value),
                "Index" => self.note("chunkIndex", &value),
                name if !name.to_ascii_lowercase().ends_with("metadata") => self.note(name, &value),
                _ => {}
            }
        }
    }

    /// The field that shows that the file has more chunks, or `None` if no field does.
    pub fn is_part(&self) -> Option<&str> {
        let is_part = match self.total {
            Some(total) => total > 1 || self.index.is_some_and(|index| index > total),
            None => self.index.is_some() || self.offset.is_some_and(|offset| offset > 0),
        };
        self.seen.as_deref().filter(|_| is_part)
    }

    /// True if a GET with these parameters asks whether the server already has a chunk (`testChunks`, on by default in
    /// Resumable.js and flow.js).
    pub fn is_test(&self) -> bool {
        self.index.is_some() && (self.total.is_some() || self.has_identifier || self.has_namespace)
    }
}

/// The request header that shows that the body is only a part of a file.
pub fn part_field(headers: &HeaderMap) -> Option<String> {
    if let Some(name) = PART_FIELDS.iter().find(|name| headers.contains_key(**name)) {
        return Some(shown(headers, name));
    }
    let is = |name: &str, wanted: &str| headers.get(name).is_some_and(|value| value == wanted);
    // the IETF's successor of tus; a whole file may use this header to say that it is complete
    let is_further = headers.get("upload-offset").is_some_and(|offset| offset != "0");
    if is("upload-complete", "?1") && !is_further {
        return None;
    }
    // the first request of FilePond's chunkUploads
    for (name, is_part) in [
        ("upload-complete", headers.contains_key("upload-complete")),
        ("upload-incomplete", is("upload-incomplete", "?1")),
        ("upload-length", headers.contains_key("upload-length")),
    ] {
        if is_part {
            return Some(shown(headers, name));
        }
    }
    let mut chunk = Chunk::default();
    for (name, value) in headers {
        chunk.note(HeaderName::as_str(name), value.to_str().unwrap_or_default());
    }
    chunk.is_part().map(str::to_owned)
}

fn shown(headers: &HeaderMap, name: &str) -> String {
    let value =
        headers.get(name).map_or_else(String::new, |value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let name: Vec<String> = name.split('-').map(capitalized).collect();
    format!("{}: {value}", name.join("-"))
}

fn capitalized(word: &str) -> String {
    let (first, rest) = word.split_at(word.len().min(1));
    first.to_ascii_uppercase() + rest
}

/// A name in lower case, without separators between words.
fn word(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    /// The fields come from the widgets' sources and documentation.
    #[test]
    fn chunks_of_every_widget_are_recognised() {
        for (fields, is_part) in [
            // Dropzone 6
            (
                &[("dzuuid", "a"), ("dzchunkindex", "0"), ("dztotalchunkcount", "2"), ("dzchunkbyteoffset", "0")][..],
                true,
            ),
            (&[("dzuuid", "a"), ("dzchunkindex", "0"), ("dztotalchunkcount", "1"), ("dzchunkbyteoffset", "0")], false),
            // Resumable.js, flow.js
            (&[("resumableChunkNumber", "1"), ("resumableTotalChunks", "3"), ("resumableIdentifier", "a")], true),
            (&[("resumableChunkNumber", "1"), ("resumableTotalChunks", "1"), ("resumableIdentifier", "a")], false),
            (&[("flowTotalChunks", "2"), ("flowChunkNumber", "2")], true),
            (&[("flowTotalChunks", "1"), ("flowChunkNumber", "1")], false),
            // vue-simple-uploader, Plupload and WebUploader, Fine Uploader
            (&[("chunkNumber", "1"), ("totalChunks", "5"), ("identifier", "a")], true),
            (&[("name", "a.png"), ("chunk", "0"), ("chunks", "4")], true),
            (&[("name", "a.png"), ("chunk", "0"), ("chunks", "1")], false),
            (&[("qqpartindex", "0"), ("qqtotalparts", "2"), ("qqpartbyteoffset", "0")], true),
            // ng-file-upload, bootstrap-fileinput, Syncfusion
            (&[("_chunkNumber", "0"), ("_chunkSize", "10"), ("_totalSize", "20")], true),
            (&[("chunkIndex", "0"), ("chunkCount", "2"), ("chunkSizeStart", "0")], true),
            (&[("chunk-index", "0"), ("total-chunk", "2")], true),
            // DevExtreme, Kendo
            (&[("chunkMetadata", r#"{"FileName":"a","Index":0,"TotalCount":3,"FileSize":9}"#)], true),
            (&[("chunkMetadata", r#"{"FileName":"a","Index":0,"TotalCount":1,"FileSize":9}"#)], false),
            (&[("metadata", r#"{"chunkIndex":1,"totalChunks":2,"uploadUid":"a"}"#)], true),
            // ordinary forms
            (&[("filepond", "{}")], false),
            (&[("metadata", "{\"metadata\": \"{}\"}")], false),
            (&[("chunk", "of text"), ("total", "12"), ("index", "4"), ("chunkSize", "9")], false),
            (&[("csrfmiddlewaretoken", "1"), ("uuid", "a")], false),
        ] {
            let mut chunk = Chunk::default();
            for (name, value) in fields {
                chunk.note(name, value);
            }
            assert_eq!(chunk.is_part().is_some(), is_part, "{fields:?}");
        }
    }

    #[test]
    fn chunk_tests_are_recognised() {
        for (query, is_test) in [
            ("resumableChunkNumber=1&resumableIdentifier=x", true),
            ("resumableChunkNumber=1", true),
            ("flowChunkNumber=1&flowTotalChunks=1", true),
            ("chunkNumber=2&identifier=5-a", true),
            ("chunkNumber=2", false),
            ("chunk=2", false),
            ("size=200", false),
            ("", false),
        ] {
            assert_eq!(Chunk::of_query(Query::new(Some(query))).is_test(), is_test, "{query}");
        }
    }

    #[test]
    fn headers_of_parts_are_recognised() {
        for (name, value, expected) in [
            ("content-range", "bytes 0-9/20", Some("Content-Range: bytes 0-9/20")), // blueimp
            ("x-update-range", "bytes=0-9", Some("X-Update-Range: bytes=0-9")),     // SabreDAV
            ("oc-chunked", "1", Some("Oc-Chunked: 1")),                             // ownCloud
            ("upload-length", "20", Some("Upload-Length: 20")),                     // FilePond
            ("upload-offset", "10", Some("upload-offset=10")),
            ("upload-offset", "0", None),
            ("upload-complete", "?0", Some("Upload-Complete: ?0")),
            ("upload-complete", "?1", None),
            ("x-chunk-index", "1", Some("x-chunk-index=1")),
            ("content-length", "20", None),
            ("x-request-id", "1", None),
        ] {
            let headers = HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))]);
            assert_eq!(part_field(&headers).as_deref(), expected, "{name}: {value}");
        }
        // the last part of a file
        let mut last = HeaderMap::new();
        last.insert("upload-complete", HeaderValue::from_static("?1"));
        last.insert("upload-offset", HeaderValue::from_static("10"));
        assert!(part_field(&last).is_some());
        last.insert("upload-offset", HeaderValue::from_static("0"));
        assert_eq!(part_field(&last), None);
    }
}
