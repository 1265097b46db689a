//! The parallel middle: recipient, render and validate, one letter at a time and many at once.
//!
//! One thread finds the work, the workers are pure, and this thread records. All queues have a length, so the memory does
//! not grow with the night, and a letter's result depends on nothing but the letter.

use super::{Night, RunReport};
use crate::adapters::clock;
use crate::adapters::inspector::Inspector;
use crate::adapters::register::Register;
use crate::adapters::store::{Store, private_folder, sync_around_both, write_private};
use crate::app::config::Config;
use crate::app::fault::{Fault, STORED_FILE, exit};
use crate::app::mend::mend;
use crate::app::municipality::Municipality;
use crate::domain::state::LetterState;
use crate::domain::status::LetterEvent;
use crate::domain::{Colour, Finding, LetterId, PostalAddress, PrintOptions, PrintWishes, Severity, Sha256};
use crate::ledger::{Entry, Ledger};
use crate::pipeline::intake::{Content, contents};
use crate::pipeline::recipient::{Choice, Parts, Route, route};
use crate::pipeline::render::{Main, Order, render};
use crate::pipeline::template::Templates;
use crate::pipeline::validate::{Demand, Policy, judge, judge_part, rejects, validate};
use crate::vendor::VendorProfile;
use crate::vendor::profile::markers;
use crate::wire::message::{Channel, Document, Format, SenderLetter};
use crate::wire::table::{RowBody, TableRow};
use crate::wire::xml::Refusal;
use crossbeam_channel::{Receiver, Sender};
use rayon::prelude::*;
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

/// Letters looked up at once.
const PAGE: u32 = 1_000;
/// Letters of one original that one worker takes.
const UNIT_LETTERS: usize = 64;
/// Units waiting: what bounds the memory.
const QUEUE: usize = 16;
/// Results waiting, which hold no contents: the workers go on while this thread waits for the disk.
const RESULTS: usize = 1_024;
/// Letters recorded in one transaction.
const RECORD_LETTERS: usize = 512;

/// Letters of one original.
pub(super) struct Unit {
    original: Sha256,
    pub letters: Vec<(LetterId, LetterState)>,
}

type Results = Result<Vec<Entry>, Fault>;

/// What every worker shares.
struct Workshop<'a> {
    config: &'a Config,
    store: &'a Store,
    register: &'a Register,
    templates: &'a Templates,
    inspector: &'a Inspector,
    /// Letters of a night that is over are looked at once more: they go to print without asking the register, and nothing
    /// is written.
    replay: bool,
    /// The original parsed last: the letters of a large table come in many units.
    last: Mutex<Option<(Sha256, Arc<Contents>)>>,
}

type Contents = Result<Vec<Result<Content, Refusal>>, Refusal>;

pub(super) fn middle(night: &mut Night<'_>, register: &Register, templates: &Templates, report: &mut RunReport) -> Result<(), Fault> {
    let waiting = night.ledger.counts_of_status(crate::domain::status::LetterStatus::Accepted)?;
    night.watch.begin("letters", Some(waiting));
    private_folder(&night.config.digital).map_err(|e| Fault::io(format!("making {}", night.config.digital.display()), &e))?;
    let reader = Ledger::open_read_only(&night.config.ledger_path())?;
    let inspector = Inspector::of_this_program()?.looking_for(markers(night.config.profiles.values()));
    let workshop = Workshop {
        config: night.config,
        store: &night.store,
        register,
        templates,
        inspector: &inspector,
        replay: false,
        last: Mutex::new(None),
    };
    let (units, work) = crossbeam_channel::bounded::<Result<Unit, Fault>>(QUEUE);
    let (done, results) = crossbeam_channel::bounded::<Results>(RESULTS);
    let recorded = std::thread::scope(|scope| {
        scope.spawn(move || find_work(&reader, &units));
        scope.spawn(|| {
            let done = done;
            work.into_iter().par_bridge().for_each(|unit| {
                // A closed channel means that the recorder has stopped, with its own reason.
                let _ = done.send(unit.and_then(|unit| workshop.unit(&unit)));
            });
        });
        let mut recorder = Recorder { ledger: &mut night.ledger, config: night.config, report, entries: Vec::new() };
        let recorded = recorder.record_all(&results, |count| night.watch.step("letters", count));
        drop(results);
        recorded
    });
    night.watch.end("letters");
    recorded
}

fn find_work(reader: &Ledger, units: &Sender<Result<Unit, Fault>>) {
    let mut after: Option<(Sha256, u32)> = None;
    loop {
        let page = match reader.accepted(after.as_ref(), PAGE) {
            Ok(page) => page,
            Err(fault) => {
                let _ = units.send(Err(fault.into()));
                return;
            }
        };
        let Some((_, last)) = page.last() else { return };
        after = Some((last.original, last.part));
        let mut unit: Option<Unit> = None;
        for (id, state) in page {
            let fits = unit.as_ref().is_some_and(|u| u.original == state.original && u.letters.len() < UNIT_LETTERS);
            if !fits
                && let Some(full) = unit.take()
                && units.send(Ok(full)).is_err()
            {
                return;
            }
            unit.get_or_insert_with(|| Unit { original: state.original, letters: Vec::new() }).letters.push((id, state));
        }
        if let Some(rest) = unit
            && units.send(Ok(rest)).is_err()
        {
            return;
        }
    }
}

/// Sends letters of nights that are over through rendering and validation once more, and hands on what would become of
/// each. `find` gives the letters in the order of their originals. Nothing is stored, delivered or recorded.
pub(super) fn replay_letters(
    config: &Config,
    store: &Store,
    register: &Register,
    templates: &Templates,
    find: impl FnOnce(&mut dyn FnMut(LetterId, LetterState)) -> Result<(), Fault> + Send,
    mut take: impl FnMut(&Unit, Vec<LetterEvent>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let inspector = Inspector::of_this_program()?;
    let workshop = Workshop { config, store, register, templates, inspector: &inspector, replay: true, last: Mutex::new(None) };
    let (units, work) = crossbeam_channel::bounded::<Result<Unit, Fault>>(QUEUE);
    let (done, results) = crossbeam_channel::bounded::<Result<(Unit, Vec<Entry>), Fault>>(RESULTS);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut unit: Option<Unit> = None;
            let found = find(&mut |id, state| {
                let fits = unit.as_ref().is_some_and(|u| u.original == state.original && u.letters.len() < UNIT_LETTERS);
                if !fits && let Some(full) = unit.take() {
                    // A closed channel means that nobody takes results any more, with a reason of its own.
                    let _ = units.send(Ok(full));
                }
                unit.get_or_insert_with(|| Unit { original: state.original, letters: Vec::new() }).letters.push((id, state));
            });
            let _ = unit.map(|rest| units.send(Ok(rest)));
            let _ = found.map_err(|fault| units.send(Err(fault)));
        });
        let workshop = &workshop;
        scope.spawn(move || {
            work.into_iter().par_bridge().for_each(|unit| {
                let looked = unit.and_then(|unit| workshop.unit(&unit).map(|entries| (unit, entries)));
                let _ = done.send(looked);
            });
        });
        let taken = results.iter().try_for_each(|result| {
            let (unit, entries) = result?;
            let event = |entry| if let Entry::Letter(_, event) = entry { Some(event) } else { None };
            take(&unit, entries.into_iter().filter_map(event).collect())
        });
        drop(results);
        taken
    })
}

struct Recorder<'a> {
    ledger: &'a mut Ledger,
    config: &'a Config,
    report: &'a mut RunReport,
    entries: Vec<Entry>,
}

impl Recorder<'_> {
    fn record_all(&mut self, results: &Receiver<Results>, step: impl Fn(u64)) -> Result<(), Fault> {
        let mut stopped = None;
        for result in results {
            match result {
                Ok(entries) => {
                    step(entries.len() as u64);
                    self.entries.extend(entries);
                }
                // What the workers finished is recorded all the same.
                Err(fault) => {
                    stopped = Some(fault);
                    break;
                }
            }
            if self.entries.len() >= RECORD_LETTERS {
                self.flush()?;
            }
        }
        self.flush()?;
        stopped.map_or(Ok(()), Err)
    }

    fn flush(&mut self) -> Result<(), Fault> {
        if self.entries.is_empty() {
            return Ok(());
        }
        // What the workers wrote: letters into the store, MeMos into the outbox.
        sync_around_both(&self.config.store_path(), &self.config.digital).map_err(|e| Fault::io("making letters durable", &e))?;
        self.ledger.record(&clock::now(), &self.entries)?;
        for entry in self.entries.drain(..) {
            if let Entry::Letter(letter, event) = entry {
                match event {
                    LetterEvent::DeliveredDigitally { .. } => self.report.digital += 1,
                    LetterEvent::Held { code, message } => {
                        self.report.held += 1;
                        if code == STORED_FILE {
                            self.report.add(Fault::new(STORED_FILE, exit::MISMATCH, format!("letter {letter} is held: {message}")));
                        }
                    }
                    LetterEvent::Rejected { .. } => self.report.rejected += 1,
                    _ => self.report.validated += 1,
                }
            }
        }
        Ok(())
    }
}

/// What became of a letter, short of a fault of ours.
enum Stop {
    Held(&'static str, &'static str),
    Rejected(String, String),
}

/// One letter's parts, however it was handed in.
struct Printing<'a> {
    main: Main<'a>,
    attachments: Vec<&'a [u8]>,
    address: Option<&'a PostalAddress>,
    wishes: &'a PrintWishes,
}

impl Workshop<'_> {
    fn unit(&self, unit: &Unit) -> Results {
        let contents = match self.contents(&unit.original) {
            Err(fault) if fault.is_of_stored_file() => {
                return Ok(unit.letters.iter().map(|(id, _)| Entry::Letter(id.clone(), damaged(&fault))).collect());
            }
            contents => contents?,
        };
        unit.letters.iter().map(|(id, state)| Ok(Entry::Letter(id.clone(), self.letter(state, &contents)?))).collect()
    }

    fn contents(&self, original: &Sha256) -> Result<Arc<Contents>, Fault> {
        if let Ok(last) = self.last.lock()
            && let Some((hash, contents)) = &*last
            && hash == original
        {
            return Ok(contents.clone());
        }
        let parsed = Arc::new(contents(&self.store.get(original)?));
        if parsed.as_ref().as_ref().is_ok_and(|list| list.len() > UNIT_LETTERS)
            && let Ok(mut last) = self.last.lock()
        {
            *last = Some((*original, parsed.clone()));
        }
        Ok(parsed)
    }

    /// The event that this letter's turn ends with. A letter that makes a parser give up is held, and no other suffers.
    fn letter(&self, state: &LetterState, contents: &Contents) -> Result<LetterEvent, Fault> {
        let content = match contents {
            Ok(list) => list.get(state.part as usize),
            Err(refusal) => return Ok(rejected(refusal.code, refusal.to_string())),
        };
        let content = match content {
            Some(Ok(content)) => content,
            Some(Err(refusal)) => return Ok(rejected(refusal.code, refusal.to_string())),
            None => return Ok(rejected("FP-I005", "the stored original has no such part".to_owned())),
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| match content {
            Content::Message(letter) => self.message(state, letter),
            Content::Row(row) => self.row(state, row),
            Content::Dropped => Ok(Err(Stop::Rejected("FP-I005".to_owned(), "the letter has no content".to_owned()))),
        }));
        match outcome {
            Ok(Ok(Ok(event))) => Ok(event),
            Ok(Ok(Err(Stop::Held(code, message)))) => Ok(LetterEvent::Held { code: code.to_owned(), message: message.to_owned() }),
            Ok(Ok(Err(Stop::Rejected(code, message)))) => Ok(LetterEvent::Rejected { code, message }),
            Ok(Err(fault)) if fault.is_of_stored_file() => Ok(damaged(&fault)),
            Ok(Err(fault)) => Err(fault),
            Err(_) => {
                Ok(LetterEvent::Held { code: "FP-V090".to_owned(), message: "a document of the letter made the parser give up".to_owned() })
            }
        }
    }

    fn message(&self, state: &LetterState, letter: &SenderLetter) -> Result<Result<LetterEvent, Stop>, Fault> {
        let choice = match letter.channel {
            Channel::Automatic => Choice::Automatic,
            Channel::Digital => Choice::Digital,
            Channel::Physical => Choice::Physical,
            Channel::NemSms => Choice::NemSms,
        };
        let parts = Parts {
            memo: letter.digital.is_some(),
            printable: letter.physical.is_some(),
            recipient_known: letter.recipient.lookup_key().is_some(),
        };
        // What a person decided is not asked of the register again.
        let routed =
            if self.replay || state.to_print { Route::Print } else { route(choice, parts, self.register.status(&letter.recipient)?) };
        match routed {
            Route::Hold(code) => Ok(Err(held(code))),
            Route::Digital => self.deliver(state, letter),
            Route::Print => {
                let Some(physical) = &letter.physical else { return Ok(Err(held("FP-R005"))) };
                let pdf = |document: &Document| document.format == Format::Pdf;
                if !pdf(&physical.main) || !physical.attachments.iter().all(pdf) {
                    let text = "a document of the letter is not a PDF: only PDF can be printed";
                    return Ok(Err(Stop::Rejected("FP-V005".to_owned(), text.to_owned())));
                }
                let printing = Printing {
                    main: Main::Pdf(&physical.main.bytes),
                    attachments: physical.attachments.iter().map(|d| d.bytes.as_slice()).collect(),
                    address: physical.address.as_ref(),
                    wishes: &physical.wishes,
                };
                self.print(state, &printing)
            }
        }
    }

    /// The MeMo's bytes go to the outbox as they came; the file appears by rename.
    fn deliver(&self, state: &LetterState, letter: &SenderLetter) -> Result<Result<LetterEvent, Stop>, Fault> {
        let Some(digital) = &letter.digital else { return Ok(Err(held("FP-R006"))) };
        let folder = self.config.digital.join(state.municipality.as_str());
        let what = || format!("writing into {}", folder.display());
        private_folder(&folder).map_err(|e| Fault::io(what(), &e))?;
        let path = folder.join(format!("{}.xml", digital.message_uuid));
        write_private(&path, &digital.memo_xml).map_err(|e| Fault::io(what(), &e))?;
        Ok(Ok(LetterEvent::DeliveredDigitally { memo: Sha256(openssl::sha::sha256(&digital.memo_xml)) }))
    }

    /// A row is always physical post.
    fn row(&self, state: &LetterState, row: &TableRow) -> Result<Result<LetterEvent, Stop>, Fault> {
        let documents: Vec<Vec<u8>> = state.documents.iter().map(|hash| self.store.get(hash)).collect::<Result<_, _>>()?;
        let mut rest = documents.iter().map(Vec::as_slice);
        let main = match &row.body {
            RowBody::Template { name, values } => Main::Template { name, values },
            RowBody::Document(_) => match rest.next() {
                Some(bytes) => Main::Pdf(bytes),
                None => return Ok(Err(Stop::Rejected("FP-I014".to_owned(), "the PDF that the row names is not there".to_owned()))),
            },
        };
        self.print(state, &Printing { main, attachments: rest.collect(), address: row.address.as_ref(), wishes: &row.wishes })
    }

    fn print(&self, state: &LetterState, printing: &Printing<'_>) -> Result<Result<LetterEvent, Stop>, Fault> {
        let (Some(profile), Some(municipality)) =
            (self.config.profile_of(&state.municipality, &state.business_date), self.config.municipalities.get(&state.municipality))
        else {
            return Ok(Err(held("FP-R007")));
        };
        let policy = self.config.policy_of(&state.sender);
        let mut demand = Demand {
            wishes: printing.wishes,
            defaults: defaults(municipality),
            address: printing.address,
            received: Sha256([0; 32]),
            repairs: Vec::new(),
        };
        // The sender's documents are looked at before anything of ours opens them.
        let parts = match self.parts(printing, demand.expected().colour, profile, policy)? {
            Ok(parts) => parts,
            Err(findings) => return Ok(Err(refused(&findings))),
        };
        let order = Order {
            main: parts.main.as_deref().map_or(printing.main, Main::Pdf),
            attachments: parts.attachments.iter().map(Cow::as_ref).collect(),
            address: printing.address,
            imprint: printing.wishes.imprint_recipient,
            plex: demand.expected().plex,
            sender_lines: &municipality.lines,
            date: &state.business_date,
        };
        let rendered = match render(&order, self.templates, profile) {
            Ok(rendered) => rendered,
            Err(fault) => return Ok(Err(Stop::Rejected(fault.code.to_owned(), fault.message))),
        };
        demand.received = match printing.main {
            Main::Pdf(bytes) => Sha256(openssl::sha::sha256(bytes)),
            Main::Template { .. } => rendered.received(),
        };
        demand.repairs = parts.repairs;
        let (mut bytes, mut facts) = (rendered.into_bytes(), None);
        let found = self.inspector.inspect(&bytes)?;
        let judged = mend(self.inspector, (&bytes, &found), |f, policy| judge(f, &demand.expected(), profile, policy), profile, policy)?;
        if let Some(repaired) = judged.repaired {
            demand.repairs.extend(repaired.repairs);
            (bytes, facts) = (repaired.bytes, Some(repaired.facts));
        } else if rejects(&judged.findings) {
            return Ok(Err(refused(&judged.findings)));
        }
        match validate(bytes, &facts.unwrap_or(found), &demand, profile, &policy.without_remedies()) {
            Err(findings) => Ok(Err(refused(&findings))),
            Ok(valid) => {
                if !self.replay {
                    self.store.put(valid.bytes())?;
                }
                Ok(Ok(LetterEvent::Validated { job: valid.job().clone() }))
            }
        }
    }

    /// The sender's own documents, judged and repaired each for itself where the letter is put together from several; a
    /// single one is looked at as the letter that it is.
    fn parts<'a>(
        &self,
        printing: &Printing<'a>,
        colour: Colour,
        profile: &VendorProfile,
        policy: &Policy,
    ) -> Result<Result<LetterParts<'a>, Vec<Finding>>, Fault> {
        let main = match printing.main {
            Main::Pdf(bytes) => Some(bytes),
            Main::Template { .. } => None,
        };
        let mut parts = LetterParts { main: main.map(Cow::Borrowed), ..LetterParts::default() };
        parts.attachments = printing.attachments.iter().map(|bytes| Cow::Borrowed(*bytes)).collect();
        if printing.attachments.is_empty() && !printing.wishes.imprint_recipient {
            return Ok(Ok(parts));
        }
        let mut findings = Vec::new();
        for part in parts.main.iter_mut().chain(&mut parts.attachments) {
            let facts = self.inspector.inspect(part)?;
            let judged = mend(self.inspector, (&**part, &facts), |f, policy| judge_part(f, colour, profile, policy), profile, policy)?;
            if let Some(repaired) = judged.repaired {
                *part = Cow::Owned(repaired.bytes);
                parts.repairs.extend(repaired.repairs);
            } else {
                findings.extend(judged.findings);
            }
        }
        Ok(if rejects(&findings) { Err(findings) } else { Ok(parts) })
    }
}

/// What a letter is put together from, repaired where it had to be.
#[derive(Default)]
struct LetterParts<'a> {
    main: Option<Cow<'a, [u8]>>,
    attachments: Vec<Cow<'a, [u8]>>,
    repairs: Vec<String>,
}

fn defaults(municipality: &Municipality) -> PrintOptions {
    PrintOptions { plex: municipality.plex, colour: municipality.colour, envelope: municipality.envelope, postage: municipality.postage }
}

fn rejected(code: &str, message: String) -> LetterEvent {
    LetterEvent::Rejected { code: code.to_owned(), message }
}

/// A stored file that is missing or damaged holds up its own letters only.
pub(super) fn damaged(fault: &Fault) -> LetterEvent {
    let message = format!("{}; restore it from a backup, then release the letter", fault.message);
    LetterEvent::Held { code: fault.code.to_owned(), message }
}

fn held(code: &'static str) -> Stop {
    Stop::Held(code, crate::domain::codes::find(code).map_or("", |page| page.title))
}

/// Every fault in one sentence each; the letter bears the code of the first.
fn refused(findings: &[Finding]) -> Stop {
    let grave: Vec<&Finding> = findings.iter().filter(|f| f.severity == Severity::Reject).collect();
    let code = grave.first().map_or("FP-V001", |f| f.code);
    let sentence = |f: &&Finding| {
        let page = f.page.map(|page| format!("page {page}: ")).unwrap_or_default();
        format!("{} {page}{} (found: {}; must be: {})", f.code, f.message, f.measured, f.limit)
    };
    let mut message: Vec<String> = grave.iter().take(20).map(sentence).collect();
    if grave.len() > 20 {
        message.push(format!("and {} more", grave.len() - 20));
    }
    Stop::Rejected(code.to_owned(), message.join("; "))
}
