use proptest::prelude::*;

use super::*;

/// A body in pieces.
struct Pieces(Vec<Bytes>);

impl Source for Pieces {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        Ok((!self.0.is_empty()).then(|| self.0.remove(0)))
    }
}

/// The parts that have a `Content-Disposition`: its value, and the content.
fn parts(pieces: Vec<Bytes>) -> Result<Vec<(String, Vec<u8>)>, FormError> {
    let read = async {
        let mut form = Form::new(Pieces(pieces), &Boundary::new("frontier").expect("valid"));
        let mut parts = Vec::new();
        while let Some(head) = form.next_part().await? {
            let name = head.get("content-disposition").map(|value| String::from_utf8_lossy(value).into_owned());
            let mut content = Vec::new();
            while let Some(bytes) = form.chunk().await? {
                assert!(!bytes.is_empty());
                content.extend_from_slice(&bytes);
            }
            parts.extend(name.map(|name| (name, content)));
        }
        Ok(parts)
    };
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(read)
}

fn whole(body: &[u8]) -> Result<Vec<(String, Vec<u8>)>, FormError> {
    parts(vec![Bytes::copy_from_slice(body)])
}

/// Each row was run through the `MultiPartParser` of Django 5.2, with the same result except where a row says
/// otherwise.
#[test]
fn parts_are_where_django_finds_them() {
    type Parts<'a> = &'a [(&'a str, &'a str)];
    let rows: &[(&str, &str, Parts<'_>)] = &[
        ("one part", "--frontier\r\nContent-Disposition: a\r\n\r\nx\r\n--frontier--\r\n", &[("a", "x")]),
        ("no line break at the end", "--frontier\r\nContent-Disposition: a\r\n\r\nx\r\n--frontier--", &[("a", "x")]),
        ("no part", "--frontier--\r\n", &[]),
        (
            "an empty part whose blank line the boundary follows (werkzeug#2632)",
            "--frontier\r\nContent-Disposition: a\r\n\r\n--frontier\r\nContent-Disposition: b\r\n\r\nbbb\r\n--frontier--\r\n",
            &[("b", "bbb")],
        ),
        (
            "an empty part",
            "--frontier\r\nContent-Disposition: a\r\n\r\n\r\n--frontier\r\nContent-Disposition: b\r\n\r\nbbb\r\n--frontier--\r\n",
            &[("a", ""), ("b", "bbb")],
        ),
        (
            "no blank line",
            "--frontier\r\nContent-Disposition: a\r\n--frontier\r\nContent-Disposition: b\r\n\r\nbbb\r\n--frontier--\r\n",
            &[("b", "bbb")],
        ),
        (
            "no line break before the boundary",
            "--frontier\r\nContent-Disposition: a\r\n\r\nabc--frontier\r\nContent-Disposition: b\r\n\r\nb\r\n--frontier--\r\n",
            &[("a", "abc"), ("b", "b")],
        ),
        ("half a line break", "--frontier\r\nContent-Disposition: a\r\n\r\nabc\n--frontier--\r\n", &[("a", "abc")]),
        ("the other half", "--frontier\r\nContent-Disposition: a\r\n\r\nabc\r--frontier--\r\n", &[("a", "abc")]),
        ("one more", "--frontier\r\nContent-Disposition: a\r\n\r\nabc\r\r\n--frontier--\r\n", &[("a", "abc\r")]),
        ("padding", "--frontier \t\r\nContent-Disposition: a\r\n\r\nx\r\n--frontier--\r\n", &[("a", "x")]),
        ("a preamble", "hello\r\n--frontier\r\nContent-Disposition: a\r\n\r\nx\r\n--frontier--\r\n", &[("a", "x")]),
        ("a garbled line", "--frontier\r\nhello\r\nContent-Disposition: a\r\n\r\nx\r\n--frontier--\r\n", &[("a", "x")]),
        (
            "two lines of one name",
            "--frontier\r\nContent-Disposition: a\r\ncontent-disposition:b\r\n\r\nx\r\n--frontier--\r\n",
            &[("b", "x")],
        ),
        (
            "an epilogue",
            "--frontier\r\nContent-Disposition: a\r\n\r\nx\r\n--frontier--\r\nContent-Disposition: b\r\n\r\ny",
            &[("a", "x")],
        ),
        // Django takes the preamble as a part
        (
            "a preamble like a part",
            "Content-Disposition: b\r\n\r\ny\r\n--frontier\r\nContent-Disposition: a\r\n\r\nx\r\n--frontier--\r\n",
            &[("a", "x")],
        ),
    ];
    for (row, body, expected) in rows {
        let expected: Vec<_> =
            expected.iter().map(|(name, content)| ((*name).to_owned(), content.as_bytes().to_vec())).collect();
        assert_eq!(whole(body.as_bytes()), Ok(expected.clone()), "{row}");
        let single = body.bytes().map(|b| Bytes::copy_from_slice(&[b])).collect();
        assert_eq!(parts(single), Ok(expected), "{row}, byte by byte");
    }
}

#[test]
fn bodies_without_a_closing_boundary_are_rejected() {
    let long = format!("--frontier\r\nX: {}\r\n\r\nx\r\n--frontier--", "x".repeat(9000));
    for (body, expected) in [
        ("", FormError::Truncated),
        ("--frontier", FormError::Truncated),
        ("--frontier-", FormError::Truncated),
        ("--frontier\r\nContent-Disposition: a\r\n\r\nx\r\n--frontie", FormError::Truncated),
        ("--frontier\r\nContent-Disposition: a\r\n\r\nx\r\n--frontier\r\n", FormError::Truncated),
        (&long, FormError::LongHead),
    ] {
        assert_eq!(whole(body.as_bytes()), Err(expected), "{body}");
    }
}

#[test]
fn boundaries() {
    for (text, is_valid) in [
        ("----WebKitFormBoundary7MA4YWxkTrZu0gW", true),
        ("a:b/c=d?e(f)", true), // RFC 2046 wants quotes around it, Django does not
        ("a b", true),
        ("a ", false),
        ("", false),
        ("\u{e9}", false),
    ] {
        assert_eq!(Boundary::new(text).is_some(), is_valid, "{text}");
    }
}

proptest! {
    /// However a form is split into pieces, its parts are the same and no byte is lost.
    #[test]
    fn the_split_into_pieces_does_not_matter(
        contents in prop::collection::vec("(\r|\n|-|--front|x|\r\n\r\n){0,9}", 0..4),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let parts_of = |content: &String| format!("--frontier\r\nContent-Disposition: a\r\n\r\n{content}\r\n");
        let body = contents.iter().map(parts_of).collect::<String>() + "--frontier--\r\n";
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len())).collect();
        at.extend([0, body.len()]);
        at.sort_unstable();
        let pieces = at.windows(2).map(|pair| Bytes::copy_from_slice(&body.as_bytes()[pair[0]..pair[1]]));
        let expected: Vec<_> = contents.iter().map(|content| ("a".to_owned(), content.clone().into_bytes())).collect();
        prop_assert_eq!(parts(pieces.filter(|piece| !piece.is_empty()).collect()), Ok(expected));
    }
}
