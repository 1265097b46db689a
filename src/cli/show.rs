//! How results look: tables and sentences for people, one JSON object a line for programs.

use super::forecast;
use crate::app::account::{Account, Line, Terms};
use crate::app::demo::DemoNight;
use crate::app::desk::waiting;
use crate::app::inquiry::{Happened, Shown};
use crate::app::night::{DryRun, RunReport, Waiting};
use crate::app::orders::{Copy, Course, Item};
use crate::app::validate::{Verdict, severity_word};
use crate::domain::counted;
use serde::Serialize;
use serde_json::Value;
use std::io::{self, Write};

/// A JSON line: the message type in front of the fields of `value`, an object. Written at once, since the output may be a
/// terminal or a pipe that is read as it comes.
pub fn line(out: &mut impl Write, message_type: &str, value: &impl Serialize) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(&Typed { message_type, value })?;
    bytes.push(b'\n');
    out.write_all(&bytes)
}

#[derive(Serialize)]
struct Typed<'a, T> {
    message_type: &'a str,
    #[serde(flatten)]
    value: &'a T,
}

/// What each vendor makes of one file, and which would take it.
pub fn verdicts(out: &mut impl Write, verdicts: &[Verdict]) -> io::Result<()> {
    for verdict in verdicts {
        writeln!(out, "{:<7} {:<11} {}", verdict.verdict, verdict.vendor, verdict.file)?;
        for finding in &verdict.findings {
            let page = finding.page.map(|page| format!("page {page}: ")).unwrap_or_default();
            let place = finding.box_mm.map(|[x, y, w, h]| format!(", at x {x} y {y}, {w}x{h} mm")).unwrap_or_default();
            let (code, word, rule) = (finding.code, severity_word(finding.severity), finding.rule);
            let (message, measured, limit) = (&finding.message, &finding.measured, &finding.limit);
            writeln!(out, "    {code} {word:<6} {rule}: {page}{message}{place} (found: {measured}; must be: {limit})")?;
        }
        verdict.repairs.iter().try_for_each(|done| writeln!(out, "    repaired: {done}"))?;
        if let Some(path) = &verdict.repaired {
            writeln!(out, "    written to {path}")?;
        }
    }
    match verdicts {
        [first, _, ..] if first.taken_by.is_empty() => writeln!(out, "        none of these vendors takes it"),
        [first, _, ..] => writeln!(out, "        taken by {}", first.taken_by.join(", ")),
        _ => Ok(()),
    }
}

/// The account as a table, the equation under it, and what needs a person.
pub fn account(out: &mut impl Write, account: &Account) -> io::Result<()> {
    let wide = account.lines.iter().map(|l| l.municipality.chars().count() + l.name.chars().count() + 1).max().unwrap_or(0).max(12);
    writeln!(
        out,
        "{:wide$}  {:<12} {:>9} = {:>7} + {:>7} + {:>8} + {:>6} + {:>7}   {:>7} {:>6}",
        "municipality", "vendor", "accepted", "digital", "shipped", "rejected", "held", "pending", "settled", "open"
    )?;
    for Line { municipality, name, vendor, terms } in &account.lines {
        row(out, wide, &format!("{municipality} {name}"), vendor, terms)?;
    }
    row(out, wide, "all", "", &account.terms)?;
    let holds =
        if account.terms.balance() { "the account balances" } else { "THE ACCOUNT DOES NOT BALANCE: run `fjernprint ledger verify`" };
    writeln!(
        out,
        "{holds}; {}; shipped: {} on {}, {} kB\n",
        counted(account.batches, "batch"),
        counted(account.pages, "page"),
        counted(account.sheets, "sheet"),
        account.bytes / 1000
    )?;
    for (vendor, totals) in &account.vendors {
        let (batches, letters, settled, open) = (totals.batches, totals.letters, totals.settled, totals.open);
        let waiting = waiting(account).into_iter().find(|(waiting, ..)| waiting == vendor);
        let wait = waiting.map(|(_, batches, _)| format!(", in {}", counted(batches as u64, "batch"))).unwrap_or_default();
        let (batches, letters) = (counted(batches, "batch"), counted(letters, "letter"));
        writeln!(out, "{vendor:<12} {batches}; shipped: {letters}, {settled} settled, {open} open{wait}")?;
    }
    let t = &account.terms;
    writeln!(
        out,
        "of the shipped: {} handed over, {} rejected and {} cancelled by the vendor, {} returned, {} open",
        t.handed_over, t.vendor_rejected, t.vendor_cancelled, t.returned, t.open
    )?;
    Ok(())
}

fn row(out: &mut impl Write, wide: usize, who: &str, vendor: &str, t: &Terms) -> io::Result<()> {
    writeln!(
        out,
        "{who:wide$}  {vendor:<12} {:>9} = {:>7} + {:>7} + {:>8} + {:>6} + {:>7}   {:>7} {:>6}",
        t.accepted, t.digital, t.shipped, t.rejected, t.held, t.pending, t.settled, t.open
    )
}

pub fn in_days(days: i64) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

/// Letters of a plan: those that go once more first, then the rest.
pub fn plan_letters(out: &mut impl Write, letters: &[Item], shown_max: usize) -> io::Result<()> {
    let mut sorted: Vec<&Item> = letters.iter().collect();
    sorted.sort_by_key(|item| (item.course == Course::Nothing, std::cmp::Reverse(item.copy_printed)));
    for item in sorted.iter().take(shown_max) {
        let course = match item.course {
            Course::Again => "goes again",
            Course::Unbatch => "goes again",
            Course::Reprint => "new print",
            Course::Nothing => "left alone",
        };
        let copy = match item.copy_printed {
            Copy::No => "no copy",
            Copy::Unknown => "COPY?",
            Copy::Yes => "COPY",
        };
        writeln!(out, "    {}  {:<9}  {course:<10}  {copy:<7}  {}", item.letter_id, item.status, item.why)?;
    }
    if sorted.len() > shown_max { writeln!(out, "    and {} more; --json has them all", sorted.len() - shown_max) } else { Ok(()) }
}

/// What one run did.
pub fn report(out: &mut impl Write, report: &RunReport) -> io::Result<()> {
    let r = report;
    writeln!(out, "night of {}", r.business_date)?;
    writeln!(
        out,
        "intake     {} taken, {}; {} known already, {} refused, {} not whole yet, {} neither XML nor table",
        counted(r.files_taken, "file"),
        counted(r.letters_accepted, "letter"),
        r.files_known,
        r.files_refused,
        r.files_waiting,
        r.files_ignored
    )?;
    writeln!(out, "letters    {} digital, {} printable, {} held, {} rejected", r.digital, r.validated, r.held, r.rejected)?;
    writeln!(out, "batches    {} sealed, {} shipped with {}", r.batches_sealed, r.batches_shipped, counted(r.letters_shipped, "letter"))?;
    writeln!(out, "answers    {} settled\n", counted(r.letters_settled, "letter"))
}

/// Why letters of a night are held or rejected: code, letter, the sender's own identifier, sentence; `all` of which the first
/// are here.
pub fn troubles(out: &mut impl Write, word: &str, letters: &[[String; 4]], all: u64) -> io::Result<()> {
    if letters.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{word} ({all}; `fjernprint explain CODE` says what to do):")?;
    for [code, id, dispatch, message] in letters {
        // The code opens the sentence of a rejection for findings already.
        let message = message.strip_prefix(code.as_str()).unwrap_or(message).trim_start();
        writeln!(out, "    {code}  {id}  {dispatch}  {message}")?;
    }
    let more = all.saturating_sub(letters.len() as u64);
    if more > 0 { writeln!(out, "    and {more} more") } else { Ok(()) }
}

pub fn dry_run(out: &mut impl Write, dry: &DryRun) -> io::Result<()> {
    report(out, &dry.report)?;
    for plan in dry.plans.iter().flat_map(|plan| &plan.batches) {
        let verb = if dry.unsealed.contains(&plan.vendor) { "would keep for" } else { "would seal for" };
        writeln!(
            out,
            "{verb} {:<12} {}  {:>6} letters, {:>7} pages, {:>7} sheets, {:>9} kB  {}",
            plan.vendor.as_str(),
            plan.municipality,
            plan.letters.len(),
            plan.pages,
            plan.sheets,
            plan.bytes / 1000,
            plan.class.join(" ")
        )?;
    }
    for Waiting { batch, letters, waits_for, .. } in &dry.waiting {
        let verb = if waits_for.is_some() { "would keep" } else { "would ship" };
        let why = waits_for.as_ref().map(|what| format!(": it waits for {what}")).unwrap_or_default();
        writeln!(out, "{verb} {batch}, sealed earlier, {}{why}", counted(u64::from(*letters), "letter"))?;
    }
    forecast::table(out, &dry.plans)?;
    writeln!(out, "a dry run: nothing was changed")
}

pub fn demo(out: &mut impl Write, night: &DemoNight) -> io::Result<()> {
    for missed in &night.missed {
        writeln!(
            out,
            "NOT AS EXPECTED  {}/{} {}: expected {}, found {}",
            missed.sender, missed.file, missed.dispatch_id, missed.expected, missed.found
        )?;
    }
    let verdict = if night.missed.is_empty() { "every sample ended where it should" } else { "samples ended elsewhere" };
    writeln!(out, "\n{verdict}: {} as expected, {} not; the night took {:.1} s", night.as_expected, night.missed.len(), night.seconds)
}

pub fn shown(out: &mut impl Write, shown: &Shown) -> io::Result<()> {
    if let Value::Object(fields) = &shown.state {
        for (key, value) in fields {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            writeln!(out, "{key:<14} {text}")?;
        }
    }
    if let Some(days) = shown.age_days {
        writeln!(out, "{:<14} {}", "age", in_days(days))?;
    }
    writeln!(out)?;
    for Happened { at, event, ordered } in &shown.history {
        writeln!(out, "{at}  {event}")?;
        if let Some(ordered) = ordered {
            writeln!(out, "                      {ordered}")?;
        }
    }
    Ok(())
}
