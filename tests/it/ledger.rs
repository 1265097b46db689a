//! The ledger: what may follow what, all or nothing, and a verifier that sees every tampering.

use fjernprint::domain::cutoff::CutoffEvent;
use fjernprint::domain::state::{IntakeEvent, RECEIPT_GAP_MAX};
use fjernprint::domain::status::{BatchEvent, LetterEvent, LetterStatus, Person, Question, Term, letter_after};
use fjernprint::domain::{BatchName, Colour, Envelope, LetterId, Plex, Postage, PrintJob, PrintOptions, Sha256};
use fjernprint::ledger::{Entry, Ledger, LedgerError, file_subject};
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
        "nothing + accepted = accepted\naccepted + delivered_digitally = digital\naccepted + held = held\n\
         accepted + rejected = rejected\naccepted + validated = validated\nvalidated + rejected = rejected\n\
         validated + batched = batched\nbatched + shipped = shipped\nshipped + progressed = shipped\n\
         shipped + settled = settled\nsettled + returned = returned\n"
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
        ("UPDATE intake SET status = 'refused'", "FP-L004"),
        ("DELETE FROM intake", "FP-L004"),
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
    rusqlite::Connection::open(&path).unwrap().execute("UPDATE cutoff SET business_date = '2026-11-26'", []).unwrap();
    assert_eq!(ledger.verify().unwrap()[0].code, "FP-L004");
}

/// A ledger from before there were cut-offs takes them, with every entry and hash as it was.
#[test]
fn an_older_ledger_takes_cut_offs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    let head = {
        let mut ledger = Ledger::open(&path).unwrap();
        ledger.record(AT, &[Entry::Letter(letter(1), accepted())]).unwrap();
        ledger.head().unwrap()
    };
    let old = rusqlite::Connection::open(&path).unwrap();
    let sql: String = old.query_row("SELECT sql FROM sqlite_schema WHERE name = 'event'", [], |row| row.get(0)).unwrap();
    let sql = sql.replace(", 'cutoff'", "");
    assert!(sql.contains("'intake')"));
    old.execute_batch(&format!(
        "DROP TRIGGER event_is_append_only_update; DROP TRIGGER event_is_append_only_delete; DROP INDEX event_subject; DROP TABLE cutoff;
         ALTER TABLE event RENAME TO newer; {sql}; INSERT INTO event SELECT * FROM newer; DROP TABLE newer;
         CREATE INDEX event_subject ON event (subject, seq);
         CREATE TRIGGER event_is_append_only_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'no'); END;
         CREATE TRIGGER event_is_append_only_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'no'); END;"
    ))
    .unwrap();
    drop(old);
    for _ in 0..2 {
        let ledger = Ledger::open(&path).unwrap();
        assert_eq!((ledger.head().unwrap(), ledger.verify().unwrap()), (head, vec![]));
    }
    let mut ledger = Ledger::open(&path).unwrap();
    ledger.record(AT, &[closed("2026-11-24", None)]).unwrap();
    assert!(ledger.verify().unwrap().is_empty());
    let raw = rusqlite::Connection::open(&path).unwrap();
    for change in ["DELETE FROM event", "UPDATE event SET at = ''"] {
        assert!(raw.execute(change, []).unwrap_err().to_string().contains("append-only"), "{change}");
    }
}
