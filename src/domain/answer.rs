//! The words of a vendor's answers: ours, those that each dialect has, and what a vendor's own word means.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// In which form the rows of a receipt come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// `letter_id;status;reason;pages;sheets;at`, our own.
    Csv,
    /// `PKO_PostStatus` elements, as the municipalities' business receipts have them.
    Pko,
    /// `reference|status|page_count|tier|date`, as GOV.UK Notify's printer answers.
    Pipe,
}

impl Dialect {
    pub const ALL: [Self; 3] = [Self::Csv, Self::Pko, Self::Pipe];

    pub fn word(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Pko => "pko",
            Self::Pipe => "pipe",
        }
    }

    /// How the name of a file of rows ends.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Pko => "xml",
            Self::Pipe => "txt",
        }
    }

    /// The dialect's own words, the one that is written first; whatever the case.
    pub fn words(self) -> &'static [(&'static str, Meaning)] {
        use VendorStatus as V;
        const fn is(status: V) -> Meaning {
            Meaning::Is(status)
        }
        match self {
            Self::Csv => {
                const {
                    &[
                        ("received", is(V::Received)),
                        ("accepted", is(V::Accepted)),
                        ("printed", is(V::Printed)),
                        ("enveloped", is(V::Enveloped)),
                        ("handed_over", is(V::HandedOver)),
                        ("rejected", is(V::Rejected)),
                        ("cancelled", is(V::Cancelled)),
                        ("returned", is(V::Returned)),
                    ]
                }
            }
            // "Afleveret til print" is no print yet, and "Opdatering fra Post Danmark" is a return only where it says why.
            Self::Pko => {
                const {
                    &[
                        ("Modtaget Fjern-print", is(V::Received)),
                        ("Modtaget Fjernprint", is(V::Received)),
                        ("Afsendt", is(V::Received)),
                        ("Afleveret til print og kuvertering", is(V::Accepted)),
                        ("Klar", is(V::Accepted)),
                        ("Modtaget Post Danmark", is(V::HandedOver)),
                        ("Fejlet", is(V::Rejected)),
                        ("Tilbagekaldt", is(V::Cancelled)),
                        ("Opdatering fra Post Danmark", is(V::Returned)),
                    ]
                }
            }
            Self::Pipe => {
                const {
                    &[
                        ("Received", is(V::Received)),
                        ("Accepted", is(V::Accepted)),
                        ("Printed", is(V::Printed)),
                        ("Enveloped", is(V::Enveloped)),
                        ("Sent", is(V::HandedOver)),
                        ("Despatched", is(V::HandedOver)),
                        ("Failed", is(V::Rejected)),
                        ("Rejected", is(V::Rejected)),
                        ("Cancelled", is(V::Cancelled)),
                        ("Returned", is(V::Returned)),
                    ]
                }
            }
        }
    }
}

/// What a vendor's word means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Meaning {
    Is(VendorStatus),
    /// `no_news`: nothing about how far the letter has come.
    NoNews,
}

impl TryFrom<String> for Meaning {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        let unknown = || {
            let known: Vec<&str> = VendorStatus::ALL.into_iter().map(VendorStatus::word).collect();
            format!("{word:?} is no status; known are {} and no_news", known.join(", "))
        };
        if word == "no_news" { Ok(Self::NoNews) } else { VendorStatus::from_word(&word).map(Self::Is).ok_or_else(unknown) }
    }
}

impl From<Meaning> for String {
    fn from(meaning: Meaning) -> Self {
        match meaning {
            Meaning::Is(status) => status.word().to_owned(),
            Meaning::NoNews => "no_news".to_owned(),
        }
    }
}

/// A dialect with a vendor's own words on top.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    pub dialect: Dialect,
    #[serde(default)]
    own: BTreeMap<String, Meaning>,
}

impl Words {
    pub fn new(dialect: Dialect, own: BTreeMap<String, Meaning>) -> Self {
        Self { dialect, own }
    }

    /// The words of the dialect alone.
    pub fn usual(dialect: Dialect) -> Self {
        Self::new(dialect, BTreeMap::new())
    }

    /// What the word means, whatever its case; `None` for one that nobody has told us.
    pub fn meaning(&self, word: &str) -> Option<Meaning> {
        let same = |known: &str| known.eq_ignore_ascii_case(word) || known.to_lowercase() == word.to_lowercase();
        let own = self.own.iter().find(|(known, _)| same(known)).map(|(_, meaning)| *meaning);
        own.or_else(|| self.dialect.words().iter().find(|(known, _)| same(known)).map(|(_, meaning)| *meaning))
    }

    /// The word that says so; where the dialect has none, the one for the step before.
    pub fn word_for(&self, status: VendorStatus) -> &str {
        let earlier = VendorStatus::ALL.into_iter().rev().filter(|known| *known == status || !status.is_final() && *known < status);
        for status in earlier {
            let says = |meaning: &Meaning| *meaning == Meaning::Is(status);
            let own = self.own.iter().find(|(_, meaning)| says(meaning)).map(|(word, _)| word.as_str());
            let usual = || self.dialect.words().iter().find(|(_, meaning)| says(meaning)).map(|(word, _)| *word);
            if let Some(word) = own.or_else(usual) {
                return word;
            }
        }
        status.word()
    }
}

/// The vendor's word for a letter, as we understand it. The order is how far the letter has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VendorStatus {
    Received,
    Accepted,
    Printed,
    Enveloped,
    /// Final: the carrier has it.
    HandedOver,
    /// Final.
    Rejected,
    /// Final.
    Cancelled,
    /// After final: the carrier brought it back. Its reason is one of [`RETURN_REASONS`].
    Returned,
}

/// Why a letter came back, as NHS Notify's print suppliers say it; the only published list.
pub const RETURN_REASONS: [(&str, &str); 10] = [
    ("R01", "addressee gone away"),
    ("R02", "address incomplete"),
    ("R03", "address inaccessible"),
    ("R04", "addressee unknown"),
    ("R05", "refused"),
    ("R06", "not called for"),
    ("R07", "no such address"),
    ("R08", "no reason given"),
    ("R09", "deceased"),
    ("R10", "something else, said after the code"),
];

/// The code that a return's reason begins with; a text may follow after a space, and must after R10.
pub fn return_reason(reason: &str) -> Option<&'static str> {
    let (code, text) = reason.split_once(' ').unwrap_or((reason, ""));
    let (known, _) = RETURN_REASONS.iter().find(|(known, _)| *known == code)?;
    (*known != "R10" || !text.trim().is_empty()).then_some(known)
}

impl VendorStatus {
    pub const ALL: [Self; 8] =
        [Self::Received, Self::Accepted, Self::Printed, Self::Enveloped, Self::HandedOver, Self::Rejected, Self::Cancelled, Self::Returned];

    /// How far a printed letter can come.
    pub const PROGRESS: [Self; 5] = [Self::Received, Self::Accepted, Self::Printed, Self::Enveloped, Self::HandedOver];

    pub fn word(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Accepted => "accepted",
            Self::Printed => "printed",
            Self::Enveloped => "enveloped",
            Self::HandedOver => "handed_over",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
            Self::Returned => "returned",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }

    pub fn is_final(self) -> bool {
        matches!(self, Self::HandedOver | Self::Rejected | Self::Cancelled | Self::Returned)
    }
}
