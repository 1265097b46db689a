//! The conformance checklist: whether a vendor's site does what shipping and reconciling lean on, over a real session.
//!
//! It never sends a letter: every name begins with `fjernprint-probe-`, which no batch's name does, and what it
//! made it takes away again. docs/vendor-guide.md holds the same list for the vendor.

use super::config::Config;
use super::fault::{Fault, exit};
use super::vendor_certificates::ended;
use crate::adapters::clock;
use crate::adapters::encrypt::{Recipient, recipient};
use crate::adapters::sftp::{Address, Connection, Manner, SftpFault, Target};
use crate::adapters::signer::certificates;
use crate::domain::redact::redact;
use crate::domain::{CompletionSign, VendorId, counted};
use crate::vendor::naming::PROBE;
use crate::vendor::profile::Delivery;
use crate::vendor::{Container, UploadCheck, VendorProfile};
use crate::wire::chain;
use serde::Serialize;
use std::io::{self, Cursor};
use std::time::{Duration, Instant};

/// Bytes of the probe: more than one packet, so that a server that keeps only the first shows.
const PROBE_BYTES: usize = 300_000;
/// Names read from the outbox, and for how long.
const NAMES_MAX: usize = 10_000;
const LISTING_MAX: Duration = Duration::from_secs(30);
/// Time-outs that make sense, seconds.
const TIMEOUT_S: std::ops::RangeInclusive<u32> = 5..=300;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Pass,
    Fail,
    /// The profile does not ask for it.
    Skip,
}

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    pub check: &'static str,
    pub verdict: Verdict,
    /// What stands or falls with it.
    pub means: &'static str,
    pub found: String,
}

/// Every check with what it means, in order; docs/vendor-guide.md has this table.
pub const CHECKS: [(&str, &str); 19] = [
    ("host_key", "the server shows the key that we pinned: nothing is sent to another"),
    ("login", "our key is let in, without a password"),
    ("inbox", "the folder that batches go to is there"),
    ("outbox", "the folder that answers come from is there"),
    ("outbox_listing", "the outbox can be listed, and the list ends"),
    ("outbox_names", "every name in the outbox is a plain file name"),
    ("not_there", "a file that is not there is said to be not there: so we know that an answer has not come"),
    ("answers", "the form that answers are to come in is agreed on, and where they are signed, we hold a certificate that has not ended"),
    ("encryption", "batches go up encrypted, to a certificate or key of yours that is fit for it"),
    ("write", "a file can be written under its temporary name"),
    ("size", "the size of what was written can be seen: a full disk shows before the file has its name"),
    ("rename", "a file gets its name by rename, and the temporary name is gone"),
    ("content", "what was written can be read back, byte for byte"),
    ("no_overwrite", "a rename onto a name that is taken is refused: nothing that you hold is ever replaced"),
    ("folder", "a folder can be made in the inbox, for the letters of a batch"),
    ("marker", "an empty file can be written last: the completion sign, which carries no letter"),
    ("answer_time", "each answer takes at most a quarter of the time-out"),
    ("timeout", "the profile's time-out is from 5 to 300 seconds"),
    ("cleanup", "what this list made is taken away again"),
];

/// Runs the list against the configured site of this vendor. FP-C003 and FP-C008 when there is none, FP-S001 when nobody
/// answers there; everything else is a line.
pub fn conformance(config: &Config, vendor: &str) -> Result<Vec<Check>, Fault> {
    let known = || config.profiles.keys().map(VendorId::to_string).collect::<Vec<_>>().join(", ");
    let unknown = || Fault::usage("FP-C003", format!("vendor {:?} is not known; known are {}", redact(vendor), known()));
    let profile = config.profiles.values().find(|profile| profile.id.as_str() == vendor).ok_or_else(unknown)?;
    let address = config.connections.get(&profile.id);
    let address = address.ok_or_else(|| Fault::usage("FP-C008", format!("the configuration has no connection to {vendor}")))?;
    let mut id = [0; 8];
    openssl::rand::rand_bytes(&mut id).map_err(|e| Fault::new("FP-C006", exit::UNEXPECTED, format!("drawing a probe's name: {e}")))?;
    let id = u64::from_be_bytes(id);
    Probe::new(address, profile, format!("{PROBE}{id:016x}")).run()
}

/// Fails with the sentence of what was found, or passes with it.
type Found = Result<String, String>;

struct Probe<'a> {
    address: &'a Address,
    profile: &'a VendorProfile,
    delivery: &'a Delivery,
    /// Names of our own, in the inbox.
    name: String,
    content: Vec<u8>,
    lines: Vec<Check>,
    slowest: Duration,
    began: Instant,
}

fn said(fault: SftpFault) -> String {
    fault.to_string()
}

impl<'a> Probe<'a> {
    fn new(address: &'a Address, profile: &'a VendorProfile, base: String) -> Self {
        let delivery = &profile.delivery;
        let content = (0..PROBE_BYTES as u32).map(|n| (n % 251) as u8).collect();
        let name = format!("{}/{base}", delivery.inbox);
        Self { address, profile, delivery, name, content, lines: Vec::new(), slowest: Duration::ZERO, began: Instant::now() }
    }

    fn run(mut self) -> Result<Vec<Check>, Fault> {
        self.asked()?;
        Ok(self.in_order())
    }

    /// Asks the site, and then what only the profile says.
    fn asked(&mut self) -> Result<(), Fault> {
        self.not_wanted();
        match Connection::open(self.address) {
            Ok(connection) => {
                self.line("host_key", Ok(self.address.host_key_pin.clone()));
                self.line("login", Ok(format!("as {}", self.address.user)));
                self.folders(&connection);
                self.outbox(&connection);
                self.files(&connection);
                self.answer_time();
                drop(connection);
                self.clean_up();
            }
            Err(fault) if fault.code == "FP-S002" => self.line("host_key", Err(said(fault))),
            Err(fault) if fault.code == "FP-S003" => {
                self.line("host_key", Ok(self.address.host_key_pin.clone()));
                self.line("login", Err(said(fault)));
            }
            Err(fault) => return Err(fault.into()),
        }
        self.answers();
        self.encryption();
        self.timeout();
        Ok(())
    }

    /// Every check in the order of the list. What could not be tried is not passed.
    fn in_order(mut self) -> Vec<Check> {
        for (check, _) in CHECKS {
            if !self.lines.iter().any(|line| line.check == check) {
                self.line(check, Err("not tried, because of what failed before".to_owned()));
            }
        }
        self.lines.sort_by_key(|line| CHECKS.iter().position(|(check, _)| *check == line.check));
        self.lines
    }

    fn add(&mut self, check: &str, verdict: Verdict, found: String) {
        let (check, means) = CHECKS.iter().find(|(known, _)| *known == check).copied().expect("every line stands in the list of checks");
        self.lines.push(Check { check, verdict, means, found: redact(&found) });
    }

    fn line(&mut self, check: &str, found: Found) {
        match found {
            Ok(found) => self.add(check, Verdict::Pass, found),
            Err(found) => self.add(check, Verdict::Fail, found),
        }
    }

    /// What the profile does not ask for is skipped first of all: nothing that fails before it may count against the site.
    fn not_wanted(&mut self) {
        let (delivery, under_final) = (self.delivery, "the profile writes under the final name");
        let (renames, sweeps, taken) = (delivery.rename_into_place, delivery.sweeps, "the site takes files away");
        let checks = [
            ("encryption", delivery.encrypt_to.is_some(), "the profile says nothing of encryption: batches go up as they are"),
            ("size", delivery.check_after_upload == UploadCheck::Size, "the profile does not look"),
            ("rename", renames, under_final),
            ("content", !sweeps, taken),
            ("no_overwrite", !sweeps && renames, if sweeps { taken } else { under_final }),
            ("folder", self.profile.batch.container == Container::Files, "the container is one file"),
            ("marker", matches!(delivery.completion_sign, CompletionSign::Marker(_)), "the signature is the sign"),
        ];
        for (check, _, why) in checks.into_iter().filter(|(_, wanted, _)| !wanted) {
            self.add(check, Verdict::Skip, why.to_owned());
        }
    }

    fn wanted(&self, check: &str) -> bool {
        !self.lines.iter().any(|line| line.check == check && line.verdict == Verdict::Skip)
    }

    fn passed(&self, check: &str) -> bool {
        self.lines.iter().any(|line| line.check == check && line.verdict == Verdict::Pass)
    }

    /// One question to the site, timed. None is asked when the list has taken long already.
    fn ask<T>(&mut self, question: impl FnOnce() -> Result<T, SftpFault>) -> Result<T, String> {
        if self.began.elapsed() > 3 * Duration::from_secs(self.address.timeout_s.into()) {
            return Err("not tried: the site takes too long".to_owned());
        }
        let started = Instant::now();
        let answer = question().map_err(said);
        self.slowest = self.slowest.max(started.elapsed());
        answer
    }

    fn folders(&mut self, connection: &Connection) {
        for (check, folder) in [("inbox", self.delivery.inbox.clone()), ("outbox", self.delivery.outbox.clone())] {
            let found = match self.ask(|| connection.is_folder(&folder)) {
                Ok(true) => Ok(folder),
                Ok(false) => self.ask(|| connection.exists(&folder)).and_then(|there| {
                    Err(if there { format!("{folder} is there, and is no folder") } else { format!("there is no folder {folder}") })
                }),
                Err(fault) => Err(fault),
            };
            self.line(check, found);
        }
    }

    fn outbox(&mut self, connection: &Connection) {
        let outbox = &self.delivery.outbox;
        // Not timed: a long outbox is no fault.
        match connection.names(outbox, NAMES_MAX, LISTING_MAX) {
            Ok((mut names, complete)) => {
                // A listing may begin with these two; they are no files.
                names.retain(|name| name != "." && name != "..");
                let count = counted(names.len() as u64, "name");
                self.line("outbox_listing", if complete { Ok(count.clone()) } else { Err(format!("{count}, and no end")) });
                let strange: Vec<&String> = names.iter().filter(|name| !is_plain(name)).collect();
                let plain = match strange[..] {
                    [] => Ok(count),
                    [first] => Err(format!("1 name is no file name: {first:?}")),
                    [first, ..] => Err(format!("{} names are no file names, the first is {first:?}", strange.len())),
                };
                self.line("outbox_names", plain);
            }
            Err(fault) => self.line("outbox_listing", Err(said(fault))),
        }
        let nothing = format!("{outbox}/{}", self.name.rsplit('/').next().unwrap_or_default());
        let there = self.ask(|| connection.exists(&nothing));
        self.line(
            "not_there",
            there.and_then(|there| if there { Err(format!("{nothing} is said to be there")) } else { Ok("said so".into()) }),
        );
    }

    /// What the profile says of answers. Nothing is asked for: there is no batch that could be answered.
    fn answers(&mut self) {
        let answers = &self.profile.answers;
        let heads = if answers.heads { "with heads" } else { "without heads" };
        let form = format!("rows in the dialect {}, {heads}", answers.dialect.word());
        let found = match &answers.certificate {
            None => Ok(format!("{form}, not signed")),
            Some(path) => match certificates(path) {
                Ok(found) => match ended(path, clock::now_s()) {
                    Some(why) => Err(format!("answers.certificate: {why}")),
                    None => Ok(format!("{form}, signed; signatures lead to {}", chain::subject(&found[0]))),
                },
                Err(fault) => Err(fault.to_string()),
            },
        };
        self.line("answers", found);
    }

    /// Whether anything would be sealed for them.
    fn encryption(&mut self) {
        let Some(to) = &self.delivery.encrypt_to else { return };
        let found = match recipient(to, clock::now_s()) {
            Ok(Recipient::Certificate(certificate)) => Ok(format!("to the certificate of {}", chain::subject(&certificate))),
            Ok(Recipient::Age(keys)) => Ok(format!("to {}", counted(keys.len() as u64, "age key"))),
            Err(fault) => Err(fault.to_string()),
        };
        self.line("encryption", found);
    }

    fn files(&mut self, connection: &Connection) {
        let renames = self.wanted("rename");
        let target = format!("{}.bin", self.name);
        let under = if renames { format!("{target}.part") } else { target.clone() };
        let content = self.content.clone();
        let bytes = content.len() as u64;
        let written = self.ask(|| connection.upload(&mut Cursor::new(&content), &Target::new(&under, bytes), &plain()));
        self.line("write", written.map(|()| format!("{bytes} bytes")));
        if !self.passed("write") {
            return;
        }
        if self.wanted("size") {
            let size = self.ask(|| connection.size(&under));
            let right =
                |size| if size == Some(bytes) { Ok(format!("{bytes} bytes")) } else { Err(format!("{size:?} is said, sent were {bytes}")) };
            self.line("size", size.and_then(right));
        }
        if renames {
            let renamed = self.ask(|| connection.rename(&under, &target));
            let gone = renamed.and_then(|()| self.ask(|| connection.exists(&under)));
            let found = gone.and_then(|there| if there { Err("the temporary name is still there".into()) } else { Ok("done".into()) });
            self.line("rename", found);
        }
        // Without its name there is no file that could have stayed as it was.
        if !renames || self.passed("rename") {
            self.kept(connection, &target, &content);
        }
        self.folder(connection);
        self.marker(connection);
    }

    /// What is only to be seen where a file stays.
    fn kept(&mut self, connection: &Connection, target: &str, content: &[u8]) {
        if !self.wanted("content") {
            return;
        }
        let back = self.ask(|| connection.read(target, content.len() as u64));
        self.line(
            "content",
            back.and_then(|back| if back == content { Ok("the same".into()) } else { Err("other bytes came back".into()) }),
        );
        if !self.wanted("no_overwrite") {
            return;
        }
        let other = format!("{}.other.part", self.name);
        let found = self.ask(|| connection.upload(&mut Cursor::new(b"other"), &Target::new(&other, 5), &plain())).and_then(|()| {
            let refused = self.ask(|| Ok(connection.rename(&other, target).is_err()))?;
            let there = self.ask(|| connection.size(target))?;
            match (refused, there == Some(content.len() as u64)) {
                (true, true) => Ok("refused".to_owned()),
                (false, _) => Err("the rename was done: a file of yours can be replaced".to_owned()),
                (true, false) => Err("the rename was refused, and the first file is no longer what it was".to_owned()),
            }
        });
        self.line("no_overwrite", found);
    }

    fn folder(&mut self, connection: &Connection) {
        if !self.wanted("folder") {
            return;
        }
        let folder = self.name.clone();
        let made = self.ask(|| connection.folder(&folder));
        self.line("folder", made.map(|_| "made".to_owned()));
    }

    fn marker(&mut self, connection: &Connection) {
        // A site starts on the marker of a batch, and this is none: no batch is called so.
        let CompletionSign::Marker(suffix) = &self.delivery.completion_sign else { return };
        let marker = format!("{}.{suffix}", self.name);
        let renames = self.delivery.rename_into_place;
        let written = self.ask(|| connection.upload(&mut io::empty(), &Target::new(&marker, 0), &Manner { rename: renames, ..plain() }));
        let found = written.and_then(|()| if self.delivery.sweeps { Ok(Some(0)) } else { self.ask(|| connection.size(&marker)) });
        let empty =
            |size| if size == Some(0) { Ok("written, empty".to_owned()) } else { Err(format!("{size:?} bytes are said of an empty file")) };
        self.line("marker", found.and_then(empty));
    }

    fn answer_time(&mut self) {
        let timeout_s = self.address.timeout_s;
        let (slowest_ms, most_ms) = (self.slowest.as_millis(), u128::from(timeout_s) * 250);
        let text = format!("the slowest answer took {slowest_ms} ms, the time-out is {timeout_s} s");
        self.line("answer_time", if slowest_ms <= most_ms { Ok(text) } else { Err(text) });
    }

    fn timeout(&mut self) {
        let timeout_s = self.address.timeout_s;
        let text = format!("{timeout_s} s");
        self.line("timeout", if TIMEOUT_S.contains(&timeout_s) { Ok(text) } else { Err(text) });
    }

    /// Over a session of its own: the first one may be broken by now.
    fn clean_up(&mut self) {
        let sign = String::from(self.delivery.completion_sign.clone());
        let made = ["bin.part", "bin", "other.part", &format!("{sign}.1.part"), &sign].map(|ending| format!("{}.{ending}", self.name));
        let found = Connection::open(self.address).map_err(said).and_then(|connection| {
            let mut left = Vec::new();
            for name in &made {
                if connection.exists(name).map_err(said)? && connection.remove(name).is_err() {
                    left.push(name.as_str());
                }
            }
            if connection.exists(&self.name).map_err(said)? && connection.remove_folder(&self.name).is_err() {
                left.push(&self.name);
            }
            match left[..] {
                [] if self.delivery.sweeps => Ok("nothing is left; what the site took away is yours to throw away".to_owned()),
                [] => Ok("nothing is left".to_owned()),
                _ => Err(format!("left behind, remove by hand: {}", left.join(", "))),
            }
        });
        self.line("cleanup", found);
    }
}

/// Under the name given, and nothing looked at: each step is a check of its own.
fn plain() -> Manner<'static> {
    Manner { rename: false, look: false, ..Manner::default() }
}

/// A name that could be a file's, and that is safe to show.
fn is_plain(name: &str) -> bool {
    let bidi = |c: char| matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FFFD}');
    let plain = !name.is_empty() && name.len() <= 255 && !name.starts_with(['-', '=', '.']);
    plain && !name.chars().any(|c| c.is_control() || bidi(c) || matches!(c, '/' | '\\' | '$' | '`' | '|'))
}
