//! Days on which a vendor works, and the moment after which a letter waits for the next of them.
//!
//! Pure: holidays are computed, nothing is fetched, and the time comes in as an argument. Times of day are those of
//! Denmark (Europe/Copenhagen); on the two nights when the clocks change every day still has exactly one cut-off.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// A calendar without a day of work in so many days is taken to have none: longer than any closing of a year.
const SEARCH_DAYS_MAX: u32 = 400;

/// The time zone database is compiled in; without it UTC would be an hour or two off.
static DENMARK: LazyLock<TimeZone> = LazyLock::new(|| TimeZone::get("Europe/Copenhagen").unwrap_or(TimeZone::UTC));

/// Easter Sunday (Gregorian; Meeus, Jones and Butcher). Exact for every year that jiff knows from 1583 on.
pub fn easter(year: i16) -> Date {
    let y = i32::from(year);
    let (a, b, c) = (y % 19, y / 100, y % 100);
    let h = (19 * a + b - b / 4 - (b - (b + 8) / 25 + 1) / 3 + 15) % 30;
    let l = (32 + 2 * (b % 4) + 2 * (c / 4) - h - c % 4) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let (month, day) = ((h + l - 7 * m + 114) / 31, (h + l - 7 * m + 114) % 31 + 1);
    let part = |value: i32| i8::try_from(value).expect("months and days of the computus are small");
    Date::new(year, part(month), part(day)).expect("Easter lies between 22 March and 25 April")
}

/// The Danish public holidays of a year by date, with their names. Grundlovsdag, 24 and 31 December are no public
/// holidays: a vendor that closes then says so in its profile. Store bededag is one up to 2023 (law 214 of 6 March 2023).
pub fn public_holidays(year: i16) -> Vec<(Date, &'static str)> {
    let easter = easter(year);
    let moved = |days: i64| easter.saturating_add(days.days());
    let fixed = |month: i8, day: i8| Date::new(year, month, day).expect("a fixed day of every year");
    let mut days = vec![
        (fixed(1, 1), "nytårsdag"),
        (moved(-3), "skærtorsdag"),
        (moved(-2), "langfredag"),
        (easter, "påskedag"),
        (moved(1), "2. påskedag"),
        (moved(39), "Kristi himmelfartsdag"),
        (moved(49), "pinsedag"),
        (moved(50), "2. pinsedag"),
        (fixed(12, 25), "juledag"),
        (fixed(12, 26), "2. juledag"),
    ];
    if year <= 2023 {
        days.push((moved(26), "store bededag"));
    }
    days.sort();
    days
}

/// When a vendor works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    pub weekdays: Vec<Weekday>,
    /// Danish public holidays are closed.
    pub public_holidays: bool,
    /// Closed every year: month and day.
    pub closed_yearly: BTreeSet<(i8, i8)>,
    pub closed: BTreeSet<Date>,
    /// Worked in spite of everything above.
    pub open: BTreeSet<Date>,
    /// What is complete at this time of day in Denmark is printed on that day's account.
    pub cutoff: Time,
    /// Days of work from the cut-off's day until the carrier has the letters.
    pub handover_workdays: u32,
}

/// The last moment of one business day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cutoff {
    pub business_day: Date,
    pub at: Timestamp,
}

impl Calendar {
    pub fn is_workday(&self, day: Date) -> bool {
        if self.open.contains(&day) {
            return true;
        }
        let closed = self.closed.contains(&day) || self.closed_yearly.contains(&(day.month(), day.day()));
        let holiday = self.public_holidays && public_holidays(day.year()).iter().any(|(holiday, _)| *holiday == day);
        self.weekdays.contains(&day.weekday()) && !closed && !holiday
    }

    /// The first day of work on or after `day`; `None` when there is none for more than a year.
    pub fn workday_from(&self, day: Date) -> Option<Date> {
        let mut day = day;
        for _ in 0..SEARCH_DAYS_MAX {
            if self.is_workday(day) {
                return Some(day);
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    /// The `count`th day of work after `day`; `day` itself for 0.
    pub fn workdays_after(&self, day: Date, count: u32) -> Option<Date> {
        (0..count).try_fold(day, |day, _| self.workday_from(day.tomorrow().ok()?))
    }

    /// The moment of a day's cut-off, whether it is worked or not. A time that the clocks skip is the one an hour later, a
    /// time that comes twice is the first of both.
    pub fn cutoff_at(&self, day: Date) -> Option<Timestamp> {
        Some(day.to_datetime(self.cutoff).to_zoned(DENMARK.clone()).ok()?.timestamp())
    }

    /// The first cut-off that is not before `instant`: what is complete at the very moment is in time.
    pub fn cutoff_from(&self, instant: Timestamp) -> Option<Cutoff> {
        let mut day = date_in_denmark(instant);
        // Today's cut-off has passed, or it is the next day's of work: there is no third.
        for _ in 0..2 {
            let business_day = self.workday_from(day)?;
            let at = self.cutoff_at(business_day)?;
            if at >= instant {
                return Some(Cutoff { business_day, at });
            }
            day = business_day.tomorrow().ok()?;
        }
        None
    }

    /// The last cut-off before `instant`.
    pub fn cutoff_before(&self, instant: Timestamp) -> Option<Cutoff> {
        let mut day = date_in_denmark(instant);
        for _ in 0..SEARCH_DAYS_MAX {
            if self.is_workday(day)
                && let Some(at) = self.cutoff_at(day).filter(|at| *at < instant)
            {
                return Some(Cutoff { business_day: day, at });
            }
            day = day.yesterday().ok()?;
        }
        None
    }

    /// When the carrier has what is printed on this business day's account.
    pub fn handover(&self, business_day: Date) -> Option<Date> {
        self.workdays_after(business_day, self.handover_workdays)
    }
}

/// Whether the text is a date of the calendar, `yyyy-mm-dd`.
pub fn is_date(text: &str) -> bool {
    text.len() == 10 && text.parse::<Date>().is_ok()
}

/// The date in Denmark at this moment.
pub fn date_in_denmark(instant: Timestamp) -> Date {
    instant.to_zoned(DENMARK.clone()).date()
}

/// The time of day in Denmark at this moment.
pub fn time_in_denmark(instant: Timestamp) -> Time {
    instant.to_zoned(DENMARK.clone()).time()
}

/// A moment as people in Denmark read it: `2026-11-24 17:30`.
pub fn shown_in_denmark(instant: Timestamp) -> String {
    instant.to_zoned(DENMARK.clone()).strftime("%Y-%m-%d %H:%M").to_string()
}

/// The moment at which a date begins in Denmark.
pub fn begin_of(day: Date) -> Option<Timestamp> {
    Some(day.to_datetime(Time::midnight()).to_zoned(DENMARK.clone()).ok()?.timestamp())
}
