//! What Prometheus' node exporter reads (`--collector.textfile.directory`): counts of the ledger and what became of the last
//! runs, in its text format. Labels are municipality, vendor, state, code, job and the like; never a person, a file or a letter.

use super::account::{Account, account, at_vendor};
use super::config::Config;
use super::desk::{self, Gravity};
use super::fault::Fault;
use super::last_runs::{self, JOBS, LastRun};
use super::{alarms, signing};
use crate::adapters::clock;
use crate::adapters::store::write_readable;
use crate::domain::calendar::begin_of;
use crate::domain::order::OrderStatus;
use crate::domain::status::{BatchStatus, LetterStatus, Term};
use crate::ledger::{Count, Ledger};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// Sums by vendor, municipality or whatever a label says.
type Sums<'a> = BTreeMap<&'a str, f64>;

/// Writes the metrics where the configuration wants them after each run; nothing where it does not.
pub(super) fn write_configured(config: &Config) -> Result<(), Fault> {
    match &config.metrics_file {
        Some(path) => write(config, path),
        None => Ok(()),
    }
}

/// Writes the metrics to a file that appears by rename and that every user may read. FP-T001 when it cannot be written.
pub fn write(config: &Config, path: &Path) -> Result<(), Fault> {
    let text = text(config)?;
    write_readable(path, text.as_bytes()).map_err(|e| Fault { code: "FP-T001", ..Fault::io(format!("writing {}", path.display()), &e) })
}

/// All metrics, in Prometheus' text format.
pub fn text(config: &Config) -> Result<String, Fault> {
    let ledger = Ledger::open_read_only(&config.ledger_path())?;
    let account = account(config, &ledger, None)?;
    let mut page = Page(String::new());
    letters(&mut page, &ledger.counts(None)?);
    kept(&mut page, &ledger)?;
    batches(&mut page, config, &ledger, &account)?;
    jobs(&mut page, config);
    surroundings(&mut page, config, &ledger)?;
    let mut attention: BTreeMap<(&str, &str), f64> = BTreeMap::new();
    for one in desk::desk(config, &ledger, &account, None)? {
        *attention.entry((one.what, if one.gravity == Gravity::Red { "red" } else { "yellow" })).or_default() += 1.0;
    }
    let samples = attention.into_iter().map(|((what, gravity), number)| (vec![("what", what), ("gravity", gravity)], number));
    page.family("fjernprint_attention", "gauge", "Things that `fjernprint status` asks somebody to look at.", samples);
    Ok(page.0)
}

fn letters(page: &mut Page, counts: &[Count]) {
    let mut collected = Sums::new();
    let mut states: BTreeMap<(&str, &str, &str), f64> = BTreeMap::new();
    let mut sent: BTreeMap<&str, [f64; 3]> = BTreeMap::new();
    let mut answered: BTreeMap<(&str, &str), f64> = BTreeMap::new();
    for count in counts {
        let letters = count.letters as f64;
        *collected.entry(&count.municipality).or_default() += letters;
        *states.entry((&count.municipality, &count.vendor, count.status.word())).or_default() += letters;
        if count.status.term() == Term::Shipped {
            let sums = sent.entry(&count.vendor).or_default();
            for (sum, more) in sums.iter_mut().zip([count.pages, count.sheets, count.bytes]) {
                *sum += more as f64;
            }
        }
        if count.status == LetterStatus::Settled {
            *answered.entry((&count.vendor, &count.word)).or_default() += letters;
        }
    }
    let samples = collected.into_iter().map(|(municipality, number)| (vec![("municipality", municipality)], number));
    page.family("fjernprint_letters_collected_total", "counter", "Letters taken in.", samples);
    let samples = states
        .into_iter()
        .map(|((municipality, vendor, state), n)| (vec![("municipality", municipality), ("vendor", vendor), ("state", state)], n));
    let help = "Letters by where they stand now. A letter leaves a state for the next one.";
    page.family("fjernprint_letters_total", "untyped", help, samples);
    let samples = answered.into_iter().map(|((vendor, word), n)| (vec![("vendor", vendor), ("word", word)], n));
    let help = "Letters with the vendor's final word that have not come back.";
    page.family("fjernprint_letters_settled_total", "untyped", help, samples);
    for (index, (name, help)) in [
        ("fjernprint_pages_shipped_total", "Pages of letters at the vendor."),
        ("fjernprint_sheets_shipped_total", "Sheets of letters at the vendor."),
        ("fjernprint_upload_bytes_total", "Bytes of letters at the vendor."),
    ]
    .into_iter()
    .enumerate()
    {
        page.family(name, "counter", help, sent.iter().map(|(vendor, sums)| (vec![("vendor", *vendor)], sums[index])));
    }
}

/// Held and rejected letters and refused files, by code.
fn kept(page: &mut Page, ledger: &Ledger) -> Result<(), Fault> {
    let held = ledger.kept(LetterStatus::Held, None, None)?;
    let samples = held.iter().map(|kept| (vec![("code", &kept.code)], kept.letters as f64));
    page.family("fjernprint_letters_held", "gauge", "Letters that wait for a person, by code.", samples);
    let samples = held.iter().filter_map(|kept| Some((vec![("code", &kept.code)], night_s(&kept.first_night)?)));
    let help = "Beginning of the night that took in the oldest held letter, by code.";
    page.family("fjernprint_letters_held_oldest_timestamp_seconds", "gauge", help, samples);
    let rejected = ledger.kept(LetterStatus::Rejected, None, None)?;
    let samples = rejected.iter().map(|kept| (vec![("code", &kept.code)], kept.letters as f64));
    page.family("fjernprint_letters_rejected_total", "untyped", "Rejected letters by code. A letter that is retried leaves.", samples);
    let refused = ledger.refused_counts(None, None)?;
    let samples = refused.iter().map(|kept| (vec![("code", &kept.code)], kept.letters as f64));
    page.family("fjernprint_files_refused_total", "counter", "Files refused at the door, by code.", samples);
    let silence = ledger.last_nights()?;
    let now_s = clock::now_s() as f64;
    let samples = silence.iter().filter_map(|(source, night)| Some((vec![("source", source)], (now_s - night_s(night)?).max(0.0))));
    let help = "Time since the beginning of the last night that brought letters of a municipality (CVR).";
    page.family("fjernprint_source_silence_seconds", "gauge", help, samples);
    Ok(())
}

fn batches(page: &mut Page, config: &Config, ledger: &Ledger, account: &Account) -> Result<(), Fault> {
    let counts = ledger.batch_counts(None)?;
    let samples = counts.iter().map(|c| (vec![("vendor", c.vendor.as_str()), ("state", c.status.word())], c.batches as f64));
    page.family("fjernprint_batches_total", "untyped", "Batches by where they stand now.", samples);
    let now = clock::instant();
    let (mut overdue, mut ages, mut bytes) = (Sums::new(), Sums::new(), Sums::new());
    for batch in &account.unsettled {
        let vendor = batch.state.vendor.as_str();
        *bytes.entry(vendor).or_default() += batch.state.bytes as f64;
        if at_vendor(batch.state.status) {
            *overdue.entry(vendor).or_default() += f64::from(u8::from(batch.late.is_some()));
        }
        if batch.state.status == BatchStatus::Shipped
            && let Some(at) = ledger.batch_event_at(&batch.name, "shipped")?.and_then(|at| at.parse::<Timestamp>().ok())
        {
            let age = ages.entry(vendor).or_default();
            *age = age.max((now.as_second() - at.as_second()) as f64);
        }
    }
    let by_vendor = |sums: Sums<'_>| -> Vec<(Vec<(&'static str, String)>, f64)> {
        sums.into_iter().map(|(vendor, number)| (vec![("vendor", vendor.to_owned())], number)).collect()
    };
    page.family("fjernprint_batch_bytes", "gauge", "Bytes of batches that are not settled.", by_vendor(bytes));
    page.family("fjernprint_batches_overdue", "gauge", "Batches whose vendor owes an answer.", by_vendor(overdue));
    let help = "Age of the oldest batch without a technical answer of its vendor.";
    page.family("fjernprint_ack_age_seconds", "gauge", help, by_vendor(ages));
    let slack = |(vendor, profile): (&crate::domain::VendorId, &crate::vendor::VendorProfile)| {
        let cutoff = profile.calendar.calendar().cutoff_from(now)?;
        Some((vec![("vendor", vendor.to_string())], (cutoff.at.as_second() - now.as_second()) as f64))
    };
    let used = config.vendors_by(crate::domain::calendar::date_in_denmark(now));
    let samples = config.profiles.iter().filter(|(vendor, _)| used.contains(vendor)).filter_map(slack);
    page.family("fjernprint_deadline_slack_seconds", "gauge", "Time until the vendor's next cut-off, when this was written.", samples);
    Ok(())
}

fn jobs(page: &mut Page, config: &Config) {
    let known: Vec<(&str, LastRun)> = JOBS.into_iter().filter_map(|job| Some((job, last_runs::of(config, job)?))).collect();
    let each = |number: fn(&LastRun) -> Option<f64>| -> Vec<(Vec<(&'static str, &str)>, f64)> {
        known.iter().filter_map(|(job, last)| Some((vec![("job", *job)], number(last)?))).collect()
    };
    let help = "When the last run of a job ended that did its work (exit 0 or 3). A failed run leaves it as it was.";
    page.family("fjernprint_last_success_timestamp_seconds", "gauge", help, each(|last| last.last_success_at_s.map(|s| s as f64)));
    page.family("fjernprint_last_run_timestamp_seconds", "gauge", "When the last run of a job began.", each(|l| Some(l.began_at_s as f64)));
    page.family("fjernprint_last_run_exit_code", "gauge", "How the last run of a job ended.", each(|l| Some(f64::from(l.exit_code))));
    page.family("fjernprint_run_duration_seconds", "gauge", "How long the last run of a job took.", each(|l| Some(l.seconds)));
    let stages = known.iter().flat_map(|(job, last)| {
        last.stage_seconds.iter().map(move |(stage, seconds)| (vec![("job", *job), ("stage", stage.as_str())], *seconds))
    });
    page.family("fjernprint_stage_duration_seconds", "gauge", "How long each stage of the last run of a job took.", stages);
    let did = known
        .iter()
        .flat_map(|(job, last)| last.did.iter().map(move |(what, number)| (vec![("job", *job), ("what", what.as_str())], *number as f64)));
    page.family("fjernprint_last_run", "gauge", "What the last run of a job did: letters, files, batches.", did);
    let faults = known.iter().flat_map(|(job, last)| {
        last.faults_total.iter().map(move |(code, number)| (vec![("job", *job), ("code", code.as_str())], *number as f64))
    });
    page.family("fjernprint_faults_total", "counter", "Faults that runs ended with, by code.", faults);
    let mut uploads = Sums::new();
    for (code, number) in known.iter().flat_map(|(_, last)| &last.faults_total).filter(|(code, _)| code.starts_with("FP-S")) {
        *uploads.entry(code).or_default() += *number as f64;
    }
    let samples = uploads.into_iter().map(|(kind, number)| (vec![("kind", kind)], number));
    page.family("fjernprint_upload_errors_total", "counter", "Faults between us and the vendors' servers, by code.", samples);
}

fn surroundings(page: &mut Page, config: &Config, ledger: &Ledger) -> Result<(), Fault> {
    let expiry = signing::outlook(config).ok().and_then(|outlook| outlook.expiry).map(|expiry| (no_labels(), expiry.until_s as f64));
    let help = "When the first certificate of the signer's chain ends.";
    page.family("fjernprint_certificate_expiry_timestamp_seconds", "gauge", help, expiry);
    let (free, all) = desk::disk_bytes(config).unzip();
    page.family("fjernprint_data_free_bytes", "gauge", "Free on the data folder's disk.", free.map(|n| (no_labels(), n as f64)));
    page.family("fjernprint_data_size_bytes", "gauge", "Size of the data folder's disk.", all.map(|n| (no_labels(), n as f64)));
    let stops = ledger.stops()?;
    let samples = stops.iter().map(|(subject, _)| (vec![("vendor", subject)], 1.0));
    page.family("fjernprint_stopped", "gauge", "1 for each vendor, or every vendor, that a person has stopped.", samples);
    let mut alarms: BTreeMap<(String, &str), f64> = BTreeMap::new();
    for alarm in alarms::raised_in(ledger)? {
        *alarms.entry((alarm.code, alarm.gravity.word())).or_default() += 1.0;
    }
    let samples = alarms.iter().map(|((code, gravity), number)| (vec![("code", code.as_str()), ("gravity", *gravity)], *number));
    page.family("fjernprint_alarms", "gauge", "Alarms that are raised, by code.", samples);
    let waiting = ledger.orders(OrderStatus::Asked)?.len();
    page.family("fjernprint_orders_waiting", "gauge", "Orders that wait for a second person.", [(no_labels(), waiting as f64)]);
    Ok(())
}

fn no_labels() -> Vec<(&'static str, &'static str)> {
    Vec::new()
}

/// The beginning of a night's date in Denmark, seconds since 1970.
fn night_s(night: &str) -> Option<f64> {
    Some(begin_of(night.parse().ok()?)?.as_second() as f64)
}

/// The text format: a family is its help, its type and its samples, together.
struct Page(String);

impl Page {
    fn family<V: AsRef<str>>(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Vec<(&'static str, V)>, f64)>,
    ) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return;
        }
        let mut line = |text: std::fmt::Arguments<'_>| self.0.write_fmt(text).expect("a string takes every text");
        line(format_args!("# HELP {name} {}\n# TYPE {name} {kind}\n", escaped(help, false)));
        for (labels, value) in samples {
            let labels: Vec<String> =
                labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value.as_ref(), true))).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            line(format_args!("{name}{labels} {value}\n"));
        }
    }
}

/// As the format wants it: backslash and line end, in labels the quote too.
fn escaped(text: &str, label: bool) -> String {
    let text = text.replace('\\', "\\\\").replace('\n', "\\n");
    if label { text.replace('"', "\\\"") } else { text }
}
