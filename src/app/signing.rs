//! How long our signing certificate still lasts, and what is said of it before it ends.

use super::config::Config;
use super::fault::{Fault, exit};
use crate::adapters::clock;
use crate::adapters::signer::Signer;
use crate::domain::{Cvr, counted};
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

/// FP-K027: municipalities whose batches the signer may not sign; what else is wrong with it is said by [`outlook`].
pub fn foreign(config: &Config) -> Option<Fault> {
    let signer = Signer::read(&config.signer, clock::now_s()).ok()?;
    let foreign = |cvr: &&Cvr| !signer.may_sign_for(cvr, config.agreed_signer.as_ref());
    let foreign: Vec<String> = config.municipalities.keys().filter(foreign).map(ToString::to_string).collect();
    if foreign.is_empty() {
        return None;
    }
    Some(of_another(&signer, &format!("nothing is sealed of {}", foreign.join(", "))))
}

/// FP-K027: what follows from a certificate that is another organisation's.
pub(super) fn of_another(signer: &Signer, consequence: &str) -> Fault {
    let cvr = signer.cvr().map(|cvr| cvr.to_string()).unwrap_or_default();
    let text = format!("{consequence}: our certificate is of the organisation with CVR {cvr}, and signing.agreed_cvr does not name it");
    Fault::new("FP-K027", exit::KEYS, text)
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
