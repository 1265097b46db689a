//! What every run does at its end, also when it failed: the day's head of the log is signed.
//!
//! Nothing here changes how the run ended.

use super::Night;
use crate::app::fault::{Fault, exit};
use crate::app::heads;

pub(super) fn after(night: &mut Night<'_>, ended: Option<&Fault>) {
    // Whoever took the ledger over does it instead.
    if ended.is_some_and(|fault| fault.exit == exit::LEDGER_HELD) {
        return;
    }
    if let Err(fault) = heads::write_today(night.config, &mut night.ledger) {
        night.watch.note(&format!("{}  the log's head of today was not signed: {}", fault.code, fault.message));
    }
}
