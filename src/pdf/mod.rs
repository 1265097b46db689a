//! Measuring PDF bytes. lopdf and hayro stay behind this door.

pub mod inspect;
pub mod join;

pub use inspect::{PDF_BYTES_MAX, PageFacts, PdfFacts, count_pages, inspect};
