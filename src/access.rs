//! Who may see it: a policy a mount.

pub mod secret;
pub mod signed;
