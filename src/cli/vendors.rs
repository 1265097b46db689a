//! `vendor check` and `vendor rehearse`, as they look.

use super::forecast::kroner;
use super::*;
use crate::app::night::{Comparison, Rehearsal, RehearseOptions, rehearse};
use crate::app::vendor_check::{Checked, check};
use crate::domain::calendar::shown_in_denmark;
use crate::domain::counted;

impl Face<'_> {
    /// Checks profiles; the gravest of what a server showed is the exit code.
    pub(super) fn vendor_check(&mut self, arguments: &Place<'_>, vendor: &str, live: bool) -> Result<u8, Ended> {
        // Without one, the profiles are looked at alone: `vendor check` is what comes before a configuration.
        let wants_config = live || (arguments.folder.is_none() && arguments.config.exists());
        let config = if wants_config { Some(Config::read(arguments.config)?) } else { None };
        let found = check(arguments.folder, config.as_ref(), vendor, live)?;
        let mut worst = exit::DONE;
        for checked in &found {
            worst = worst.max(checked.exit_code());
            if self.json {
                show::line(&mut self.out, "vendor", checked)?;
            } else {
                self.checked(checked)?;
            }
            checked.faults().for_each(|fault| tell(self.json, fault));
        }
        if self.json {
            let warnings: usize = found.iter().map(|c| c.warnings.len()).sum();
            show::line(&mut self.out, "summary", &json!({"vendors": found.len(), "warnings": warnings}))?;
        }
        Ok(worst)
    }

    fn checked(&mut self, checked: &Checked) -> Result<(), Ended> {
        let (warnings, assumed) = (checked.warnings.len() as u64, checked.assumed.len() as u64);
        let (warnings, are) = (counted(warnings, "warning"), if assumed == 1 { "is" } else { "are" });
        let assumed = counted(assumed, "value");
        writeln!(self.out, "{}: no impossible combination; {warnings}; {assumed} {are} still assumed", checked.vendor)?;
        if let Some(next) = &checked.next_cutoff {
            let handover = next.handover.as_deref().unwrap_or("never");
            writeln!(
                self.out,
                "    next cut-off {} Danish time, on the account of {}; with the carrier on {handover}",
                shown_in_denmark(next.at),
                next.business_day
            )?;
        }
        checked.warnings.iter().try_for_each(|warning| writeln!(self.out, "    warning  {warning}"))?;
        if let Some(live) = &checked.live {
            let word = |there: bool| if there { "there" } else { "NOT THERE" };
            if live.logged_in {
                let (inbox, outbox) = (word(live.inbox_there), word(live.outbox_there));
                writeln!(self.out, "    live     {}: host key as pinned, login taken, inbox {inbox}, outbox {outbox}", live.address)?;
            } else {
                writeln!(self.out, "    live     {}: no login", live.address)?;
            }
        }
        checked.assumed.iter().try_for_each(|key| writeln!(self.out, "    assumed  {key}"))?;
        Ok(())
    }

    pub(super) fn rehearse(&mut self, config: &Config, options: &RehearseOptions) -> Result<u8, Ended> {
        let rehearsal = rehearse(config, options, &self.progress)?;
        let all = rehearsal.by_vendor.values().map(|c| c.letters).sum::<u64>();
        if self.json {
            for (vendor, comparison) in &rehearsal.by_vendor {
                let mut value = serde_json::to_value(comparison).unwrap_or_default();
                if let Some(fields) = value.as_object_mut() {
                    fields.insert("vendor".to_owned(), json!(vendor));
                    fields.insert("days_won".to_owned(), json!(days(comparison, -1)));
                    fields.insert("days_lost".to_owned(), json!(days(comparison, 1)));
                }
                show::line(&mut self.out, "rehearsed", &value)?;
            }
            for (code, (letters, lost)) in &rehearsal.codes {
                show::line(&mut self.out, "reject", &json!({"code": code, "letters": letters, "printed_then": lost}))?;
            }
            show::line(&mut self.out, "summary", &json!({"vendor": rehearsal.vendor, "letters": all}))?;
        } else {
            self.rehearsed(&rehearsal, all)?;
        }
        Ok(exit::DONE)
    }

    fn rehearsed(&mut self, rehearsal: &Rehearsal, all: u64) -> Result<(), Ended> {
        let to = &rehearsal.vendor;
        writeln!(self.out, "{} of past nights against {to}; nothing was sent or changed", counted(all, "letter"))?;
        for (vendor, c) in &rehearsal.by_vendor {
            let (was, would) = (&c.was, &c.would);
            writeln!(self.out, "\n{vendor:<28} {:>9} {:>9} {:>6} {:>9} {:>16}", "printed", "rejected", "held", "sheets", "excl. VAT")?;
            for (name, side) in [(format!("as it was, {vendor}"), was), (format!("as it would be, {to}"), would)] {
                let cost = kroner(side.cost_ore, side.unpriced);
                writeln!(self.out, "{name:<28} {:>9} {:>9} {:>6} {:>9} {cost:>16}", side.printed, side.rejected, side.held, side.sheets)?;
            }
            let (won, lost) = (days(c, -1), days(c, 1));
            let (more, both) = (counted(c.won, "letter"), c.days.values().sum::<u64>());
            writeln!(
                self.out,
                "{more} more printed, {} fewer; of {both} printed there and here: {} won, {} lost",
                c.lost,
                counted(won.unsigned_abs(), "day"),
                counted(lost.unsigned_abs(), "day")
            )?;
        }
        if !rehearsal.codes.is_empty() {
            writeln!(self.out, "\n{to} would refuse by")?;
        }
        for (code, (letters, lost)) in &rehearsal.codes {
            let title = codes::find(code).map_or("", |page| page.title);
            writeln!(self.out, "    {code}  {letters:>7} letters, {lost} of them printed then  {title}")?;
        }
        Ok(())
    }
}

/// Letters times calendar days, sooner (`sign` -1) or later (1).
fn days(comparison: &Comparison, sign: i64) -> i64 {
    comparison.days.iter().map(|(days, letters)| (i64::from(*days) * sign).max(0) * i64::try_from(*letters).unwrap_or(i64::MAX)).sum()
}
