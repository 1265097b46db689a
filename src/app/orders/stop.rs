//! The stop button. It does not wait for a run that is at work: it writes its word beside it, and the run reads it before
//! anything gets its final name at a vendor.

use super::{Said, misfit};
use crate::adapters::clock;
use crate::app::config::Config;
use crate::app::fault::Fault;
use crate::domain::OrderId;
use crate::domain::VendorId;
use crate::domain::order::{Deed, Order, OrderEvent, StopEvent};
use crate::domain::redact::redact;
use crate::domain::status::Person;
use crate::ledger::{EVERY_VENDOR, Entry, Ledger, LedgerError};

/// From here on nothing new gets its final name at this vendor, or at any. Stopping twice is no fault.
pub fn stop(config: &Config, vendor: Option<&str>, said: Said<'_>) -> Result<OrderId, Fault> {
    press(config, vendor, Deed::Stop, said)
}

/// Ends a stop. FP-O005 when there is none.
pub fn resume(config: &Config, vendor: Option<&str>, said: Said<'_>) -> Result<OrderId, Fault> {
    press(config, vendor, Deed::Resume, said)
}

fn press(config: &Config, vendor: Option<&str>, deed: Deed, said: Said<'_>) -> Result<OrderId, Fault> {
    let whom = whom(config, vendor)?;
    let (by, reason) = said.checked(config)?;
    let path = config.ledger_path();
    if !path.is_file() {
        return Err(LedgerError::Missing(path.display().to_string()).into());
    }
    let mut ledger = Ledger::open(&path)?;
    for _ in 1..ATTEMPTS {
        // A run's order may have taken the same number at the same moment: it is asked for again.
        match try_press(&mut ledger, &whom, deed, &by, &reason) {
            Err(LedgerError::Illegal { .. }) => {}
            done => return done?,
        }
    }
    try_press(&mut ledger, &whom, deed, &by, &reason)?
}

/// How often the number of the order is asked for.
const ATTEMPTS: u32 = 5;

fn try_press(ledger: &mut Ledger, whom: &str, deed: Deed, by: &Person, reason: &str) -> Result<Result<OrderId, Fault>, LedgerError> {
    let stops = ledger.stops()?;
    if deed == Deed::Resume && !stops.iter().any(|(subject, _)| *subject == whom) {
        let standing: Vec<&str> = stops.iter().map(|(subject, _)| subject.as_str()).collect();
        let standing = if standing.is_empty() { "nothing is stopped".to_owned() } else { format!("stopped: {}", standing.join(", ")) };
        let what = if whom == EVERY_VENDOR { "not every vendor is stopped".to_owned() } else { format!("{whom} is not stopped") };
        return Ok(Err(misfit(format!("{what} ({standing}); nothing was done"))));
    }
    let order = ledger.next_order()?;
    let event = match deed {
        Deed::Stop => StopEvent::Stopped { order: order.clone() },
        _ => StopEvent::Resumed { order: order.clone() },
    };
    let about = Order { deed, about: whom.to_owned(), letters: 0, by: by.clone(), reason: reason.to_owned(), plan: None };
    let entries = [Entry::Order(order.clone(), OrderEvent::Done { order: about }), Entry::Stop(whom.to_owned(), event)];
    ledger.record(&clock::now(), &entries)?;
    Ok(Ok(order))
}

fn whom(config: &Config, vendor: Option<&str>) -> Result<String, Fault> {
    let Some(vendor) = vendor else { return Ok(EVERY_VENDOR.to_owned()) };
    let known = vendor.parse::<VendorId>().is_ok_and(|id| config.profiles.contains_key(&id));
    if known { Ok(vendor.to_owned()) } else { Err(Fault::usage("FP-C003", format!("no vendor profile {:?}", redact(vendor)))) }
}
