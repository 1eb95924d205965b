//! The media root, its files and their types, its folders.

pub mod bucket;
pub mod byte_range;
pub mod entity;
pub mod folder;
#[cfg(target_os = "linux")]
mod follow;
pub mod location;
pub mod media_type;
pub mod open_file;
pub mod progress;
pub mod root;
pub mod spool;
pub mod store;
pub mod token;
pub mod version;

/// Runs work that may wait for a disk on a thread of its own, not on the reactor. A panic in it continues in the caller.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
