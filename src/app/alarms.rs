//! Alarms: what is looked at, what is recorded, and who is told. Each is told once, when it is raised, becomes graver or is
//! over; what the webhook did not take is tried by the next run.

use super::account::late;
use super::config::Config;
use super::fault::{Fault, exit};
use super::watch::Watch;
use super::{night, signing};
use crate::adapters::clock;
use crate::domain::alarm::{Alarm, AlarmEvent, AlarmState};
use crate::domain::calendar::date_in_denmark;
use crate::domain::status::{BatchStatus, LetterStatus};
use crate::domain::{BatchName, counted, verb};
use crate::ledger::{Entry, Ledger};
use crate::pipeline::alarms::{DEADLINES, Facts, Sent, Standing, Waiting, changes, judge};
use crate::pipeline::gates::Closed;
use crate::pipeline::usual::same_weekdays;
use jiff::civil::Date;
use serde::Serialize;
use serde_json::json;

/// News in one message to the webhook; the rest goes with the next.
const NEWS_MAX: usize = 200;
/// Codes of rows that do not fit: they stand with their batch, and have an alarm of their own.
const QUESTIONS: [&str; 3] = ["FP-A004", "FP-A005", "FP-A006"];
/// A batch that was refused: the ledger knows, and FP-M017 stands as long as it is so.
const REFUSED: &str = "FP-A007";
/// Waiting states, in the order of the pipeline.
const WAITING: [LetterStatus; 5] =
    [LetterStatus::Accepted, LetterStatus::Held, LetterStatus::Validated, LetterStatus::Batched, LetterStatus::Shipped];

/// What a run has seen that the ledger does not hold. `None` where it did not look.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// The business date whose letters it took in.
    pub taken_in: Option<Date>,
    pub gates: Option<Vec<Closed>>,
    /// What was wrong with answers.
    pub answers: Option<Vec<Fault>>,
}

/// Something new about an alarm: raised, graver or cleared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct News {
    pub state: &'static str,
    #[serde(flatten)]
    pub alarm: Alarm,
}

impl News {
    /// As a line on stderr.
    fn line(&self) -> String {
        let Alarm { code, gravity, about, message, command, .. } = &self.alarm;
        match self.state {
            "cleared" => format!("{code}  alarm over, {about}: it was: {message}"),
            _ => {
                let page = format!("fjernprint explain {code}");
                let hint = if *command == page { format!("`{page}`") } else { format!("`{command}`, `{page}`") };
                format!("{code}  alarm ({}), {about}: {message}\nhint: {hint}", gravity.word())
            }
        }
    }
}

/// Looks, records what is new, tells it, and brings the webhook what it does not know yet.
pub(super) fn look(config: &Config, ledger: &mut Ledger, seen: &Seen, watch: &dyn Watch) -> Result<Vec<News>, Fault> {
    let facts = facts(config, ledger, seen)?;
    let changed = changes(&ledger.alarms()?, &judge(&config.alarms, &facts));
    let entries: Vec<Entry> = changed.iter().map(|(key, _, event)| Entry::Alarm(key.clone(), event.clone())).collect();
    if !entries.is_empty() {
        ledger.record(&clock::now(), &entries)?;
    }
    let news: Vec<News> = changed.into_iter().map(|(_, alarm, event)| News { state: event.word(), alarm }).collect();
    news.iter().for_each(|one| watch.alarm(&one.line()));
    Ok(news)
}

/// Posts what the webhook does not know. What it does not take stays undelivered; that is told, and stops nothing.
pub(super) fn deliver(config: &Config, ledger: &mut Ledger, watch: &dyn Watch) -> Result<(), Fault> {
    let Some(webhook) = &config.webhook else { return Ok(()) };
    let mut undelivered: Vec<(String, AlarmState)> = ledger.alarms()?.into_iter().filter(|(_, state)| state.is_news()).collect();
    undelivered.truncate(NEWS_MAX);
    if undelivered.is_empty() {
        return Ok(());
    }
    let told = |(key, state): &(String, AlarmState)| json!({"key": key, "state": state.status(), "alarm": state.alarm});
    let news: Vec<_> = undelivered.iter().map(told).collect();
    let message = json!({"format": "fjernprint-alarms/1", "environment": config.environment, "sent": clock::now(), "news": news});
    if let Err(why) = webhook.post(&message.to_string()) {
        let count = undelivered.len() as u64;
        let alarms = format!("{} {}", counted(count, "alarm"), verb(count, "was", "were"));
        watch.alarm(&format!("FP-M021  {alarms} not delivered to the webhook: {why}; the next run tries again"));
        return Ok(());
    }
    let delivered: Vec<Entry> = undelivered.into_iter().map(|(key, _)| Entry::Alarm(key, AlarmEvent::Delivered {})).collect();
    Ok(ledger.record(&clock::now(), &delivered)?)
}

/// The alarms that are raised, the gravest first. Changes nothing.
pub fn raised(config: &Config) -> Result<Vec<Alarm>, Fault> {
    raised_in(&Ledger::open_read_only(&config.ledger_path())?)
}

pub(super) fn raised_in(ledger: &Ledger) -> Result<Vec<Alarm>, Fault> {
    let mut raised: Vec<Alarm> = ledger.alarms()?.into_iter().filter(|(_, state)| state.raised).map(|(_, state)| state.alarm).collect();
    raised.sort_by(|a, b| b.gravity.cmp(&a.gravity).then_with(|| a.key().cmp(&b.key())));
    Ok(raised)
}

/// Looks between the nights: what is new, and the exit code, 7 while a deadline is missed.
pub fn check(config: &Config, watch: &dyn Watch) -> Result<(Vec<News>, u8), Fault> {
    let mut night = night::open(config, None, watch)?;
    let news = look(config, &mut night.ledger, &Seen::default(), watch)?;
    deliver(config, &mut night.ledger, watch)?;
    let missed = raised_in(&night.ledger)?.iter().any(|alarm| DEADLINES.contains(&alarm.code.as_str()));
    Ok((news, if missed { exit::DEADLINE } else { exit::DONE }))
}

fn facts(config: &Config, ledger: &Ledger, seen: &Seen) -> Result<Facts, Fault> {
    let now = clock::instant();
    let batches = ledger.batches(&[
        BatchStatus::Shipped,
        BatchStatus::Acknowledged,
        BatchStatus::Refused,
        BatchStatus::Unknown,
        BatchStatus::Settled,
    ])?;
    let mut overdue = Vec::new();
    let (mut refused, mut unknown, mut questions) = (Vec::new(), Vec::new(), Vec::new());
    for (name, state) in &batches {
        let vendor = &state.vendor;
        if !state.questions.is_empty() {
            let asked = state.questions.len() as u64;
            let (rows, fit, them) = (counted(asked, "row"), verb(asked, "does", "do"), verb(asked, "it", "them"));
            let text = format!("{rows} of {vendor}'s receipts {fit} not fit, and nobody has explained {them}");
            questions.push(since_last(ledger, name, "answered", text)?);
        }
        match state.status {
            BatchStatus::Refused => {
                refused.push(since_last(
                    ledger,
                    name,
                    "acknowledged",
                    format!("{vendor} refused the batch; none of its letters is printed"),
                )?);
            }
            BatchStatus::Unknown => {
                let text = format!("it is not known whether the batch is complete at {vendor}");
                unknown.push(since_last(ledger, name, "ready_intended", text)?);
            }
            BatchStatus::Settled => {}
            _ => {
                if let Some(what) = late(config, ledger, name, state, ledger.open_letters(name)?)? {
                    overdue.push(since_last(ledger, name, "shipped", format!("{vendor}: {what}"))?);
                }
            }
        }
    }
    let mut stops = Vec::new();
    for (subject, order) in ledger.stops()? {
        let entries = ledger.entries_of(&subject)?;
        let since = entries.into_iter().rev().find(|entry| entry.kind == "stop").map(|entry| entry.at).unwrap_or_default();
        let message = format!("nothing is shipped to {subject}, by order {order}");
        stops.push(Standing { about: subject, since, message });
    }
    let free = rustix::fs::statvfs(&config.data).ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) / 1_000_000);
    Ok(Facts {
        now,
        today: date_in_denmark(now),
        sent: seen.taken_in.map(|day| sent(config, ledger, day).map(|sent| (day, sent))).transpose()?,
        waiting: waiting(config, ledger)?,
        overdue,
        signer: signing::outlook(config).map(|outlook| outlook.expiry).map_err(|fault| format!("{}  {}", fault.code, fault.message)),
        disk_free_mb: free,
        gates: seen.gates.clone(),
        refused,
        stops,
        unknown,
        questions,
        mismatches: seen.answers.as_ref().map(|faults| {
            let said_elsewhere = |code| QUESTIONS.contains(&code) || code == REFUSED;
            faults.iter().filter(|fault| fault.exit == exit::MISMATCH && !said_elsewhere(fault.code)).map(mismatch).collect()
        }),
    })
}

/// Something about a batch, since the last event of this word.
fn since_last(ledger: &Ledger, name: &BatchName, word: &str, message: String) -> Result<Standing, Fault> {
    let marked = format!("\"event\":\"{word}\"");
    let entries = ledger.entries_of(name)?;
    let since = entries.into_iter().rev().find(|entry| entry.data.contains(&marked)).map(|entry| entry.at).unwrap_or_default();
    Ok(Standing { about: name.to_string(), since, message })
}

/// The batch that a fault speaks of stands in its sentence.
fn mismatch(fault: &Fault) -> Standing {
    let words = fault.message.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
    let batch = words.filter_map(|word| word.parse::<BatchName>().ok()).next();
    let about = batch.map_or_else(|| fault.code.to_owned(), |batch| batch.to_string());
    Standing { about, since: clock::now(), message: format!("{}  {}", fault.code, fault.message) }
}

fn sent(config: &Config, ledger: &Ledger, day: Date) -> Result<Vec<Sent>, Fault> {
    let past: Vec<String> = same_weekdays(day).iter().map(ToString::to_string).collect();
    let days: Vec<String> = past.iter().cloned().chain([day.to_string()]).collect();
    let handed_in = ledger.handed_in(&days)?;
    let of = |sender: &str, day: &str| handed_in.iter().filter(|(s, d, _)| s == sender && d == day).map(|(_, _, letters)| letters).sum();
    let sent = |sender: &String| Sent {
        expected: config.expected.get(sender).copied(),
        today: of(sender, &day.to_string()),
        past: past.iter().map(|day| of(sender, day)).collect(),
        sender: sender.clone(),
    };
    Ok(config.policies.keys().map(sent).collect())
}

fn waiting(config: &Config, ledger: &Ledger) -> Result<Vec<Waiting>, Fault> {
    let mut waiting = Vec::new();
    for status in WAITING {
        for standing in ledger.standing_in(status)? {
            let Ok(business_date) = standing.night.parse() else { continue };
            let profile = config.profiles.values().find(|profile| profile.id.as_str() == standing.vendor);
            let vendor = profile.map(|p| (p.id.to_string(), p.calendar.calendar(), p.answers.receipt_within_workdays));
            waiting.push(Waiting { status, vendor, business_date, letters: standing.letters });
        }
    }
    Ok(waiting)
}
