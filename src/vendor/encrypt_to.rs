//! Whom a vendor's batches are encrypted to, as its profile says it.

use serde::Deserialize;
use std::path::{Path, PathBuf};

/// In a profile a text: a key itself, or the file that one lies in. Nothing of it has been looked at yet.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum EncryptTo {
    /// A certificate in PEM, or age keys. In a profile, relative to the configuration's folder.
    File(PathBuf),
    /// What stands there for a key.
    Key(String),
    /// A secret key was written there: it is not kept, so that no message can show it.
    Secret,
}

impl From<String> for EncryptTo {
    fn from(text: String) -> Self {
        let (text, capitals) = (text.trim(), text.to_ascii_uppercase());
        // A file may be called age1.txt, or ssh-key.pem.
        let age = capitals.starts_with("AGE1") && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let ssh = text.starts_with("ssh-") && text.contains(' ');
        match text {
            _ if capitals.contains("AGE-SECRET-KEY-1") || capitals.contains("AGE-PLUGIN-") => Self::Secret,
            _ if age || ssh => Self::Key(text.to_owned()),
            _ => Self::File(text.into()),
        }
    }
}

impl EncryptTo {
    /// As seen from a folder that files are relative to.
    pub fn within(self, folder: &Path) -> Self {
        match self {
            Self::File(path) => Self::File(folder.join(path)),
            other => other,
        }
    }
}
