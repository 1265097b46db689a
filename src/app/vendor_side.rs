//! The vendor's own side: a site that a technician runs, and answers by hand in its folder. Takes nothing from the
//! pipeline but, where it is not told otherwise, keys that the configuration names.

use super::config::Config;
use super::fault::{Fault, exit};
use super::profiles::{self, VendorProfile};
use super::verify::vendor_key;
use crate::adapters::keys::read_bounded;
use crate::domain::{Cvr, VendorId};
use crate::vendor_site::hand::{HandFault, Target, answer as answer_by_hand};
pub use crate::vendor_site::hand::{Said, Word};
use crate::vendor_site::{Manners, Misbehaviour, Site, SiteFault, SiteOptions, printed};
pub use crate::wire::receipt::VendorStatus;
use serde::Serialize;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// What a site is asked to be.
#[derive(Debug, Clone)]
pub struct SiteWish {
    pub vendor: VendorId,
    pub dir: PathBuf,
    pub listen: SocketAddr,
    pub host_key: Option<PathBuf>,
    /// The public key that is let in; the configuration's when absent.
    pub client_key: Option<PathBuf>,
    /// Certificates that signatures must lead to, PEM; the configuration's own signer when absent.
    pub certificate: Option<PathBuf>,
    pub by_hand: bool,
    pub environment: Option<String>,
    pub signers: Vec<Cvr>,
    pub misbehave: Vec<String>,
    /// The vendor's secret key, of age or of its certificate, which opens encrypted batches.
    pub identity: Option<PathBuf>,
}

/// A running site, as it is shown.
#[derive(Debug, Clone, Serialize)]
pub struct SiteShown {
    pub vendor: String,
    pub dir: String,
    pub address: String,
    pub host: String,
    pub port: u16,
    pub host_key_pin: String,
    pub user: String,
    pub client_key: String,
    pub by_hand: bool,
    pub misbehave: Vec<String>,
}

/// Starts a site, shows it, and waits until it is told to stop (SIGINT, SIGTERM); gives the letters that it has printed.
pub fn site<E>(
    wish: SiteWish,
    config: &Path,
    vendors: Option<&Path>,
    show: impl FnOnce(&SiteShown) -> Result<(), E>,
) -> Result<Result<usize, E>, Fault> {
    let misbehaviour = wish.misbehave.iter().map(|script| script.parse());
    let misbehaviour: Vec<Misbehaviour> = misbehaviour
        .collect::<Result<_, _>>()
        .map_err(|fault: crate::vendor_site::misbehave::ScriptFault| Fault::usage("FP-Y002", fault.to_string()))?;
    let profile = profile(&wish, config, vendors)?;
    let (client_key, certificate) = keys(&wish, config)?;
    let options = SiteOptions {
        profile,
        dir: wish.dir.clone(),
        authorised_key: String::from_utf8_lossy(&read_bounded(&client_key)?).into_owned(),
        trusted_pem: read_bounded(&certificate)?,
        port: wish.listen.port(),
    };
    let manners = Manners {
        listen: wish.listen.ip(),
        host_key: wish.host_key,
        by_hand: wish.by_hand,
        environment: wish.environment,
        signers: wish.signers,
        misbehaviour,
        vendor_key: vendor_key(wish.identity.as_deref())?,
    };
    // Before anything is shown: who reads the address may end us at once.
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(|fault| Fault::io("waiting for signals", &fault))?;
    let site = Site::start_as(options, manners).map_err(site_fault)?;
    let shown = SiteShown {
        vendor: wish.vendor.to_string(),
        dir: wish.dir.display().to_string(),
        address: site.address().to_string(),
        host: site.address().ip().to_string(),
        port: site.port(),
        host_key_pin: site.host_key_pin().to_owned(),
        user: wish.vendor.to_string(),
        // Whole: where it is copied to, a path is relative to something else.
        client_key: std::path::absolute(&client_key).unwrap_or(client_key).display().to_string(),
        by_hand: wish.by_hand,
        misbehave: wish.misbehave,
    };
    if let Err(fault) = show(&shown) {
        return Ok(Err(fault));
    }
    signals.forever().next();
    site.stop();
    printed(&wish.dir).map(|letters| Ok(letters.len())).map_err(|fault| Fault::io("reading printed.csv", &fault))
}

/// The vendor's profile: from the folder that was named, else from the configuration where there is one, else as shipped.
fn profile(wish: &SiteWish, config: &Path, vendors: Option<&Path>) -> Result<VendorProfile, Fault> {
    if vendors.is_some() || !config.is_file() {
        return Ok(profiles::select(vendors, wish.vendor.as_str())?.remove(0));
    }
    let profiles = Config::read(config)?.profiles;
    let known: Vec<&str> = profiles.keys().map(VendorId::as_str).collect();
    let unknown = || Fault::usage("FP-C003", format!("vendor {:?} is not known; known are {}", wish.vendor.as_str(), known.join(", ")));
    profiles.get(&wish.vendor).cloned().ok_or_else(unknown)
}

/// The client's public key and the trusted certificates: what is given, or what the configuration names.
fn keys(wish: &SiteWish, config: &Path) -> Result<(PathBuf, PathBuf), Fault> {
    if let (Some(client_key), Some(certificate)) = (&wish.client_key, &wish.certificate) {
        return Ok((client_key.clone(), certificate.clone()));
    }
    let config = Config::read(config)
        .map_err(|fault| Fault { message: format!("{}; or give both --client-key and --certificate", fault.message), ..fault })?;
    let of_config = || {
        let address = config.connections.get(&wish.vendor).or_else(|| config.connections.values().next());
        let missing = || Fault::usage("FP-C008", format!("the configuration has no connection to {}; give --client-key", wish.vendor));
        address.map(|address| address.key_file.with_extension("pub")).ok_or_else(missing)
    };
    let client_key = wish.client_key.clone().map_or_else(of_config, Ok)?;
    Ok((client_key, wish.certificate.clone().unwrap_or(config.signer.certificate)))
}

fn site_fault(fault: SiteFault) -> Fault {
    Fault::new("FP-C010", exit::USAGE, fault.to_string())
}

/// Gives answers by hand, at a site's folder `dir`, or at the one that a demo beside the configuration has for `vendor`.
pub fn answer(dir: Option<PathBuf>, vendor: Option<&VendorId>, config: &Path, targets: &[String], word: &Word) -> Result<Vec<Said>, Fault> {
    let beside = |vendor: &VendorId| config.with_file_name("site").join(vendor.as_str());
    let dir = dir.or_else(|| vendor.map(beside)).ok_or_else(|| Fault::usage("FP-Y003", "give --dir or --vendor"))?;
    let targets: Vec<Target> = targets.iter().map(|text| text.parse()).collect::<Result<_, _>>().map_err(hand_fault)?;
    answer_by_hand(&dir, &targets, word).map_err(hand_fault)
}

fn hand_fault(fault: HandFault) -> Fault {
    let exit = match fault.code {
        "FP-Y003" => exit::INVALID,
        "FP-Y004" => exit::MISMATCH,
        "FP-C006" => exit::UNEXPECTED,
        _ => exit::USAGE,
    };
    Fault::new(fault.code, exit, fault.message)
}
