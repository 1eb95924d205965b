//! devmedia in front of an app: what passes, what does not, and what the app hands over.

mod front;
mod support;
