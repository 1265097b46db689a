//! Numbers of things in sentences.

/// The verb that goes with so many: `is` or `are`.
pub fn verb<'a>(number: u64, one: &'a str, more: &'a str) -> &'a str {
    if number == 1 { one } else { more }
}

/// `1 letter`, `2 letters`, `3 batches`: what is counted is given in the singular.
pub fn counted(number: u64, what: &str) -> String {
    let plural = if what.ends_with('h') { "es" } else { "s" };
    format!("{number} {what}{}", if number == 1 { "" } else { plural })
}
