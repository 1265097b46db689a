//! A finding: a fact about a document, measured against a limit, with a stable code.

use serde::Serialize;

/// What a profile makes of a breach of a rule. `Reject` stops the letter; so does `Repair` where it is not repaired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Not told at all.
    Off,
    Info,
    Warn,
    /// To be put right before it is printed, where the sender allows it.
    Repair,
    Reject,
}

/// One fault of one document. `code` has a page in `explain`; `rule` is the stable word scripts match on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    pub code: &'static str,
    pub rule: &'static str,
    pub severity: Severity,
    /// Counted from 1; absent when the whole file is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// x, y, width, height in mm from the page's top left corner.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "tenths")]
    pub box_mm: Option<[f32; 4]>,
    pub measured: String,
    pub limit: String,
    pub message: String,
}

/// A tenth of a millimetre is what is measured; a single precision number shows more in JSON than it holds.
fn tenths<S: serde::Serializer>(box_mm: &Option<[f32; 4]>, serializer: S) -> Result<S::Ok, S::Error> {
    box_mm.map(|sides| sides.map(|mm| (f64::from(mm) * 10.0).round() / 10.0)).serialize(serializer)
}
