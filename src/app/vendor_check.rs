//! `vendor check`: what in a profile and its connection cannot be, looks wrong, or rests on an assumption; and, when it is
//! asked for, whether the vendor's server is there. Writes nothing, here or there, and lists nothing there.

use super::config::Config;
use super::contracts;
use super::fault::{Fault, exit};
use super::profiles;
use super::vendor_certificates::{ended, ending};
use crate::adapters::sftp::{Address, Connection};
use crate::adapters::signer::{certificates, closed_to_others};
use crate::adapters::{clock, encrypt};
use crate::domain::calendar::{Cutoff, date_in_denmark};
use crate::vendor::{EncryptTo, VendorProfile};
use jiff::Timestamp;
use serde::Serialize;
use std::path::Path;

/// Base64 without padding of 32 bytes.
const PIN_CHARS: usize = 43;

/// What a check of one vendor shows.
#[derive(Debug, Clone, Serialize)]
pub struct Checked {
    pub vendor: String,
    pub name: String,
    /// Possible, and most likely not meant.
    pub warnings: Vec<String>,
    /// What stands in the way of sealing for it or of reading its answers.
    #[serde(skip)]
    pub faults: Vec<Fault>,
    /// Keys whose value no contract and no source stands behind.
    pub assumed: Vec<String>,
    /// The cut-off that comes next, and the business day that it closes.
    pub next_cutoff: Option<Next>,
    /// Where the server was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<Live>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Next {
    pub business_day: String,
    pub at: Timestamp,
    pub handover: Option<String>,
}

/// What the server showed.
#[derive(Debug, Clone, Serialize)]
pub struct Live {
    pub address: String,
    /// Host key as pinned, and our key was taken.
    pub logged_in: bool,
    pub inbox_there: bool,
    pub outbox_there: bool,
    #[serde(skip)]
    pub fault: Option<Fault>,
}

impl Live {
    /// What is wrong: a fault of the way there, or a folder that is missing.
    pub fn exit_code(&self) -> u8 {
        match &self.fault {
            Some(fault) => fault.exit,
            None if self.inbox_there && self.outbox_there => exit::DONE,
            None => exit::USAGE,
        }
    }
}

impl Checked {
    /// What is wrong beside the profile itself, each with the exit code that it deserves.
    pub fn faults(&self) -> impl Iterator<Item = &Fault> {
        self.faults.iter().chain(self.live.iter().filter_map(|live| live.fault.as_ref()))
    }

    pub fn exit_code(&self) -> u8 {
        let of_live = self.live.as_ref().map_or(exit::DONE, Live::exit_code);
        self.faults().map(|fault| fault.exit).fold(of_live, u8::max)
    }
}

/// Checks one vendor's profile or all. With a configuration, its profiles and connections are meant; `folder` names other
/// profiles. FP-C002 for what is impossible, FP-C008 when a server is to be asked and no connection leads there.
pub fn check(folder: Option<&Path>, config: Option<&Config>, wanted: &str, live: bool) -> Result<Vec<Checked>, Fault> {
    let profiles = match (folder, config) {
        (None, Some(config)) => profiles::chosen(config.profiles.values().cloned().collect(), wanted)?,
        _ => profiles::select(folder, wanted)?,
    };
    profiles.iter().map(|profile| one(profile, config, live)).collect()
}

fn one(profile: &VendorProfile, config: Option<&Config>, live: bool) -> Result<Checked, Fault> {
    let now = clock::instant();
    let calendar = profile.calendar.calendar();
    let address = config.and_then(|config| config.connections.get(&profile.id));
    let mut warnings = profile.warnings(date_in_denmark(now));
    let mut faults = Vec::new();
    if let (Some(certificate), Some(_)) = (&profile.answers.certificate, config) {
        let of_no_use = match certificates(certificate) {
            Ok(_) => ended(certificate, now.as_second()).map(|why| Fault::new("FP-K029", exit::KEYS, why)),
            Err(fault) => Some(Fault::from(fault)),
        };
        faults.extend(of_no_use.map(|fault| {
            let message = format!("{}: answers.certificate: {}; its answers would be refused", profile.id, fault.message);
            Fault { message, ..fault }
        }));
    }
    // Without a configuration nobody knows where its file is.
    if let Some(to) = &profile.delivery.encrypt_to
        && (config.is_some() || !matches!(to, EncryptTo::File(_)))
        && let Err(fault) = encrypt::recipient(to, now.as_second())
    {
        let fault = Fault::from(fault);
        let key = if matches!(to, EncryptTo::File(_)) { "delivery.encrypt_to: " } else { "" };
        let message = format!("{}: {key}{}; nothing would be sealed for it", profile.id, fault.message);
        faults.push(Fault { message, ..fault });
    }
    // What has ended already is a fault.
    if config.is_some() && faults.is_empty() {
        warnings.extend(ending(profile, now.as_second()));
    }
    warnings.extend(config.map(|config| of_connection(profile, config, address)).unwrap_or_default());
    let to_come = config.and_then(|config| contracts::not_ready(config, &profile.id, date_in_denmark(now)));
    warnings.extend(to_come.map(|warning| warning.message));
    let next = |cutoff: Cutoff| Next {
        business_day: cutoff.business_day.to_string(),
        at: cutoff.at,
        handover: calendar.handover(cutoff.business_day).map(|day| day.to_string()),
    };
    let live = match (live, address) {
        (false, _) => None,
        (true, Some(address)) => Some(ask(profile, address)),
        (true, None) => {
            let text = format!("{} cannot be asked: the configuration has no [[connection]] to it, so no host key is pinned", profile.id);
            return Err(Fault::usage("FP-C008", text));
        }
    };
    Ok(Checked {
        vendor: profile.id.to_string(),
        name: profile.name.clone(),
        warnings,
        faults,
        assumed: profile.assumed().into_iter().map(str::to_owned).collect(),
        next_cutoff: calendar.cutoff_from(now).map(next),
        live,
    })
}

/// What is wrong with the way to a vendor that a municipality has, had or will have a contract with.
fn of_connection(profile: &VendorProfile, config: &Config, address: Option<&Address>) -> Vec<String> {
    let in_use = config.municipalities.values().flat_map(|m| &m.contracts).any(|contract| contract.vendor == profile.id);
    let Some(address) = address else {
        let text = "no [[connection]]: no host key is pinned, and batches would be sealed and wait".to_owned();
        return if in_use { vec![text] } else { Vec::new() };
    };
    let mut warnings = Vec::new();
    let pin = address.host_key_pin.strip_prefix("SHA256:").unwrap_or_default();
    let base64 = |b: u8| b.is_ascii_alphanumeric() || b == b'+' || b == b'/';
    if pin.len() != PIN_CHARS || !pin.bytes().all(base64) {
        warnings.push("host_key_pin is no fingerprint: SHA256: and 43 characters, as ssh-keygen -lf prints it".to_owned());
    }
    if !address.key_file.is_file() {
        warnings.push(format!("key_file {} is not there", address.key_file.display()));
    }
    // The agent opened its key itself.
    if let Some(file) = address.key_passphrase_file.as_ref().filter(|file| !address.agent && !file.is_file()) {
        warnings.push(format!("key_passphrase_file {} is not there", file.display()));
    }
    let secrets = address.key_passphrase_file.iter().chain((!address.agent).then_some(&address.key_file));
    for path in secrets.filter(|path| path.is_file()) {
        warnings.extend(closed_to_others(path).err().map(|fault| fault.to_string()));
    }
    warnings
}

fn ask(profile: &VendorProfile, address: &Address) -> Live {
    let mut live = Live {
        address: format!("{}:{}", address.host, address.port),
        logged_in: false,
        inbox_there: false,
        outbox_there: false,
        fault: None,
    };
    let asked = Connection::open(address).and_then(|connection| {
        live.logged_in = true;
        live.inbox_there = connection.is_folder(&profile.delivery.inbox)?;
        live.outbox_there = connection.is_folder(&profile.delivery.outbox)?;
        Ok(())
    });
    live.fault = asked.err().map(Fault::from);
    live
}
