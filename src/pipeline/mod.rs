//! The stages, each a decision about values; none knows the ledger or the world.

pub mod alarms;
pub mod certificate;
pub mod gates;
pub mod group;
pub mod intake;
pub mod overdue;
pub mod proof;
pub mod recipient;
pub mod reconcile;
pub mod render;
pub mod rerun;
pub mod seal;
pub mod ship;
pub mod template;
pub mod usual;
pub mod validate;
