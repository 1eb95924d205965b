//! Uploads: what is stored, under which name, and what is never seen.

mod support;
mod uploads;
