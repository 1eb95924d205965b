//! Query strings: a parameter is found among any others, and the first of its name counts.
#![no_main]

use devmedia_fuzz::{Format, Query, Value, append, live};
use hyper::header::{self, HeaderMap};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    before: &'a str,
    name: &'a str,
    value: &'a str,
    after: &'a str,
    accept: Vec<Value>,
}

fuzz_target!(|input: Input<'_>| {
    let Input { before, name, value, after, accept } = input;
    let query = Query::new(Some(before));
    // joined again, the pairs are the same pairs
    let pairs: Vec<(&str, &str)> = query.pairs().collect();
    let joined = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    // a lone "=" stands for a pair without a name
    assert_eq!(Query::new(Some(&joined)).pairs().collect::<Vec<_>>(), pairs, "{before}");

    if !name.contains(['&', '=']) && !value.contains('&') && !(name.is_empty() && value.is_empty()) {
        let text = format!("{before}&{name}={value}&{after}");
        assert_eq!(Query::new(Some(&text)).get(name), Some(query.get(name).unwrap_or(value)), "{text}");
    }

    let mut headers = HeaderMap::new();
    append(&mut headers, &header::ACCEPT, &accept);
    for default in [Format::Html, Format::Text, Format::Json] {
        let by_field = Format::negotiate(&headers, Query::default(), default);
        if accept.is_empty() {
            assert_eq!(by_field, default);
        }
        if query.get("format").is_none() {
            assert_eq!(Format::negotiate(&headers, query, default), by_field);
            // the parameter wins over the field
            for (word, format) in [("html", Format::Html), ("text", Format::Text), ("json", Format::Json)] {
                let text = format!("{before}&format={word}&{after}");
                assert_eq!(Format::negotiate(&headers, Query::new(Some(&text)), default), format, "{text}");
            }
        }
    }
    if live::asked(query).is_none() {
        let text = format!("{before}&events&{after}");
        assert_eq!(live::asked(Query::new(Some(&text))), Some(""), "{text}");
    }
});
