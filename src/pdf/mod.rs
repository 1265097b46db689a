//! Measuring PDF bytes. lopdf and hayro stay behind this door.

pub mod inspect;
pub mod join;

pub use inspect::{PageFacts, PdfFacts, inspect};
