//! What a person must be told: from facts to alarms, and from the alarms that stand to what is news. Pure.

use super::usual::{limit, usual};
use crate::domain::alarm::{Alarm, AlarmEvent, AlarmState, Gravity};
use crate::domain::calendar::{Calendar, public_holidays};
use crate::domain::status::LetterStatus;
use crate::domain::{counted, verb};
use crate::pipeline::gates::Closed;
use crate::wire::chain::{Expiry, urgency};
use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use serde::Deserialize;

/// Codes of alarms about a deadline that has passed.
pub const DEADLINES: [&str; 2] = ["FP-M012", "FP-M013"];
/// Ages this many times the limit are grave.
const GRAVE_FACTOR: u32 = 3;

/// `[alarms]` of the configuration, but for the webhook.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AlarmRules {
    pub max_age_workdays: MaxAge,
    pub stop_hours: u32,
    pub unknown_hours: u32,
    pub disk_free_min_mb: u64,
    /// A sender's letters against the usual number of that weekday.
    pub volume_factor: f64,
    pub volume_min_letters: u64,
    /// Past days of the same weekday with letters that make a history, of the last eight.
    pub history_days_min: usize,
}

impl Default for AlarmRules {
    fn default() -> Self {
        Self {
            max_age_workdays: MaxAge::default(),
            stop_hours: 24,
            unknown_hours: 6,
            disk_free_min_mb: 2_048,
            volume_factor: 3.0,
            volume_min_letters: 50,
            history_days_min: 4,
        }
    }
}

/// How long letters may stand in a state, in days of work after the night that took them in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MaxAge {
    pub accepted: u32,
    pub held: u32,
    pub validated: u32,
    pub batched: u32,
    /// The vendor's own time for its final words, and one day more, when it is not said.
    pub shipped: Option<u32>,
}

impl Default for MaxAge {
    fn default() -> Self {
        Self { accepted: 1, held: 5, validated: 1, batched: 1, shipped: None }
    }
}

/// How many letters a sender hands in on a day from Monday to Friday that is no public holiday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    pub min: u64,
    pub max: u64,
}

/// One sender's day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub sender: String,
    pub expected: Option<Expected>,
    pub today: u64,
    /// The same weekdays before.
    pub past: Vec<u64>,
}

/// Letters of one night in one state.
#[derive(Debug, Clone)]
pub struct Waiting {
    pub status: LetterStatus,
    /// The vendor that they wait for, and its days; Monday to Friday where there is none yet.
    pub vendor: Option<(String, Calendar, u32)>,
    pub business_date: Date,
    pub letters: u64,
}

/// A batch, stop or answer that stands out, since when, and in what words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub about: String,
    /// RFC 3339.
    pub since: String,
    pub message: String,
}

/// Everything that is looked at. `None` is what was not asked about: alarms about it stay as they are.
#[derive(Debug, Clone)]
pub struct Facts {
    pub now: Timestamp,
    pub today: Date,
    /// The day that a run has just taken in.
    pub sent: Option<(Date, Vec<Sent>)>,
    pub waiting: Vec<Waiting>,
    pub overdue: Vec<Standing>,
    /// Which certificate ends first, or why nothing can be signed.
    pub signer: Result<Option<Expiry>, String>,
    pub disk_free_mb: Option<u64>,
    pub gates: Option<Vec<Closed>>,
    pub refused: Vec<Standing>,
    pub stops: Vec<Standing>,
    pub unknown: Vec<Standing>,
    /// Batches with rows of receipts that nobody has explained.
    pub questions: Vec<Standing>,
    /// Answers that were refused.
    pub mismatches: Option<Vec<Standing>>,
}

/// The alarms that the facts give, and the beginnings of the keys that nothing is said of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judged {
    pub alarms: Vec<Alarm>,
    pub unasked: Vec<String>,
}

/// From facts to alarms.
pub fn judge(rules: &AlarmRules, facts: &Facts) -> Judged {
    let mut judged = Judged::default();
    senders(rules, facts, &mut judged);
    waiting(rules, facts, &mut judged);
    for late in &facts.overdue {
        let command = format!("fjernprint batch show {}", late.about);
        judged.standing(late, "FP-M013", Gravity::Warning, &command);
    }
    signer(facts, &mut judged);
    if let Some(free) = facts.disk_free_mb.filter(|free| *free < rules.disk_free_min_mb) {
        let message = format!("{free} MB are free where the data folder lies, at least {} should be", rules.disk_free_min_mb);
        let gravity = if free < rules.disk_free_min_mb / 4 { Gravity::Grave } else { Gravity::Warning };
        judged.now(facts, "FP-M015", gravity, "disk", message, "df -h");
    }
    match &facts.gates {
        None => judged.unasked.push("FP-M016/".to_owned()),
        Some(gates) => {
            for gate in gates {
                judged.now(facts, "FP-M016", Gravity::Grave, &gate.id, gate.message.clone(), "fjernprint gate list");
            }
        }
    }
    for refused in &facts.refused {
        judged.standing(refused, "FP-M017", Gravity::Grave, &format!("fjernprint batch show {}", refused.about));
    }
    for (standing, code, hours, gravity, command) in [
        (&facts.stops, "FP-M018", rules.stop_hours, Gravity::Warning, "fjernprint resume"),
        (&facts.unknown, "FP-M019", rules.unknown_hours, Gravity::Grave, "fjernprint run"),
    ] {
        for one in standing.iter().filter(|one| older(one, hours, facts.now)) {
            judged.standing(one, code, gravity, command);
        }
    }
    for asked in &facts.questions {
        judged.standing(asked, "FP-M022", Gravity::Warning, "fjernprint reconcile");
    }
    match &facts.mismatches {
        None => judged.unasked.push("FP-M020/".to_owned()),
        Some(found) => found.iter().for_each(|one| judged.standing(one, "FP-M020", Gravity::Grave, "fjernprint reconcile")),
    }
    judged
}

impl Judged {
    fn standing(&mut self, standing: &Standing, code: &str, gravity: Gravity, command: &str) {
        let Standing { about, since, message } = standing.clone();
        self.alarms.push(Alarm { code: code.to_owned(), gravity, about, since, message, command: command.to_owned() });
    }

    fn now(&mut self, facts: &Facts, code: &str, gravity: Gravity, about: &str, message: String, command: &str) {
        let since = facts.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        self.standing(&Standing { about: about.to_owned(), since, message }, code, gravity, command);
    }
}

/// Longer than so many hours; a time that cannot be read is long ago.
fn older(standing: &Standing, hours: u32, now: Timestamp) -> bool {
    standing.since.parse::<Timestamp>().map_or(true, |since| now.as_second() - since.as_second() > i64::from(hours) * 3_600)
}

fn senders(rules: &AlarmRules, facts: &Facts, judged: &mut Judged) {
    let Some((day, sent)) = &facts.sent else {
        judged.unasked.extend(["FP-M010/".to_owned(), "FP-M011/".to_owned()]);
        return;
    };
    let holiday = public_holidays(day.year()).iter().any(|(holiday, _)| holiday == day);
    let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
    let weekday = format!("{:?}", day.weekday());
    for Sent { sender, expected, today, past } in sent {
        let usual = usual(past, rules.history_days_min);
        let (bounds, compared) = match (expected, usual) {
            (Some(expected), _) if !weekend => ((expected.min, expected.max), "[[sender]] expected".to_owned()),
            (None, Some(usual)) => {
                let most = limit(usual, rules.volume_factor).max(rules.volume_min_letters);
                ((1, most), format!("{usual}, the median of past {weekday}s"))
            }
            // Nothing is known of this day: what was raised on another one stays.
            _ => {
                judged.unasked.extend([format!("FP-M010/{sender}"), format!("FP-M011/{sender}")]);
                continue;
            }
        };
        let (letters, were) = (counted(*today, "letter"), |number| verb(number, "was", "were"));
        if *today < bounds.0 && holiday {
            judged.unasked.push(format!("FP-M010/{sender}"));
        } else if *today < bounds.0 {
            let message = format!(
                "sender {sender} handed in {letters} for {day}, at least {} {} to be expected ({compared})",
                bounds.0,
                were(bounds.0)
            );
            judged.now(facts, "FP-M010", Gravity::Warning, sender, message, &format!("ls -l drop/{sender}"));
        }
        if *today > bounds.1 {
            let message = format!(
                "sender {sender} handed in {letters} for {day}, at most {} {} to be expected ({compared})",
                bounds.1,
                were(bounds.1)
            );
            judged.now(facts, "FP-M011", Gravity::Warning, sender, message, "fjernprint forecast");
        }
    }
}

fn waiting(rules: &AlarmRules, facts: &Facts, judged: &mut Judged) {
    let plain = Calendar {
        weekdays: vec![Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday],
        public_holidays: true,
        closed_yearly: Default::default(),
        closed: Default::default(),
        open: Default::default(),
        cutoff: jiff::civil::Time::midnight(),
        handover_workdays: 0,
    };
    let mut late: std::collections::BTreeMap<String, (LetterStatus, u64, Date, u32, bool)> = Default::default();
    for Waiting { status, vendor, business_date, letters } in &facts.waiting {
        let ages = &rules.max_age_workdays;
        let agreed = vendor.as_ref().map_or(0, |(_, _, agreed)| *agreed);
        let days = match status {
            LetterStatus::Accepted => ages.accepted,
            LetterStatus::Held => ages.held,
            LetterStatus::Validated => ages.validated,
            LetterStatus::Batched => ages.batched,
            LetterStatus::Shipped => ages.shipped.unwrap_or(agreed + 1),
            _ => continue,
        };
        let calendar = vendor.as_ref().map_or(&plain, |(_, calendar, _)| calendar);
        let past = |days: u32| calendar.workdays_after(*business_date, days).is_some_and(|due| facts.today > due);
        if !past(days) {
            continue;
        }
        let about = vendor.as_ref().map_or_else(|| status.word().to_owned(), |(id, _, _)| format!("{} {id}", status.word()));
        let entry = late.entry(about).or_insert((*status, 0, *business_date, days, false));
        entry.1 += letters;
        entry.2 = entry.2.min(*business_date);
        entry.4 |= past(days.saturating_mul(GRAVE_FACTOR));
    }
    for (about, (status, letters, oldest, days, grave)) in late {
        let (waiting, are) = (counted(letters, "letter"), verb(letters, "is", "are"));
        let limit = counted(days.into(), "day");
        let message = format!("{waiting} {are} {} for longer than {limit} of work, the oldest of {oldest}", status.word());
        let gravity = if grave { Gravity::Grave } else { Gravity::Warning };
        judged.now(facts, "FP-M012", gravity, &about, message, &format!("fjernprint letter list --status {}", status.word()));
    }
}

fn signer(facts: &Facts, judged: &mut Judged) {
    let command = "fjernprint explain FP-M014";
    match &facts.signer {
        Err(why) => judged.now(facts, "FP-M014", Gravity::Grave, "signer", format!("nothing can be signed: {why}"), command),
        Ok(None) => {}
        Ok(Some(Expiry { subject, until, days, .. })) => {
            let gravity = match urgency(*days) {
                None => return,
                Some(60) => Gravity::Notice,
                Some(30) => Gravity::Warning,
                Some(_) => Gravity::Grave,
            };
            judged.now(
                facts,
                "FP-M014",
                gravity,
                "signer",
                format!("the certificate of {subject} ends in {}, on {until}", counted(days.unsigned_abs(), "day")),
                command,
            );
        }
    }
}

/// What is news, with the alarm that it is about: raised, graver or cleared; nothing for what stands as it stood.
pub fn changes(before: &[(String, AlarmState)], judged: &Judged) -> Vec<(String, Alarm, AlarmEvent)> {
    let mut news = Vec::new();
    for alarm in &judged.alarms {
        let key = alarm.key();
        let known = before.iter().find(|(known, _)| *known == key).map(|(_, state)| state).filter(|state| state.raised);
        let event = match known {
            None => AlarmEvent::Raised { alarm: alarm.clone() },
            Some(state) if alarm.gravity > state.alarm.gravity => AlarmEvent::Graver { alarm: alarm.clone() },
            Some(_) => continue,
        };
        // Two alarms of one key in one look are one.
        if !news.iter().any(|(other, _, _)| *other == key) {
            news.push((key, alarm.clone(), event));
        }
    }
    let stands = |key: &str| judged.alarms.iter().any(|alarm| alarm.key() == key);
    let unasked = |key: &str| judged.unasked.iter().any(|of| key == of || of.ends_with('/') && key.starts_with(of.as_str()));
    for (key, state) in before.iter().filter(|(key, state)| state.raised && !stands(key) && !unasked(key)) {
        news.push((key.clone(), state.alarm.clone(), AlarmEvent::Cleared {}));
    }
    news
}
