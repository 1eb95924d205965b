//! The format of pages and refusals: content negotiation (RFC 9110 section 12.5.1). Pure.

use hyper::header::{self, HeaderMap};

use super::query::Query;

/// A format of pages. Every page is available in all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For browsers.
    Html,
    /// For terminals.
    Text,
    /// For programs.
    Json,
}

impl Format {
    /// `?format=html|text|json` decides; else the `Accept` field; else, or if that has no preference, `default`.
    pub fn negotiate(headers: &HeaderMap, query: Query<'_>, default: Self) -> Self {
        let asked = query.pairs().find_map(|pair| match pair {
            ("format", "html") => Some(Self::Html),
            ("format", "text") => Some(Self::Text),
            ("format", "json") => Some(Self::Json),
            _ => None,
        });
        let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
        asked.unwrap_or_else(|| by_accept(accepts, default))
    }

    fn media_type(self) -> (&'static str, &'static str) {
        match self {
            Self::Html => ("text", "html"),
            Self::Text => ("text", "plain"),
            Self::Json => ("application", "json"),
        }
    }
}

/// The highest weight wins, then the more specific range, then the one named first, then `default`. The weight is in
/// thousandths (RFC 9110 section 12.4.2).
fn by_accept<'a>(lines: impl Iterator<Item = &'a str>, default: Format) -> Format {
    let ranges: Vec<(&str, u16)> = lines.flat_map(|line| line.split(',')).filter_map(media_range).collect();
    let rank = |format: Format| {
        let (kind, subtype) = format.media_type();
        let fits = ranges.iter().enumerate().filter_map(|(place, (range, weight))| {
            let specific = match range.split_once('/')? {
                ("*", "*") => 0,
                (range, "*") if range.eq_ignore_ascii_case(kind) => 1,
                (range, sub) if range.eq_ignore_ascii_case(kind) && sub.eq_ignore_ascii_case(subtype) => 2,
                _ => return None,
            };
            let order = if specific == 2 { std::cmp::Reverse(place) } else { std::cmp::Reverse(usize::MAX) };
            Some((specific, *weight, order))
        });
        // the most specific range that fits gives the weight (section 12.5.1)
        fits.max_by_key(|(specific, ..)| *specific).map(|(specific, weight, order)| (weight, specific, order))
    };
    [Format::Json, Format::Text, Format::Html, default]
        .into_iter()
        .filter_map(|format| Some((rank(format).filter(|(weight, ..)| *weight > 0)?, format)))
        .max_by_key(|(rank, _)| *rank)
        .map_or(default, |(_, format)| format)
}

fn media_range(text: &str) -> Option<(&str, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next().filter(|range| !range.is_empty())?;
    let weight = parts.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse::<f32>().unwrap_or(0.0))
    });
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=1000")]
    let thousandths = (weight.unwrap_or(1.0).clamp(0.0, 1.0) * 1000.0) as u16;
    Some((range, thousandths))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_chooses() {
        use Format::{Html, Json, Text};
        for (accept, default, expected) in [
            ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", Text, Html), // Chromium
            ("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", Text, Text),           // <img>
            ("*/*", Text, Text),                                                                        // curl
            ("*/*", Html, Html),
            ("application/json", Html, Json),
            ("application/json, text/plain, */*", Html, Json), // axios
            ("text/plain, application/json", Html, Text),
            ("text/plain;q=0.5, application/json;q=0.4", Html, Text),
            ("text/*", Html, Html),
            ("text/*;q=0.3, application/json;q=0.2", Text, Text),
            ("text/html;q=0, */*", Html, Text),
            ("image/png", Text, Text),
            ("", Html, Html),
            ("text/html;q=abc, application/json;q=0.1", Text, Json),
            ("TEXT/HTML", Text, Html),
        ] {
            assert_eq!(by_accept([accept].into_iter(), default), expected, "{accept}");
        }
    }
}
