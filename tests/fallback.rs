//! What is not here is fetched from production, or drawn.

mod production;
mod support;
