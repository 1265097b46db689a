//! The time of day and the business date.

use jiff::{Timestamp, civil::Date, tz::TimeZone};

/// Now, RFC 3339 in UTC, to the second.
pub fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Now, in seconds since 1970.
pub fn now_s() -> i64 {
    Timestamp::now().as_second()
}

/// Today in Denmark, ISO 8601.
pub fn business_date() -> String {
    // The time zone database is compiled in; without it UTC would be an hour or two off at midnight.
    let zone = TimeZone::get("Europe/Copenhagen").unwrap_or(TimeZone::UTC);
    Timestamp::now().to_zoned(zone).date().to_string()
}

/// Whether the text is a date of the calendar, `yyyy-mm-dd`.
pub fn is_date(text: &str) -> bool {
    text.len() == 10 && text.parse::<Date>().is_ok()
}
