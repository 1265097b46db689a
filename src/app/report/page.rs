//! The page: one file that names no other, reads without scripts, and prints on A4. It is well-formed XML too, so that
//! a broken page shows in a test.

use super::chart::{columns, grouped, legend, rows};
use super::figures::{Figures, Reason};
use crate::app::account::{Line, Terms};
use crate::domain::codes::Owner;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// Codes of one chart at most; the rest is one row.
const CODES_SHOWN: usize = 15;
/// Rows of the account's table at most, so that the page has an end: far more than there are municipalities.
const LINES_MAX: usize = 1_000;
/// A table of so many rows is kept on one sheet.
const LINES_TOGETHER: usize = 25;

const STYLE: &str = "
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { font: 15px/1.45 system-ui, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif; color: #1c2530; background: #fff; margin: 0 auto; max-width: 62rem; padding: 1.5rem; }
h1 { font-size: 1.6rem; margin: 0; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; border-bottom: 1px solid #d5dbe2; padding-bottom: .25rem; break-after: avoid; }
p { margin: .4rem 0; }
.faint { color: #5b6672; }
.tiles { display: flex; flex-wrap: wrap; gap: .6rem; margin: 1rem 0 .6rem; padding: 0; list-style: none; }
.tiles li { flex: 1 1 7rem; border: 1px solid #d5dbe2; border-radius: 6px; padding: .5rem .75rem; }
.tiles b { display: block; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
.bad { color: #a3202f; font-weight: 600; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; }
th, td { text-align: left; padding: .3rem .5rem; border-bottom: 1px solid #e6eaee; vertical-align: top; }
thead th { border-bottom: 2px solid #b9c2cc; color: #3b4653; font-weight: 600; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tfoot td { font-weight: 600; border-top: 2px solid #b9c2cc; border-bottom: none; }
tr { break-inside: avoid; }
section { break-inside: avoid-page; }
section.long { break-inside: auto; }
.chart { display: block; width: 100%; height: auto; font-size: 12px; }
.chart .grid { stroke: #e6eaee; } .chart .axis { stroke: #7a828c; }
.chart text { fill: #3b4653; } .chart .number, .chart .name, .chart .date { text-anchor: end; } .chart .date { font-size: 10px; }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; font-size: .88rem; } .key { white-space: nowrap; }
code { font: .9em ui-monospace, 'Liberation Mono', monospace; white-space: nowrap; }
footer { margin-top: 2rem; font-size: .82rem; color: #5b6672; }
@page { size: A4; margin: 14mm; }
@media print { body { font-size: 10.5pt; max-width: none; padding: 0; } * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } .chart { break-inside: avoid; } thead { display: table-header-group; } tfoot { display: table-row-group; } }
";

pub fn page(figures: &Figures) -> Markup {
    let (from, to) = (figures.from, figures.to);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                // A void element in the manner of XML, which HTML takes too.
                (PreEscaped("<meta charset=\"utf-8\"/><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>"))
                title { "fjernprint: letters from " (from) " to " (to) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { "Remote print, " (from) " to " (to) }
                    p class="faint" { "Letters by the night that took them in. Made " (figures.made_at) ", Danish time; " (figures.environment) "." }
                }
                (overview(&figures.account.terms))
                (over_time(figures))
                (ages(figures))
                (reasons(figures))
                (lines(figures))
                (case_workers(figures))
                footer { "Counted from the ledger. No recipient, no letter and no person stands in this page." }
            }
        }
    }
}

fn overview(t: &Terms) -> Markup {
    let tiles = [
        ("accepted", t.accepted),
        ("digital", t.digital),
        ("shipped", t.shipped),
        ("rejected", t.rejected),
        ("held", t.held),
        ("pending", t.pending),
    ];
    html! {
        section {
            ul class="tiles" { @for (name, letters) in tiles { li { b { (grouped(letters)) } (name) } } }
            p {
                "accepted " (grouped(t.accepted)) " = digital " (grouped(t.digital)) " + shipped " (grouped(t.shipped)) " + rejected " (grouped(t.rejected))
                " + held " (grouped(t.held)) " + pending " (grouped(t.pending)) "."
            }
            p {
                "shipped " (grouped(t.shipped)) " = handed over " (grouped(t.handed_over)) " + rejected by the vendor " (grouped(t.vendor_rejected))
                " + cancelled by the vendor " (grouped(t.vendor_cancelled)) " + returned " (grouped(t.returned)) " + open " (grouped(t.open)) "."
            }
            @if t.cancelled > 0 { p { "Of the rejected, " (grouped(t.cancelled)) " were called back before a vendor had them." } }
            @if !t.balance() { p class="bad" { "The account does not balance: run fjernprint ledger verify." } }
        }
    }
}

fn over_time(figures: &Figures) -> Markup {
    let vendors: Vec<&str> = figures.vendors.iter().map(String::as_str).collect();
    let bars: Vec<(&str, &[u64])> = figures.bars.iter().map(|bar| (bar.label.as_str(), bar.letters.as_slice())).collect();
    let title = format!("Letters for each vendor, by {}", figures.span.word());
    html! {
        section {
            h2 { (title) }
            @if bars.is_empty() { p class="faint" { "No letter of these nights is for a vendor." } } @else { (legend(&vendors)) (columns(&title, &bars)) }
            (vendors_table(figures))
        }
    }
}

/// What each vendor made of what it was sent: shipped = handed over + rejected + cancelled + returned + open.
fn vendors_table(figures: &Figures) -> Markup {
    let names = ["batches", "shipped", "handed over", "rejected", "cancelled", "returned", "open"];
    html! {
        table {
            thead { tr { th { "vendor" } @for name in names { th class="n" { (name) } } } }
            tbody {
                @for (vendor, totals) in &figures.account.vendors {
                    @let sums = answers(&figures.account.lines, vendor);
                    tr { td { (vendor) } (numbers(&[totals.batches, totals.letters])) (numbers(&sums)) }
                }
            }
        }
        p class="faint" {
            (grouped(figures.account.pages)) " pages on " (grouped(figures.account.sheets)) " sheets were shipped. "
            @match figures.account.overdue {
                0 => "No vendor owes an answer.",
                1 => "One batch waits for an answer that is overdue.",
                batches => { (grouped(batches)) " batches wait for answers that are overdue." }
            }
        }
    }
}

/// Handed over, rejected, cancelled, returned and open, of one vendor's letters.
fn answers(lines: &[Line], vendor: &str) -> [u64; 5] {
    let of = |t: &Terms| [t.handed_over, t.vendor_rejected, t.vendor_cancelled, t.returned, t.open];
    let add = |sums: [u64; 5], line: &Line| {
        let more = of(&line.terms);
        std::array::from_fn(|place| sums[place] + more[place])
    };
    lines.iter().filter(|line| line.vendor == vendor).fold([0; 5], add)
}

fn ages(figures: &Figures) -> Markup {
    let all: Vec<(&str, Vec<u64>)> = figures.ages.iter().map(|age| (age.label, vec![age.held, age.pending, age.open])).collect();
    let none = all.iter().all(|(_, parts)| parts.iter().all(|letters| *letters == 0));
    html! {
        section {
            h2 { "How old the letters without an end are" }
            @if none { p class="faint" { "Every letter has an end." } } @else {
                p class="faint" { "All letters, whatever the nights of this report." }
                (legend(&["held", "pending", "at the vendor"]))
                (rows("Letters without an end, by age", &all))
            }
        }
    }
}

fn reasons(figures: &Figures) -> Markup {
    html! {
        @for (title, reasons) in [("Rejected letters, by code", &figures.rejected), ("Held letters, by code", &figures.held)] {
            section {
                h2 { (title) }
                @if reasons.is_empty() { p class="faint" { "None." } } @else { (by_code(title, reasons)) }
            }
        }
    }
}

fn by_code(title: &str, reasons: &[Reason]) -> Markup {
    let (first, rest) = reasons.split_at(reasons.len().min(CODES_SHOWN));
    let mut bars: Vec<(&str, Vec<u64>)> = first.iter().map(|reason| (reason.code.as_str(), vec![reason.letters])).collect();
    if !rest.is_empty() {
        bars.push(("others", vec![rest.iter().map(|reason| reason.letters).sum()]));
    }
    html! {
        (rows(title, &bars))
        table {
            thead { tr { th { "code" } th class="n" { "letters" } th { "what it is" } th { "whose it is" } } }
            tbody {
                @for reason in first {
                    tr {
                        td { code { (reason.code) } }
                        td class="n" { (grouped(reason.letters)) }
                        td { @if let Some(page) = reason.page { (page.cause) } }
                        td { @if let Some(page) = reason.page { (page.owner.word()) } }
                    }
                }
            }
        }
    }
}

fn lines(figures: &Figures) -> Markup {
    let names = ["accepted", "digital", "shipped", "rejected", "held", "pending", "settled", "open"];
    let of = |t: &Terms| [t.accepted, t.digital, t.shipped, t.rejected, t.held, t.pending, t.settled, t.open];
    let (shown, rest) = figures.account.lines.split_at(figures.account.lines.len().min(LINES_MAX));
    html! {
        section class=@if shown.len() > LINES_TOGETHER { "long" } @else { "short" } {
            h2 { "The account, by municipality and vendor" }
            table {
                thead { tr { th { "municipality" } th { "vendor" } @for name in names { th class="n" { (name) } } } }
                tbody { @for line in shown { tr { td { (line.name) " " span class="faint" { (line.municipality) } } td { (line.vendor) } (numbers(&of(&line.terms))) } } }
                tfoot { tr { td { "all" } td {} (numbers(&of(&figures.account.terms))) } }
            }
            @if !rest.is_empty() { p class="faint" { "and " (rest.len()) " more rows" } }
        }
    }
}

/// What a case worker can do about it, in Danish.
fn case_workers(figures: &Figures) -> Markup {
    let theirs = |reason: &&Reason| reason.page.is_some_and(|page| page.owner == Owner::CaseWorker);
    let reasons: Vec<&Reason> = figures.rejected.iter().chain(&figures.held).filter(theirs).take(2 * CODES_SHOWN).collect();
    html! {
        @if !reasons.is_empty() {
            section class="long" lang="da" {
                h2 { "Til sagsbehandleren" }
                p class="faint" { "Breve, som er afvist eller holdt tilbage, og som afsenderen selv kan gøre noget ved." }
                table {
                    thead { tr { th { "kode" } th class="n" { "breve" } th { "årsag" } th { "løsning" } } }
                    tbody {
                        @for reason in reasons {
                            @if let Some(page) = reason.page {
                                tr { td { code { (reason.code) } } td class="n" { (grouped(reason.letters)) } td { (page.cause_da) } td { (page.fix_da) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn numbers(numbers: &[u64]) -> Markup {
    html! { @for number in numbers { td class="n" { (grouped(*number)) } } }
}
