//! The sign that a batch is complete: what goes up last, and what a vendor begins on.

use super::BatchName;
use serde::{Deserialize, Serialize};

/// Longest suffix of a marker.
const SUFFIX_CHARS_MAX: usize = 16;
/// Endings that the files of a batch, its answers and unfinished uploads have.
const TAKEN: [&str; 9] = ["zip", "pdf", "csv", "json", "p7s", "p7m", "age", "part", "tmp"];
const SIGNATURE_ENDING: &str = ".manifest.json.p7s";

/// In a profile a word: the suffix of an empty file, or `none`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum CompletionSign {
    /// An empty file `<batch>.<suffix>` after everything else.
    Marker(String),
    /// No file of its own: the signature, which comes last then.
    Signature,
}

impl Default for CompletionSign {
    fn default() -> Self {
        Self::Marker("ready".to_owned())
    }
}

impl From<String> for CompletionSign {
    fn from(word: String) -> Self {
        if word == "none" { Self::Signature } else { Self::Marker(word) }
    }
}

impl From<CompletionSign> for String {
    fn from(sign: CompletionSign) -> Self {
        match sign {
            CompletionSign::Marker(suffix) => suffix,
            CompletionSign::Signature => "none".to_owned(),
        }
    }
}

impl CompletionSign {
    /// What the sign's name has after the batch's.
    pub fn ending(&self) -> String {
        match self {
            Self::Marker(suffix) => format!(".{suffix}"),
            Self::Signature => SIGNATURE_ENDING.to_owned(),
        }
    }

    /// The name of the sign's file.
    pub fn file(&self, batch: &BatchName) -> String {
        format!("{batch}{}", self.ending())
    }

    /// The name of the empty file, where there is one.
    pub fn marker(&self, batch: &BatchName) -> Option<String> {
        matches!(self, Self::Marker(_)).then(|| self.file(batch))
    }

    /// Whether no other file of a batch could be taken for it.
    pub fn is_possible(&self) -> bool {
        let Self::Marker(suffix) = self else { return true };
        let plain = !suffix.is_empty() && suffix.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        plain && suffix.len() <= SUFFIX_CHARS_MAX && !TAKEN.contains(&suffix.as_str())
    }
}
