//! Who a letter is for. A CPR number lives in a type that cannot be printed, logged or serialised by accident.

use super::ids::{Cvr, InvalidId};
use std::fmt;
use std::str::FromStr;

/// A CPR number (personnummer): ten digits, day-month-year and four more.
///
/// Accepted when the date part can be a date; replacement numbers (erstatningspersonnumre, day + 60)
/// too. Modulus 11 is not a test of validity: numbers without it are issued since 2007 (cpr.dk).
#[derive(Clone, PartialEq, Eq)]
pub struct Cpr(String);

impl Cpr {
    /// The ten digits. Each call site is one that must see them: the keyed look-up.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Cpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cpr(***)")
    }
}

impl FromStr for Cpr {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let digits: String = match text.as_bytes() {
            [.., b'-', _, _, _, _] if text.len() == 11 => format!("{}{}", &text[..6], &text[7..]),
            _ => text.to_owned(),
        };
        let valid = digits.len() == 10 && digits.bytes().all(|b| b.is_ascii_digit()) && date_part_possible(&digits);
        if valid { Ok(Self(digits)) } else { Err(InvalidId("CPR number (10 digits that start with a date)")) }
    }
}

/// Whether the first four of these digits can be day and month of a CPR number.
pub(super) fn date_part_possible(digits: &str) -> bool {
    let (Ok(day), Ok(month)) = (digits[0..2].parse::<u32>(), digits[2..4].parse::<u32>()) else { return false };
    let day = if day > 60 { day - 60 } else { day };
    let last = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1..=last).contains(&day)
}

/// The recipient as the message names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    Citizen(Cpr),
    Company(Cvr),
    /// `0000000000`, or no identity at all: senders of physical post withhold the CPR number
    /// (KombiPostAfsend, Feltbeskrivelse p. 7).
    Withheld,
}

impl Recipient {
    /// What the register's keyed hash is taken over; `None` when the identity was withheld.
    pub fn lookup_key(&self) -> Option<&str> {
        match self {
            Recipient::Citizen(cpr) => Some(cpr.expose()),
            Recipient::Company(cvr) => Some(cvr.as_str()),
            Recipient::Withheld => None,
        }
    }
}

impl FromStr for Recipient {
    type Err = InvalidId;
    /// Kind by length, as every sender does it: ten digits are a CPR number, eight a CVR number.
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text.trim() {
            "0000000000" => Ok(Recipient::Withheld),
            id if id.len() == 8 => id.parse().map(Recipient::Company),
            id => id.parse().map(Recipient::Citizen),
        }
    }
}
