//! Letter templates: a handful of texts with `{placeholders}` that are filled from the columns of one letter.
//!
//! Not a template language: no conditions, no loops. A template that names what nobody fills is refused when it is
//! loaded, not in the night. Nothing is read from disk here; texts come in.

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Filled by the stage for every letter, whatever the columns hold: the letter's date, and the sender's first line.
pub const DATE: &str = "dato";
pub const SENDER: &str = "afsender";
/// Largest template read, bytes.
pub const TEMPLATE_BYTES_MAX: usize = 64 * 1024;

const SHIPPED: [&str; 2] =
    [include_str!("../../templates/afgoerelse/template.toml"), include_str!("../../templates/indkaldelse/template.toml")];

/// One template, checked: every placeholder is required or filled by the stage, every required column is used.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    name: String,
    /// Title in the PDF's own information; it is not printed and takes no placeholder, hence no personal text.
    title: String,
    heading: String,
    place_and_date: String,
    /// Columns that every letter must fill.
    required: BTreeSet<String>,
    paragraphs: Vec<String>,
}

/// The texts of one letter with every placeholder filled.
pub struct Filled {
    pub heading: String,
    pub place_and_date: String,
    pub paragraphs: Vec<String>,
}

/// A column that a letter lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingValue(pub String);

/// Why templates were refused (FP-D003): every fault, each with its template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .faults.join("; "))]
pub struct TemplateError {
    pub faults: Vec<String>,
}

impl TemplateError {
    pub const CODE: &str = "FP-D003";
}

/// All templates of a run, by name.
#[derive(Debug, Clone, Default)]
pub struct Templates(BTreeMap<String, Template>);

impl Templates {
    /// Those that are built in: `afgoerelse` and `indkaldelse`.
    pub fn shipped() -> Self {
        Self::parse(&SHIPPED).expect("the shipped templates are built in and a test loads them")
    }

    /// Parses the texts of `template.toml` files. A name that comes twice is a fault.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Self, TemplateError> {
        let (mut templates, mut faults) = (BTreeMap::new(), Vec::new());
        for (index, text) in texts.iter().map(AsRef::as_ref).enumerate() {
            let parsed = match text.len() {
                0..=TEMPLATE_BYTES_MAX => toml::from_str::<Template>(text).map_err(|fault| fault.message().to_owned()),
                _ => Err(format!("larger than {TEMPLATE_BYTES_MAX} bytes")),
            };
            match parsed {
                Err(why) => faults.push(format!("template {} does not parse: {why}", index + 1)),
                Ok(template) => {
                    faults.extend(template.faults().into_iter().map(|why| format!("template {}: {why}", template.name)));
                    if let Some(first) = templates.insert(template.name.clone(), template) {
                        faults.push(format!("template {}: the name comes twice", first.name));
                    }
                }
            }
        }
        if faults.is_empty() { Ok(Self(templates)) } else { Err(TemplateError { faults }) }
    }

    pub fn get(&self, name: &str) -> Option<&Template> {
        self.0.get(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl Template {
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Columns that every letter must fill, by name.
    pub fn required(&self) -> impl Iterator<Item = &str> {
        self.required.iter().map(String::as_str)
    }

    /// Puts the values in; the two values of the stage win over columns of the same name. What stands in a value is text,
    /// never a placeholder. A value of blanks alone is missing.
    pub fn fill(&self, values: &BTreeMap<String, String>, date: &str, sender: &str) -> Result<Filled, MissingValue> {
        let value = |name: &str| match name {
            DATE => Some(date),
            SENDER => Some(sender),
            _ => values.get(name).map(String::as_str),
        };
        let missing = self.required.iter().find(|name| value(name).is_none_or(|text| text.trim().is_empty()));
        if let Some(name) = missing {
            return Err(MissingValue(name.clone()));
        }
        let fill = |text: &str| {
            let mut out = String::with_capacity(text.len() * 2);
            for piece in pieces(text) {
                match piece {
                    Piece::Text(text) => out.push_str(text),
                    Piece::Placeholder(name) => {
                        let text = value(name).map(str::trim).filter(|text| !text.is_empty());
                        out.push_str(text.ok_or_else(|| MissingValue(name.to_owned()))?);
                    }
                    Piece::Stray => {}
                }
            }
            Ok(out)
        };
        Ok(Filled {
            heading: fill(&self.heading)?,
            place_and_date: fill(&self.place_and_date)?,
            paragraphs: self.paragraphs.iter().map(|text| fill(text)).collect::<Result<_, _>>()?,
        })
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let name_ok = !self.name.is_empty() && self.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !name_ok || self.name.len() > 40 {
            faults.push("name must be 1 to 40 of a-z, 0-9 and _".to_owned());
        }
        if self.heading.trim().is_empty() || self.paragraphs.is_empty() {
            faults.push("heading and paragraphs must not be empty".to_owned());
        }
        let mut used = BTreeSet::new();
        for text in [&self.heading, &self.place_and_date].into_iter().chain(&self.paragraphs) {
            for piece in pieces(text) {
                match piece {
                    Piece::Text(_) => {}
                    Piece::Placeholder(name) => drop(used.insert(name)),
                    Piece::Stray => faults.push("a brace without its partner".to_owned()),
                }
            }
        }
        if pieces(&self.title).any(|piece| !matches!(piece, Piece::Text(_))) {
            faults.push("title takes no placeholder".to_owned());
        }
        let own = [DATE, SENDER];
        let unknown = used.iter().filter(|name| !own.contains(name) && !self.required.contains(**name));
        faults.extend(unknown.map(|name| format!("placeholder {{{name}}} is not in required")));
        faults.extend(self.required.iter().filter(|name| !used.contains(name.as_str())).map(|name| format!("required {name} is not used")));
        faults
    }
}

enum Piece<'a> {
    Text(&'a str),
    Placeholder(&'a str),
    /// A brace that opens or closes nothing.
    Stray,
}

/// Cuts a text at its placeholders.
fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some(at) = rest.find(['{', '}']) else { return Some(Piece::Text(std::mem::take(&mut rest))) };
        if at > 0 {
            let (before, after) = rest.split_at(at);
            rest = after;
            return Some(Piece::Text(before));
        }
        let inner =
            rest.strip_prefix('{').and_then(|inner| inner.split_once('}')).filter(|(name, _)| !name.is_empty() && !name.contains('{'));
        let Some((name, after)) = inner else {
            rest = &rest[1..];
            return Some(Piece::Stray);
        };
        rest = after;
        Some(Piece::Placeholder(name))
    })
}
