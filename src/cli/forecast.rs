//! How plans look: letters, sheets and cost by class and vendor, and when they leave the vendor's house.

use super::show::line;
use crate::app::night::{DryRun, Faster, Late, VendorPlan};
use crate::domain::calendar::shown_in_denmark;
use crate::domain::{counted, verb};
use serde_json::{Value, json};
use std::io::{self, Write};

/// One JSON line for each vendor, and one for each class at it.
pub fn lines(out: &mut impl Write, plans: &[VendorPlan]) -> io::Result<()> {
    for plan in plans {
        for class in &plan.classes {
            let mut value = serde_json::to_value(class).unwrap_or_default();
            if let Some(fields) = value.as_object_mut() {
                fields.insert("vendor".to_owned(), json!(plan.vendor));
            }
            line(out, "class", &value)?;
        }
        for late in &plan.late {
            let mut value = serde_json::to_value(late).unwrap_or_default();
            if let Some(fields) = value.as_object_mut() {
                fields.insert("vendor".to_owned(), json!(plan.vendor));
            }
            line(out, "late", &value)?;
        }
        line(out, "forecast", &vendor(plan))?;
    }
    Ok(())
}

fn vendor(plan: &VendorPlan) -> Value {
    let sum = |of: fn(&crate::app::night::ClassTotals) -> u64| plan.classes.iter().map(of).sum::<u64>();
    json!({
        "vendor": plan.vendor, "business_day": plan.business_day, "cutoff_at": plan.cutoff_at, "handover": plan.handover,
        "batches": plan.batches.len(), "letters": sum(|c| c.letters), "pages": sum(|c| c.pages), "sheets": sum(|c| c.sheets),
        "cost_ore": sum(|c| c.cost_ore), "unpriced": sum(|c| c.unpriced), "too_large": plan.too_large.len(),
        "late": plan.late.len(),
    })
}

/// The last line of `forecast --json`.
pub fn totals(ahead: &DryRun) -> Value {
    let classes = || ahead.plans.iter().flat_map(|plan| &plan.classes);
    json!({
        "business_date": ahead.report.business_date,
        "letters": classes().map(|c| c.letters).sum::<u64>(),
        "sheets": classes().map(|c| c.sheets).sum::<u64>(),
        "batches": ahead.plans.iter().map(|p| p.batches.len()).sum::<usize>(),
        "cost_ore": classes().map(|c| c.cost_ore).sum::<u64>(),
        "unpriced": classes().map(|c| c.unpriced).sum::<u64>(),
        "late": ahead.plans.iter().map(|p| p.late.len()).sum::<usize>(),
        "sealed_earlier": ahead.waiting.iter().map(|one| u64::from(one.letters)).sum::<u64>(),
        "digital": ahead.report.digital, "held": ahead.report.held, "rejected": ahead.report.rejected,
    })
}

pub fn page(out: &mut impl Write, ahead: &DryRun) -> io::Result<()> {
    writeln!(out, "ahead on {}", ahead.report.business_date)?;
    table(out, &ahead.plans)?;
    let sealed: u64 = ahead.waiting.iter().map(|one| u64::from(one.letters)).sum();
    let r = &ahead.report;
    writeln!(
        out,
        "beside them {} sealed earlier {}; of what came in {} {} digital, {} held, {} rejected",
        counted(sealed, "letter"),
        verb(sealed, "waits", "wait"),
        r.digital,
        verb(r.digital, "is", "are"),
        r.held,
        r.rejected
    )?;
    ahead.report.faults.iter().try_for_each(|fault| writeln!(out, "as things stand  {}  {}", fault.code, fault.message))
}

/// Letters, sheets and cost by vendor and class.
pub fn table(out: &mut impl Write, plans: &[VendorPlan]) -> io::Result<()> {
    if plans.is_empty() {
        return writeln!(out, "no letter waits to be sealed");
    }
    writeln!(out, "{:<12} {:<28} {:>3} {:>9} {:>9} {:>9} {:>13}", "vendor", "postage", "in", "letters", "sheets", "kg", "kr. excl. VAT")?;
    for plan in plans {
        for class in &plan.classes {
            let (postage, envelope) = (class.postage.word(), class.envelope.word());
            let kg = class.weight_g as f64 / 1000.0;
            let cost = kroner(class.cost_ore, class.unpriced);
            let (letters, sheets) = (class.letters, class.sheets);
            writeln!(out, "{:<12} {postage:<28} {envelope:>3} {letters:>9} {sheets:>9} {kg:>9.2} {cost:>13}", plan.vendor.as_str())?;
        }
    }
    for plan in plans {
        let (letters, sheets, cost) =
            plan.classes.iter().fold((0, 0, 0), |(l, s, c), class| (l + class.letters, s + class.sheets, c + class.cost_ore));
        let unpriced = plan.classes.iter().map(|c| c.unpriced).sum();
        let handover = plan.handover.map_or_else(|| "never".to_owned(), |day| day.to_string());
        writeln!(
            out,
            "{:<12} {}, {}, {}, {}; cut-off {} Danish time (on the account of {}), with the carrier on {handover}",
            plan.vendor.as_str(),
            counted(letters, "letter"),
            counted(sheets, "sheet"),
            counted(plan.batches.len() as u64, "batch"),
            kroner(cost, unpriced),
            shown_in_denmark(plan.cutoff_at),
            plan.business_day
        )?;
        if !plan.too_large.is_empty() {
            writeln!(
                out,
                "{:<12} {} {} larger than any batch and would be rejected (FP-G001)",
                plan.vendor.as_str(),
                counted(plan.too_large.len() as u64, "letter"),
                verb(plan.too_large.len() as u64, "is", "are")
            )?;
        }
    }
    plans.iter().try_for_each(|plan| late(out, plan))
}

/// Letters of one vendor's plan that are shown as late; the rest is counted.
const LATE_SHOWN: usize = 40;

/// Letters that cannot reach their recipients in time, and what a faster class would cost.
fn late(out: &mut impl Write, plan: &VendorPlan) -> io::Result<()> {
    if plan.late.is_empty() {
        return Ok(());
    }
    let letters = counted(plan.late.len() as u64, "letter").to_uppercase();
    writeln!(out, "{:<12} {letters} CANNOT ARRIVE IN TIME:", plan.vendor.as_str())?;
    for late in plan.late.iter().take(LATE_SHOWN) {
        let arrives = late.arrival.map_or_else(|| "nobody says when it arrives".to_owned(), |day| format!("arrives on {day}"));
        let faster = match &late.faster {
            Some(Faster { postage, arrival, extra_ore }) => {
                let extra = extra_ore.map_or_else(String::new, |ore| format!(", {} more", kroner(u64::from(ore), 0)));
                format!("{} arrives on {arrival}{extra}", postage.word())
            }
            None => "no class of this vendor is in time".to_owned(),
        };
        let Late { letter, latest_arrival, postage, .. } = late;
        writeln!(out, "    {letter}  must be there on {latest_arrival}, {arrives} as {}; {faster}", postage.word())?;
    }
    let more = plan.late.len().saturating_sub(LATE_SHOWN);
    let cost: u64 = plan.late.iter().filter_map(|late| late.faster.as_ref()?.extra_ore).map(u64::from).sum();
    let can = plan.late.iter().filter(|late| late.faster.is_some()).count();
    if more > 0 {
        writeln!(out, "    and {more} more; --json has them all")?;
    }
    writeln!(out, "    a faster class brings {can} of them home in time, for {} more", kroner(cost, 0))
}

/// Øre as kroner; letters without a price are named, not counted as free.
pub fn kroner(ore: u64, unpriced: u64) -> String {
    let sum = format!("{},{:02} kr.", ore / 100, ore % 100);
    if unpriced > 0 { format!("{sum} + {unpriced} unpriced") } else { sum }
}
