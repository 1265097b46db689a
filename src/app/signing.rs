//! How long our signing certificate still lasts, and what is said of it before it ends.

use super::config::Config;
use super::fault::Fault;
use crate::adapters::clock;
use crate::adapters::signer::Signer;
use crate::domain::counted;
use crate::wire::chain::{Expiry, urgency};
use serde::Serialize;

/// Something that will go wrong unless somebody does something: code and sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    pub code: &'static str,
    pub message: String,
}

/// A signer that can sign now, and the certificate of its chain that ends first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlook {
    pub expiry: Option<Expiry>,
}

/// Reads and checks the configured signer as of now; FP-K020 to FP-K024 when it cannot sign.
pub fn outlook(config: &Config) -> Result<Outlook, Fault> {
    let now_s = clock::now_s();
    Ok(Outlook { expiry: Signer::read(&config.signer, now_s)?.expiry(now_s) })
}

impl Outlook {
    /// FP-K026 from 60 days before the end, more pressing from 30 and from 7.
    pub fn warning(&self) -> Option<Warning> {
        let Expiry { subject, until, days, .. } = self.expiry.as_ref()?;
        let what = match urgency(*days)? {
            60 => "order a new one",
            30 => "a new one should be here by now",
            _ => "after that nothing is sealed any more",
        };
        let message = format!("the certificate of {subject} ends in {}, on {until}: {what}", counted(days.unsigned_abs(), "day"));
        Some(Warning { code: "FP-K026", message })
    }
}
