//! `Content-Disposition`: a name that was written correctly is read back, and what we write is such.
#![no_main]

use devmedia_fuzz::{Disposition, file_name};
use libfuzzer_sys::fuzz_target;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

fuzz_target!(|input: (&[u8], &str)| {
    let (field, name) = input;
    assert_ne!(file_name(field).as_deref(), Some(""), "an empty name is no file");
    if name.is_empty() {
        return;
    }
    let quoted = name.replace('\\', r"\\").replace('"', r#"\""#);
    let plain = format!("form-data; name=\"f\"; filename=\"{quoted}\"");
    assert_eq!(file_name(plain.as_bytes()).as_deref(), Some(name));
    // another parameter before or behind it changes nothing
    let behind = format!("{plain}; x=\"{quoted}\"");
    assert_eq!(file_name(behind.as_bytes()).as_deref(), Some(name));
    let before = format!("form-data; x=\"{quoted}\"; filename=\"{quoted}\"");
    assert_eq!(file_name(before.as_bytes()).as_deref(), Some(name));
    // RFC 8187 section 3.2.1
    let extended =
        format!("form-data; filename=\"x\"; filename*=UTF-8''{}", utf8_percent_encode(name, NON_ALPHANUMERIC));
    assert_eq!(file_name(extended.as_bytes()).as_deref(), Some(name));

    for disposition in [Disposition::Inline, Disposition::Attachment] {
        let header = disposition.header(name.as_bytes());
        assert_eq!(file_name(header.as_bytes()).as_deref(), Some(name));
    }
    Disposition::Attachment.header(field);
});
