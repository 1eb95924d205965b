//! Who may see it: policies, rules and the configuration file, over a real socket to the real binary.

mod policies;
mod support;
