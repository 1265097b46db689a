//! Finds vendor profiles: a folder's, or the ones that come with the program.

use super::config::Config;
use super::fault::Fault;
pub use crate::vendor::VendorProfile;
use crate::vendor::profile::PROFILE_BYTES_MAX;
use std::fs;
use std::path::Path;

const SHIPPED: [&str; 3] = [
    include_str!("../../vendors/edora/profile.toml"),
    include_str!("../../vendors/kmd/profile.toml"),
    include_str!("../../vendors/straalfors/profile.toml"),
];

/// All profiles of a folder `<folder>/<id>/profile.toml`, or the shipped ones, by id.
///
/// FP-C002 for a profile that is impossible or lies in a folder of another name, FP-C001 for a folder that cannot be read.
pub fn all(folder: Option<&Path>) -> Result<Vec<VendorProfile>, Fault> {
    let mut profiles = match folder {
        None => SHIPPED.iter().map(|text| parse(text, None)).collect::<Result<Vec<_>, _>>()?,
        Some(folder) => from_folder(folder)?,
    };
    profiles.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(profiles)
}

/// The profiles that `wanted` names: one id, or `all`. FP-C003 names the known ones.
pub fn select(folder: Option<&Path>, wanted: &str) -> Result<Vec<VendorProfile>, Fault> {
    chosen(all(folder)?, wanted)
}

/// The profiles that count here: a folder's where one is given, else those of the configuration where there is one, else the
/// shipped ones. A configuration that is there and cannot be read is a fault, never another vendor's profile.
pub fn in_force(folder: Option<&Path>, config: &Path) -> Result<Vec<VendorProfile>, Fault> {
    match folder {
        None if config.exists() => Ok(Config::read(config)?.profiles.into_values().collect()),
        _ => all(folder),
    }
}

/// The ones of these that `wanted` names: one id, or `all`. FP-C003 names the known ones.
pub fn chosen(profiles: Vec<VendorProfile>, wanted: &str) -> Result<Vec<VendorProfile>, Fault> {
    let known: Vec<String> = profiles.iter().map(|p| p.id.to_string()).collect();
    let chosen: Vec<VendorProfile> = profiles.into_iter().filter(|p| wanted == "all" || p.id.as_str() == wanted).collect();
    if chosen.is_empty() {
        let message = match known.as_slice() {
            [] => "there is no vendor profile: each lies in a folder of its own, <vendor>/profile.toml".to_owned(),
            known => format!("vendor {wanted:?} is not known; known are {} and all", known.join(", ")),
        };
        return Err(Fault::usage("FP-C003", message));
    }
    Ok(chosen)
}

fn parse(text: &str, folder_name: Option<&str>) -> Result<VendorProfile, Fault> {
    let impossible = |message: String| Fault::usage("FP-C002", message);
    let profile = VendorProfile::parse(text).map_err(|e| impossible(e.to_string()))?;
    match folder_name {
        Some(name) if name != profile.id.as_str() => {
            Err(impossible(format!("the profile in folder {name:?} has the id {:?}", profile.id.as_str())))
        }
        _ => Ok(profile),
    }
}

fn from_folder(folder: &Path) -> Result<Vec<VendorProfile>, Fault> {
    let unreadable =
        |path: &Path, why: &dyn std::fmt::Display| Fault::usage("FP-C001", format!("reading vendor profiles at {}: {why}", path.display()));
    let mut profiles = Vec::new();
    for entry in fs::read_dir(folder).map_err(|e| unreadable(folder, &e))? {
        let path = entry.map_err(|e| unreadable(folder, &e))?.path().join("profile.toml");
        if !path.is_file() {
            continue;
        }
        if fs::metadata(&path).map_err(|e| unreadable(&path, &e))?.len() > PROFILE_BYTES_MAX {
            return Err(unreadable(&path, &format!("larger than {PROFILE_BYTES_MAX} bytes")));
        }
        let text = fs::read_to_string(&path).map_err(|e| unreadable(&path, &e))?;
        let name = path.parent().and_then(Path::file_name).and_then(|n| n.to_str()).unwrap_or_default();
        let named = |fault: Fault| Fault { message: format!("{}: {}", path.display(), fault.message), ..fault };
        profiles.push(parse(&text, Some(name)).map_err(named)?);
    }
    Ok(profiles)
}
