//! What devmedia does beside serving files, over real sockets to the real binary. One test binary, so that the tests which
//! wait for a time-out of the server wait while the others run.

mod events;
mod policies;
mod production;
mod signing;
mod support;
mod uploads;
