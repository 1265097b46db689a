//! The time of day and the business date.

use crate::domain::calendar::{date_in_denmark, time_in_denmark};
use jiff::Timestamp;
use jiff::civil::Time;

/// Now, RFC 3339 in UTC, to the second.
pub fn now() -> String {
    instant().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Now.
pub fn instant() -> Timestamp {
    Timestamp::now()
}

/// Now, in seconds since 1970.
pub fn now_s() -> i64 {
    Timestamp::now().as_second()
}

/// Today in Denmark, ISO 8601.
pub fn business_date() -> String {
    date_in_denmark(instant()).to_string()
}

/// The time of day in Denmark.
pub fn time_of_day() -> Time {
    time_in_denmark(instant())
}
