//! All integration tests, one binary.

mod acceptance;
mod batch_format;
mod batches;
mod breaking;
mod cli;
mod docs;
mod group;
mod house;
mod ink;
mod intake;
mod ledger;
mod messages;
mod misbehaviour;
mod night;
mod pdf;
mod recipient;
mod render;
mod rules;
mod shipping;
mod site;
mod sshd;
mod structure;
mod vendor_side;
mod words;
