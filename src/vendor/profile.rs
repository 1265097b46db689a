//! The parts of a vendor profile, as they are read. What cannot be meant is refused (`faults`).
//!
//! A new vendor is a new file, never a line of Rust. Every value has a line in `[provenance]` that says where it
//! comes from: `contract`, `sourced:<what>` or `assumed`; a value without one, or a line without a value, is an error.

use super::EncryptTo;
use super::days::{CalendarRules, Window};
use super::prices::{Carriage, Envelopes, PostageTable};
use crate::domain::answer::{Dialect, Meaning, Words};
use crate::domain::{CompletionSign, Envelope, Severity, VendorId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Largest profile file read, bytes.
pub const PROFILE_BYTES_MAX: u64 = 256 * 1024;

/// One vendor, as its contract (or our assumption of it) describes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VendorProfile {
    pub id: VendorId,
    pub name: String,
    pub profile_version: String,
    pub delivery: Delivery,
    pub batch: BatchRules,
    pub page: PageRules,
    pub sheet: SheetRules,
    pub envelope: Envelopes,
    pub postage: PostageTable,
    /// Absent where nobody says how long the carrier takes.
    #[serde(default)]
    pub carriage: Carriage,
    pub calendar: CalendarRules,
    pub address_box: AddressBox,
    pub answers: Answers,
    /// How near to each edge ink may come; absent where the vendor does not say.
    pub margins: Option<Margins>,
    /// Where machines and the envelope's window are.
    pub zones: Option<Zones>,
    pub ink: Option<InkRules>,
    /// By what the vendor's machines know that a letter begins; absent where they need no text for it.
    pub marker: Option<Marker>,
    /// What a rule's breach means at this vendor: `off`, `info`, `warn`, `repair` or `reject`; a rule that is not named here
    /// has the meaning of its own that docs/rules.md tells.
    #[serde(default)]
    pub severity: BTreeMap<String, Severity>,
    pub provenance: BTreeMap<String, String>,
}

/// How files go up.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// Folders on the vendor's server, relative to the login folder.
    pub inbox: String,
    pub outbox: String,
    /// Files go up under this suffix and appear by rename; without, they are written under their final name.
    pub rename_into_place: bool,
    pub check_after_upload: UploadCheck,
    /// What goes up last: the suffix of an empty file, or `none`, where the signature is the sign.
    pub completion_sign: CompletionSign,
    /// When files may go up; a batch that is sealed outside of it waits for a later run.
    pub window: Window,
    /// The server takes files away as soon as they are complete, so that looking proves nothing.
    pub sweeps: bool,
    /// For every call to the vendor's server.
    pub timeout_s: u32,
    pub attempts_max: u32,
    /// Sessions at a time; small files go up side by side.
    pub sessions: u32,
    /// An upload that broke off goes on where it was; otherwise it begins anew.
    pub resume: bool,
    /// The vendor's certificate or age key, which the container is encrypted to.
    pub encrypt_to: Option<EncryptTo>,
    /// Who must say that a sealed batch may go; nobody, where it is absent.
    pub release: Option<Release>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Release {
    /// Two persons, each for itself (`fjernprint batch release`).
    TwoPersons,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UploadCheck {
    /// The remote size is compared with ours before the rename.
    Size,
    /// Nothing can be looked at; the vendor's answer is the proof.
    AnswerOnly,
    /// Nothing is looked at and no answer is asked for: after an unknown outcome the completion sign goes up once more.
    None,
}

/// What one batch may hold.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchRules {
    pub container: Container,
    pub letters_max: u32,
    /// Of the container as it goes up, see [`VendorProfile::container_bytes`].
    pub bytes_max: u64,
    /// Print options that all letters of a batch must share: any of plex, colour, envelope, postage.
    pub one_of: Vec<String>,
    /// Order inside the batch: `postcode` or `sheets`; the letter id breaks ties.
    pub sort: String,
    /// `ascending` or `descending`: which end of the sorted letters is printed first.
    pub order: PrintOrder,
    /// Template of a batch's name, see [`super::naming::batch_name`].
    pub name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrintOrder {
    Ascending,
    Descending,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Container {
    /// One ZIP, members stored.
    Zip,
    /// One PDF a letter in a folder.
    Files,
    /// One PDF with the letters one after another.
    Stream,
}

/// What a page must be.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageRules {
    pub width_mm: f32,
    pub height_mm: f32,
    /// How far a side may be longer or shorter.
    pub over_mm: f32,
    pub under_mm: f32,
    pub pages_max: u32,
    pub bytes_max: u64,
    /// `1.7` and the like; 2.0 is a version too.
    pub pdf_version_max: String,
}

/// Paper.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SheetRules {
    pub paper_gsm: f32,
}

/// Where the recipient's address must stand on the first page, mm from the sheet's top left corner.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressBox {
    pub x_mm: f32,
    pub y_mm: f32,
    pub width_mm: f32,
    pub height_mm: f32,
    pub font_size_max_pt: f32,
    pub font_size_min_pt: f32,
    pub lines_max: u32,
}

/// Ink stays this far from each edge, mm.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Margins {
    pub left_mm: f32,
    pub right_mm: f32,
    pub top_mm: f32,
    pub bottom_mm: f32,
}

/// A rectangle on the sheet, mm from its top left corner.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Area {
    pub x_mm: f32,
    pub y_mm: f32,
    pub width_mm: f32,
    pub height_mm: f32,
}

impl std::fmt::Display for Area {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { x_mm, y_mm, width_mm, height_mm } = self;
        write!(f, "x {x_mm} to {} mm, y {y_mm} to {} mm", x_mm + width_mm, y_mm + height_mm)
    }
}

/// Places with rules of their own.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zones {
    /// Where the vendor's machines print and read their marks, on every page: no ink.
    pub machine: Area,
    /// What the window shows whatever way the sheet slides: the whole address stands in it.
    pub visible: Area,
    /// What the window may show: nothing else stands in it.
    pub keepout: Area,
}

/// Text on the first page of a letter that tells the vendor's machines to begin a new one.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marker {
    pub text: String,
}

/// How ink may be.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InkRules {
    /// Of a page, 0 to 1.
    pub coverage_max: f32,
    pub image_dpi_min: f32,
}

/// How the vendor answers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// In which form the rows of its receipts come (docs/batch-format.md).
    pub dialect: Dialect,
    pub ack_within_minutes: u32,
    pub receipt_within_workdays: u32,
    /// Retention: days after which the vendor has deleted a batch and its answers.
    pub kept_days: u32,
    /// What the vendor's own words mean, beside those of the dialect.
    #[serde(default)]
    pub words: BTreeMap<String, Meaning>,
    /// Each receipt has a head that says how much is in it. Only `pko` and `pipe` may do without.
    #[serde(default = "yes")]
    pub heads: bool,
    /// Each answer has a signature beside it; one without, or with another's, is refused.
    #[serde(default)]
    pub signed: bool,
    /// Certificates that these signatures must lead to, PEM. In a profile, relative to the configuration's folder.
    pub certificate: Option<std::path::PathBuf>,
    /// What the columns of its invoices are called, where they are not called as ours.
    #[serde(default)]
    pub invoice: InvoiceColumns,
}

fn yes() -> bool {
    true
}

/// Headers of an invoice's columns.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InvoiceColumns {
    pub letter_id: String,
    pub sheets: String,
    pub postage: String,
    pub price: String,
}

impl Default for InvoiceColumns {
    fn default() -> Self {
        let own = |name: &str| name.to_owned();
        Self { letter_id: own("letter_id"), sheets: own("sheets"), postage: own("postage"), price: own("price") }
    }
}

impl Answers {
    /// The dialect with this vendor's own words.
    pub fn vocabulary(&self) -> Words {
        Words::new(self.dialect, self.words.clone())
    }
}

/// Texts that mean something to the machines of these vendors.
pub fn markers<'a>(profiles: impl IntoIterator<Item = &'a VendorProfile>) -> Vec<String> {
    profiles.into_iter().filter_map(|profile| Some(profile.marker.as_ref()?.text.clone())).collect()
}

/// Why a profile was refused.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    #[error("vendor profile does not parse: {0}")]
    Syntax(String),
    #[error("vendor profile {vendor}: {}", .faults.join("; "))]
    Impossible { vendor: VendorId, faults: Vec<String> },
}

impl VendorProfile {
    /// Parses and checks a profile. All faults are named, not the first.
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        let profile: Self = toml::from_str(text).map_err(|e| ProfileError::Syntax(e.to_string()))?;
        let value: toml::Table = toml::from_str(text).map_err(|e| ProfileError::Syntax(e.to_string()))?;
        let faults = profile.faults(&value);
        if faults.is_empty() { Ok(profile) } else { Err(ProfileError::Impossible { vendor: profile.id, faults }) }
    }

    /// Values whose provenance is still `assumed`, by their key.
    pub fn assumed(&self) -> Vec<&str> {
        self.provenance.iter().filter(|(_, from)| *from == "assumed").map(|(key, _)| key.as_str()).collect()
    }

    /// The envelope that so many sheets go into; `None` when no envelope of this vendor takes them.
    pub fn envelope_for(&self, wish: Envelope, sheets: u32) -> Option<Envelope> {
        let fits = |envelope| self.envelope.rules(envelope).is_some_and(|rules| sheets <= rules.sheets_max);
        match wish {
            Envelope::C5 | Envelope::Auto if fits(Envelope::C5) => Some(Envelope::C5),
            _ if fits(Envelope::C4) => Some(Envelope::C4),
            _ => None,
        }
    }

    /// Whether what lies in this envelope can be seen from outside.
    pub fn has_window(&self, envelope: Envelope) -> bool {
        self.envelope.rules(envelope).is_none_or(|rules| rules.window)
    }

    /// Weight of the whole letter in grams, rounded up: envelope and sheets of A4 (0.06237 m2 each).
    pub fn weight_g(&self, envelope: Envelope, sheets: u32) -> u32 {
        let envelope_g = self.envelope.rules(envelope).map_or(0.0, |rules| rules.weight_g);
        (envelope_g + sheets as f32 * self.sheet.paper_gsm * 0.062_37).ceil() as u32
    }
}
