//! `fjernprint.toml`: who sends, who prints, and where everything lies. Paths are relative to the file's own folder.

use super::fault::Fault;
use super::municipality::{Contract, Municipality};
use super::profiles;
use crate::adapters::sftp::Address;
use crate::adapters::signer::SignerFiles;
use crate::adapters::webhook::{Webhook, address_fault};
use crate::domain::rules::severity_faults;
use crate::domain::{Cvr, Severity, VendorId};
use crate::pdf::repair::Remedy;
use crate::pipeline::alarms::{AlarmRules, Expected, MaxAge};
use crate::pipeline::gates::GateRules;
use crate::pipeline::intake::Sender;
use crate::pipeline::validate::Policy;
use crate::vendor::VendorProfile;
use jiff::civil::Date;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Largest configuration file, bytes.
const CONFIG_BYTES_MAX: u64 = 4 << 20;

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    environment: String,
    folders: Folders,
    #[serde(default)]
    intake: IntakeRules,
    #[serde(default)]
    orders: OrderRules,
    register: RegisterFiles,
    signing: SigningFiles,
    metrics: Option<Metrics>,
    #[serde(default)]
    municipality: Vec<Municipality>,
    #[serde(default)]
    sender: Vec<WrittenSender>,
    #[serde(default)]
    connection: Vec<Connection>,
    #[serde(default)]
    gates: GateRules,
    #[serde(default)]
    alarms: WrittenAlarms,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Folders {
    /// Where senders lay their files, a folder each.
    drop: PathBuf,
    /// The ledger, the stored originals, the sealed batches.
    data: PathBuf,
    /// Technical receipts to the senders, a folder each.
    receipts: PathBuf,
    /// MeMos for Digital Post, a folder for each municipality.
    digital: PathBuf,
    /// Vendor profiles instead of those that come with the program.
    vendors: Option<PathBuf>,
    /// Templates instead of those that come with the program.
    templates: Option<PathBuf>,
}

/// When a file in the drop folder is taken to be whole.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IntakeRules {
    /// A message that ends in the middle is waited for this long before it is refused.
    pub grace_s: u64,
    /// A table's folder is taken when nothing in it was written for this long.
    pub settle_s: u64,
}

impl Default for IntakeRules {
    fn default() -> Self {
        Self { grace_s: 60, settle_s: 5 }
    }
}

/// What persons may order.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OrderRules {
    /// Of a batch, letters that may be printed once more while copies of them may exist; one always.
    pub max_resend_percent: u32,
    /// Printing a letter once more while a copy may exist needs two persons.
    pub two_persons_reprint: bool,
}

impl Default for OrderRules {
    fn default() -> Self {
        Self { max_resend_percent: 5, two_persons_reprint: true }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RegisterFiles {
    file: PathBuf,
    key_file: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SigningFiles {
    certificate: PathBuf,
    key: PathBuf,
    /// Its first line opens the key.
    key_password_file: Option<PathBuf>,
    /// What vendors trust: the chain must lead to it.
    root: Option<PathBuf>,
    /// Who signs for the municipalities by agreement, where the certificate is not their own.
    agreed_cvr: Option<Cvr>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metrics {
    /// Written at the end of each run, for Prometheus.
    file: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSender {
    id: String,
    municipalities: Vec<Cvr>,
    /// What may be done to its documents so that they can be printed.
    #[serde(default)]
    repair: BTreeSet<Remedy>,
    /// What a breach of a rule means for its letters, by the rule's word.
    #[serde(default)]
    severity: BTreeMap<String, Severity>,
    /// Letters on a day of work, instead of what its own past says.
    expected: Option<Expected>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenAlarms {
    webhook: Option<String>,
    webhook_secret_file: Option<PathBuf>,
    webhook_secret_header: String,
    webhook_timeout_s: u64,
    max_age_workdays: MaxAge,
    stop_hours: u32,
    unknown_hours: u32,
    disk_free_min_mb: u64,
    volume_factor: f64,
    volume_min_letters: u64,
    history_days_min: usize,
}

impl Default for WrittenAlarms {
    fn default() -> Self {
        let rules = AlarmRules::default();
        Self {
            webhook: None,
            webhook_secret_file: None,
            webhook_secret_header: "Authorization".to_owned(),
            webhook_timeout_s: 5,
            max_age_workdays: rules.max_age_workdays,
            stop_hours: rules.stop_hours,
            unknown_hours: rules.unknown_hours,
            disk_free_min_mb: rules.disk_free_min_mb,
            volume_factor: rules.volume_factor,
            volume_min_letters: rules.volume_min_letters,
            history_days_min: rules.history_days_min,
        }
    }
}

impl WrittenAlarms {
    fn rules(&self) -> AlarmRules {
        AlarmRules {
            max_age_workdays: self.max_age_workdays,
            stop_hours: self.stop_hours,
            unknown_hours: self.unknown_hours,
            disk_free_min_mb: self.disk_free_min_mb,
            volume_factor: self.volume_factor,
            volume_min_letters: self.volume_min_letters,
            history_days_min: self.history_days_min,
        }
    }

    fn webhook(self, folder: &Path) -> Option<Webhook> {
        Some(Webhook {
            address: self.webhook?,
            secret_file: self.webhook_secret_file.map(|file| folder.join(file)),
            secret_header: self.webhook_secret_header,
            timeout_s: self.webhook_timeout_s,
        })
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if let Some(why) = self.webhook.as_deref().and_then(address_fault) {
            faults.push(format!("[alarms] webhook {why}"));
        }
        if !(1..=60).contains(&self.webhook_timeout_s) {
            faults.push("[alarms] webhook_timeout_s must be 1 to 60".to_owned());
        }
        let token = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.webhook_secret_header.is_empty() || !self.webhook_secret_header.chars().all(token) {
            faults.push("[alarms] webhook_secret_header must be the name of a header".to_owned());
        }
        faults
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Connection {
    vendor: VendorId,
    host: String,
    port: u16,
    user: String,
    key_file: PathBuf,
    key_passphrase_file: Option<PathBuf>,
    #[serde(default)]
    agent: bool,
    host_key_pin: String,
}

impl Connection {
    fn faults(&self) -> Vec<&'static str> {
        let mut faults = Vec::new();
        let mut must = |holds: bool, text: &'static str| {
            if !holds {
                faults.push(text);
            }
        };
        let is_name = !self.host.is_empty() && !self.host.contains(|c: char| c == '/' || c.is_whitespace() || c.is_control());
        must(is_name, "host must be a name or an address alone, as sftp.example.dk: no scheme, no folder, no blank");
        must(self.port != 0, "port must be 1 to 65535; SFTP's own is 22");
        must(
            !self.agent || self.key_passphrase_file.is_none(),
            "agent = true asks for no passphrase: key_file is the public key then, key_passphrase_file must go",
        );
        must(
            self.agent || self.key_file.extension().is_none_or(|end| end != "pub"),
            "key_file ends in .pub, which is the public key: name the private one, or set agent = true",
        );
        must(self.host_key_pin.starts_with("SHA256:"), "host_key_pin must be SHA256:... as ssh-keygen -lf prints it");
        faults
    }
}

/// Checked and with absolute paths.
#[derive(Debug, Clone)]
pub struct Config {
    /// `test` or `production`.
    pub environment: String,
    pub drop: PathBuf,
    pub data: PathBuf,
    pub receipts: PathBuf,
    pub digital: PathBuf,
    pub templates: Option<PathBuf>,
    pub intake: IntakeRules,
    pub orders: OrderRules,
    pub register_file: PathBuf,
    pub register_key_file: PathBuf,
    pub signer: SignerFiles,
    /// Where metrics are written at the end of each run.
    pub metrics_file: Option<PathBuf>,
    /// The organisation, beside each municipality itself, whose certificate may sign. The vendors know of it.
    pub agreed_signer: Option<Cvr>,
    pub municipalities: BTreeMap<Cvr, Municipality>,
    pub senders: Vec<Sender>,
    /// By the sender's id.
    pub policies: BTreeMap<String, Policy>,
    pub profiles: BTreeMap<VendorId, VendorProfile>,
    pub connections: BTreeMap<VendorId, Address>,
    pub gates: GateRules,
    pub alarms: AlarmRules,
    /// By the sender's id.
    pub expected: BTreeMap<String, Expected>,
    pub webhook: Option<Webhook>,
}

impl Config {
    /// Reads and checks the file; every fault of it is named at once.
    ///
    /// FP-C001 when it cannot be read, FP-C004 when it says what cannot be; a vendor profile's own faults as FP-C002.
    pub fn read(path: &Path) -> Result<Self, Fault> {
        let unreadable = |why: String| Fault::usage("FP-C001", format!("reading {}: {why}; `fjernprint init` writes one", path.display()));
        let length = fs::metadata(path).map_err(|e| unreadable(e.to_string()))?.len();
        if length > CONFIG_BYTES_MAX {
            return Err(unreadable(format!("larger than {CONFIG_BYTES_MAX} bytes")));
        }
        let text = fs::read_to_string(path).map_err(|e| unreadable(e.to_string()))?;
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = fs::canonicalize(folder).map_err(|e| unreadable(e.to_string()))?;
        Self::parse(&text, &folder).map_err(|fault| Fault { message: format!("{}: {}", path.display(), fault.message), ..fault })
    }

    fn parse(text: &str, folder: &Path) -> Result<Self, Fault> {
        let written: Written =
            toml::from_str(text).map_err(|e| Fault::usage("FP-C004", e.message().to_owned() + &at_line(text, e.span())))?;
        let profiles = profiles::all(written.folders.vendors.as_ref().map(|f| folder.join(f)).as_deref())?;
        let at_home = |mut profile: VendorProfile| {
            profile.delivery.encrypt_to = profile.delivery.encrypt_to.map(|to| to.within(folder));
            profile.answers.certificate = profile.answers.certificate.map(|path| folder.join(path));
            (profile.id.clone(), profile)
        };
        let profiles: BTreeMap<VendorId, VendorProfile> = profiles.into_iter().map(at_home).collect();
        let faults = faults(&written, &profiles);
        if !faults.is_empty() {
            return Err(Fault::usage("FP-C004", faults.join("; ")));
        }
        let connection = |c: Connection| {
            let timeout_s = profiles[&c.vendor].delivery.timeout_s;
            let address = Address {
                host: c.host,
                port: c.port,
                user: c.user,
                key_file: folder.join(c.key_file),
                key_passphrase_file: c.key_passphrase_file.map(|file| folder.join(file)),
                agent: c.agent,
                host_key_pin: c.host_key_pin,
                timeout_s,
            };
            (c.vendor, address)
        };
        let connections = written.connection.into_iter().map(connection).collect();
        Ok(Self {
            environment: written.environment,
            drop: folder.join(written.folders.drop),
            data: folder.join(written.folders.data),
            receipts: folder.join(written.folders.receipts),
            digital: folder.join(written.folders.digital),
            templates: written.folders.templates.map(|f| folder.join(f)),
            intake: written.intake,
            orders: written.orders,
            register_file: folder.join(written.register.file),
            register_key_file: folder.join(written.register.key_file),
            agreed_signer: written.signing.agreed_cvr,
            signer: SignerFiles {
                certificate: folder.join(written.signing.certificate),
                key: folder.join(written.signing.key),
                key_password: written.signing.key_password_file.map(|file| folder.join(file)),
                root: written.signing.root.map(|file| folder.join(file)),
            },
            metrics_file: written.metrics.map(|metrics| folder.join(metrics.file)),
            municipalities: written.municipality.into_iter().map(|m| (m.cvr.clone(), m.settle())).collect(),
            policies: written
                .sender
                .iter()
                .map(|s| (s.id.clone(), Policy { severity: s.severity.clone(), remedies: s.repair.clone() }))
                .collect(),
            expected: written.sender.iter().filter_map(|s| Some((s.id.clone(), s.expected?))).collect(),
            senders: written.sender.into_iter().map(|s| Sender { id: s.id, municipalities: s.municipalities }).collect(),
            profiles,
            connections,
            gates: written.gates,
            alarms: written.alarms.rules(),
            webhook: written.alarms.webhook(folder),
        })
    }

    pub fn ledger_path(&self) -> PathBuf {
        self.data.join("ledger.db")
    }

    pub fn store_path(&self) -> PathBuf {
        self.data.join("store")
    }

    pub fn batches_path(&self) -> PathBuf {
        self.data.join("batches")
    }

    /// What a sender allows and asks for; nothing of its own when it is not known.
    pub fn policy_of(&self, sender: &str) -> &Policy {
        static NONE: Policy = Policy { severity: BTreeMap::new(), remedies: BTreeSet::new() };
        self.policies.get(sender).unwrap_or(&NONE)
    }

    /// The same of a sender that must be known: FP-C003 names those that are.
    pub fn policy_of_known(&self, sender: &str) -> Result<&Policy, Fault> {
        let known = || self.policies.keys().cloned().collect::<Vec<_>>().join(", ");
        let unknown = || Fault::usage("FP-C003", format!("sender {sender:?} is not in the configuration; known are {}", known()));
        self.policies.get(sender).ok_or_else(unknown)
    }

    /// The vendor that prints what a municipality hands in on this business date.
    pub fn profile_of(&self, municipality: &Cvr, business_date: &str) -> Option<&VendorProfile> {
        self.profiles.get(self.municipalities.get(municipality)?.vendor_at(business_date.parse().ok()?)?)
    }

    /// Vendors with a contract on this day.
    pub fn vendors_on(&self, day: Date) -> BTreeSet<&VendorId> {
        self.municipalities.values().filter_map(|municipality| municipality.vendor_at(day)).collect()
    }

    /// Vendors with a contract that has begun, also one that has ended: its last letters may be on their way.
    pub fn vendors_by(&self, day: Date) -> BTreeSet<&VendorId> {
        let begun = |c: &&Contract| c.valid_from.is_none_or(|from| from <= day);
        self.municipalities.values().flat_map(|m| m.contracts.iter().filter(begun)).map(|c| &c.vendor).collect()
    }
}

fn at_line(text: &str, span: Option<std::ops::Range<usize>>) -> String {
    let line = span.and_then(|s| text.get(..s.start)).map(|before| before.lines().count().max(1));
    line.map(|line| format!(" (near line {line})")).unwrap_or_default()
}

fn faults(written: &Written, profiles: &BTreeMap<VendorId, VendorProfile>) -> Vec<String> {
    let mut faults = Vec::new();
    if !["test", "production"].contains(&written.environment.as_str()) {
        faults.push("environment must be test or production".to_owned());
    }
    if written.orders.max_resend_percent > 100 {
        faults.push("orders.max_resend_percent must be 0 to 100".to_owned());
    }
    let mut known = BTreeSet::new();
    for municipality in &written.municipality {
        if !known.insert(&municipality.cvr) {
            faults.push(format!("municipality {} is named twice", municipality.cvr));
        }
        let named = municipality.vendor.iter().chain(municipality.contracts.iter().map(|c| &c.vendor));
        for vendor in named.filter(|vendor| !profiles.contains_key(*vendor)) {
            faults.push(format!("municipality {}: no vendor profile {:?}", municipality.cvr, vendor.as_str()));
        }
        faults.extend(municipality.contract_faults());
    }
    let mut ids = BTreeSet::new();
    for sender in &written.sender {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        if !(1..=40).contains(&sender.id.len()) || !sender.id.bytes().all(plain) {
            faults.push("a sender's id must be 1 to 40 of a-z, 0-9, _ and -".to_owned());
        }
        if !ids.insert(&sender.id) {
            faults.push(format!("sender {} is named twice", sender.id));
        }
        faults.extend(severity_faults(&sender.severity).map(|fault| format!("sender {}: {fault}", sender.id)));
        if sender.municipalities.is_empty() {
            faults.push(format!("sender {} has no municipality", sender.id));
        }
        faults.extend(
            sender
                .municipalities
                .iter()
                .filter(|m| !known.contains(m))
                .map(|m| format!("sender {}: municipality {m} is not known", sender.id)),
        );
    }
    faults.extend(
        written
            .sender
            .iter()
            .filter(|s| s.expected.is_some_and(|e| e.min > e.max))
            .map(|s| format!("sender {}: expected has a min above its max", s.id)),
    );
    faults.extend(written.alarms.faults());
    let mut connected = BTreeSet::new();
    for connection in &written.connection {
        if !connected.insert(&connection.vendor) {
            faults.push(format!("connection to {} is named twice", connection.vendor));
        }
        if !profiles.contains_key(&connection.vendor) {
            faults.push(format!("connection: no vendor profile {:?}", connection.vendor.as_str()));
        }
        faults.extend(connection.faults().into_iter().map(|fault| format!("connection to {}: {fault}", connection.vendor)));
    }
    faults
}
