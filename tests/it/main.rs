//! All integration tests, one binary.

mod acceptance;
mod batch_format;
mod batches;
mod cli;
mod docs;
mod faults;
mod group;
mod house;
mod ink;
mod intake;
mod lease;
mod ledger;
mod messages;
mod night;
mod pdf;
mod proxy;
mod recipient;
mod render;
mod rules;
mod shipping;
mod site;
mod sshd;
mod structure;
mod words;
