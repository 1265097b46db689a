//! Orders of persons: what is told about them, and which exit code they end with.

use super::arguments::{LettersAfterwards, Rerun, Why};
use super::forecast::kroner;
use super::*;
use crate::app::orders::{self, Afterwards, Applied, Apply, CancelOutcome, Handled, Plan, Said};
use crate::domain::{Sha256, counted, verb};
use std::io::BufRead;

/// Ids read from the standard input.
const IDS_MAX: usize = 100_000;
/// Letters of a plan that a person is shown; the rest is counted.
const SHOWN_MAX: usize = 50;

impl Why {
    fn said(&self) -> Said<'_> {
        Said { by: self.by.as_deref(), reason: &self.reason }
    }
}

/// The ids as they are given, or of the standard input the first word of each line, so that a list can be piped in.
pub(super) fn ids(given: &[String]) -> Result<Vec<String>, Ended> {
    if given != ["-"] {
        return Ok(given.to_vec());
    }
    let mut ids = Vec::new();
    for line in io::stdin().lock().lines().take(IDS_MAX + 1) {
        let line = line.map_err(|e| Fault::io("reading the list of letters", &e))?;
        ids.extend(line.split_whitespace().next().map(str::to_owned));
    }
    Ok(ids)
}

impl Face<'_> {
    pub(super) fn hold(&mut self, config: &Config, letters: &[String], why: &Why) -> Result<u8, Ended> {
        let handled = orders::hold(config, &ids(letters)?, why.said(), &self.progress)?;
        self.handled(&handled, "kept back; `fjernprint letter release` lets them go on")
    }

    pub(super) fn let_go(&mut self, config: &Config, letters: &[String], to_print: bool, why: &Why) -> Result<u8, Ended> {
        let handled = orders::release(config, &ids(letters)?, to_print, why.said(), &self.progress)?;
        self.handled(&handled, "let go; the next `fjernprint run` takes them on")
    }

    fn handled(&mut self, handled: &Handled, what: &str) -> Result<u8, Ended> {
        if self.json {
            show::line(&mut self.out, "summary", handled)?;
        } else {
            writeln!(self.out, "order {}: {} {what}", handled.order, counted(u64::from(handled.letters), "letter"))?;
        }
        Ok(exit::DONE)
    }

    pub(super) fn letter_cancel(&mut self, config: &Config, letters: &[String], why: &Why) -> Result<u8, Ended> {
        let outcome = orders::cancel(config, &ids(letters)?, why.said(), &self.progress)?;
        let CancelOutcome { order, recalls, withdrawn } = &outcome;
        for recall in recalls {
            if self.json {
                show::line(&mut self.out, "recall", recall)?;
            } else {
                writeln!(self.out, "{}  {}: {}", recall.letter_id, recall.tilbagekald, recall.why)?;
            }
        }
        let recalled = recalls.iter().filter(|r| r.tilbagekald == "Tilbagekaldt").count();
        if self.json {
            show::line(
                &mut self.out,
                "summary",
                &json!({"order": order, "letters": recalls.len(), "recalled": recalled, "withdrawn": withdrawn}),
            )?;
        } else {
            for batch in withdrawn {
                writeln!(self.out, "batch {batch} was taken back; its other letters go through once more with the next run")?;
            }
            let order = order.as_ref().map_or_else(|| "nothing was ordered".to_owned(), |order| format!("order {order}"));
            let (letters, are) = (counted(recalls.len() as u64, "letter"), verb(recalls.len() as u64, "is", "are"));
            writeln!(self.out, "{order}: {recalled} of {letters} {are} called back")?;
        }
        Ok(match (recalled == recalls.len(), order) {
            (true, _) => exit::DONE,
            (false, Some(_)) => exit::PARTIAL,
            (false, None) => exit::INVALID,
        })
    }

    pub(super) fn batch_cancel(&mut self, config: &Config, batch: &str, letters: LettersAfterwards, why: &Why) -> Result<u8, Ended> {
        let (afterwards, [one, more], what) = match letters {
            LettersAfterwards::Hold => (Afterwards::Hold, ["is", "are"], "held: `fjernprint letter release` or `letter cancel`"),
            LettersAfterwards::Again => (Afterwards::Again, ["goes", "go"], "through once more with the next `fjernprint run`"),
            LettersAfterwards::Cancel => (Afterwards::Cancel, ["is", "are"], "called back (Tilbagekaldt)"),
        };
        let withdrawn = orders::cancel_batch(config, batch, afterwards, why.said(), &self.progress)?;
        if self.json {
            show::line(&mut self.out, "summary", &withdrawn)?;
        } else {
            let (order, batch, letters) = (&withdrawn.order, &withdrawn.batch, u64::from(withdrawn.letters));
            let become_what = format!("{} {} {what}", counted(letters, "letter"), verb(letters, one, more));
            let gone = if withdrawn.was_refused { "is given up, since its vendor refused it" } else { "is taken back and never goes up" };
            writeln!(self.out, "order {order}: batch {batch} {gone}; its {become_what}")?;
            if let Some(vendor) = &withdrawn.left_at {
                writeln!(self.out, "its upload had begun: ask {vendor} to delete what lies there as {batch}.* and to print nothing of it")?;
            }
        }
        Ok(exit::DONE)
    }

    pub(super) fn stop(&mut self, config: &Config, vendor: Option<&str>, why: &Why) -> Result<u8, Ended> {
        let order = orders::stop(config, vendor, why.said())?;
        self.pressed(&order.to_string(), vendor, "stopped: nothing new gets its final name there; `fjernprint resume` ends it")
    }

    pub(super) fn resume(&mut self, config: &Config, vendor: Option<&str>, why: &Why) -> Result<u8, Ended> {
        let order = orders::resume(config, vendor, why.said())?;
        self.pressed(&order.to_string(), vendor, "goes on with the next `fjernprint run`")
    }

    fn pressed(&mut self, order: &str, vendor: Option<&str>, what: &str) -> Result<u8, Ended> {
        if self.json {
            show::line(&mut self.out, "summary", &json!({"order": order, "vendor": vendor}))?;
        } else {
            writeln!(self.out, "order {order}: {} {what}", vendor.unwrap_or("every vendor"))?;
        }
        Ok(exit::DONE)
    }

    /// The plan, or what came of applying it.
    pub(super) fn retry(&mut self, config: &Config, target: Target, rerun: Rerun) -> Result<u8, Ended> {
        let Rerun { apply, reprint, over_cap, reason, by, .. } = rerun;
        let Some(hash) = apply else {
            let plan = orders::plan(config, &target, reprint)?;
            self.plan(&plan, &target, reprint)?;
            return Ok(exit::DONE);
        };
        let hash: Sha256 = hash.parse().map_err(|_| Fault::usage("FP-C003", "--apply takes the 64 hex digits that --plan shows"))?;
        let said = Said { by: by.as_deref(), reason: reason.as_deref().unwrap_or_default() };
        let applied = orders::apply(config, &Apply { target, reprint, over_cap, hash, said }, &self.progress)?;
        if self.json {
            show::line(&mut self.out, "summary", &applied)?;
        } else {
            match &applied {
                Applied::Done { order, letters } => {
                    let letters = u64::from(*letters);
                    let (letters, go) = (counted(letters, "letter"), verb(letters, "goes", "go"));
                    writeln!(self.out, "order {order}: {letters} {go} once more with the next `fjernprint run`")?;
                }
                Applied::WaitsForSecond { order } => {
                    writeln!(
                        self.out,
                        "order {order} waits for a second person, who gives the same command under a name and login of its own; nothing \
                         was done yet"
                    )?;
                }
                Applied::Shipped => writeln!(self.out, "the batch is at its vendor, the same bytes under the same name")?,
            }
        }
        Ok(exit::DONE)
    }

    fn plan(&mut self, plan: &Plan, target: &Target, reprint: bool) -> Result<(), Ended> {
        if self.json {
            for item in &plan.letters {
                show::line(&mut self.out, "plan_letter", item)?;
            }
            let mut value = serde_json::to_value(plan).unwrap_or_default();
            if let Some(fields) = value.as_object_mut() {
                fields.insert("letters".to_owned(), json!(plan.letters.len()));
            }
            show::line(&mut self.out, "summary", &value)?;
            return Ok(());
        }
        let status = plan.batch_status.map(|status| format!(", which is {status}")).unwrap_or_default();
        let (letters, go) = (counted(plan.letters.len() as u64, "letter"), verb(plan.again.into(), "goes", "go"));
        writeln!(self.out, "plan for {}{status}: {} of {letters} {go} once more", plan.about, plan.again)?;
        show::plan_letters(&mut self.out, &plan.letters, SHOWN_MAX)?;
        for (vendor, share) in &plan.vendors {
            let unpriced = match share.unpriced {
                0 => String::new(),
                some => format!(" and {} without a price yet", counted(some.into(), "letter")),
            };
            let days = match (share.business_day, share.handover) {
                (Some(day), Some(handover)) => format!(", on account of {day}, handed over by {handover}"),
                _ => String::new(),
            };
            let (letters, sheets, cost) =
                (counted(share.letters.into(), "letter"), counted(share.sheets, "sheet"), kroner(share.cost_ore, 0));
            let vendor = if vendor.is_empty() { "no vendor yet" } else { vendor };
            writeln!(self.out, "{vendor:<12} {letters} on {sheets}, {cost}{unpriced}{days}")?;
        }
        match plan.copies_possible {
            0 if plan.again > 0 => writeln!(self.out, "no copy of any of them was printed")?,
            0 => {}
            some => writeln!(self.out, "OF {some} OF THEM A COPY MAY BE PRINTED ALREADY: ask the vendor first")?,
        }
        for (batch, all, allowed) in &plan.over_cap {
            writeln!(
                self.out,
                "{all} of batch {batch} would have been printed once more, max_resend_percent allows {allowed}: needs --over-cap"
            )?;
        }
        if plan.two_persons {
            writeln!(self.out, "two persons must order it, each under its own login")?;
        }
        let what = match target {
            Target::Batch(name) => format!("batch retry {name}"),
            Target::Letters(ids) if ids.len() <= 3 => format!("letter retry {}", ids.join(" ")),
            Target::Letters(_) => "letter retry LETTER...".to_owned(),
        };
        let flags = [(reprint, " --reprint"), (!plan.over_cap.is_empty(), " --over-cap")];
        let flags: String = flags.into_iter().filter(|(set, _)| *set).map(|(_, flag)| flag).collect();
        if plan.again > 0 || plan.can_ship() {
            writeln!(self.out, "\nto do exactly this: fjernprint {what}{flags} --apply {} --reason TEXT", plan.hash)?;
        } else {
            writeln!(self.out, "\nnothing of it failed; letters that did not fail go once more with --reprint only")?;
        }
        Ok(())
    }
}
