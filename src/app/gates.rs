//! Gates that stop a night before anything is sealed, and a person's word that it may pass one.

use super::config::Config;
use super::fault::{Fault, exit};
use super::night;
use super::watch::Watch;
use super::who;
use crate::adapters::clock;
use crate::domain::order::{Deed, Order, OrderEvent, OrderStatus};
use crate::domain::redact::redact;
use crate::domain::status::LetterStatus;
use crate::domain::{Cvr, OrderId, VendorId};
use crate::ledger::{Entry, Ledger, Standing};
use crate::pipeline::gates::{Closed, Errors, Ready, closed};
use crate::pipeline::usual::same_weekdays;
use jiff::civil::Date;

/// The gates that stop a run for this business date, by what the ledger holds now.
pub(super) fn closed_now(config: &Config, ledger: &Ledger, date: Date) -> Result<Vec<Closed>, Fault> {
    let days: Vec<String> = same_weekdays(date).iter().map(ToString::to_string).collect();
    let past = ledger.nights(&days)?;
    let mut ready: Vec<Ready> = Vec::new();
    for Standing { municipality, vendor, letters, .. } in ledger.standing_in(LetterStatus::Validated)? {
        let (Ok(vendor), Ok(municipality)) = (vendor.parse::<VendorId>(), municipality.parse::<Cvr>()) else { continue };
        match ready.iter_mut().find(|known| known.vendor == vendor && known.municipality == municipality) {
            Some(known) => known.letters += letters,
            None => {
                let of_day = |day: &String| for_print(&past, day, &vendor, &municipality);
                ready.push(Ready { letters, past: days.iter().map(of_day).collect(), vendor, municipality });
            }
        }
    }
    let mut errors = Errors::default();
    for standing in ledger.nights(&[date.to_string()])? {
        errors.letters += standing.letters;
        if matches!(standing.status, LetterStatus::Held | LetterStatus::Rejected) {
            errors.wrong += standing.letters;
        }
    }
    let passes = ledger.orders(OrderStatus::Done)?.into_iter().filter(|(_, state)| state.order.deed == Deed::Pass);
    let passed: Vec<String> = passes.map(|(_, state)| state.order.about).collect();
    Ok(closed(&config.gates, date, &ready, errors, &passed))
}

/// Letters of a past night that were to be printed.
fn for_print(past: &[Standing], day: &str, vendor: &VendorId, municipality: &Cvr) -> u64 {
    let printed = |status| {
        !matches!(
            status,
            LetterStatus::Accepted | LetterStatus::Digital | LetterStatus::Held | LetterStatus::Rejected | LetterStatus::Cancelled
        )
    };
    let same =
        |s: &&Standing| s.night == day && s.vendor == vendor.as_str() && s.municipality == municipality.as_str() && printed(s.status);
    past.iter().filter(same).map(|standing| standing.letters).sum()
}

/// A closed gate as the fault that a run ends with.
pub(super) fn fault(closed: &Closed) -> Fault {
    Fault::new(closed.code, exit::GATE, closed.message.clone())
}

/// The gates that would stop a run for this business date; today's in Denmark when not given. Changes nothing.
pub fn list(config: &Config, business_date: Option<&str>) -> Result<Vec<Closed>, Fault> {
    night::check_date(business_date)?;
    closed_now(config, &Ledger::open_read_only(&config.ledger_path())?, day(business_date))
}

fn day(business_date: Option<&str>) -> Date {
    let today = || crate::domain::calendar::date_in_denmark(clock::instant());
    business_date.and_then(|date| date.parse().ok()).unwrap_or_else(today)
}

/// Records a person's word that a run may pass a gate, for this business date and for what it measures now.
///
/// FP-M003: the gate stops nothing. FP-O008: no reason. FP-B032: nothing is known of the person. FP-L002: a run is at work.
pub fn pass(
    config: &Config,
    id: &str,
    reason: &str,
    by: Option<&str>,
    business_date: Option<&str>,
    watch: &dyn Watch,
) -> Result<(OrderId, Closed), Fault> {
    let reason = who::reason(reason)?;
    let by = who::person(by, config.environment == "production")?;
    let mut night = night::open(config, business_date, watch)?;
    let day = day(business_date);
    let gates = closed_now(config, &night.ledger, day)?;
    let known: Vec<&str> = gates.iter().map(|gate| gate.id.as_str()).collect();
    let Some(gate) = gates.iter().find(|gate| gate.id == id) else {
        let others = if known.is_empty() { "none does".to_owned() } else { format!("these do: {}", known.join(", ")) };
        let text = format!("gate {:?} stops no run for {day}; {others}", redact(id));
        return Err(Fault::usage("FP-M003", text));
    };
    let order = Order { deed: Deed::Pass, about: gate.about.clone(), letters: 0, by, reason, plan: None };
    let number = night.ledger.next_order()?;
    night.ledger.record(&clock::now(), &[Entry::Order(number.clone(), OrderEvent::Done { order })])?;
    Ok((number, gate.clone()))
}
