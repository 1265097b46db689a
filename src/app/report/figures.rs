//! What stands in the report, counted from the ledger's table of counts.

use crate::adapters::clock;
use crate::app::account::{Account, account_between};
use crate::app::config::Config;
use crate::app::fault::Fault;
use crate::app::night::check_date;
use crate::domain::calendar::{date_in_denmark, shown_in_denmark};
use crate::domain::codes::{self, Code};
use crate::domain::status::{LetterStatus, Term};
use crate::ledger::{Kept, Ledger, Open};
use jiff::civil::{Date, Weekday};
use jiff::{ToSpan, Unit};
use std::collections::BTreeMap;

/// A report looks so many days back when nobody says more.
const DAYS_BACK: i64 = 30;
/// Bars of one chart at most; more nights are put together.
const BARS_MAX: usize = 60;
/// Vendors that have a colour of their own; the rest is shown as one.
const VENDORS_SHOWN: usize = 6;
const OTHERS: &str = "others";

/// What one bar stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    Night,
    Week,
    Month,
    Year,
}

impl Span {
    pub fn word(self) -> &'static str {
        match self {
            Self::Night => "night",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// The first day of the span that a day lies in.
    fn begin(self, day: Date) -> Date {
        match self {
            Self::Night => day,
            Self::Week => day.saturating_sub(i64::from(day.weekday().since(Weekday::Monday)).days()),
            Self::Month => day.first_of_month(),
            Self::Year => day.first_of_year(),
        }
    }

    fn label(self, day: Date) -> String {
        match self {
            Self::Night | Self::Week => day.to_string(),
            Self::Month => day.to_string()[..7].to_owned(),
            Self::Year => day.to_string()[..4].to_owned(),
        }
    }

    /// The smallest span of which a period has no more than can be shown.
    fn of(from: Date, to: Date) -> Self {
        let count = |unit: Unit| {
            from.until((unit, to)).map_or(0, |span| match unit {
                Unit::Day => i64::from(span.get_days()),
                Unit::Week => i64::from(span.get_weeks()),
                _ => i64::from(span.get_months()),
            })
        };
        let fits = |unit: Unit| count(unit) < BARS_MAX as i64;
        match () {
            () if fits(Unit::Day) => Self::Night,
            () if fits(Unit::Week) => Self::Week,
            () if fits(Unit::Month) => Self::Month,
            () => Self::Year,
        }
    }
}

/// Letters for the vendors in one span of time, in the order of [`Figures::vendors`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    pub label: String,
    pub letters: Vec<u64>,
}

/// Letters of one age that have no end yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Age {
    pub label: &'static str,
    pub held: u64,
    /// On their way to a vendor.
    pub pending: u64,
    /// At the vendor, without its final word.
    pub open: u64,
}

/// Letters of one code, with its page.
#[derive(Debug, Clone)]
pub struct Reason {
    pub code: String,
    pub letters: u64,
    pub page: Option<&'static Code>,
}

/// All of the report.
#[derive(Debug, Clone)]
pub struct Figures {
    pub from: Date,
    pub to: Date,
    /// When it was made, in Danish time.
    pub made_at: String,
    pub environment: String,
    /// Of the letters that these nights took in.
    pub account: Account,
    pub vendors: Vec<String>,
    pub span: Span,
    pub bars: Vec<Bar>,
    /// Of all letters, whatever their night.
    pub ages: Vec<Age>,
    pub rejected: Vec<Reason>,
    pub held: Vec<Reason>,
}

/// Ages in days, from the youngest: up to this, and how it is called.
const AGES: [(i64, &str); 6] =
    [(1, "0–1 days"), (3, "2–3 days"), (7, "4–7 days"), (14, "8–14 days"), (30, "15–30 days"), (i64::MAX, "over 30 days")];

pub fn figures(config: &Config, ledger: &Ledger, from: Option<&str>, to: Option<&str>) -> Result<Figures, Fault> {
    check_date(from)?;
    check_date(to)?;
    let now = clock::instant();
    let today = date_in_denmark(now);
    let date = |text: Option<&str>| text.and_then(|text| text.parse::<Date>().ok());
    let last = ledger.first_and_last_night()?.and_then(|(_, last)| date(Some(&last)));
    let to = date(to).unwrap_or_else(|| last.map_or(today, |last| last.max(today)));
    let from = date(from).unwrap_or_else(|| to.min(today).saturating_sub(DAYS_BACK.days()));
    if to < from {
        return Err(Fault::usage("FP-C012", format!("the report would end on {to}, before it begins on {from}")));
    }
    let (first, last) = (from.to_string(), to.to_string());
    let account = account_between(config, ledger, Some(&first), Some(&last))?;
    // Years that the ledger knows nothing of are not drawn.
    let known = ledger.first_and_last_night()?.and_then(|(first, _)| date(Some(&first))).unwrap_or(from);
    let span = Span::of(from.max(known.min(to)), to);
    let printed = ledger.printed_by_night(&first, &last)?;
    let (vendors, bars) = bars(span, &printed);
    let reasons =
        |status| -> Result<Vec<Reason>, Fault> { Ok(ledger.kept(status, Some(&first), Some(&last))?.into_iter().map(reason).collect()) };
    Ok(Figures {
        from,
        to,
        made_at: shown_in_denmark(now),
        environment: config.environment.clone(),
        account,
        vendors,
        span,
        bars,
        ages: ages(&ledger.open_by_night()?, today),
        rejected: reasons(LetterStatus::Rejected)?,
        held: reasons(LetterStatus::Held)?,
    })
}

fn reason(kept: Kept) -> Reason {
    Reason { page: codes::find(&kept.code), code: kept.code, letters: kept.letters }
}

/// The vendors with most letters, by name, and their letters by span of time.
fn bars(span: Span, printed: &[(String, String, u64)]) -> (Vec<String>, Vec<Bar>) {
    let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, vendor, letters) in printed {
        *totals.entry(vendor).or_default() += letters;
    }
    let mut vendors: Vec<&str> = totals.keys().copied().collect();
    vendors.sort_by_key(|vendor| std::cmp::Reverse(totals[vendor]));
    let many = vendors.len() > VENDORS_SHOWN;
    vendors.truncate(if many { VENDORS_SHOWN - 1 } else { VENDORS_SHOWN });
    // By name, so that a vendor keeps its colour from one report to the next.
    vendors.sort_unstable();
    let mut shown: Vec<String> = vendors.iter().map(ToString::to_string).collect();
    if many {
        shown.push(OTHERS.to_owned());
    }
    let mut spans: BTreeMap<Date, Vec<u64>> = BTreeMap::new();
    for (night, vendor, letters) in printed {
        let Ok(day) = night.parse::<Date>() else { continue };
        let bar = spans.entry(span.begin(day)).or_insert_with(|| vec![0; shown.len()]);
        let place = vendors.iter().position(|shown| shown == vendor).unwrap_or(shown.len() - 1);
        bar[place] += letters;
    }
    let bars = spans.into_iter().map(|(day, letters)| Bar { label: span.label(day), letters }).collect();
    (shown, bars)
}

fn ages(open: &[Open], today: Date) -> Vec<Age> {
    let mut ages: Vec<Age> = AGES.iter().map(|(_, label)| Age { label, held: 0, pending: 0, open: 0 }).collect();
    for Open { night, status, letters } in open {
        let Ok(night) = night.parse::<Date>() else { continue };
        let days = i64::from((today - night).get_days());
        let place = AGES.iter().position(|(up_to, _)| days <= *up_to).unwrap_or(AGES.len() - 1);
        let age = &mut ages[place];
        *match status.term() {
            Term::Held => &mut age.held,
            Term::Pending => &mut age.pending,
            _ => &mut age.open,
        } += letters;
    }
    ages
}
