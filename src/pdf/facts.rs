//! What is true of a PDF, as values: measured once, judged by each vendor's rules elsewhere.
//!
//! Lengths are mm on the sheet as it is printed (after UserUnit, CropBox and Rotate), boxes are x, y, width, height from the
//! page's top left corner.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A rectangle on the page: x, y, width, height, mm.
pub type BoxMm = [f32; 4];

/// Everything that was found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PdfFacts {
    pub bytes: u64,
    /// Why the file could not be read as it was written.
    pub unreadable: Option<String>,
    /// Reading it made the parser's process end: too much memory, too long, or a crash.
    pub parser_killed: Option<String>,
    pub encrypted: bool,
    /// `1.7` and the like; the catalog's version where it is the newer.
    pub version: String,
    pub pages: Vec<PageFacts>,
    /// What the second reader counts; absent when it cannot read the file, or was not asked because the first could not.
    pub pages_by_second_reader: Option<usize>,
    /// Names of fonts whose program is not in the file.
    pub fonts_not_embedded: BTreeSet<String>,
    pub structure: Structure,
}

impl PdfFacts {
    /// Whether somebody looked at what is drawn on the pages.
    pub fn pages_drawn(&self) -> bool {
        self.pages.iter().any(|page| page.ink.is_some())
    }
}

/// What the file is made of beside its pages.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Structure {
    pub javascript: bool,
    pub launch: bool,
    /// Kinds of other actions that reach outside the file or start by themselves: `URI`, `SubmitForm`, `GoToR`, `OpenAction` ...
    pub actions: BTreeSet<String>,
    pub embedded_files: bool,
    pub xfa: bool,
    /// Kinds of sound, film, 3D and rich media found.
    pub rich_media: BTreeSet<String>,
    /// Optional content that is printed otherwise than it is shown: names are not kept.
    pub print_differs_from_view: bool,
    pub optional_content: bool,
    /// What the file says it conforms to, as `PDF/A-2b`.
    pub pdfa_claim: Option<String>,
    /// Times the file was saved, by its end marks: 1 is a file written once, 0 one without an end.
    pub revisions: u32,
    /// Saved onto itself after it was signed.
    pub changed_after_signing: bool,
    /// Bytes after the last end-of-file mark that are not line ends.
    pub trailing_bytes: u64,
    /// Another format that the same bytes are too: `zip`, `html`, `elf` ...
    pub also: Option<String>,
    /// Fonts drawn by little programs (Type 3).
    pub type3_fonts: BTreeSet<String>,
    /// Fonts whose embedded program cannot be used.
    pub fonts_unusable: BTreeSet<String>,
    /// Form fields that have no appearance of their own: every program draws them otherwise.
    pub fields_without_appearance: u32,
    /// Objects that are referred to and not there, where a page needs them.
    pub missing_objects: u32,
}

/// One page.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PageFacts {
    pub width_mm: f32,
    pub height_mm: f32,
    /// The MediaBox has another size than the CropBox.
    pub cropped: bool,
    /// Of the MediaBox, turned as the page is.
    pub media_width_mm: f32,
    pub media_height_mm: f32,
    /// Degrees clockwise: 0, 90, 180 or 270.
    pub rotate: i32,
    pub user_unit: f32,
    /// What is drawn; absent when nobody looked, because the size decides already or the page could not be drawn.
    pub ink: Option<PageInk>,
}

/// What is drawn on one page.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PageInk {
    /// Where there is ink, in the order it is drawn; near marks of a kind are one.
    pub marks: Vec<Mark>,
    /// There were more than are listed: their hull is the last mark.
    pub more: bool,
    /// Text lines that stand in or near an envelope's window, from the top.
    pub window_text: Vec<TextLine>,
    /// Where CPR numbers are shown, each with a number of its own: two marks with the same number show the same one.
    pub cpr_numbers: Vec<(u32, BoxMm)>,
    /// Where a text stands that was asked for, and which.
    pub markers: Vec<(String, BoxMm)>,
    /// Something is drawn through something else.
    pub transparency: bool,
    /// Something is neither black, white nor grey.
    pub colour: bool,
    pub images: Vec<ImageFact>,
    /// Share of the page that is covered, 0 to 1: estimated by hulls, text counted at a sixth of its own.
    pub coverage: f32,
    /// Text that is drawn and cannot be seen: white, without ink, or smaller than a point.
    pub hidden_text: Vec<BoxMm>,
    /// Text that lies outside the page.
    pub text_outside: bool,
    /// Drawing was given up: too many operations.
    pub too_much: bool,
}

/// What a mark is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkKind {
    Text,
    Path,
    Image,
    Annotation,
    Field,
}

impl MarkKind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Path => "lines or areas",
            Self::Image => "an image",
            Self::Annotation => "an annotation",
            Self::Field => "a form field",
        }
    }
}

/// Ink: the hull of one thing that is drawn, clipped as it is seen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    pub kind: MarkKind,
    pub box_mm: BoxMm,
}

/// A line of text as it is read. `Debug` shows no text: it is somebody's name or address.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct TextLine {
    pub box_mm: BoxMm,
    pub text: String,
    pub size_pt: f32,
}

impl std::fmt::Debug for TextLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TextLine({:?}, {} characters)", self.box_mm, self.text.chars().count())
    }
}

/// One image as it is placed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ImageFact {
    pub box_mm: BoxMm,
    /// Pixels per inch of paper, the smaller of the two directions.
    pub dpi: f32,
    /// One bit a pixel: line art.
    pub bilevel: bool,
}
