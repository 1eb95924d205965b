//! Features other than serving files, over real sockets to the real binary. They share one test binary, so that tests
//! that wait for a server timeout run in parallel with the others.

mod events;
mod policies;
mod production;
mod signing;
mod support;
mod uploads;
