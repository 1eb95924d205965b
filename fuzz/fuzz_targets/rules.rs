//! Access rules: `deny` holds for the path it names, for all beneath it, and in every spelling of it.
#![no_main]

use devmedia_fuzz::{Access, MediaPath, Patterns, Policy, Rule, literal_path, media_path};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    patterns: Vec<&'a str>,
    target: &'a [u8],
    name: &'a str,
    below: &'a str,
}

fuzz_target!(|input: Input<'_>| {
    if let (Some(access), Some(path)) = (denied(input.patterns.iter().copied()), media_path(input.target)) {
        monotone(&access, &path);
    }
    let Some(path) = literal_path(input.name.as_bytes()).filter(|path| !path.is_top()) else { return };
    let Ok(text) = std::str::from_utf8(path.as_bytes()) else { return };
    let pattern: String = text.chars().flat_map(|c| escape(c).chain([c])).collect();
    // what cannot be a pattern is refused at the start, so it guards nothing in silence
    let Some(access) = denied(std::iter::once(pattern.as_str())) else { return };
    assert!(!access.is_public(&path), "{pattern:?} does not match {path}");
    for spelling in [text.to_lowercase(), text.to_uppercase()] {
        let Some(path) = literal_path(spelling.as_bytes()) else { continue };
        assert!(!access.is_public(&path), "{pattern:?} does not match {path} on a file system that ignores case");
    }
    let below = literal_path(input.below.as_bytes()).into_iter();
    let below = below.flat_map(|below| below.segments().map(<[u8]>::to_vec).collect::<Vec<_>>());
    let below = below.fold(path, |path, name| path.join(&name));
    assert!(!access.is_public(&below), "{pattern:?} does not match {below}");
    monotone(&access, &below);
});

/// All that these patterns match is denied.
fn denied<'a>(patterns: impl Iterator<Item = &'a str> + Clone) -> Option<Access> {
    let patterns = Patterns::parse(patterns).ok()?;
    let rule = Rule { access: Some(Policy::Deny), ..Rule::default() };
    Some(Access::new(Policy::Public, vec![(patterns, rule)]))
}

/// What is beneath a denied folder is denied too, and a trailing slash makes no difference.
fn monotone(access: &Access, path: &MediaPath) {
    assert_eq!(access.is_public(path), access.is_public(&path.with_slash(!path.has_slash())));
    // not at the top: the pattern {} is the empty path, and no path has an empty name
    if !path.is_top() && !access.is_public(path) {
        assert!(!access.is_public(&path.join(b"child")), "{path} is denied, but not what it holds");
    }
}

fn escape(c: char) -> impl Iterator<Item = char> {
    "*?[]{}\\!,".contains(c).then_some('\\').into_iter()
}
