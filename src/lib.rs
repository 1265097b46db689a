//! fjernprint: from the messages of municipal systems to letters that a print vendor has answered for.
//!
//! A letter goes one way: intake, recipient, render, validate, group, seal, ship, reconcile. The stages are in
//! [`pipeline`], the words they share in [`domain`], what they read and write in [`wire`] and [`pdf`], what each vendor
//! demands in [`vendor`]. [`ledger`] keeps what happened, [`adapters`] touch the world, [`app`] puts it all together
//! and [`cli`] shows it. ARCHITECTURE.md says who may name whom.

pub mod adapters;
pub mod app;
pub mod cli;
pub mod domain;
pub mod ledger;
pub mod pdf;
pub mod pipeline;
pub mod vendor;
pub mod vendor_site;
pub mod wire;
