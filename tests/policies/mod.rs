//! Access policies.

mod app;
mod ask;
mod config;
mod django;
mod rules;
