//! fjernprint: from the messages of municipal systems to letters that a print vendor has answered for.

pub mod adapters;
pub mod domain;
pub mod ledger;
pub mod pdf;
pub mod pipeline;
pub mod vendor;
pub mod wire;
