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

/// Keeps SIGXFSZ from ending the process: to write beyond the largest file that `ulimit -f` allows is then an error of that
/// write (EFBIG), which one request gets. Needs a runtime.
pub fn survive_file_size_limit() {
    use rustix::process::Signal;
    use tokio::signal::unix::{SignalKind, signal};
    // tokio keeps its handler for as long as the process lives
    if let Err(error) = signal(SignalKind::from_raw(Signal::XFSZ.as_raw())) {
        tracing::debug!("SIGXFSZ could not be handled: {error}");
    }
}
