//! All integration tests, one binary.

mod batch_format;
mod cli;
mod group;
mod house;
mod ledger;
mod messages;
mod pdf;
mod recipient;
mod render;
mod sshd;
mod words;
