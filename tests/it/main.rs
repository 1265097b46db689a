//! All integration tests, one binary.

mod acceptance;
mod batch_format;
mod batches;
mod certificates;
mod cli;
mod docs;
mod group;
mod house;
mod ink;
mod intake;
mod ledger;
mod messages;
mod night;
mod pdf;
mod recipient;
mod render;
mod rules;
mod sealing;
mod shipping;
mod signing;
mod site;
mod sshd;
mod structure;
mod words;
