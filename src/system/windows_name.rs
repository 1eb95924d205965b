//! Which names a file can have on Windows, and by which only other files would be found. Pure, and tested on every system.
//!
//! Windows removes dots and spaces from the end of a name, opens devices by names such as `nul.txt` in any folder, and opens
//! another stream of a file by `name:stream` ("Naming Files, Paths, and Namespaces" in Microsoft's documentation of Win32). A
//! path with such a name would reach a file by a spelling that no access rule has, so devmedia never passes it to the system.

use std::fmt;

/// The most UTF-16 units in a name (NTFS, exFAT and `ReFS`).
const MAX_UNITS: usize = 255;

/// Why no file on Windows has this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameFault {
    /// It is not text: neither UTF-8 nor WTF-8.
    NotText,
    /// It contains a character that no name can have.
    Character(char),
    /// It ends in a dot or a space, which Windows removes.
    End(char),
    /// It is the name of a device, with or without an extension.
    Device(&'static str),
    /// It has more than 255 UTF-16 units.
    Long,
}

/// What is wrong with the name, as a clause about it.
impl fmt::Display for NameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotText => f.write_str("it is not Unicode text"),
            Self::Character(c) if c.is_control() => {
                write!(f, "it contains the control character {}", c.escape_default())
            }
            Self::Character('\\') => f.write_str("it contains a backslash; URLs separate folders by /"),
            Self::Character(c) => write!(f, "it contains {c}"),
            Self::End(' ') => f.write_str("it ends in a space"),
            Self::End(_) => f.write_str("it ends in a dot"),
            Self::Device(range) if range.contains(" to ") => write!(f, "{range} are devices"),
            Self::Device(device) => write!(f, "{device} is a device"),
            Self::Long => write!(f, "it has more than {MAX_UNITS} characters"),
        }
    }
}

/// The names of devices, which are reserved in every folder.
const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];

/// The names of devices that a digit follows; the superscripts of Latin-1 count as digits.
const NUMBERED: [(&str, &str); 2] = [("COM", "COM0 to COM9"), ("LPT", "LPT0 to LPT9")];

/// The first fault of the names in a path, on Windows. Other systems take these names as they are.
pub fn fault_here<'a>(mut names: impl Iterator<Item = &'a [u8]>) -> Option<NameFault> {
    if cfg!(windows) { names.find_map(fault) } else { None }
}

/// Checks one segment of a path; `None` if a file can have this name.
pub fn fault(name: &[u8]) -> Option<NameFault> {
    let Some(units) = wide(name) else { return Some(NameFault::NotText) };
    let is_forbidden = |b: &&u8| **b < 0x20 || b"\"*/:<>?\\|".contains(b);
    if let Some(forbidden) = name.iter().find(is_forbidden) {
        return Some(NameFault::Character(char::from(*forbidden)));
    }
    if let Some(last @ (b'.' | b' ')) = name.last() {
        return Some(NameFault::End(char::from(*last)));
    }
    if let Some(device) = device(name) {
        return Some(NameFault::Device(device));
    }
    (units.len() > MAX_UNITS).then_some(NameFault::Long)
}

/// The device that Windows opens in place of a file of this name.
fn device(name: &[u8]) -> Option<&'static str> {
    // the text before the first dot counts, without spaces at its end
    let stem = name.split(|&b| b == b'.').next().unwrap_or_default().trim_ascii_end();
    let stem = std::str::from_utf8(stem).ok()?;
    if let Some(device) = DEVICES.iter().find(|device| stem.eq_ignore_ascii_case(device)) {
        return Some(device);
    }
    let (letters, digit) = (stem.get(..3)?, stem.get(3..)?);
    let (_, devices) = NUMBERED.iter().find(|(device, _)| letters.eq_ignore_ascii_case(device))?;
    let mut digits = digit.chars();
    let is_digit = digits.next().is_some_and(|c| matches!(c, '0'..='9' | '\u{b9}' | '\u{b2}' | '\u{b3}'));
    (is_digit && digits.next().is_none()).then_some(devices)
}

/// Whether this may be the short name that Windows has given to a file with another name (`PROGRA~1`, `A1B2~1.JPG`): at most
/// eight characters with a tilde and digits, and an extension of at most three. Such a name may also be a file's only one.
pub fn may_be_short(name: &[u8]) -> bool {
    let (stem, extension) = match name.iter().rposition(|&b| b == b'.') {
        Some(dot) => (&name[..dot], &name[dot + 1..]),
        None => (name, &name[name.len()..]),
    };
    let Some(tilde) = stem.iter().rposition(|&b| b == b'~') else { return false };
    let digits = &stem[tilde + 1..];
    tilde > 0
        && stem.len() <= 8
        && extension.len() <= 3
        && !stem.contains(&b'.')
        && !digits.is_empty()
        && digits.iter().all(u8::is_ascii_digit)
}

/// The UTF-16 of a name in WTF-8, which is UTF-8 that may contain unpaired surrogates as well; `None` for other bytes. A pair of
/// surrogates that is written as two characters is not WTF-8: the same name would have two spellings.
pub fn wide(name: &[u8]) -> Option<Vec<u16>> {
    let mut units = Vec::with_capacity(name.len());
    let mut rest = name;
    while !rest.is_empty() {
        if let [0xed, second @ 0xa0..=0xbf, third @ 0x80..=0xbf, more @ ..] = rest {
            let unit = 0xd000 | u16::from(second & 0x3f) << 6 | u16::from(third & 0x3f);
            let is_pair = units.last().is_some_and(|last| (0xd800..0xdc00).contains(last)) && unit >= 0xdc00;
            if is_pair {
                return None;
            }
            units.push(unit);
            rest = more;
            continue;
        }
        let valid = match std::str::from_utf8(rest) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&rest[..error.valid_up_to()]).ok()?,
        };
        if valid.is_empty() {
            return None;
        }
        units.extend(valid.encode_utf16());
        rest = &rest[valid.len()..];
    }
    Some(units)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows are from Microsoft's "Naming Files, Paths, and Namespaces", and from CVE-2024-51756 (cap-std) and
    /// CVE-2025-27210 (Node.js) for devices.
    #[test]
    fn names_that_windows_reads_as_something_else_are_faults() {
        use NameFault::{Character, Device, End, Long, NotText};
        let long = "x".repeat(255);
        let longer = "x".repeat(256);
        for (name, expected) in [
            ("secret.pdf", None),
            ("Caf\u{e9} \u{65e5}\u{672c}.jpg", None),
            ("a..b", None),
            (".env", None),
            (" leading", None),
            ("PROGRA~1", None),
            ("secret.pdf.", Some(End('.'))),
            ("secret.pdf ", Some(End(' '))),
            ("secret.pdf. .", Some(End('.'))),
            ("...", Some(End('.'))),
            ("secret.pdf::$DATA", Some(Character(':'))),
            ("a.txt:b", Some(Character(':'))),
            ("C:", Some(Character(':'))),
            ("a\\b", Some(Character('\\'))),
            ("..\\..\\a", Some(Character('\\'))),
            ("\\\\?\\C", Some(Character('\\'))),
            ("a<b", Some(Character('<'))),
            ("a>b", Some(Character('>'))),
            ("a\"b", Some(Character('"'))),
            ("a|b", Some(Character('|'))),
            ("a?b", Some(Character('?'))),
            ("a*b", Some(Character('*'))),
            ("a\u{1}b", Some(Character('\u{1}'))),
            ("a\nb", Some(Character('\n'))),
            ("a\u{7f}b", None), // DEL is allowed
            ("CON", Some(Device("CON"))),
            ("con.txt", Some(Device("CON"))),
            ("nul.tar.gz", Some(Device("NUL"))),
            ("nul .txt", Some(Device("NUL"))),
            ("Aux", Some(Device("AUX"))),
            ("prn.jpg", Some(Device("PRN"))),
            ("conin$", Some(Device("CONIN$"))),
            ("CONOUT$.txt", Some(Device("CONOUT$"))),
            ("com1", Some(Device("COM0 to COM9"))),
            ("COM\u{b9}.txt", Some(Device("COM0 to COM9"))),
            ("lpt9.png", Some(Device("LPT0 to LPT9"))),
            ("com10", None),
            ("com", None),
            ("company.jpg", None),
            ("console.log", None),
            ("nulls", None),
            (&long, None),
            (&longer, Some(Long)),
        ] {
            assert_eq!(fault(name.as_bytes()), expected, "{name:?}");
        }
        assert_eq!(Device("COM0 to COM9").to_string(), "COM0 to COM9 are devices");
        assert_eq!(fault(b"\xff.txt"), Some(NotText));
        assert_eq!(fault("\u{1f600}".repeat(127).as_bytes()), None, "254 units");
        assert_eq!(fault("\u{1f600}".repeat(128).as_bytes()), Some(Long), "256 units");
    }

    #[test]
    fn names_of_the_form_of_short_names_are_found() {
        for (name, expected) in [
            ("PROGRA~1", true),
            ("secret~1.pdf", true),
            ("A1B2C~10.JPG", true),
            ("~1", false),
            ("a~b", false),
            ("photo~", false),
            ("photograph~1.jpg", false),
            ("a~1.jpeg", false),
            ("a.b~1", false),
            ("a~1", true),
        ] {
            assert_eq!(may_be_short(name.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn names_are_converted_from_wtf_8() {
        for (name, expected) in [
            (&b"a\xc3\xa9"[..], Some(vec![0x61, 0xe9])),
            ("\u{1f600}".as_bytes(), Some(vec![0xd83d, 0xde00])),
            (b"a\xed\xa0\x80b", Some(vec![0x61, 0xd800, 0x62])),
            (b"\xed\xb0\x80", Some(vec![0xdc00])),
            (b"\xed\xb0\x80\xed\xa0\x80", Some(vec![0xdc00, 0xd800])), // not a pair in this order
            (b"\xed\xa0\xbd\xed\xb8\x80", None),                       // U+1F600, as CESU-8 has it
            (b"\xff", None),
            (b"a\xc3", None),
            (b"\xc0\xae", None), // an overlong dot
            (b"", Some(vec![])),
        ] {
            assert_eq!(wide(name), expected, "{name:?}");
        }
    }
}
