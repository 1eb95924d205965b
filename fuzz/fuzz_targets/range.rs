//! `Range`: the parts lie in the file, do not overlap, are no more than the file, and hold all that was requested.
#![no_main]

use devmedia_fuzz::{Requested, requested};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
enum Input<'a> {
    /// Any bytes.
    Raw(&'a [u8], u64),
    /// A well-formed field of these `first-last` pairs; `(None, n)` is the suffix `-n`.
    WellFormed(Vec<(Option<u32>, Option<u32>)>, u32),
}

fuzz_target!(|input: Input<'_>| match input {
    Input::Raw(field, len) => check_parts(&requested(field, len), len),
    Input::WellFormed(specs, len) => well_formed(&specs, u64::from(len)),
});

fn check_parts(answer: &Requested, len: u64) {
    let Requested::Parts(parts) = answer else { return };
    assert!((1..=16).contains(&parts.len()), "{parts:?}");
    assert!(parts.iter().all(|part| part.start < part.end && part.end <= len), "{parts:?} of {len}");
    assert!(parts.iter().map(|part| part.len()).sum::<u64>() <= len, "{parts:?} of {len}");
    let mut sorted = parts.clone();
    sorted.sort_by_key(|part| part.start);
    assert!(sorted.windows(2).all(|pair| pair[0].end < pair[1].start), "{parts:?} overlap or touch");
}

fn well_formed(specs: &[(Option<u32>, Option<u32>)], len: u64) {
    let text = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
    let members: Vec<String> = specs.iter().map(|&(first, last)| format!("{}-{}", text(first), text(last))).collect();
    let answer = requested(format!("bytes={}", members.join(", ")).as_bytes(), len);
    check_parts(&answer, len);

    // RFC 9110 section 14.1.1: one malformed member makes the whole field invalid
    let valid = |&(first, last): &(Option<u32>, Option<u32>)| match (first, last) {
        (None, None) => false,
        (Some(first), Some(last)) => first <= last,
        _ => true,
    };
    if specs.is_empty() || !specs.iter().all(valid) || len == 0 {
        assert_eq!(answer, Requested::Whole);
        return;
    }
    // section 14.1.2: what each member selects of this file
    let wanted: Vec<(u64, u64)> = specs
        .iter()
        .map(|&(first, last)| match (first, last) {
            (Some(first), last) => (u64::from(first), last.map_or(len, |last| len.min(u64::from(last) + 1))),
            (None, suffix) => (len - len.min(u64::from(suffix.unwrap_or_default())), len),
        })
        .filter(|(start, end)| start < end)
        .collect();
    match answer {
        Requested::Unsatisfiable => assert!(wanted.is_empty(), "{wanted:?}"),
        Requested::Whole => {
            let sum: u64 = wanted.iter().map(|(start, end)| end - start).sum();
            assert!(sum > len || wanted.len() > 16, "{wanted:?} of {len}");
        }
        Requested::Parts(parts) => {
            for (start, end) in &wanted {
                assert!(parts.iter().any(|part| part.start <= *start && *end <= part.end), "{wanted:?}: {parts:?}");
            }
            for part in &parts {
                assert!(wanted.iter().any(|(start, _)| *start == part.start), "{wanted:?}: {parts:?}");
                assert!(wanted.iter().any(|(_, end)| *end == part.end), "{wanted:?}: {parts:?}");
            }
        }
    }
}
