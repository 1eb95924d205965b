//! `Query`: the parameters of a request's query string.

/// What follows the `?` of a request's target, read as `name=value` pairs with `&` between them.
///
/// Names and values are taken as they were sent: none of devmedia's own parameters needs an escape. Signatures are checked
/// against the raw text, not by this.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Query<'a>(Option<&'a str>);

impl<'a> Query<'a> {
    /// Reads the query of a target; `None` where there is no `?`.
    pub fn new(text: Option<&'a str>) -> Self {
        Self(text)
    }

    /// The whole text, without the `?`.
    pub fn text(self) -> Option<&'a str> {
        self.0
    }

    /// Names and values in their order. A parameter without `=` has the empty value.
    pub fn pairs(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let pairs = self.0.into_iter().flat_map(|text| text.split('&')).filter(|pair| !pair.is_empty());
        pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    }

    /// The text without the parameters of this name; `None` where nothing is left.
    pub fn without(self, name: &str) -> Option<String> {
        let is_other = |pair: &&str| !pair.is_empty() && pair.split('=').next() != Some(name);
        let rest: Vec<&str> = self.0.into_iter().flat_map(|text| text.split('&')).filter(is_other).collect();
        (!rest.is_empty()).then(|| rest.join("&"))
    }

    /// The value of the first parameter of this name.
    pub fn get(self, name: &str) -> Option<&'a str> {
        self.pairs().find(|(found, _)| *found == name).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_taken_out_and_the_others_stay_as_they_are() {
        for (text, expected) in [
            (None, None),
            (Some(""), None),
            (Some("a"), None),
            (Some("a=1"), None),
            (Some("itok=x%3D=&a=1&w"), Some("itok=x%3D=&w")),
            (Some("&&ab=1&b=a"), Some("ab=1&b=a")),
        ] {
            assert_eq!(Query::new(text).without("a").as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn the_first_parameter_of_a_name_counts() {
        for (text, name, expected) in [
            (None, "a", None),
            (Some(""), "a", None),
            (Some("a"), "a", Some("")),
            (Some("a="), "a", Some("")),
            (Some("a=1"), "a", Some("1")),
            (Some("a=1=2"), "a", Some("1=2")),
            (Some("b=2&a=1&a=3"), "a", Some("1")),
            (Some("&&a=1"), "a", Some("1")),
            (Some("ab=1"), "a", None),
            (Some("b=a"), "a", None),
            (Some("%61=1"), "a", None), // nothing is decoded
        ] {
            assert_eq!(Query::new(text).get(name), expected, "{text:?}");
        }
    }
}
