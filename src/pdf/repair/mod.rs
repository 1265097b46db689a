//! Repairs a PDF where its sender allows it: what is asked for by name, where it is needed, and nothing else.
//!
//! Takes bytes and an order, gives bytes and a list of what was done; the same input gives the same bytes. A document that
//! needs nothing comes back as it is. Content streams of pages that need nothing are taken over byte for byte; older saves,
//! bytes behind the end and objects that nothing refers to are left behind by every repair. What was written is read again
//! before it is given out: a fault that is still there, or a new one, is a [`RepairFault`].

mod appearance;
mod content;
mod drop;
mod embed;
mod faces;
mod flatten;
mod objects;
mod page;
mod place;
mod save;
mod sound;
mod verify;

use super::facts::{BoxMm, PdfFacts};
use super::inspect::{self, PDF_BYTES_MAX};
use lopdf::{Document, LoadOptions, ObjectId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Pages of a document that is repaired; more than any envelope takes.
const PAGES_MAX: usize = 1_000;
/// Largest expansion of one object or cross-reference stream while loading, bytes.
const STREAM_BYTES_MAX: usize = 64 << 20;
const CODE: &str = "FP-V092";

/// What may be done to a document. Each is asked for by name; nothing else is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// One box, its corner at 0, 0, not turned, in points: the page as it is shown.
    Boxes,
    /// A page that lies on its side is turned a quarter to the left: its text runs from the bottom to the top.
    Turn,
    /// A page of another size is scaled onto the paper, and ink that stands outside of the printable area is brought in.
    Scale,
    /// Form fields, comments and stamps that are printed become page content; what is not printed goes.
    Flatten,
    /// Programs, actions, film and sound go.
    DropActive,
    /// Other files in the file go, and what stands behind its end and in older saves.
    DropFiles,
    /// The standard fonts get a program of the same widths.
    EmbedFonts,
    /// A blank page makes the number of pages even.
    BlankBack,
}

impl Remedy {
    pub const ALL: [Self; 8] =
        [Self::Boxes, Self::Turn, Self::Scale, Self::Flatten, Self::DropActive, Self::DropFiles, Self::EmbedFonts, Self::BlankBack];
}

/// What may be done, and the measures for it. Lengths are mm, boxes from the page's top left corner as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RepairOrder {
    pub remedies: BTreeSet<Remedy>,
    /// Width and height.
    pub paper_mm: (f32, f32),
    /// How much larger and smaller than the paper a page may be.
    pub over_mm: f32,
    pub under_mm: f32,
    /// Where ink may stand on each page: x, y, width, height.
    pub printable_mm: Option<BoxMm>,
    /// Smallest factor by which ink is brought into the printable area.
    pub scale_min: f32,
    /// Hull of all marks per page as it was inspected, so that shifting needs no second look.
    pub ink_mm: Vec<Option<BoxMm>>,
}

/// One thing that was done. `what` says it in figures and never holds text of the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    pub remedy: Remedy,
    /// Counted from 1.
    pub page: Option<u32>,
    pub what: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repaired {
    pub bytes: Vec<u8>,
    pub done: Vec<Done>,
}

/// Why a document cannot be repaired (FP-V092). It holds no text of the letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct RepairFault {
    /// Always FP-V092; a `String` because it crosses a pipe.
    pub code: String,
    pub message: String,
}

impl RepairFault {
    fn new(message: impl Into<String>) -> Self {
        Self { code: CODE.to_owned(), message: message.into() }
    }

    fn on_page(page: u32, message: impl std::fmt::Display) -> Self {
        Self::new(format!("page {page}: {message}"))
    }
}

/// The remedy for a breach of the rule, if there is one.
pub fn remedy_for(rule_word: &str) -> Option<Remedy> {
    Some(match rule_word {
        "PAGE_BOXES" => Remedy::Boxes,
        "PAGE_ORIENTATION" => Remedy::Turn,
        "PAGE_A4_TOL" | "MARGIN_ALL" | "MARGIN_LEFT_ZONE" => Remedy::Scale,
        "FORM_WITHOUT_APPEARANCE" | "ANNOTATION" | "XFA" => Remedy::Flatten,
        "JAVASCRIPT" | "LAUNCH" | "ACTION" | "RICH_MEDIA" => Remedy::DropActive,
        // Every repair leaves older saves and trailing bytes behind; this one is set in motion by them alone.
        "EMBEDDED_FILE" | "TRAILING_DATA" | "REVISIONS" => Remedy::DropFiles,
        "FONT_EMBED" => Remedy::EmbedFonts,
        "PAGES_ODD" => Remedy::BlankBack,
        _ => return None,
    })
}

/// Does what the order asks for where it is needed.
pub fn repair(bytes: &[u8], order: &RepairOrder) -> Result<Repaired, RepairFault> {
    if bytes.len() > PDF_BYTES_MAX {
        return Err(RepairFault::new(format!("the file is larger than {PDF_BYTES_MAX} bytes")));
    }
    check(order)?;
    // The parser is known to panic on some hostile files; a panic is one more way of being beyond repair.
    let repaired = catch_unwind(AssertUnwindSafe(|| Work::open(bytes, order)?.all(bytes)));
    repaired.unwrap_or_else(|_| Err(RepairFault::new("the parser gave up")))
}

/// An order whose measures cannot be meant.
fn check(order: &RepairOrder) -> Result<(), RepairFault> {
    let (width, height) = order.paper_mm;
    let area = order.printable_mm.unwrap_or([0.0, 0.0, width, height]);
    let sane = |v: f32| v.is_finite() && (0.0..=2_000.0).contains(&v);
    let inside = area.into_iter().all(sane) && area[0] + area[2] <= width + 0.1 && area[1] + area[3] <= height + 0.1;
    let sizes = width >= 50.0 && height >= width && area[2] >= 10.0 && area[3] >= 10.0;
    let all = [width, height, order.over_mm, order.under_mm].into_iter().all(sane) && (0.1..=1.0).contains(&order.scale_min);
    let ink = order.ink_mm.iter().flatten().flatten().all(|v| v.is_finite());
    (inside && sizes && all && ink).then_some(()).ok_or_else(|| RepairFault::new("the order's measures cannot be meant"))
}

/// A document under repair.
struct Work<'a> {
    order: &'a RepairOrder,
    document: Document,
    /// What was true before.
    facts: PdfFacts,
    /// Why writing it anew would lose something.
    loses: Option<&'static str>,
    /// In order; a page that is listed twice stands here twice.
    pages: Vec<ObjectId>,
    faces: faces::Book,
    done: Vec<Done>,
}

impl<'a> Work<'a> {
    fn open(bytes: &[u8], order: &'a RepairOrder) -> Result<Self, RepairFault> {
        let facts = inspect::structure_only(bytes);
        if facts.encrypted {
            return Err(RepairFault::new("the file is encrypted or protected by a password"));
        }
        if let Some(why) = &facts.unreadable {
            return Err(RepairFault::new(format!("the file cannot be read: {}", crate::domain::redact::redact(why))));
        }
        let options = LoadOptions::with_max_decompressed_size(STREAM_BYTES_MAX);
        let document = Document::load_mem_with_options(bytes, options).map_err(|_| RepairFault::new("the file cannot be read"))?;
        let pages: Vec<ObjectId> = document.page_iter().take(PAGES_MAX + 1).collect();
        match pages.len() {
            0 => return Err(RepairFault::new("the file has no page")),
            n if n > PAGES_MAX => return Err(RepairFault::new(format!("the file has more than {PAGES_MAX} pages"))),
            _ => {}
        }
        let loses = sound::loses(&document, bytes);
        Ok(Self { order, document, facts, loses, pages, faces: faces::Book::default(), done: Vec::new() })
    }

    fn asked(&self, remedy: Remedy) -> bool {
        self.order.remedies.contains(&remedy)
    }

    fn did(&mut self, remedy: Remedy, page: Option<u32>, what: impl Into<String>) {
        self.done.push(Done { remedy, page, what: what.into() });
    }

    /// Each page once, with its number: one that is listed twice is changed once.
    fn each_page_once(&self) -> Vec<(u32, ObjectId)> {
        let mut seen = BTreeSet::new();
        (1..).zip(self.pages.iter().copied()).filter(|(_, id)| seen.insert(*id)).collect()
    }

    /// All remedies in this order: what becomes page content first, in the page's own measures, then the pages' places,
    /// then what they are drawn with.
    fn all(mut self, bytes: &[u8]) -> Result<Repaired, RepairFault> {
        self.flatten()?;
        self.drop_active()?;
        self.drop_files()?;
        self.place()?;
        self.embed_fonts()?;
        self.blank_back()?;
        let Some(first) = self.done.first().map(|done| done.remedy) else {
            return Ok(Repaired { bytes: bytes.to_vec(), done: Vec::new() });
        };
        if let Some(why) = self.loses {
            return Err(RepairFault::new(format!("the file cannot be written anew without loss: {why}")));
        }
        self.drop_claims(first);
        let bytes = save::save(&mut self.document)?;
        self.verify(&bytes)?;
        Ok(Repaired { bytes, done: self.done })
    }
}
