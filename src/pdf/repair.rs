//! stub
use serde::{Deserialize, Serialize};
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    Boxes,
    Turn,
    Scale,
    Flatten,
    DropActive,
    DropFiles,
    EmbedFonts,
    BlankBack,
}
impl Remedy {
    pub const ALL: [Remedy; 8] =
        [Self::Boxes, Self::Turn, Self::Scale, Self::Flatten, Self::DropActive, Self::DropFiles, Self::EmbedFonts, Self::BlankBack];
}
pub fn remedy_for(word: &str) -> Option<Remedy> {
    (word == "PAGES_ODD").then_some(Remedy::BlankBack)
}
use super::facts::BoxMm;
use std::collections::BTreeSet;
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RepairOrder {
    pub remedies: BTreeSet<Remedy>,
    pub paper_mm: (f32, f32),
    pub over_mm: f32,
    pub under_mm: f32,
    pub printable_mm: Option<BoxMm>,
    pub scale_min: f32,
    pub ink_mm: Vec<Option<BoxMm>>,
}
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Done {
    pub remedy: Remedy,
    pub page: Option<u32>,
    pub what: String,
}
pub struct Repaired {
    pub bytes: Vec<u8>,
    pub done: Vec<Done>,
}
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RepairFault {
    pub code: String,
    pub message: String,
}
pub fn repair(_bytes: &[u8], _order: &RepairOrder) -> Result<Repaired, RepairFault> {
    Err(RepairFault { code: String::new(), message: String::new() })
}
