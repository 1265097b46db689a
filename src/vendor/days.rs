//! When a vendor works and takes files: the sections `[calendar]` and `delivery.window` of a profile.

use crate::domain::calendar::Calendar;
use jiff::civil::{Date, Time, Weekday};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::str::FromStr;

/// Days of its own that a vendor may name: a closing a week for ten years.
const OWN_DAYS_MAX: usize = 520;

/// `[calendar]`. Times of day are those of Denmark.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalendarRules {
    /// What is complete at the vendor by then is printed on that day's account.
    pub cutoff: Time,
    pub weekdays: Vec<Day>,
    /// Danish public holidays are closed. Grundlovsdag, 24 and 31 December are none: they stand in `closed_yearly`.
    pub public_holidays: bool,
    /// Closed every year, as `12-24`.
    pub closed_yearly: Vec<String>,
    /// Closed once.
    pub closed: BTreeSet<Date>,
    /// Worked in spite of weekday, holiday and closing.
    pub open: BTreeSet<Date>,
    /// Days of work from the cut-off's day until the carrier has the letters.
    pub handover_workdays: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Day {
    fn weekday(self) -> Weekday {
        match self {
            Self::Mon => Weekday::Monday,
            Self::Tue => Weekday::Tuesday,
            Self::Wed => Weekday::Wednesday,
            Self::Thu => Weekday::Thursday,
            Self::Fri => Weekday::Friday,
            Self::Sat => Weekday::Saturday,
            Self::Sun => Weekday::Sunday,
        }
    }
}

impl CalendarRules {
    pub fn calendar(&self) -> Calendar {
        Calendar {
            weekdays: self.weekdays.iter().map(|day| day.weekday()).collect(),
            public_holidays: self.public_holidays,
            closed_yearly: self.closed_yearly.iter().filter_map(|text| month_day(text)).collect(),
            closed: self.closed.clone(),
            open: self.open.clone(),
            cutoff: self.cutoff,
            handover_workdays: self.handover_workdays,
        }
    }

    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.weekdays.is_empty() {
            faults.push("calendar.weekdays is empty: the vendor never works".to_owned());
        }
        if self.weekdays.iter().enumerate().any(|(at, day)| self.weekdays[..at].contains(day)) {
            faults.push("calendar.weekdays names a day twice".to_owned());
        }
        let odd = self.closed_yearly.iter().filter(|text| month_day(text).is_none());
        faults.extend(odd.map(|text| format!("calendar.closed_yearly: {text:?} is no day of the year as \"12-24\"")));
        let both = self.closed.intersection(&self.open);
        faults.extend(both.map(|day| format!("calendar: {day} is both closed and open")));
        if self.closed.len() + self.open.len() > OWN_DAYS_MAX || self.closed_yearly.len() > 366 {
            faults.push(format!("calendar: more than {OWN_DAYS_MAX} days of its own"));
        }
        if self.handover_workdays > 20 {
            faults.push("calendar.handover_workdays must be 0 to 20".to_owned());
        }
        faults
    }
}

/// `12-24` as month and day; 29 February is one.
fn month_day(text: &str) -> Option<(i8, i8)> {
    let (month, day) = text.split_once('-')?;
    if month.len() != 2 || day.len() != 2 {
        return None;
    }
    let date = Date::new(2028, month.parse().ok()?, day.parse().ok()?).ok()?;
    Some((date.month(), date.day()))
}

/// Time of day in which files may go up, `22:00-06:00`; minutes from midnight, the end not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    from_minute: u16,
    to_minute: u16,
}

impl Window {
    /// Whether the window is open at this time of day.
    pub fn contains(&self, time: Time) -> bool {
        let minute = u16::from(time.hour().unsigned_abs()) * 60 + u16::from(time.minute().unsigned_abs());
        if self.from_minute < self.to_minute {
            (self.from_minute..self.to_minute).contains(&minute)
        } else {
            minute >= self.from_minute || minute < self.to_minute
        }
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (from, to) = (self.from_minute, self.to_minute);
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

impl FromStr for Window {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let minute = |text: &str| {
            let (hours, minutes) = text.split_once(':').filter(|(h, m)| h.len() == 2 && m.len() == 2)?;
            let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
            (minutes < 60 && hours * 60 + minutes <= 24 * 60).then_some(hours * 60 + minutes)
        };
        let ends = text.split_once('-').and_then(|(from, to)| Some((minute(from)?, minute(to)?)));
        match ends {
            Some((from_minute, to_minute)) if from_minute != to_minute && from_minute < 24 * 60 => Ok(Self { from_minute, to_minute }),
            _ => Err("a window is two times of day as 22:00-06:00; 00:00-24:00 is always"),
        }
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
