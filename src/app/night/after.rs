//! What every run does at its end, also when it failed: alarms are looked at and told, and the day's head of the log is
//! signed. Nothing here changes how the run ended.

use super::Night;
use crate::app::alarms::{self, News, Seen};
use crate::app::fault::{Fault, exit};
use crate::app::heads;

pub(super) fn after(night: &mut Night<'_>, seen: &Seen, ended: Option<&Fault>) -> Vec<News> {
    // Whoever took the ledger over does it instead.
    if ended.is_some_and(|fault| fault.exit == exit::LEDGER_HELD) {
        return Vec::new();
    }
    let (config, watch) = (night.config, night.watch);
    let told = |what: &str, fault: Fault| watch.note(&format!("{}  {what}: {}", fault.code, fault.message));
    let news = alarms::look(config, &mut night.ledger, seen, watch).unwrap_or_else(|fault| {
        told("alarms were not looked at", fault);
        Vec::new()
    });
    if let Err(fault) = heads::write_today(config, &mut night.ledger) {
        told("the log's head of today was not signed", fault);
    }
    // Last: it may have to wait for an answer.
    if let Err(fault) = alarms::deliver(config, &mut night.ledger, watch) {
        told("alarms were not delivered", fault);
    }
    news
}
