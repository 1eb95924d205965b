//! AWS signatures as S3 checks them: Signature Version 4 (header, presigned query, chunks, form) and Version 2 (header,
//! presigned query, form). Pure: it reads no clock, no file and no socket.
//!
//! ```text
//! SignedRequest --verify--> Anonymous, or Verified { key, payload } --> BodyVerifier: what was sent --> what was meant
//! ```
//!
//! Sources: "Authenticating Requests (AWS Signature Version 4)" and "Signing and authenticating REST requests"
//! (version 2) in the S3 documentation, and what botocore and the AWS SDK for JavaScript really send.
//!
//! A hash that does not match does not say why. So the likely mistakes are tried (another host, another method, the path
//! encoded twice), and the one that matches is named. This reveals nothing to strangers: a mistake is named only for a
//! signature that was created with the secret.

pub mod body;
pub mod canonical;
pub mod checksum;
pub mod chunked;
pub mod digest;
mod error;
mod explain;
mod key;
mod payload;
mod policy;
pub mod secret;
mod sent;
pub mod sign;
pub mod time;
pub mod v2;
pub mod v4;
mod verdict;
mod verify;

pub use self::body::{BodyVerifier, VerifiedBody};
pub use self::checksum::{Algorithm, Checksum};
pub use self::error::{Code, SignatureError};
pub use self::key::{Key, find};
pub use self::payload::{ChunkSeed, Payload};
pub use self::policy::{SignedForm, verify_form};
pub use self::sent::SignedRequest;
pub use self::verdict::{Verdict, Verified, Version};
pub use self::verify::verify;

#[cfg(test)]
mod tests;
