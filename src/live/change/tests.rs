use std::time::Duration;

use super::*;

fn entry(name: &[u8], kind: Kind, seconds: u64) -> Entry {
    let modified = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    Entry { name: name.to_vec(), kind, modified, sniffed: None }
}

fn file(name: &str, len: u64, seconds: u64) -> Entry {
    entry(name.as_bytes(), Kind::File(len), seconds)
}

fn folder(name: &str, seconds: u64) -> Entry {
    entry(name.as_bytes(), Kind::Directory, seconds)
}

/// The changes as `kind name`.
fn told(before: Vec<Entry>, after: Vec<Entry>) -> Vec<String> {
    let (before, after) = (Snapshot::new(before), Snapshot::new(after));
    let text = |change: &Change<'_>| format!("{:?} {}", change.what, String::from_utf8_lossy(change.name));
    before.changes(&after).iter().map(text).collect()
}

#[test]
fn two_readings_differ_by() {
    let nothing: [&str; 0] = [];
    assert_eq!(told(vec![file("a", 1, 1)], vec![file("a", 1, 1)]), nothing);
    assert_eq!(told(vec![], vec![file("a", 1, 1)]), ["Created a"]);
    assert_eq!(told(vec![file("a", 1, 1)], vec![]), ["Removed a"]);
    assert_eq!(told(vec![file("a", 1, 1)], vec![file("a", 2, 1)]), ["Modified a"]);
    assert_eq!(told(vec![file("a", 1, 1)], vec![file("a", 1, 2)]), ["Modified a"]);
    assert_eq!(told(vec![file("a", 1, 1)], vec![file("b", 1, 1)]), ["Removed a", "Created b"]);
    assert_eq!(told(vec![file("a", 1, 1)], vec![folder("a", 1)]), ["Modified a"]);
    // what happened in a folder below is not looked at
    assert_eq!(told(vec![folder("a", 1)], vec![folder("a", 2)]), nothing);
}

#[test]
fn a_state_is_that_of_what_is_compared() {
    let state = State::of(&[folder("a", 1), file("b", 1, 1)]);
    assert_eq!(state, State::of(&[folder("a", 2), file("b", 1, 1)]));
    assert_ne!(state, State::of(&[folder("a", 1), file("b", 1, 2)]));
    assert_ne!(state, State::of(&[folder("a", 1)]));
    assert_ne!(State::of(&[]), State::GONE);
    assert_eq!(state.to_string().parse(), Ok(state));
    assert!("".parse::<State>().is_err());
}

#[test]
fn an_event_is_three_lines_whatever_the_name() {
    let after = Snapshot::new(vec![entry(b"a\n\ndata: \xff\r\"", Kind::File(1), 1), folder("ordner", 1)]);
    let text = events("/media/", &Snapshot::default().changes(&after), State(255));
    let expected = "event: change\n\
        data: {\"name\":\"a\\n\\ndata: \u{fffd}\\r\\\"\",\"url\":\"/media/a%0A%0Adata%3A%20%FF%0D%22\",\"kind\":\"created\"}\n\n\
        event: change\n\
        data: {\"name\":\"ordner\",\"url\":\"/media/ordner/\",\"kind\":\"created\"}\n\
        id: 00000000000000ff\n\n";
    assert_eq!(text, expected);
}

#[test]
fn many_changes_are_one() {
    let many = |count: usize| Snapshot::new((0..count).map(|n| file(&n.to_string(), 1, 1)).collect());
    let count = |text: &str| text.matches("event: change\n").count();
    assert_eq!(count(&events("/", &Snapshot::default().changes(&many(MANY)), State(1))), MANY);
    let text = events("/media/a/", &Snapshot::default().changes(&many(MANY + 1)), State(1));
    assert_eq!(text, "event: refresh\ndata: {\"url\":\"/media/a/\"}\nid: 0000000000000001\n\n");
}
