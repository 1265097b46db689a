//! How a letter is to be printed and posted: what the sender wishes, and what was decided.

use super::ids::{Sha256, VendorId};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal / $oio:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant),* }

        impl $name {
            /// The word in our own files: letters.csv, profiles, JSON.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
            /// The word of the OIO fjernprint schema, as senders write it.
            pub fn from_oio(text: &str) -> Option<Self> {
                match text { $($oio => Some(Self::$variant),)* _ => None }
            }
            pub fn from_word(text: &str) -> Option<Self> {
                match text { $($word => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

words!(
    /// One side or both sides of the sheet (SimplexDuplexKode).
    Plex { Simplex = "simplex" / "Simplex", Duplex = "duplex" / "Duplex" }
);
words!(
    /// Black and white, or colour (FarveSHKode).
    Colour { BlackWhite = "bw" / "SH", Colour = "colour" / "Farve" }
);
words!(
    /// KuvertTypeKode. `Auto` (MA) lets the number of sheets decide.
    Envelope { C5 = "c5" / "C5", C4 = "c4" / "C4", Auto = "auto" / "MA" }
);
words!(
    /// PostKategoriKode: legacy names that each vendor profile maps to what its carrier sells.
    Postage {
        Prioritaire = "prioritaire" / "Prioritaire",
        Economique = "economique" / "Economique",
        Bulk = "bulk" / "Bulk",
        Registered = "rekommanderet" / "Rekommanderet",
        RegisteredWithReceipt = "rekommanderet-modtagerbevis" / "Rekommanderet med modtagerbevis",
        /// Service of process.
        Forkyndelse = "forkyndelse" / "Forkyndelse",
    }
);

/// What the sender said about printing; whatever is absent is decided by the sender's configured defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrintWishes {
    pub plex: Option<Plex>,
    pub colour: Option<Colour>,
    pub envelope: Option<Envelope>,
    pub postage: Option<Postage>,
    /// ForsendelseTypeIdentifikator: selects the sender's defaults.
    pub letter_type: Option<u64>,
    /// PaatrykModtagerAdresseIndikator: the recipient's address must be imprinted, on a cover sheet.
    pub imprint_recipient: bool,
    /// KonteringsGruppeTekst (accounting), at most 2000 characters at intake.
    pub cost_group: Option<String>,
    /// The last day on which it may reach the recipient.
    pub latest_arrival: Option<Date>,
}

/// Decided print options: what the batch is grouped by and the vendor is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PrintOptions {
    pub plex: Plex,
    pub colour: Colour,
    /// Never `Auto` once the letter is valid.
    pub envelope: Envelope,
    pub postage: Postage,
}

/// One letter as it will be printed: everything a batch must know of it. No name and no address; the postcode only
/// orders the letters of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrintJob {
    pub vendor: VendorId,
    /// What will be printed.
    pub document: Sha256,
    /// The document as it came in; the same where it was not touched.
    pub received: Sha256,
    /// What was done to it since, a sentence each; none where it was not touched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repairs: Vec<String>,
    pub pages: u32,
    pub sheets: u32,
    /// Of `document`.
    pub bytes: u64,
    pub weight_g: u32,
    pub options: PrintOptions,
    /// Four digits, or empty.
    pub postcode: String,
    /// ISO 3166 alpha-2.
    pub country: String,
    /// KonteringsGruppeTekst.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cost_group: String,
    /// The last day on which it may reach the recipient, where the sender named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_arrival: Option<Date>,
}

/// Sheets that so many pages take.
pub fn sheets_of(pages: u32, plex: Plex) -> u32 {
    match plex {
        Plex::Simplex => pages,
        Plex::Duplex => pages.div_ceil(2),
    }
}
