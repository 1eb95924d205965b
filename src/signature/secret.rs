//! `Secret`: a key that is never printed.

use std::fmt;

/// The key that URLs are signed with. It is never empty, and `Debug` does not show it.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Returns `None` if `bytes` is empty, so that an empty environment variable cannot become a key.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Option<Self> {
        Some(bytes.into()).filter(|bytes| !bytes.is_empty()).map(Self)
    }

    /// The key itself. Use it only to compute a signature.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_empty_and_debug_hides_it() {
        assert!(Secret::new("").is_none());
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Some((secret))");
    }
}
