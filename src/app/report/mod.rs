//! `report --html`: one page about many nights, for whoever answers for them. It holds counts, vendors, municipalities and
//! codes, and nothing personal; its size does not grow with the years that it looks back on.

mod chart;
mod figures;
mod page;

pub use figures::{Figures, figures};

use super::config::Config;
use super::fault::Fault;
use crate::adapters::store::write_readable;
use crate::ledger::Ledger;
use std::path::Path;

/// Writes the report of the nights from `from` to `to`, both included, and gives what stands in it. Without `from` it is the
/// last 30 days. FP-T002 when the file cannot be written, FP-C012 for what is no date.
pub fn write(config: &Config, path: &Path, from: Option<&str>, to: Option<&str>) -> Result<Figures, Fault> {
    let figures = figures(config, &Ledger::open_read_only(&config.ledger_path())?, from, to)?;
    let html = page::page(&figures).into_string();
    let fault = |e| Fault { code: "FP-T002", ..Fault::io(format!("writing {}", path.display()), &e) };
    write_readable(path, html.as_bytes()).map_err(fault)?;
    Ok(figures)
}
