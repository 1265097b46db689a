//! Days of work and cut-offs: against almanacs, and laws for any day.

use fjernprint::domain::calendar::{Calendar, begin_of, date_in_denmark, easter, public_holidays};
use jiff::civil::{Date, Time, Weekday, date, time};
use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn calendar(cutoff: Time) -> Calendar {
    use Weekday::{Friday, Monday, Thursday, Tuesday, Wednesday};
    Calendar {
        weekdays: vec![Monday, Tuesday, Wednesday, Thursday, Friday],
        public_holidays: true,
        closed_yearly: BTreeSet::from([(12, 24), (12, 31)]),
        closed: BTreeSet::new(),
        open: BTreeSet::new(),
        cutoff,
        handover_workdays: 1,
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn easter_is_where_almanacs_have_it() {
    let known = [(1583, 4, 10), (1818, 3, 22), (1900, 4, 15), (1943, 4, 25), (2000, 4, 23), (2008, 3, 23), (2024, 3, 31)];
    let soon = [(2025, 4, 20), (2026, 4, 5), (2027, 3, 28), (2028, 4, 16), (2029, 4, 1), (2030, 4, 21), (2038, 4, 25)];
    for (year, month, day) in known.into_iter().chain(soon) {
        assert_eq!(easter(year), date(year, month, day));
    }
}

#[test]
fn public_holidays_of_2026_to_2030_are_those_of_the_danish_almanac() {
    // Movable days by year: skærtorsdag, langfredag, 2. påskedag, Kristi himmelfart, 2. pinsedag.
    let movable = [
        (2026, [(4, 2), (4, 3), (4, 6), (5, 14), (5, 25)]),
        (2027, [(3, 25), (3, 26), (3, 29), (5, 6), (5, 17)]),
        (2028, [(4, 13), (4, 14), (4, 17), (5, 25), (6, 5)]),
        (2029, [(3, 29), (3, 30), (4, 2), (5, 10), (5, 21)]),
        (2030, [(4, 18), (4, 19), (4, 22), (5, 30), (6, 10)]),
    ];
    for (year, days) in movable {
        let holidays = public_holidays(year);
        assert_eq!(holidays.len(), 10, "{year}");
        for (month, day) in days.into_iter().chain([(1, 1), (12, 25), (12, 26)]) {
            assert!(holidays.iter().any(|(holiday, _)| *holiday == date(year, month, day)), "{year}-{month}-{day}");
        }
    }
    let prayer = |year| public_holidays(year).iter().any(|(_, name)| *name == "store bededag");
    assert!(prayer(2023) && !prayer(2024), "store bededag went with 2024");
}

#[test]
fn a_vendors_own_days_count() {
    let mut c = calendar(time(17, 30, 0, 0));
    c.closed.insert(date(2026, 7, 15));
    c.open.insert(date(2026, 12, 26));
    for (day, works) in [
        (date(2026, 11, 24), true),
        (date(2026, 11, 28), false),
        (date(2026, 6, 5), true),
        (date(2026, 12, 24), false),
        (date(2026, 12, 26), true),
        (date(2026, 7, 15), false),
        (date(2028, 2, 29), true),
        (date(2027, 5, 6), false),
    ] {
        assert_eq!(c.is_workday(day), works, "{day}");
    }
    // From the Wednesday before Easter 2026 the next day of work is the Tuesday after it.
    assert_eq!(c.workdays_after(date(2026, 4, 1), 1), Some(date(2026, 4, 7)));
    assert_eq!(c.handover(date(2026, 12, 23)), Some(date(2026, 12, 26)));
    c.weekdays.clear();
    c.open.clear();
    assert_eq!((c.workday_from(date(2026, 1, 1)), c.cutoff_from(at("2026-01-01T00:00:00Z"))), (None, None));
}

#[test]
fn what_is_complete_at_the_cut_off_is_in_time() {
    let c = calendar(time(17, 30, 0, 0));
    let check = |instant: &str, day: Date, cutoff: &str| {
        let found = c.cutoff_from(at(instant)).unwrap();
        assert_eq!((found.business_day, found.at), (day, at(cutoff)), "{instant}");
    };
    check("2026-11-24T16:30:00Z", date(2026, 11, 24), "2026-11-24T16:30:00Z");
    check("2026-11-24T16:30:00.000000001Z", date(2026, 11, 25), "2026-11-25T16:30:00Z");
    // Summer time; and 00:30 in Denmark is still the day before in UTC.
    check("2026-07-01T22:30:00Z", date(2026, 7, 2), "2026-07-02T15:30:00Z");
    // Friday evening to Monday.
    check("2026-11-27T17:00:00Z", date(2026, 11, 30), "2026-11-30T16:30:00Z");
}

#[test]
fn the_nights_when_clocks_change_have_one_cut_off() {
    let mut c = calendar(time(2, 30, 0, 0));
    c.weekdays.extend([Weekday::Saturday, Weekday::Sunday]);
    c.public_holidays = false;
    // 28 March 2027 has no 02:30, 31 October 2027 has it twice.
    let check = |instant: &str, day: Date, cutoff: &str| {
        let found = c.cutoff_from(at(instant)).unwrap();
        assert_eq!((found.business_day, found.at), (day, at(cutoff)), "{instant}");
    };
    check("2027-03-27T02:00:00Z", date(2027, 3, 28), "2027-03-28T01:30:00Z");
    check("2027-03-28T01:30:01Z", date(2027, 3, 29), "2027-03-29T00:30:00Z");
    check("2027-10-31T00:30:00Z", date(2027, 10, 31), "2027-10-31T00:30:00Z");
    // The second 02:30 of that night is after the cut-off.
    check("2027-10-31T01:30:00Z", date(2027, 11, 1), "2027-11-01T01:30:00Z");
}

/// Any time of day and any second of the years 2026 to 2031.
fn moments() -> impl Strategy<Value = (Time, Timestamp)> {
    ((0i8..24, 0i8..60), 1_767_222_000i64..1_925_000_000)
        .prop_map(|((hour, minute), second)| (time(hour, minute, 0, 0), Timestamp::from_second(second).unwrap()))
}

proptest! {
    #[test]
    fn every_moment_has_one_cut_off_before_and_one_after((cutoff, instant) in moments()) {
        let c = calendar(cutoff);
        let (before, after) = (c.cutoff_before(instant).unwrap(), c.cutoff_from(instant).unwrap());
        prop_assert!(before.at < instant && instant <= after.at);
        prop_assert!(c.is_workday(before.business_day) && c.is_workday(after.business_day));
        // Nothing lies between both: the day after the one before is the one after.
        prop_assert_eq!(c.workdays_after(before.business_day, 1), Some(after.business_day));
        // The cut-off is its own, and the next moment has the next one.
        prop_assert_eq!(c.cutoff_from(after.at), Some(after));
        let next = c.cutoff_from(after.at + 1.nanosecond()).unwrap();
        prop_assert_eq!(Some(next.business_day), c.workdays_after(after.business_day, 1));
        prop_assert!(c.handover(after.business_day).unwrap() > after.business_day);
    }

    #[test]
    fn a_date_begins_in_denmark_when_it_does(second in 1_767_222_000i64..1_925_000_000) {
        let instant = Timestamp::from_second(second).unwrap();
        let day = date_in_denmark(instant);
        prop_assert!(begin_of(day).unwrap() <= instant && instant < begin_of(day.tomorrow().unwrap()).unwrap());
    }
}

/// Each day of work of 2026 to 2030 closes once, whichever moment of the night asks.
#[test]
fn five_years_of_days_close_once_each() {
    for hour in [0, 1, 2, 3, 17] {
        let c = calendar(time(hour, 30, 0, 0));
        let (mut day, mut seen) = (date(2026, 1, 1), BTreeSet::new());
        while day < date(2031, 1, 1) {
            let cutoff = c.cutoff_from(begin_of(day).unwrap()).unwrap();
            if c.is_workday(day) {
                assert_eq!(cutoff.business_day, day);
                assert!(seen.insert(cutoff.at), "{day}");
            } else {
                assert!(cutoff.business_day > day);
            }
            day = day.tomorrow().unwrap();
        }
        assert_eq!(seen.len(), 1260, "{hour}");
    }
}
