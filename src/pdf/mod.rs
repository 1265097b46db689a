//! Measuring, drawing and joining PDF bytes. lopdf, hayro and printpdf stay behind this door.

pub mod certificate;
pub mod draw;
mod face;
pub mod facts;
pub mod ink;
pub mod inspect;
pub mod join;
pub mod overlay;
mod paper;
pub mod repair;
mod share;
mod structure;
mod window;

pub use facts::{PageFacts, PdfFacts};
pub use inspect::{PDF_BYTES_MAX, count_pages, inspect, inspect_for, inspect_the_long_way};
