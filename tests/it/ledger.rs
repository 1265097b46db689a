//! The ledger: what may follow what, all or nothing, and a verifier that sees every tampering.

use fjernprint::domain::cutoff::CutoffEvent;
use fjernprint::domain::order::{Deed, Order, OrderEvent, OrderStatus, StopEvent};
use fjernprint::domain::state::{IntakeEvent, RECEIPT_GAP_MAX, Recall};
use fjernprint::domain::status::{BatchEvent, LetterEvent, LetterStatus, Person, Question, Term, letter_after};
use fjernprint::domain::{BatchName, Colour, Envelope, LetterId, OrderId, Plex, Postage, PrintJob, PrintOptions, Sha256};
use fjernprint::ledger::{EVERY_VENDOR, Entry, Ledger, LedgerError, file_subject};
use std::path::Path;

const AT: &str = "2026-11-24T02:00:00Z";

fn letter(n: u32) -> LetterId {
    format!("L{n:024x}").parse().unwrap()
}

fn batch() -> BatchName {
    "FP-edora-99990011-20261124-1-0123456789ab".parse().unwrap()
}

fn accepted() -> LetterEvent {
    let municipality = "99990011".parse().unwrap();
    LetterEvent::Accepted {
        municipality,
        sender: "opus".into(),
        dispatch_id: "sag-17".into(),
        business_date: "2026-11-24".into(),
        original: Sha256([1; 32]),
        part: 0,
        documents: Vec::new(),
    }
}

fn order() -> OrderId {
    OrderId::number(1)
}

fn reprint() -> LetterEvent {
    LetterEvent::Reprint {
        of: letter(0),
        order: order(),
        municipality: "99990011".parse().unwrap(),
        sender: "opus".into(),
        dispatch_id: "sag-17".into(),
        business_date: "2026-11-24".into(),
        original: Sha256([1; 32]),
        part: 0,
        documents: Vec::new(),
    }
}

fn job(options: PrintOptions) -> PrintJob {
    let (vendor, hash) = ("edora".parse().unwrap(), Sha256([2; 32]));
    let (postcode, country, cost_group) = ("8000".into(), "DK".into(), String::new());
    PrintJob {
        vendor,
        document: hash,
        received: hash,
        repairs: Vec::new(),
        pages: 2,
        sheets: 1,
        bytes: 9,
        weight_g: 13,
        options,
        postcode,
        country,
        cost_group,
        latest_arrival: None,
    }
}

fn events() -> Vec<LetterEvent> {
    let options = PrintOptions { plex: Plex::Duplex, colour: Colour::BlackWhite, envelope: Envelope::C5, postage: Postage::Economique };
    let hash = Sha256([2; 32]);
    vec![
        accepted(),
        LetterEvent::DeliveredDigitally { memo: hash },
        LetterEvent::Held { code: "FP-R001".into(), message: "m".into() },
        LetterEvent::Rejected { code: "FP-V002".into(), message: "m".into() },
        LetterEvent::Validated { job: job(options) },
        LetterEvent::Batched { batch: batch() },
        LetterEvent::Shipped { batch: batch() },
        LetterEvent::Progressed { batch: batch(), word: "printed".into(), said: None },
        LetterEvent::Settled { batch: batch(), word: "handed_over".into(), said: None },
        LetterEvent::Returned { batch: batch(), reason: "R01".into(), said: None },
        LetterEvent::Withheld { order: order() },
        LetterEvent::Freed { order: order(), to_print: true },
        LetterEvent::Retried { order: order() },
        LetterEvent::RecallAsked { order: order() },
        LetterEvent::Recalled { order: order() },
        LetterEvent::RecallFailed {},
        LetterEvent::Unbatched { batch: batch(), order: order() },
        LetterEvent::Reordered { order: order(), as_letter: letter(77) },
        reprint(),
    ]
}

/// Every pair of status and event, as a table a reader can check.
#[test]
fn the_transition_table_is_exactly_this() {
    let mut table = String::new();
    for status in std::iter::once(None).chain(LetterStatus::ALL.map(Some)) {
        for event in events() {
            if let Ok(next) = letter_after(status, &event) {
                table += &format!("{} + {} = {}\n", status.map_or("nothing", |s| s.word()), event.word(), next.word());
            }
        }
    }
    assert_eq!(
        table,
        "nothing + accepted = accepted\nnothing + reprint = accepted\naccepted + delivered_digitally = digital\naccepted + held = held\n\
         accepted + rejected = rejected\naccepted + validated = validated\naccepted + withheld = held\naccepted + recalled = cancelled\n\
         held + freed = accepted\nheld + recalled = cancelled\nrejected + retried = accepted\nvalidated + held = held\nvalidated + rejected = rejected\n\
         validated + batched = batched\nvalidated + withheld = held\nvalidated + recalled = cancelled\nbatched + shipped = shipped\n\
         batched + recall_asked = batched\nbatched + unbatched = accepted\nshipped + progressed = shipped\n\
         shipped + settled = settled\nshipped + recall_failed = shipped\nshipped + unbatched = accepted\n\
         shipped + reordered = shipped\nsettled + returned = returned\nsettled + reordered = settled\nreturned + reordered = returned\n"
    );
    assert_eq!(LetterStatus::Batched.term(), Term::Pending);
    assert_eq!(LetterStatus::Returned.term(), Term::Shipped);
}

fn filled(path: &Path) -> Ledger {
    let mut ledger = Ledger::open(path).unwrap();
    let mut entries: Vec<Entry> = (0..5).map(|n| Entry::Letter(letter(n), accepted())).collect();
    entries.push(Entry::Letter(letter(0), LetterEvent::Held { code: "FP-R001".into(), message: "not in the register".into() }));
    let sealed = BatchEvent::Sealed {
        vendor: "edora".parse().unwrap(),
        municipality: "99990011".parse().unwrap(),
        business_date: "2026-11-24".into(),
        sequence: 1,
        manifest: Sha256([3; 32]),
        signature: Sha256([5; 32]),
        letters: 1,
        pages: 2,
        sheets: 1,
        bytes: 9,
    };
    entries.push(Entry::Batch(batch(), sealed));
    let taken = IntakeEvent::Taken { file: "a.xml".into(), business_date: "2026-11-24".into(), letters: 5 };
    entries.push(Entry::File(file_subject("opus", &Sha256([1; 32])), taken));
    ledger.record(AT, &entries).unwrap();
    ledger
}

/// Makes the table of letters what it was while it was ordered by id.
const LETTERS_BY_ID: &str = "
    DROP INDEX letter_work; DROP INDEX letter_batch; ALTER TABLE letter RENAME TO now;
    CREATE TABLE letter (id TEXT PRIMARY KEY, status TEXT NOT NULL, municipality TEXT NOT NULL, vendor TEXT NOT NULL, batch TEXT NOT NULL,
        original TEXT NOT NULL, part INTEGER NOT NULL, state TEXT NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO letter SELECT * FROM now; DROP TABLE now;
    CREATE INDEX letter_work ON letter (status, original, part); CREATE INDEX letter_batch ON letter (batch, status);";

#[test]
fn a_ledger_of_an_earlier_shape_is_taken_over_by_whoever_opens_it_first() {
    type Open = fn(&Path) -> Ledger;
    let openers: [Open; 2] = [|path| Ledger::open(path).unwrap(), |path| Ledger::open_read_only(path).unwrap()];
    for open in openers {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.db");
        let before = filled(&path);
        let (head, counts) = (before.head().unwrap(), before.counts(None).unwrap());
        drop(before);
        rusqlite::Connection::open(&path).unwrap().execute_batch(LETTERS_BY_ID).unwrap();
        let ledger = open(&path);
        assert_eq!(ledger.verify().unwrap(), []);
        assert_eq!(ledger.head().unwrap(), head);
        assert_eq!(ledger.counts(None).unwrap(), counts);
        let mut came = Vec::new();
        ledger.for_each_letter(|id, _| came.push(id)).unwrap();
        assert_eq!(came, (0..5).map(letter).collect::<Vec<_>>(), "in the order they came");
        assert_eq!(ledger.accepted(None, 9).unwrap().len(), 4);
        drop(ledger);
        let mut ledger = Ledger::open(&path).unwrap();
        ledger.record(AT, &[Entry::Letter(letter(9), accepted())]).unwrap();
        assert_eq!(ledger.verify().unwrap(), []);
    }
}

#[test]
fn an_illegal_event_undoes_its_whole_transaction() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = filled(&dir.path().join("ledger.db"));
    let head = ledger.head().unwrap();
    let fault = ledger
        .record(AT, &[Entry::Letter(letter(9), accepted()), Entry::Letter(letter(1), LetterEvent::Shipped { batch: batch() })])
        .unwrap_err();
    assert!(matches!(fault, LedgerError::Illegal { .. }), "{fault}");
    assert_eq!(ledger.head().unwrap(), head);
    assert_eq!(ledger.letter_status(&letter(9)).unwrap(), None);
    let counts: Vec<_> = ledger.counts(None).unwrap().into_iter().map(|c| (c.status, c.letters)).collect();
    assert_eq!(counts, [(LetterStatus::Accepted, 4), (LetterStatus::Held, 1)]);
    assert_eq!(ledger.verify().unwrap(), []);
}

/// A batch goes its way; a receipt twice or too far ahead, or a letter's event about another batch, is refused.
#[test]
fn batches_and_their_letters_keep_together() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = filled(&dir.path().join("ledger.db"));
    let other: BatchName = "FP-edora-99990011-20261124-2-0123456789ab".parse().unwrap();
    let options = PrintOptions { plex: Plex::Duplex, colour: Colour::BlackWhite, envelope: Envelope::C5, postage: Postage::Economique };
    let one = |event| Entry::Letter(letter(1), event);
    let its = |event| Entry::Batch(batch(), event);
    ledger.record(AT, &[one(LetterEvent::Validated { job: job(options) }), one(LetterEvent::Batched { batch: batch() })]).unwrap();
    assert!(ledger.record(AT, &[one(LetterEvent::Shipped { batch: other })]).is_err());
    ledger
        .record(AT, &[its(BatchEvent::UploadStarted { attempt: 1 }), its(BatchEvent::ReadyIntended {}), its(BatchEvent::Shipped {})])
        .unwrap();
    ledger.record(AT, &[one(LetterEvent::Shipped { batch: batch() })]).unwrap();
    assert_eq!(ledger.open_letters(&batch()).unwrap(), 1);
    let hash = Sha256([4; 32]);
    ledger.record(AT, &[its(BatchEvent::Acknowledged { accepted: true, reason: String::new(), answer: hash, signature: None })]).unwrap();
    let question = || Question { code: "FP-A004".into(), letter: "nobody's".into(), says: "not in this batch".into() };
    let answered = |number| its(BatchEvent::Answered { number, head: hash, rows: hash, signature: None, questions: vec![question()] });
    let gaps = |ledger: &Ledger| ledger.batch(&batch()).unwrap().unwrap().gaps;
    assert!(ledger.record(AT, &[answered(2 + RECEIPT_GAP_MAX)]).is_err(), "too far ahead");
    assert!(ledger.record(AT, &[answered(0)]).is_err());
    for (number, open) in [(3, vec![1, 2]), (1, vec![2]), (4, vec![2]), (2, vec![])] {
        ledger.record(AT, &[answered(number)]).unwrap();
        assert!(ledger.record(AT, &[answered(number)]).is_err(), "a receipt is applied once");
        assert_eq!(gaps(&ledger), open);
    }
    let questions = |ledger: &Ledger| ledger.batch(&batch()).unwrap().unwrap().questions;
    assert_eq!(questions(&ledger), [question()], "asked once");
    let explained = |letter: &str| {
        let by = Person { name: "Kim".into(), account: None };
        its(BatchEvent::Explained { by, code: "FP-A004".into(), letter: letter.into(), note: "another town's".into() })
    };
    assert!(ledger.record(AT, &[explained("somebody's")]).is_err());
    ledger.record(AT, &[explained("nobody's")]).unwrap();
    assert_eq!(questions(&ledger), []);
    ledger
        .record(AT, &[one(LetterEvent::Settled { batch: batch(), word: "handed_over".into(), said: None }), its(BatchEvent::Settled {})])
        .unwrap();
    assert_eq!(ledger.open_letters(&batch()).unwrap(), 0);
    assert_eq!(ledger.last_batch(&"edora".parse().unwrap()).unwrap(), Some((1, Sha256([3; 32]))));
    assert_eq!(ledger.verify().unwrap(), []);
}

#[test]
fn a_ledger_that_is_not_there_is_named() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Ledger::open_read_only(&dir.path().join("none.db")), Err(LedgerError::Missing(_))));
}

/// One tampering each; the verifier must name it, and the log itself refuses the plain ways.
#[test]
fn the_verifier_sees_every_tampering() {
    let unlock = "DROP TRIGGER event_is_append_only_update; DROP TRIGGER event_is_append_only_delete;";
    let tamperings = [
        ("UPDATE event SET at = '2026-11-25T02:00:00Z' WHERE seq = 3", "FP-L003"),
        ("UPDATE event SET data = replace(data, 'opus', 'onus') WHERE seq = 2", "FP-L003"),
        ("DELETE FROM event WHERE seq = 4", "FP-L003"),
        ("UPDATE event SET subject = 'L000000000000000000000009' WHERE seq = 1", "FP-L003"),
        ("UPDATE letter SET status = 'digital' WHERE id LIKE '%1'", "FP-L004"),
        ("DELETE FROM letter WHERE id LIKE '%2'", "FP-L004"),
        ("INSERT INTO letter VALUES ('L0000000000000000000000ff', 'held', '', '', '', '', 0, '{}')", "FP-L004"),
        ("UPDATE letter SET state = replace(state, 'sag-17', 'sag-18') WHERE id LIKE '%3'", "FP-L004"),
        ("UPDATE batch SET status = 'shipped'", "FP-L004"),
        ("UPDATE batch SET state = replace(state, '\"pages\":2', '\"pages\":3')", "FP-L004"),
        ("UPDATE fact SET status = 'refused'", "FP-L004"),
        ("DELETE FROM fact", "FP-L004"),
        ("UPDATE tally SET letters = letters + 1 WHERE status = 'held'", "FP-L004"),
        ("UPDATE tally SET word = '' WHERE status = 'held'", "FP-L004"),
        ("DELETE FROM tally WHERE status = 'accepted'", "FP-L004"),
        ("INSERT INTO fact VALUES ('stop', 'every vendor', 'stopped', '{}')", "FP-L004"),
    ];
    for (sql, code) in tamperings {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.db");
        drop(filled(&path));
        let raw = rusqlite::Connection::open(&path).unwrap();
        if sql.contains(" event ") {
            assert!(raw.execute_batch(sql).unwrap_err().to_string().contains("append-only"));
        }
        raw.execute_batch(unlock).unwrap();
        raw.execute_batch(sql).unwrap();
        drop(raw);
        let violations = Ledger::open_read_only(&path).unwrap().verify().unwrap();
        assert!(violations.iter().any(|v| v.code == code), "{sql}: {violations:?}");
    }
}

fn closed(day: &str, previous: Option<&str>) -> Entry {
    let business_date: jiff::civil::Date = day.parse().unwrap();
    let cutoff_at = format!("{day}T16:30:00Z").parse().unwrap();
    let previous = previous.map(|day| day.parse().unwrap());
    Entry::Cutoff("edora".parse().unwrap(), CutoffEvent::Closed { business_date, cutoff_at, previous, batches: 0, letters: 0 })
}

#[test]
fn a_business_day_closes_once_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    let mut ledger = Ledger::open(&path).unwrap();
    ledger.record(AT, &[closed("2026-11-24", None)]).unwrap();
    ledger.record(AT, &[closed("2026-11-25", Some("2026-11-24"))]).unwrap();
    for (what, entry) in [
        ("the same day", closed("2026-11-25", Some("2026-11-25"))),
        ("an earlier day", closed("2026-11-23", Some("2026-11-25"))),
        ("after another day than the last", closed("2026-11-27", Some("2026-11-24"))),
        ("as if it were the first", closed("2026-11-27", None)),
    ] {
        assert!(matches!(ledger.record(AT, &[entry]), Err(LedgerError::Illegal { .. })), "{what}");
    }
    let last = ledger.last_cutoff(&"edora".parse().unwrap()).unwrap().unwrap();
    assert_eq!((last.business_date.to_string(), last.days), ("2026-11-25".to_owned(), 2));
    assert_eq!(ledger.last_cutoff(&"kmd".parse().unwrap()).unwrap(), None);
    assert!(ledger.verify().unwrap().is_empty());
    rusqlite::Connection::open(&path).unwrap().execute("UPDATE fact SET state = replace(state, '11-25', '11-26')", []).unwrap();
    assert_eq!(ledger.verify().unwrap()[0].code, "FP-L004");
}

/// A ledger whose log takes four kinds of events only becomes one that takes all, with every entry and hash as it was.
#[test]
fn an_older_ledger_is_taken_over() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    let head = {
        let mut ledger = filled(&path);
        ledger.record(AT, &[closed("2026-11-23", None)]).unwrap();
        ledger.head().unwrap()
    };
    let old = rusqlite::Connection::open(&path).unwrap();
    let sql: String = old.query_row("SELECT sql FROM sqlite_schema WHERE name = 'event'", [], |row| row.get(0)).unwrap();
    let older = sql.replace("kind    TEXT NOT NULL,", "kind TEXT NOT NULL CHECK (kind IN ('letter', 'batch', 'intake', 'cutoff')),");
    assert_ne!(sql, older);
    old.execute_batch(&format!(
        "{LETTERS_BY_ID}
         DROP TRIGGER event_is_append_only_update; DROP TRIGGER event_is_append_only_delete; DROP INDEX event_subject;
         ALTER TABLE event RENAME TO newer; {older}; INSERT INTO event SELECT * FROM newer; DROP TABLE newer;
         CREATE INDEX event_subject ON event (subject, seq);
         CREATE TRIGGER event_is_append_only_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'no'); END;
         CREATE TRIGGER event_is_append_only_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'no'); END;
         CREATE TABLE intake (subject TEXT PRIMARY KEY, status TEXT NOT NULL, state TEXT NOT NULL);
         INSERT INTO intake SELECT subject, status, state FROM fact WHERE kind = 'intake';
         CREATE TABLE cutoff (vendor TEXT PRIMARY KEY, business_date TEXT NOT NULL, state TEXT NOT NULL);
         INSERT INTO cutoff SELECT subject, '2026-11-23', state FROM fact WHERE kind = 'cutoff';
         DROP TABLE fact; DROP TABLE tally;"
    ))
    .unwrap();
    drop(old);
    for _ in 0..2 {
        let ledger = Ledger::open(&path).unwrap();
        assert_eq!((ledger.head().unwrap(), ledger.verify().unwrap()), (head, vec![]));
    }
    let mut ledger = Ledger::open(&path).unwrap();
    ledger.record(AT, &[closed("2026-11-24", Some("2026-11-23"))]).unwrap();
    assert!(ledger.verify().unwrap().is_empty());
    let raw = rusqlite::Connection::open(&path).unwrap();
    for change in ["DELETE FROM event", "UPDATE event SET at = ''"] {
        assert!(raw.execute(change, []).unwrap_err().to_string().contains("append-only"), "{change}");
    }
}

fn order_by(name: &str, deed: Deed) -> Order {
    let by = Person { name: name.into(), account: None };
    Order { deed, about: "all".into(), letters: 0, by, reason: "wrong paper".into(), plan: None }
}

/// The stop button holds one vendor or all, until it is released; a second person is another one than the first.
#[test]
fn orders_and_stops_follow_their_rules() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(&dir.path().join("ledger.db")).unwrap();
    let (edora, kmd) = ("edora".parse().unwrap(), "kmd".parse().unwrap());
    let (first, second) = (ledger.next_order().unwrap(), OrderId::number(2));
    assert_eq!(first.as_str(), "O000001");
    let stop = |whom: &str| Entry::Stop(whom.into(), StopEvent::Stopped { order: OrderId::number(1) });
    let resume = |whom: &str| Entry::Stop(whom.into(), StopEvent::Resumed { order: OrderId::number(2) });
    let done = |deed| OrderEvent::Done { order: order_by("anna", deed) };
    assert!(ledger.record(AT, &[resume("edora")]).is_err(), "nothing is stopped");
    ledger.record(AT, &[Entry::Order(first.clone(), done(Deed::Stop)), stop("edora"), stop("edora")]).unwrap();
    assert_eq!((ledger.stopped(&edora).unwrap(), ledger.stopped(&kmd).unwrap()), (Some(first.clone()), None));
    ledger.record(AT, &[stop(EVERY_VENDOR)]).unwrap();
    assert_eq!(ledger.stopped(&kmd).unwrap(), Some(first.clone()));
    assert_eq!(ledger.next_order().unwrap(), second);
    ledger.record(AT, &[Entry::Order(second.clone(), done(Deed::Resume)), resume(EVERY_VENDOR)]).unwrap();
    assert_eq!((ledger.stopped(&edora).unwrap(), ledger.stopped(&kmd).unwrap()), (Some(first.clone()), None));
    let third = ledger.next_order().unwrap();
    ledger.record(AT, &[Entry::Order(third.clone(), OrderEvent::Asked { order: order_by("Anna", Deed::Reprint) })]).unwrap();
    let seconded = |name: &str| Entry::Order(third.clone(), OrderEvent::Seconded { by: Person { name: name.into(), account: None } });
    assert!(ledger.record(AT, &[seconded(" anna")]).is_err(), "the same person");
    assert!(ledger.record(AT, &[Entry::Order(first, OrderEvent::Lapsed {})]).is_err(), "it was done");
    ledger.record(AT, &[seconded("bo")]).unwrap();
    assert_eq!(ledger.order(&third).unwrap().unwrap().status, OrderStatus::Done);
    assert!(ledger.verify().unwrap().is_empty());
}

/// Every way out of a status that once had none, and what stays of the letter.
#[test]
fn letters_come_back_and_are_counted_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = filled(&dir.path().join("ledger.db"));
    let mut tell = |n: u32, events: &[LetterEvent]| {
        let entries: Vec<Entry> = events.iter().map(|event| Entry::Letter(letter(n), event.clone())).collect();
        ledger.record(AT, &entries).map(|()| ledger.letter(&letter(n)).unwrap().unwrap())
    };
    let order = || OrderId::number(1);
    let options = PrintOptions { plex: Plex::Duplex, colour: Colour::BlackWhite, envelope: Envelope::C5, postage: Postage::Economique };
    let to_batch = || [LetterEvent::Validated { job: job(options) }, LetterEvent::Batched { batch: batch() }];
    let freed = tell(0, &[LetterEvent::Freed { order: order(), to_print: true }]).unwrap();
    assert_eq!((freed.status, freed.to_print, freed.reason), (LetterStatus::Accepted, true, None));
    tell(1, &to_batch()).unwrap();
    let back = tell(1, &[LetterEvent::RecallAsked { order: order() }, LetterEvent::Unbatched { batch: batch(), order: order() }]).unwrap();
    assert_eq!((back.status, back.batch, back.job), (LetterStatus::Accepted, None, None));
    let recalled = tell(1, &[LetterEvent::Recalled { order: order() }]).unwrap();
    assert_eq!(
        (recalled.status, recalled.recall, recalled.status.term()),
        (LetterStatus::Cancelled, Some(Recall::Recalled), Term::Rejected)
    );
    tell(2, &to_batch()).unwrap();
    tell(2, &[LetterEvent::RecallAsked { order: order() }]).unwrap();
    let late = tell(2, &[LetterEvent::Shipped { batch: batch() }, LetterEvent::RecallFailed {}]).unwrap();
    assert_eq!(late.recall, Some(Recall::Unsuccessful));
    assert!(tell(2, &[LetterEvent::RecallFailed {}]).is_err(), "it is asked for once");
    let again = tell(2, &[LetterEvent::Reordered { order: order(), as_letter: letter(77) }]).unwrap();
    assert_eq!((again.status, again.reprinted_as), (LetterStatus::Shipped, Some(letter(77))));
    let new = tell(77, &[reprint()]).unwrap();
    assert_eq!((new.status, new.reprint_of, new.to_print), (LetterStatus::Accepted, Some(letter(0)), true));
    assert!(ledger.verify().unwrap().is_empty());
    let counts: u64 = ledger.counts(None).unwrap().into_iter().map(|c| c.letters).sum();
    assert_eq!(counts, 6);
}
