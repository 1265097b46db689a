//! Measuring, drawing and joining PDF bytes. lopdf, hayro and printpdf stay behind this door.

pub mod draw;
mod face;
pub mod inspect;
pub mod join;
mod paper;
mod window;

pub use inspect::{PDF_BYTES_MAX, PageFacts, PdfFacts, count_pages, inspect};
