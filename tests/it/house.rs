//! House rules as tests: who may name whom, which versions may be linked, what no source may hold.

use std::fs;
use std::path::{Path, PathBuf};

const RULES: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("wire", &["domain"]),
    ("pdf", &["domain"]),
    ("vendor", &["domain"]),
    ("ledger", &["domain"]),
    ("pipeline", &["domain", "wire", "pdf", "vendor"]),
    ("adapters", &["domain", "wire", "pdf", "vendor", "ledger", "pipeline"]),
    ("vendor_site", &["domain", "wire", "pdf", "vendor", "ledger", "pipeline"]),
    ("app", &["domain", "wire", "pdf", "vendor", "ledger", "pipeline", "adapters", "vendor_site"]),
    ("cli", &["domain", "app"]),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn modules_name_only_what_the_architecture_allows() {
    let mut faults = Vec::new();
    for (module, allowed) in RULES {
        let mut files = Vec::new();
        sources(&root().join("src").join(module), &mut files);
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            for (number, line) in text.lines().enumerate() {
                for used in line.split("crate::").skip(1) {
                    let name: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                    if RULES.iter().any(|(known, _)| *known == name) && name != *module && !allowed.contains(&name.as_str()) {
                        faults.push(format!("{}:{}: {module} must not name {name}", file.display(), number + 1));
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn no_source_unwraps_outside_tests_and_no_unsafe() {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    assert!(files.len() > 5);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let product = text.split("#[cfg(test)]").next().unwrap();
        assert!(!product.contains(".unwrap()"), "{}: use `expect` with the reason it cannot fail, or return an error", file.display());
    }
    assert!(fs::read_to_string(root().join("Cargo.toml")).unwrap().contains("unsafe_code = \"forbid\""));
}

fn version(text: &str) -> Vec<u64> {
    text.split(['.', '-', '+']).map_while(|part| part.parse().ok()).collect()
}

/// Whether Cargo.lock holds a package that a ban of the form `name@<version` or `name` speaks of.
fn banned<'a>(lock: &'a toml::Table, ban: &str) -> Option<&'a str> {
    let (name, below) = ban.split_once("@<").map_or((ban, None), |(name, below)| (name, Some(version(below))));
    lock["package"].as_array().unwrap().iter().find_map(|package| {
        let found = package["version"].as_str().unwrap();
        let hit = package["name"].as_str() == Some(name) && below.as_ref().is_none_or(|below| version(found) < *below);
        hit.then_some(found)
    })
}

#[test]
fn cargo_lock_holds_no_banned_version() {
    let deny: toml::Table = toml::from_str(&fs::read_to_string(root().join("deny.toml")).unwrap()).unwrap();
    let lock: toml::Table = toml::from_str(&fs::read_to_string(root().join("Cargo.lock")).unwrap()).unwrap();
    let bans = deny["bans"]["deny"].as_array().unwrap();
    assert!(bans.len() >= 10);
    for ban in bans {
        let spec = ban["crate"].as_str().unwrap();
        assert_eq!(banned(&lock, spec), None, "{spec}: {}", ban["reason"]);
    }
    // The check itself must be able to fail.
    assert!(banned(&lock, "libssh2-sys@<99.0.0").is_some());
    assert!(banned(&lock, "serde").is_some());
}
