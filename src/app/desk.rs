//! What needs somebody in the morning, gravest first, each with the command to run next. Reads what is open and what is
//! counted, never the letters themselves; decides nothing.

use super::account::{Account, Unsettled, account, at_vendor};
use super::config::Config;
use super::fault::{Fault, exit};
use super::last_runs::Told;
use super::signing::Warning;
use super::{alarms, contracts, last_runs, release, signing, who};
use crate::adapters::{clock, encrypt};
use crate::domain::alarm;
use crate::domain::calendar::{date_in_denmark, shown_in_denmark, time_in_denmark};
use crate::domain::codes::{self, Owner};
use crate::domain::order::{Deed, Order, OrderStatus};
use crate::domain::status::{BatchStatus, LetterStatus};
use crate::domain::{BatchName, VendorId, counted};
use crate::ledger::{EVERY_VENDOR, Kept, Ledger};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde::Serialize;

/// Rejected letters and refused files were answered when they came: they are shown for so many days, today among them.
const ANSWERED_SHOWN_DAYS: i64 = 7;
/// A night is missed when the last good run is older than this.
const RUN_EVERY_H: i64 = 26;
/// A certificate that ends within a week waits for a person, and no longer for a letter to arrive.
const PRESSING_DAYS: i64 = 7;
/// Room on the data folder's disk: low when less than both of these is free.
const DISK_FREE_MIN_BYTES: u64 = 10 << 30;
const DISK_FREE_MIN_PERCENT: u64 = 10;

/// Alarms of what is looked at here anew, as it is now: answers, certificate, refused batches, stops, unknown outcomes,
/// questions.
const ALARMS_OF_THE_DESK: [&str; 6] = ["FP-M013", "FP-M014", "FP-M017", "FP-M018", "FP-M019", "FP-M022"];

/// How soon somebody should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Gravity {
    /// It waits for a person, and nothing happens until then.
    Red,
    /// It is good to know; the next run goes on, or the sender was told.
    Yellow,
}

/// One thing that needs somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attention {
    /// A stable word: `stop`, `batch_refused`, `held` and so on.
    pub what: &'static str,
    pub gravity: Gravity,
    /// Has a page in `explain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// A batch, a vendor, an order, a code or a job.
    pub subject: String,
    /// Letters, or files, that it is about.
    pub count: u64,
    /// Age of the oldest of it in days, by the night that took it in or the moment of the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<i64>,
    pub message: String,
    /// The command to run next.
    pub next: String,
}

/// What needs somebody, gravest first; with a business date, of batches and letters those of that night.
pub fn desk(config: &Config, ledger: &Ledger, account: &Account, business_date: Option<&str>) -> Result<Vec<Attention>, Fault> {
    let desk = Desk { config, ledger, now: clock::instant(), business_date };
    let mut list = Vec::new();
    list.extend(unbalanced(account));
    list.extend(desk.stops()?);
    for status in [BatchStatus::Unknown, BatchStatus::Refused] {
        list.extend(account.unsettled.iter().filter(|batch| batch.state.status == status).filter_map(|batch| desk.batch(batch)));
    }
    list.extend(account.unsettled.iter().filter_map(|batch| desk.overdue(batch)));
    list.extend(desk.questions()?);
    list.extend(desk.signer());
    list.extend(desk.contracts());
    list.extend(desk.disk());
    list.extend(desk.missed_runs());
    list.extend(desk.orders()?);
    for status in [BatchStatus::Unreleased, BatchStatus::Uploading] {
        list.extend(account.unsettled.iter().filter(|batch| batch.state.status == status).filter_map(|batch| desk.batch(batch)));
    }
    list.extend(desk.alarms()?);
    list.extend(desk.held()?);
    list.extend(desk.rejected()?);
    list.extend(desk.refused_files()?);
    list.extend(desk.sealed(account));
    // What waits for a person comes first; of each gravity the order is that of above.
    list.sort_by_key(|one| one.gravity);
    Ok(list)
}

/// The account and what needs somebody, for whoever comes in. With a business date, of that night.
pub fn morning(config: &Config, business_date: Option<&str>) -> Result<(Account, Vec<Attention>), Fault> {
    let ledger = Ledger::open_read_only(&config.ledger_path())?;
    let account = account(config, &ledger, business_date)?;
    let list = desk(config, &ledger, &account, business_date)?;
    Ok((account, list))
}

/// What needs somebody after a run, whose account was taken already. How it ended and what is wrong with the signer and the
/// contracts it has told itself.
pub fn after(config: &Config, account: &Account) -> Result<Vec<Attention>, Fault> {
    let mut list = desk(config, &Ledger::open_read_only(&config.ledger_path())?, account, None)?;
    list.retain(|one| !["certificate", "contract", "job"].contains(&one.what));
    Ok(list)
}

/// What stands in the way of sealing, or soon will.
fn signer_trouble(config: &Config) -> Option<Attention> {
    let (code, message, gravity) = match signing::outlook(config) {
        Ok(outlook) => {
            let warning = outlook.warning()?;
            let pressing = outlook.expiry.is_some_and(|expiry| expiry.days <= PRESSING_DAYS);
            (warning.code, warning.message, if pressing { Gravity::Red } else { Gravity::Yellow })
        }
        Err(fault) => (fault.code, format!("nothing can be sealed: {}  {}", fault.code, fault.message), Gravity::Red),
    };
    Some(attention("certificate", gravity, Some(code), "signer", message, format!("fjernprint explain {code}")))
}

fn attention(
    what: &'static str,
    gravity: Gravity,
    code: Option<&str>,
    subject: impl Into<String>,
    message: String,
    next: String,
) -> Attention {
    let owner = code.and_then(codes::find).map(|page| page.owner);
    Attention { what, gravity, code: code.map(str::to_owned), owner, subject: subject.into(), count: 0, days: None, message, next }
}

fn unbalanced(account: &Account) -> Option<Attention> {
    if account.terms.balance() {
        return None;
    }
    let text = "THE ACCOUNT DOES NOT BALANCE".to_owned();
    Some(attention("account", Gravity::Red, Some("FP-L007"), "account", text, "fjernprint ledger verify".to_owned()))
}

struct Desk<'a> {
    config: &'a Config,
    ledger: &'a Ledger,
    now: Timestamp,
    business_date: Option<&'a str>,
}

impl Desk<'_> {
    fn stops(&self) -> Result<Vec<Attention>, Fault> {
        let mut list = Vec::new();
        for (subject, id) in self.ledger.stops()? {
            let at = self.ledger.first_at(&id)?;
            let since = at.as_deref().map(|at| format!(" since {}", local(at))).unwrap_or_default();
            let order = self.ledger.order(&id)?.map(|state| state.order);
            let why = order.map(|order| format!(", by {}: {}", who::told(&order.by), order.reason)).unwrap_or_default();
            let (who, next) = match subject.as_str() {
                EVERY_VENDOR => ("nothing is sent to any vendor".to_owned(), "fjernprint resume --reason TEXT".to_owned()),
                vendor => (format!("nothing is sent to {vendor}"), format!("fjernprint resume --vendor {vendor} --reason TEXT")),
            };
            let text = format!("{who}{since}, order {id}{why}");
            list.push(Attention { days: self.days_since(at.as_deref()), ..attention("stop", Gravity::Red, None, subject, text, next) });
        }
        Ok(list)
    }

    /// A batch that is not where it should be.
    fn batch(&self, batch: &Unsettled) -> Option<Attention> {
        let Unsettled { name, state, .. } = batch;
        let (what, code, text, next) = match state.status {
            BatchStatus::Unknown => {
                let text = "whether the vendor has it is not known; the next run asks".to_owned();
                ("batch_unknown", None, text, "fjernprint run --until ship".to_owned())
            }
            BatchStatus::Refused => {
                let next = format!("fjernprint batch retry {name} --plan");
                ("batch_refused", Some("FP-A007"), format!("refused by the vendor: {}", state.reason), next)
            }
            BatchStatus::Unreleased => {
                let text = release::what_is_missing(state).unwrap_or_default();
                ("batch_unreleased", None, text, format!("fjernprint batch release {name} --by NAME"))
            }
            BatchStatus::Uploading => {
                let begun = counted(u64::from(state.attempts), "time");
                match self.last_fault_of(name) {
                    Some(Told { code, message }) => {
                        let page = codes::find(&code).map(|page| page.code);
                        ("batch_uploading", page, format!("its upload was begun {begun}: {message}"), format!("fjernprint explain {code}"))
                    }
                    None => {
                        let text = format!("its upload was begun {begun} and did not end; the next run goes on");
                        ("batch_uploading", None, text, "fjernprint run --until ship".to_owned())
                    }
                }
            }
            _ => return None,
        };
        let (count, days) = (u64::from(state.letters), self.days_of(&state.business_date));
        let text = format!("batch {name}, {}, {text}", counted(count, "letter"));
        Some(Attention { count, days, ..attention(what, Gravity::Red, code, name.to_string(), text, next) })
    }

    /// What the last run said of a batch.
    fn last_fault_of(&self, name: &BatchName) -> Option<Told> {
        let last = last_runs::of(self.config, "run")?;
        last.faults.into_iter().find(|told| told.message.contains(name.as_str()))
    }

    fn overdue(&self, batch: &Unsettled) -> Option<Attention> {
        let (name, late) = (&batch.name, batch.late.as_deref()?);
        let text = format!("batch {name}: {late}; call {}", batch.state.vendor);
        let next = format!("fjernprint letter list --where 'batch={name} and status=shipped'");
        let owner = Some(Owner::Vendor);
        let days = self.days_of(&batch.state.business_date);
        Some(Attention { owner, count: batch.open, days, ..attention("overdue", Gravity::Red, None, name.to_string(), text, next) })
    }

    /// Rows of receipts that did not fit, in batches settled or not: nobody has explained them yet.
    fn questions(&self) -> Result<Vec<Attention>, Fault> {
        let mut list = Vec::new();
        for (name, state) in self.ledger.questioned(self.business_date)? {
            let Some(first) = state.questions.first() else { continue };
            let count = state.questions.len() as u64;
            let rows = counted(count, "row");
            let text = format!("batch {name}: {rows} of its receipts did not fit and nobody has explained: {}", first.says);
            let next = format!("fjernprint reconcile --explain {name} --letter {} --reason TEXT", first.letter);
            let days = self.days_of(&state.business_date);
            let asked = attention("question", Gravity::Red, Some(&first.code), name.to_string(), text, next);
            list.push(Attention { count, days, ..asked });
        }
        Ok(list)
    }

    /// Our signer, whom it may not sign for, and vendors that nothing can be encrypted to.
    fn signer(&self) -> Vec<Attention> {
        let told = |fault: Fault, subject: String| {
            let next = format!("fjernprint explain {}", fault.code);
            attention("certificate", Gravity::Red, Some(fault.code), subject, fault.message, next)
        };
        let unfit = |vendor: &VendorId| {
            let to = self.config.profiles.get(vendor)?.delivery.encrypt_to.as_ref()?;
            let fault = Fault::from(encrypt::recipient(to, self.now.as_second()).err()?);
            let message = format!("nothing is sealed for {vendor}: {}", fault.message);
            Some(told(Fault { message, ..fault }, vendor.to_string()))
        };
        let foreign = signing::foreign(self.config).map(|fault| told(fault, "signer".to_owned()));
        let vendors = self.config.vendors_on(date_in_denmark(self.now));
        signer_trouble(self.config).into_iter().chain(foreign).chain(vendors.into_iter().filter_map(unfit)).collect()
    }

    /// Vendors in use that nothing goes to, and what the contracts need before they change.
    fn contracts(&self) -> Vec<Attention> {
        let today = date_in_denmark(self.now);
        let check = |vendor: &str| format!("fjernprint vendor check {vendor}");
        let shut = |vendor: &VendorId| {
            let fault = contracts::on_assumptions(self.config, vendor)?;
            Some(attention("contract", Gravity::Red, Some(fault.code), vendor.as_str(), fault.message, check(vendor.as_str())))
        };
        let ahead =
            |warning: Warning| attention("contract", Gravity::Yellow, Some(warning.code), "contract", warning.message, check("all"));
        let in_use = self.config.vendors_on(today).into_iter();
        in_use.filter_map(shut).chain(contracts::outlook(self.config, today).into_iter().map(ahead)).collect()
    }

    fn disk(&self) -> Option<Attention> {
        let (free, all) = disk_bytes(self.config)?;
        let told = alarms::raised_in(self.ledger).is_ok_and(|raised| raised.iter().any(|alarm| alarm.code == "FP-M015"));
        if told || !disk_is_low(free, all) {
            return None;
        }
        let folder = self.config.data.display();
        let text = format!("{} MB of {} MB are free on the disk of {folder}: a run that fills it stops", free / 1_000_000, all / 1_000_000);
        let disk = attention("disk", Gravity::Red, None, "data", text, format!("df -h {folder}"));
        Some(Attention { owner: Some(Owner::It), ..disk })
    }

    /// A job that ran before and has not done its work since a night and a bit.
    fn missed_runs(&self) -> Vec<Attention> {
        let missed = |job: &str| {
            let last = last_runs::of(self.config, job)?;
            let (good, began) = (moment(last.last_success_at_s), moment(Some(last.began_at_s))?);
            let late = good.unwrap_or(began).checked_add(RUN_EVERY_H.hours()).ok()? < self.now;
            let failed = !last.did_its_work();
            if !(late || failed) {
                return None;
            }
            let good =
                good.map_or("none ended well yet".to_owned(), |at| format!("the last that did its work ended {}", shown_in_denmark(at)));
            let ended = if failed { format!("ended with {}", last.exit_code) } else { "is more than a day old".to_owned() };
            let mut text = format!("the last `fjernprint {job}`, of {}, {ended}; {good}", shown_in_denmark(began));
            let mut next = format!("fjernprint {job}");
            if let Some((first, others)) = last.faults.split_first().filter(|_| failed) {
                let more = if others.is_empty() { String::new() } else { format!(" (and {} more)", counted(others.len() as u64, "fault")) };
                text = format!("{text}. It said: {}  {}{more}", first.code, first.message);
                // A vendor that was not reached may be there by now.
                if last.exit_code != exit::UNREACHABLE {
                    next = format!("fjernprint explain {}", first.code);
                }
            }
            let days = Some((self.now.as_second() - last.last_success_at_s.unwrap_or(last.began_at_s)) / 86_400);
            let owner = Some(Owner::It);
            Some(Attention { owner, days, ..attention("job", Gravity::Red, None, job, text, next) })
        };
        last_runs::JOBS.into_iter().filter_map(missed).collect()
    }

    fn orders(&self) -> Result<Vec<Attention>, Fault> {
        let mut list = Vec::new();
        for (id, state) in self.ledger.orders(OrderStatus::Asked)? {
            let order = state.order;
            let text = format!(
                "order {id} of {} waits for a second person: {} {}, {}: {}",
                who::told(&order.by),
                order.deed.word(),
                order.about,
                counted(u64::from(order.letters), "letter"),
                order.reason
            );
            let days = self.days_since(self.ledger.first_at(&id)?.as_deref());
            let asked = attention("order", Gravity::Red, None, id.to_string(), text, command_of(&order));
            list.push(Attention { count: u64::from(order.letters), days, ..asked });
        }
        Ok(list)
    }

    /// Raised alarms of what only a run can see: senders, ages, gates, answers that do not fit, a disk by its own limit.
    fn alarms(&self) -> Result<Vec<Attention>, Fault> {
        let raised = alarms::raised_in(self.ledger)?;
        let others = raised.into_iter().filter(|alarm| !ALARMS_OF_THE_DESK.contains(&alarm.code.as_str()));
        let shown = others.map(|alarm| {
            let gravity = if alarm.gravity == alarm::Gravity::Grave { Gravity::Red } else { Gravity::Yellow };
            let days = self.days_since(Some(&alarm.since));
            let shown = attention("alarm", gravity, Some(&alarm.code), alarm.about, alarm.message, alarm.command);
            Attention { days, ..shown }
        });
        Ok(shown.collect())
    }

    fn held(&self) -> Result<Vec<Attention>, Fault> {
        let kept = self.ledger.kept(LetterStatus::Held, self.business_date, self.business_date)?;
        Ok(kept.iter().map(|kept| self.kept("held", "held", Gravity::Red, kept)).collect())
    }

    /// Letters that left the pipeline lately. Those that a person called back are no trouble.
    fn rejected(&self) -> Result<Vec<Attention>, Fault> {
        let (from, to) = self.lately();
        let kept = self.ledger.kept(LetterStatus::Rejected, Some(&from), to)?;
        Ok(kept.iter().map(|kept| self.kept("rejected", "rejected", Gravity::Yellow, kept)).collect())
    }

    fn kept(&self, what: &'static str, status: &str, gravity: Gravity, kept: &Kept) -> Attention {
        let night = self.business_date.map(|date| format!(" and night={date}")).unwrap_or_default();
        let lately =
            if self.business_date.is_none() && gravity == Gravity::Yellow { format!(" and night>={}", self.lately().0) } else { night };
        let next = format!("fjernprint letter list --where 'status={status} and code={}{lately}'", kept.code);
        let title = codes::find(&kept.code).map_or("", |page| page.title);
        let text = format!("{} {status}: {title}", counted(kept.letters, "letter"));
        let days = self.days_of(&kept.first_night);
        Attention { count: kept.letters, days, ..attention(what, gravity, Some(&kept.code), kept.code.clone(), text, next) }
    }

    fn refused_files(&self) -> Result<Vec<Attention>, Fault> {
        let (from, to) = self.lately();
        let one = |kept: Kept| {
            let title = codes::find(&kept.code).map_or("", |page| page.title);
            let text = format!("{} refused at the door, answered and kept: {title}", counted(kept.letters, "file"));
            let next = format!("fjernprint explain {}", kept.code);
            let (count, days) = (kept.letters, self.days_of(&kept.first_night));
            Attention { count, days, ..attention("file_refused", Gravity::Yellow, Some(&kept.code), kept.code.clone(), text, next) }
        };
        Ok(self.ledger.refused_counts(Some(&from), to)?.into_iter().map(one).collect())
    }

    /// Sealed batches of a vendor, which go up with the next run.
    fn sealed(&self, account: &Account) -> Vec<Attention> {
        let mut list = Vec::new();
        for vendor in account.vendors.keys() {
            let of_vendor = |batch: &&Unsettled| batch.state.status == BatchStatus::Sealed && batch.state.vendor.as_str() == vendor;
            let batches: Vec<&Unsettled> = account.unsettled.iter().filter(of_vendor).collect();
            let Some(oldest) = batches.iter().map(|batch| &batch.state.business_date).min() else { continue };
            let count = batches.iter().map(|batch| u64::from(batch.state.letters)).sum();
            let (batches, letters) = (counted(batches.len() as u64, "batch"), counted(count, "letter"));
            let text = format!("{vendor}: {batches} with {letters}, sealed and waiting for the next run");
            let days = self.days_of(oldest);
            if !self.config.connections.keys().any(|known| known.as_str() == vendor) {
                let text = format!("{vendor}: {batches} with {letters} are sealed, and the configuration has no [[connection]] to it");
                let next = format!("fjernprint vendor check {vendor}");
                let asked = attention("batch_sealed", Gravity::Red, Some("FP-C008"), vendor.clone(), text, next);
                list.push(Attention { count, days, ..asked });
                continue;
            }
            let next = "fjernprint run --until ship".to_owned();
            let now = time_in_denmark(self.now);
            let window = self.config.profiles.iter().find(|(id, _)| id.as_str() == vendor).map(|(_, profile)| profile.delivery.window);
            let text = match window.filter(|window| !window.contains(now)) {
                Some(window) => format!("{text}; {vendor} takes files {window}, Danish time"),
                None => text,
            };
            list.push(Attention { count, days, ..attention("batch_sealed", Gravity::Yellow, None, vendor.clone(), text, next) });
        }
        list
    }

    /// The nights whose rejections are news: first and last.
    fn lately(&self) -> (String, Option<&str>) {
        let first = || date_in_denmark(self.now).saturating_sub((ANSWERED_SHOWN_DAYS - 1).days()).to_string();
        (self.business_date.map_or_else(first, str::to_owned), self.business_date)
    }

    /// Days since a night, at least none.
    fn days_of(&self, night: &str) -> Option<i64> {
        let night: Date = night.parse().ok()?;
        Some(i64::from((date_in_denmark(self.now) - night).get_days()).max(0))
    }

    fn days_since(&self, at: Option<&str>) -> Option<i64> {
        let at: Timestamp = at?.parse().ok()?;
        Some((self.now.as_second() - at.as_second()).max(0) / 86_400)
    }
}

/// How the second person orders the same: reruns above the cap are all that waits for one.
fn command_of(order: &Order) -> String {
    let what = order.about.strip_prefix("batch ").map(|name| format!("batch retry {name}"));
    let what = what.or_else(|| order.about.strip_prefix("letter ").map(|id| format!("letter retry {id}")));
    let what = what.unwrap_or_else(|| "letter retry LETTER...".to_owned());
    let reprint = if order.deed == Deed::Reprint { " --reprint" } else { "" };
    let hash = order.plan.map(|plan| plan.to_string()).unwrap_or_else(|| "HASH".to_owned());
    format!("fjernprint {what}{reprint} --over-cap --apply {hash} --reason TEXT --by NAME")
}

fn moment(at_s: Option<i64>) -> Option<Timestamp> {
    Timestamp::from_second(at_s?).ok()
}

fn local(at: &str) -> String {
    at.parse().map_or_else(|_| at.to_owned(), shown_in_denmark)
}

/// Free for us, and all, of the disk that the data folder lies on.
pub fn disk_bytes(config: &Config) -> Option<(u64, u64)> {
    let disk = rustix::fs::statvfs(&config.data).ok()?;
    Some((disk.f_bavail.saturating_mul(disk.f_frsize), disk.f_blocks.saturating_mul(disk.f_frsize)))
}

/// Little in bytes and little of the whole: a tenth of a large disk is many nights, and a small disk is never large.
fn disk_is_low(free_bytes: u64, all_bytes: u64) -> bool {
    free_bytes < DISK_FREE_MIN_BYTES && free_bytes.saturating_mul(100) < all_bytes.saturating_mul(DISK_FREE_MIN_PERCENT)
}

/// Batches that wait for their vendors' answers: vendor, batches, open letters.
pub fn waiting(account: &Account) -> Vec<(&str, usize, u64)> {
    let mut list: Vec<(&str, usize, u64)> = Vec::new();
    for batch in account.unsettled.iter().filter(|batch| at_vendor(batch.state.status)) {
        let vendor = batch.state.vendor.as_str();
        match list.last_mut().filter(|(last, ..)| *last == vendor) {
            Some((_, batches, open)) => {
                *batches += 1;
                *open += batch.open;
            }
            None => list.push((vendor, 1, batch.open)),
        }
    }
    list
}
