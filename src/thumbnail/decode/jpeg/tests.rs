use super::*;

/// A segment with its length.
fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 2).expect("short").to_be_bytes();
    [&[0xff, marker][..], &length, content].concat()
}

fn head(segments: &[Vec<u8>]) -> Head {
    let bytes = [&b"\xff\xd8"[..], &segments.concat()].concat();
    Head::read(&mut Cursor::new(bytes)).expect("it is in memory")
}

fn frame(marker: u8, sampling: [u8; 3]) -> Vec<u8> {
    let [a, b, c] = sampling;
    segment(marker, &[8, 0, 100, 0, 200, 3, 1, a, 0, 2, b, 0, 3, c, 0])
}

#[test]
fn images_in_several_scans_are_recognised() {
    let scan = |count: u8| segment(marker::SOS, &[count, 1, 0]);
    for (what, segments, expected) in [
        ("baseline", [frame(0xc0, [0x22, 0x11, 0x11]), scan(3)], 0),
        ("one scan per component", [frame(0xc0, [0x22, 0x11, 0x11]), scan(1)], 100 * 200 * 3 / 2 * 2),
        ("progressive", [frame(0xc2, [0x22, 0x11, 0x11]), scan(3)], 100 * 200 * 3 / 2 * 2),
        ("progressive, 4:4:4", [frame(0xc2, [0x11, 0x11, 0x11]), scan(3)], 100 * 200 * 3 * 2),
        ("arithmetic", [frame(0xc9, [0x11, 0x11, 0x11]), scan(3)], 0),
        ("no scan", [frame(0xc2, [0x11, 0x11, 0x11]), Vec::new()], 0),
        ("sampling of nothing", [frame(0xc2, [0, 0, 0]), scan(3)], 0),
    ] {
        let head = head(&segments);
        assert_eq!((head.width, head.height, head.coefficients), (200, 100, expected), "{what}");
    }
}

#[test]
fn a_profile_is_joined_in_the_order_of_its_parts() {
    let part =
        |number: u8, content: &[u8]| segment(marker::APP2, &[&b"ICC_PROFILE\0"[..], &[number, 3], content].concat());
    let other = segment(marker::APP2, b"MPF\0");
    assert_eq!(head(&[part(2, b"b"), other, part(3, b"c"), part(1, b"a")]).profile, b"abc");
}

#[test]
fn junk_between_segments_is_skipped() {
    let junk = b"\xff\xff\xff\0junk".to_vec();
    let head = head(&[junk.clone(), segment(0xe0, b"JFIF\0"), junk, frame(0xc0, [0x11, 0x11, 0x11])]);
    assert_eq!((head.width, head.height), (200, 100));
}

#[test]
fn a_truncated_head_is_not_an_error() {
    let bytes = [b"\xff\xd8".to_vec(), segment(marker::APP1, b"Exif\0\0"), frame(0xc0, [0x11, 0x11, 0x11])].concat();
    for len in 0..bytes.len() {
        Head::read(&mut Cursor::new(&bytes[..len])).expect("it is in memory");
    }
}

/// Each scan visits every block, and needs only a few bytes.
#[test]
fn the_number_of_scans_is_limited() {
    let scans = b"\xff\xda\0\0".repeat(1000);
    let at = Cell::new(0);
    let mut watched =
        Watched { inner: &scans[..], at: &at, window: 64, end: u64::MAX, scans: Some(0), counted: 0, ended: false };
    while watched.fill_buf().expect("it is in memory") != END {
        watched.consume(64);
    }
    assert_eq!(at.get(), (MAX_SCANS as u64 / 16 + 1) * 64);
}
