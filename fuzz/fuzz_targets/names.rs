//! Names of uploaded files: whatever a client writes, the file lands in its folder under a name that can be asked for.
#![no_main]

use devmedia_fuzz::{file_name, literal_path, names};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    /// A part's `Content-Disposition`.
    field: &'a [u8],
    raw: &'a str,
    folder: &'a str,
    room: u8,
}

fuzz_target!(|input: Input<'_>| {
    let names = [file_name(input.field), Some(input.raw.to_owned())];
    for raw in names.into_iter().flatten() {
        let Some(name) = names::part_name(&raw) else { continue };
        assert!(!name.contains(['/', '\\']) && !matches!(name.as_str(), "" | "." | ".."), "{name:?}");
        let Ok(name) = names::uploaded_name(&name) else { continue };
        assert!(name.chars().count() <= 255 && !matches!(name.as_str(), "" | "." | ".."), "{name:?}");
        for folder in [input.folder, "", "uploads/2026/11/"] {
            stays_inside(folder, &name);
        }
        if let Ok(other) = names::alternative(&name, |name| name.len() <= usize::from(input.room)) {
            assert!(other.len() <= usize::from(input.room) && other != name, "{name:?}: {other:?}");
            assert!(other.contains('_') && !other.contains('/'), "{name:?}: {other:?}");
        }
    }
    stays_inside(input.folder, input.raw);
});

/// Django's `generate_filename`: relative, without `..`, and a path that a request can name.
fn stays_inside(folder: &str, name: &str) {
    let Ok(path) = names::generated(folder, name) else { return };
    assert!(!path.starts_with('/') && !path.contains('\\'), "{path:?}");
    assert!(path.split('/').all(|segment| !matches!(segment, "" | "." | "..")), "{path:?}");
    let last = path.rsplit('/').next().unwrap_or_default();
    assert_eq!(names::valid_name(last).as_deref(), Ok(last), "the name is valid as it is");
    if !folder.contains('\0') && !name.contains('\0') {
        let asked = literal_path(path.as_bytes()).expect("a name that can be asked for");
        assert_eq!(asked.as_bytes(), path.as_bytes());
    }
}
