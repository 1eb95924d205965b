//! `Secret`: a key that is used and never shown.

use std::fmt;

/// The key that URLs are signed with. It is never empty, and `Debug` does not show it.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// `None` where there is nothing: an environment variable that is set to nothing must not become a key.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Option<Self> {
        Some(bytes.into()).filter(|bytes| !bytes.is_empty()).map(Self)
    }

    /// For the one who computes a signature, nobody else.
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
    fn it_is_not_empty_and_does_not_show() {
        assert!(Secret::new("").is_none());
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Some((secret))");
    }
}
