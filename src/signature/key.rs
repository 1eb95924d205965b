//! The keys that requests are signed with.

use super::secret::Secret;

/// An access key and its secret. `Debug` does not show the secret.
#[derive(Debug, Clone)]
pub struct Key {
    /// The access key ID, which is public.
    pub id: String,
    /// The secret access key.
    pub secret: Secret,
}

/// The key with this ID.
pub fn find<'a>(keys: &'a [Key], id: &str) -> Option<&'a Key> {
    keys.iter().find(|key| key.id == id)
}
