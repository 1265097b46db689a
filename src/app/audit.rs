//! Who did what, when and why, from the hash-chained log; and the proof that the log is still the one whose heads were
//! signed. Changes nothing.

use super::config::Config;
use super::fault::{Fault, exit};
use super::heads::{self, KnownHead};
use super::verify::Violation;
use super::who::told;
use crate::adapters::keys::read_bounded;
use crate::domain::Sha256;
use crate::domain::alarm::AlarmEvent;
use crate::domain::calendar::begin_of;
use crate::domain::entry::LoggedEntry;
use crate::domain::head::HeadEvent;
use crate::domain::order::{Order, OrderEvent, StopEvent};
use crate::domain::status::BatchEvent;
use crate::ledger::Ledger;
use crate::wire::cms;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use std::path::Path;

/// Heads looked at in one folder: of some ninety years.
const HEADS_MAX: usize = 32_768;
/// Kinds of entries in which a person, a gate, a stop or an alarm speaks.
const KINDS: [&str; 5] = ["order", "batch", "stop", "alarm", "head"];

/// What is listed; an empty filter takes all.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// First and last day, in Denmark.
    pub from: Option<Date>,
    pub to: Option<Date>,
    /// A part of the name or the account, whatever the case.
    pub who: Option<String>,
    /// A part of the deed or of what it was about.
    pub what: Option<String>,
}

/// One deed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deed {
    pub seq: i64,
    /// RFC 3339, UTC.
    pub at: String,
    /// Name and account; `fjernprint` where the program did it by itself.
    pub who: String,
    pub what: String,
    pub about: String,
    pub why: String,
    pub hash: Sha256,
}

/// The deeds, oldest first.
pub fn list(config: &Config, filter: &AuditFilter) -> Result<Vec<Deed>, Fault> {
    let ledger = Ledger::open_read_only(&config.ledger_path())?;
    // `at` is RFC 3339 in UTC everywhere, so it sorts as text.
    let text = |at: Option<Timestamp>| at.map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let from = text(filter.from.and_then(begin_of)).unwrap_or_default();
    let before = text(filter.to.and_then(|day| begin_of(day.tomorrow().ok()?))).unwrap_or_else(|| "~".to_owned());
    let holds = |text: &str, part: &Option<String>| part.as_ref().is_none_or(|part| text.to_lowercase().contains(&part.to_lowercase()));
    let wanted = |deed: &Deed| holds(&deed.who, &filter.who) && holds(&format!("{} {}", deed.what, deed.about), &filter.what);
    Ok(ledger.entries_of_kinds(&KINDS, &from, &before)?.into_iter().filter_map(deed).filter(wanted).collect())
}

/// An entry as a deed; `None` for what the pipeline does every night.
fn deed(entry: LoggedEntry) -> Option<Deed> {
    let program = || "fjernprint".to_owned();
    let said = |order: Order| (told(&order.by), order.deed.word().to_owned(), order.about, order.reason);
    let about = entry.subject.clone();
    let (who, what, about, why) = match entry.kind.as_str() {
        "order" => match serde_json::from_str(&entry.data).ok()? {
            OrderEvent::Done { order } => said(order),
            OrderEvent::Asked { order } => {
                let (who, what, about, why) = said(order);
                (who, format!("{what}, asked"), about, why)
            }
            OrderEvent::Seconded { by } => (told(&by), "seconded".to_owned(), about, String::new()),
            OrderEvent::Lapsed {} => (program(), "order lapsed".to_owned(), about, String::new()),
        },
        "batch" => match serde_json::from_str(&entry.data).ok()? {
            BatchEvent::Approved { by, .. } => (told(&by), "batch approved".to_owned(), about, String::new()),
            BatchEvent::Released { by, .. } => (told(&by), "batch released".to_owned(), about, String::new()),
            BatchEvent::Withdrawn { order } => (program(), "batch withdrawn".to_owned(), about, format!("order {order}")),
            _ => return None,
        },
        "stop" => match serde_json::from_str(&entry.data).ok()? {
            StopEvent::Stopped { order } => (program(), "stopped".to_owned(), about, format!("order {order}")),
            StopEvent::Resumed { order } => (program(), "resumed".to_owned(), about, format!("order {order}")),
        },
        "alarm" => match serde_json::from_str(&entry.data).ok()? {
            AlarmEvent::Raised { alarm } => (program(), "alarm raised".to_owned(), about, alarm.message),
            AlarmEvent::Graver { alarm } => (program(), "alarm graver".to_owned(), about, alarm.message),
            AlarmEvent::Cleared {} => (program(), "alarm over".to_owned(), about, String::new()),
            AlarmEvent::Delivered {} => return None,
        },
        "head" => {
            let HeadEvent::Signed { last, .. } = serde_json::from_str(&entry.data).ok()?;
            (program(), "log signed".to_owned(), about, format!("up to entry {last}"))
        }
        _ => return None,
    };
    Some(Deed { seq: entry.seq, at: entry.at, who, what, about, why, hash: entry.hash })
}

/// What was proved of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audited {
    pub violations: Vec<Violation>,
    pub heads: usize,
    /// Number of the last entry that a signed head covers.
    pub covered: i64,
    pub entries: i64,
}

/// Proves the chain of the log and that every signed head stands on it, follows the one before, and is signed.
///
/// `heads` is a head's file or a folder of them, kept somewhere else; `data/heads` when not given. `certificate` is what the
/// signatures must lead to; the configured root when not given.
pub fn verify(config: &Config, heads: Option<&Path>, certificate: Option<&Path>) -> Result<Audited, Fault> {
    let ledger = Ledger::open_read_only(&config.ledger_path())?;
    let mut violations: Vec<Violation> = ledger.verify()?.into_iter().map(|v| Violation { code: v.code, message: v.message }).collect();
    let trusted = read_bounded(certificate.or(config.signer.root.as_deref()).unwrap_or(&config.signer.certificate))?;
    let own = heads::folder(config);
    let mut known = Vec::new();
    for path in head_files(heads.unwrap_or(&own))? {
        match heads::read(&path) {
            Ok(head) => known.push(head),
            Err(fault) => violations.push(Violation { code: "FP-L010", message: fault.message }),
        }
    }
    known.sort_by_key(|head| head.head.last);
    for head in &known {
        violations.extend(signed(head, &trusted));
        violations.extend(on_the_log(&ledger, head)?);
    }
    // A file of its own or a part of the heads proves itself; in our own folder none may be missing.
    violations.extend(following(&known));
    if heads.is_none() {
        for (date, HeadEvent::Signed { head, .. }) in ledger.heads()? {
            let there = known.iter().any(|k| k.head.date == date && Sha256(openssl::sha::sha256(&k.signed.content.0)) == head);
            if !there {
                violations.push(Violation {
                    code: "FP-L011",
                    message: format!("the head of {date} that the log speaks of is not in data/heads"),
                });
            }
        }
    }
    let covered = known.last().map_or(0, |head| head.head.last);
    Ok(Audited { violations, heads: known.len(), covered, entries: ledger.head()?.0 })
}

fn head_files(path: &Path) -> Result<Vec<std::path::PathBuf>, Fault> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let failed = |e: std::io::Error| Fault::new("FP-C006", exit::UNEXPECTED, format!("reading heads in {}: {e}", path.display()));
    let mut files = Vec::new();
    match std::fs::read_dir(path) {
        // Before the first head was signed.
        Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => return Ok(files),
        Err(fault) => return Err(failed(fault)),
        Ok(entries) => {
            for entry in entries.take(HEADS_MAX) {
                let path = entry.map_err(failed)?.path();
                if path.extension().is_some_and(|ending| ending == "json") {
                    files.push(path);
                }
            }
        }
    }
    files.sort();
    Ok(files)
}

/// By the certificates as they stood when it was signed.
fn signed(known: &KnownHead, trusted: &[u8]) -> Option<Violation> {
    let name = &known.signed.name;
    let bad = |why: String| Violation { code: "FP-L010", message: format!("head {name}: {why}") };
    if *name != format!("{}.json", known.head.date) {
        return Some(bad(format!("it is of {}", known.head.date)));
    }
    let Ok(created) = known.head.created.parse::<Timestamp>() else { return Some(bad("it does not say when it was signed".to_owned())) };
    let checked = cms::check_at(&known.signed.content.0, &known.signed.signature.0, trusted, Some(created.as_second()));
    checked.err().map(|why| bad(why.to_string()))
}

fn on_the_log(ledger: &Ledger, known: &KnownHead) -> Result<Option<Violation>, Fault> {
    let head = &known.head;
    let text = match ledger.entry_hashes(head.last, head.last)?.first() {
        Some(hash) if *hash == head.last_sha256 => {
            if heads::entries_merkle(ledger, head.first, head.last)? == head.entries_merkle_sha256 {
                return Ok(None);
            }
            format!("head {}: the entries {} to {} are not those that it covers", known.signed.name, head.first, head.last)
        }
        Some(_) => format!("head {}: entry {} of the log has another hash: the log was written anew", known.signed.name, head.last),
        None => format!("head {}: the log has no entry {}: its end was cut off", known.signed.name, head.last),
    };
    Ok(Some(Violation { code: "FP-L009", message: text }))
}

fn following(known: &[KnownHead]) -> Vec<Violation> {
    let follows = |pair: &[KnownHead]| {
        let [one, next] = pair else { return None };
        let hash = Sha256(openssl::sha::sha256(&one.signed.content.0));
        if next.head.previous_head_sha256 == Some(hash) && next.head.first == one.head.last + 1 {
            return None;
        }
        let message = format!(
            "head {} does not follow head {}: one between them is missing, or one was made anew",
            next.signed.name, one.signed.name
        );
        Some(Violation { code: "FP-L011", message })
    };
    known.windows(2).filter_map(follows).collect()
}
