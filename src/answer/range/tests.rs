use proptest::prelude::*;

use super::*;

/// Expected parts as `start..end`, `416`, or `whole`.
fn show(requested: Requested) -> String {
    match requested {
        Requested::Whole => "whole".to_owned(),
        Requested::Unsatisfiable => "416".to_owned(),
        Requested::Parts(parts) => {
            let parts: Vec<String> = parts.iter().map(|part| format!("{}..{}", part.start, part.end)).collect();
            parts.join(" ")
        }
    }
}

#[test]
fn one_range_of_ten_bytes() {
    for (set, expected) in [
        // RFC 9110 section 14.1.2
        ("0-4", "0..5"),
        ("2-", "2..10"),
        ("-5", "5..10"),
        ("9-9", "9..10"),
        ("0-0", "0..1"), // WhiteNoise and sirv fail on one byte
        ("0-", "0..10"), // the first request of every video: 206, not 200 (actix-files)
        ("0-9", "0..10"),
        // clamped to the file (dufs answered 416)
        ("5-1000", "5..10"),
        ("-15", "0..10"),
        ("0-18446744073709551615", "0..10"),
        ("0-99999999999999999999", "0..10"), // Go issue 40940
        ("-99999999999999999999", "0..10"),
        // no byte of the file
        ("10-", "416"),
        ("10-20", "416"),
        ("-0", "416"), // Caddy sends "bytes 10-9/10"
        ("18446744073709551615-", "416"),
        ("99999999999999999999-", "416"),
        // malformed: ignored (section 14.2)
        ("", "whole"),
        ("-", "whole"),
        ("5-4", "whole"),
        ("--5", "whole"),
        ("+1-2", "whole"),
        ("A-Z", "whole"),
        ("0x1-0x2", "whole"),
        ("1 - 2", "whole"),
        ("1", "whole"),
        ("1-2-3", "whole"),
        (",", "whole"),
        // white space around elements is allowed (section 5.6.1)
        (" 0-4 ", "0..5"),
        ("\t0-4,", "0..5"),
        (",, 0-4 ,,", "0..5"),
    ] {
        assert_eq!(show(requested(format!("bytes={set}").as_bytes(), 10)), expected, "{set:?}");
    }
}

#[test]
fn the_unit_is_bytes_in_any_case() {
    for (field, expected) in [
        ("bytes=0-4", "0..5"),
        ("Bytes=0-4", "0..5"), // section 14.1: range units are case-insensitive
        ("items=0-1", "whole"),
        ("bytes 0-4", "whole"),
        ("=0-4", "whole"),
        ("", "whole"), // GHSA-gcqf-3g44-vc9p: an empty field made actix-files panic
        ("bytes=\u{e9}", "whole"),
    ] {
        assert_eq!(show(requested(field.as_bytes(), 10)), expected, "{field:?}");
    }
}

#[test]
fn several_ranges_of_a_thousand_bytes() {
    for (set, expected) in [
        ("0-4,500-504", "0..5 500..505"),
        ("500-504,0-4", "500..505 0..5"), // in the requested order (section 15.3.7.2)
        ("0-9,1000000-", "0..10"),        // one is satisfiable (dufs 0.47 answered 416)
        ("0-9,5-14", "0..15"),            // overlap
        ("0-9,10-19", "0..20"),           // touch
        ("0-9,60-69", "0..70"),           // almost touch
        ("0-9,90-99", "0..100"),
        ("0-9,91-99", "0..10 91..100"),
        ("500-509,0-9,505-520", "500..521 0..10"),
        ("0-,0-", "whole"), // more bytes than the file has
        ("0-999,0-0", "whole"),
        ("0-4,5-4", "whole"), // one malformed range makes the set invalid
    ] {
        assert_eq!(show(requested(format!("bytes={set}").as_bytes(), 1000)), expected, "{set:?}");
    }
}

#[test]
fn an_empty_file_has_no_ranges() {
    for set in ["0-0", "0-", "-1", "-0", "5-"] {
        // Go issue 54794
        assert_eq!(requested(format!("bytes={set}").as_bytes(), 0), Requested::Whole, "{set}");
    }
}

#[test]
fn too_many_parts_are_the_whole_file() {
    let set = |count: usize| {
        let members: Vec<String> = (0..count).map(|part| format!("{0}-{0}", part * 1000)).collect();
        format!("bytes={}", members.join(","))
    };
    assert!(matches!(requested(set(16).as_bytes(), 1 << 20), Requested::Parts(parts) if parts.len() == 16));
    assert_eq!(requested(set(17).as_bytes(), 1 << 20), Requested::Whole);
    assert_eq!(requested(set(10_000).as_bytes(), 1 << 30), Requested::Whole); // CVE-2025-62727
}

proptest! {
    #[test]
    fn parts_lie_in_the_file_and_come_to_no_more_than_it(field in "bytes=[-0-9, ]{0,60}", len: u64) {
        if let Requested::Parts(parts) = requested(field.as_bytes(), len) {
            prop_assert!(!parts.is_empty() && parts.len() <= MAX_PARTS);
            for part in &parts {
                prop_assert!(part.start < part.end && part.end <= len);
            }
            let total: u128 = parts.iter().map(|part| u128::from(part.len())).sum();
            prop_assert!(total <= u128::from(len));
        }
    }

    #[test]
    fn every_byte_asked_for_is_in_a_part(asked in prop::collection::vec((0..500_u64, 1..40_u64), 1..10)) {
        let len = 100_000;
        let members: Vec<String> = asked.iter().map(|(start, count)| format!("{start}-{}", start + count - 1)).collect();
        let Requested::Parts(parts) = requested(format!("bytes={}", members.join(",")).as_bytes(), len) else {
            return Err(TestCaseError::fail("all are satisfiable"));
        };
        for (start, count) in asked {
            prop_assert!(parts.iter().any(|part| part.start <= start && start + count <= part.end));
        }
    }

    #[test]
    fn any_bytes_are_read_without_panic(field: Vec<u8>, len: u64) {
        requested(&field, len);
    }
}
