//! What each vendor makes of a PDF, from a program of your own: `cargo run --release --example preflight -- LETTER.pdf`.
//!
//! `preflight` reads the bytes in this very process. For files from strangers, let
//! `fjernprint::adapters::inspector::Inspector` look at them in workers with limits on memory and time.

use fjernprint::app::profiles;
use fjernprint::pipeline::validate::{Expected, Policy, preflight, rejects};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("name a PDF")?;
    let bytes = std::fs::read(&path)?;
    // The profiles that come with the program; `Some(folder)` for your own.
    let vendors = profiles::all(None)?;
    for (vendor, findings) in preflight(&bytes, &Expected::default(), &vendors, &Policy::default()) {
        println!("{}: {}", vendor.name, if rejects(&findings) { "would refuse it" } else { "would print it" });
        for f in findings {
            let page = f.page.map(|page| format!("page {page}, ")).unwrap_or_default();
            println!("  {} {page}{}: {} (limit {})", f.rule, f.message, f.measured, f.limit);
        }
    }
    Ok(())
}
