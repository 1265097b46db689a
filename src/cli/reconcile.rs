//! `reconcile`: answers, the account of what vendors were sent, explanations, invoices.

use super::arguments::ReconcileArguments;
use super::forecast::kroner;
use super::*;
use crate::app::reconcile::{self, Account as Sent, InvoiceReport, Open, Remark, Terms};
use crate::domain::{counted, verb};

/// Rows of what is open or differs that a person is shown; `--json` has all.
const ROWS_SHOWN: usize = 40;

impl Face<'_> {
    pub(super) fn reconcile(&mut self, config: &Config, wish: &ReconcileArguments) -> Result<u8, Ended> {
        match (wish, &wish.explain, &wish.letter, &wish.reason) {
            (ReconcileArguments { invoice: Some(file), vendor: Some(vendor), from, to, .. }, ..) => {
                self.invoice(&reconcile::invoice(config, file, vendor, from.as_deref(), to.as_deref())?)
            }
            (_, Some(batch), Some(letter), Some(reason)) => {
                let state = reconcile::explain(config, batch, letter, wish.by.as_deref(), reason)?;
                let left = state.questions.len();
                if self.json {
                    show::line(&mut self.out, "summary", &json!({"batch": batch, "letter": letter, "questions": left}))?;
                } else {
                    let (left, are) = (counted(left as u64, "question"), verb(left as u64, "is", "are"));
                    writeln!(self.out, "{batch}: {letter} is explained; {left} {are} left")?;
                }
                Ok(exit::DONE)
            }
            _ => self.answers(config),
        }
    }

    fn answers(&mut self, config: &Config) -> Result<u8, Ended> {
        let started = Instant::now();
        let answers = night::reconcile_only(config, &self.progress)?;
        let sent = reconcile::balance(config)?;
        let mut all = Terms::default();
        sent.lines.values().for_each(|terms| all.add(terms));
        if self.json {
            show::line(&mut self.out, "answers", &answers)?;
            answers.news.iter().try_for_each(|news| show::line(&mut self.out, "alarm", news))?;
            for ((vendor, municipality, night), terms) in &sent.lines {
                let who = json!({"vendor": vendor, "municipality": municipality, "night": night});
                show::line(&mut self.out, "sent", &merged(who, terms))?;
            }
            sent.open.iter().try_for_each(|open| show::line(&mut self.out, "open", open))?;
            self.findings(&sent.remarks)?;
            let account = account_of(config, None)?;
            let mut more = merged(json!({"findings": sent.remarks.len(), "fits": sent.fits()}), &account);
            more["seconds"] = json!(rounded(started.elapsed().as_secs_f64()));
            show::line(&mut self.out, "summary", &more)?;
        } else {
            let a = &answers;
            writeln!(
                self.out,
                "{} acknowledged, {} refused; {} applied, {} settled, {} came back\n",
                counted(a.batches_acknowledged, "batch"),
                a.batches_refused,
                counted(a.receipts_applied, "receipt"),
                counted(a.letters_settled, "letter"),
                a.letters_returned
            )?;
            self.sent(&sent, &all, answers.faults.is_empty())?;
        }
        answers.faults.iter().for_each(|fault| tell(self.json, fault));
        let report = RunReport { faults: answers.faults, ..RunReport::default() };
        Ok(match report.exit_code() {
            exit::DONE if !sent.fits() => exit::MISMATCH,
            code => code,
        })
    }

    fn findings(&mut self, remarks: &[Remark]) -> io::Result<()> {
        remarks.iter().try_for_each(|remark| show::line(&mut self.out, "finding", remark))
    }

    /// The equation as a table, then what is open, then what a person should look at. `all_well` is whether every vendor was
    /// asked and none refused or answered what cannot be taken.
    fn sent(&mut self, sent: &Sent, all: &Terms, all_well: bool) -> io::Result<()> {
        let out = &mut self.out;
        writeln!(
            out,
            "{:<12} {:<12} {:<10}  {:>8} = {:>11} + {:>8} + {:>9} + {:>8} + {:>6}",
            "vendor", "municipality", "night", "sent", "handed over", "rejected", "cancelled", "returned", "open"
        )?;
        let whole = ("all".to_owned(), String::new(), String::new());
        for ((vendor, municipality, night), t) in sent.lines.iter().chain([(&whole, all)]) {
            let holds = if t.balance() { "" } else { "  DOES NOT ADD UP" };
            let Terms { sent, handed_over, rejected, cancelled, returned, open } = t;
            writeln!(
                out,
                "{vendor:<12} {municipality:<12} {night:<10}  {sent:>8} = {handed_over:>11} + {rejected:>8} + {cancelled:>9} + {returned:>8} + {open:>6}{holds}"
            )?;
        }
        if !sent.open.is_empty() {
            writeln!(out, "\nopen ({}):", sent.open.len())?;
            for Open { letter, batch, word, age_days, owner, .. } in sent.open.iter().take(ROWS_SHOWN) {
                let age = age_days.map(|days| counted(days.unsigned_abs(), "day")).unwrap_or_default();
                writeln!(out, "    {letter}  {batch}  {:<10} {age:<8} {owner}", word.as_deref().unwrap_or("shipped"))?;
            }
            more(out, sent.open.len())?;
        }
        remarks(out, "to be looked at", &sent.remarks)?;
        let fits = match (sent.fits(), all_well) {
            (true, true) => "the vendors and we agree",
            (true, false) => "WHAT WAS ANSWERED AGREES, BUT NOT ALL IS WELL: see the faults",
            (false, _) => "THE VENDORS AND WE DO NOT AGREE",
        };
        writeln!(out, "\n{fits}")
    }

    fn invoice(&mut self, report: &InvoiceReport) -> Result<u8, Ended> {
        if self.json {
            self.findings(&report.remarks)?;
            show::line(&mut self.out, "summary", report)?;
        } else {
            let InvoiceReport { vendor, from, to, rows, price_ore, unknown_classes, .. } = report;
            let (rows, price) = (counted(*rows, "row"), kroner(*price_ore, 0));
            // An invoice whose rows name no letter of ours has no nights.
            let nights = if from.is_empty() { "no night".to_owned() } else { format!("nights {from} to {to}") };
            writeln!(self.out, "{vendor}, {nights}: {rows}, {price}")?;
            if *unknown_classes > 0 {
                let (rows, name) = (counted(*unknown_classes, "row"), verb(*unknown_classes, "names", "name"));
                writeln!(self.out, "{rows} {name} a class that is none of ours: it was not compared")?;
            }
            remarks(&mut self.out, "differences", &report.remarks)?;
            if report.remarks.is_empty() {
                writeln!(self.out, "it is what was handed over")?;
            }
        }
        Ok(if report.remarks.is_empty() { exit::DONE } else { exit::MISMATCH })
    }
}

fn remarks(out: &mut impl Write, what: &str, remarks: &[Remark]) -> io::Result<()> {
    if remarks.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{what} ({}; `fjernprint explain CODE` says what to do):", remarks.len())?;
    for Remark { kind, code, vendor, batch, letter, owner, says, .. } in remarks.iter().take(ROWS_SHOWN) {
        let about = letter.as_deref().or(batch.as_deref()).unwrap_or_default();
        writeln!(out, "    {code}  {kind:<22} {vendor:<12} {about}  {says}  ({owner})")?;
    }
    more(out, remarks.len())
}

fn more(out: &mut impl Write, all: usize) -> io::Result<()> {
    if all > ROWS_SHOWN { writeln!(out, "    and {} more; --json has all", all - ROWS_SHOWN) } else { Ok(()) }
}

/// Two objects as one.
fn merged(mut first: Value, second: &impl serde::Serialize) -> Value {
    let second = serde_json::to_value(second).unwrap_or_default();
    if let (Some(fields), Value::Object(more)) = (first.as_object_mut(), second) {
        fields.extend(more);
    }
    first
}
