//! A postal address as it is written in the window of the envelope.

use std::fmt;

/// Lines from the top: name, c/o, street, place, then `postcode district`; a foreign country last, in capitals.
/// `Debug` shows no line: names and addresses are in no log.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct PostalAddress {
    pub lines: Vec<String>,
    /// Four digits, where the country is Denmark and the sender gave it.
    pub postcode: Option<String>,
    /// ISO 3166 alpha-2; `DK` when the sender gave none.
    pub country: String,
}

impl fmt::Debug for PostalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostalAddress({} lines, {})", self.lines.len(), self.country)
    }
}
