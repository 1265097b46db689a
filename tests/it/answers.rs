//! Receipts: what each dialect says, that order and repetition make no difference, and what becomes of every answer that
//! does not fit.

use crate::shipping::{AT, Desk, LETTERS, Town, VENDORS, copy_all, over_openssh};
use fjernprint::adapters::sftp::Address;
use fjernprint::domain::answer::{Dialect, Meaning, VendorStatus, Words};
use fjernprint::domain::state::{BatchState, LetterState, RECEIPT_GAP_MAX};
use fjernprint::domain::status::{BatchEvent, BatchStatus, LetterStatus};
use fjernprint::domain::{BatchName, Colour, Envelope, LetterId, Plex, Postage, PrintJob, PrintOptions, Sha256};
use fjernprint::pipeline::reconcile::account::{Account, KINDS, Shipment};
use fjernprint::pipeline::reconcile::{QUESTIONS_MAX, Receipt, match_receipt};
use fjernprint::vendor_site::Manners;
use fjernprint::wire::manifest::letters_from_csv;
use fjernprint::wire::receipt::{AckResult, Named, ReceiptHead, ReceiptRow, RowsFault, read_rows, rows_to_csv, write_rows};
use proptest::prelude::*;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Output;
use std::time::{Duration, Instant};

fn letter(number: usize) -> LetterId {
    format!("L{number:024x}").parse().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn lines(output: &Output) -> Vec<Value> {
    String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of_type(lines: &[Value], wanted: &str) -> Vec<Value> {
    lines.iter().filter(|line| line["message_type"] == wanted).cloned().collect()
}

// What the dialects say.

/// What a text in a dialect is read as: each row as name, status, reason, pages and sheets; or the beginning of the fault.
fn check(dialect: Dialect, text: &str, expected: Result<&[&str], &str>) {
    let shown = |row: fjernprint::wire::receipt::Row| {
        let name = match &row.named {
            Named::Letter(name) => format!("letter {name}"),
            Named::Dispatch(name) => format!("dispatch {name}"),
        };
        let number = |number: Option<u32>| number.map_or("?".to_owned(), |number| number.to_string());
        let meaning: String = row.meaning.into();
        format!("{name} {meaning} {:?} {} {}", row.reason, number(row.pages), number(row.sheets))
    };
    let read = read_rows(&Words::usual(dialect), text.as_bytes(), 3);
    match (read, expected) {
        (Ok(rows), Ok(expected)) => assert_eq!(rows.into_iter().map(shown).collect::<Vec<_>>(), expected, "{text}"),
        (Err(fault), Err(says)) => assert!(fault.to_string().contains(says), "{text}: {fault}"),
        (read, expected) => panic!("{text}: {read:?}, expected {expected:?}"),
    }
}

#[test]
fn the_dialect_csv() {
    let head = "letter_id;status;reason;pages;sheets;at\n";
    let csv = |rows: &str, expected: Result<&[&str], &str>| check(Dialect::Csv, &format!("{head}{rows}"), expected);
    csv("L1;handed_over;;3;2;2026-11-24\n", Ok(&["letter L1 handed_over \"\" 3 2"]));
    csv("L1;HANDED_OVER;\"a;b\";3;2;x\n", Ok(&["letter L1 handed_over \"a;b\" 3 2"]));
    csv("", Ok(&[]));
    csv("L1;posted;;3;2;x\n", Err("row 1: \"posted\" is no word that we know"));
    csv("L1;printed;;3\n", Err("receipt csv"));
    csv("L1;printed;;-3;2;x\n", Err("receipt csv"));
    csv(&"L1;printed;;1;1;x\n".repeat(4), Err("more than 3 rows"));
    csv(&format!("{};printed;;1;1;x\n", "L".repeat(301)), Err("longer than 300 characters"));
    check(Dialect::Csv, "letter;status\nL1;printed\n", Err("receipt csv"));
}

#[test]
fn the_dialect_pipe() {
    let pipe = |text: &str, expected: Result<&[&str], &str>| check(Dialect::Pipe, text, expected);
    pipe("L1|Sent|2|Unsorted|2026-11-24\n", Ok(&["letter L1 handed_over \"\" ? 2"]));
    pipe(
        "L1|sent|2|sorted|\r\nL2|Failed the paper ran out||| \n",
        Ok(&["letter L1 handed_over \"\" ? 2", "letter L2 rejected \"the paper ran out\" ? ?"]),
    );
    pipe("\u{feff}L1|Returned R04 not there|2|Unsorted|x\n", Ok(&["letter L1 returned \"R04 not there\" ? 2"]));
    pipe("", Ok(&[]));
    pipe("L1|Sent|2|Unsorted|2026-11-24", Err("may not be whole"));
    pipe("L1|Sent|2|Unsorted\n", Err("line 1: 4 fields"));
    pipe("L1|Sent|2|Unsorted|x|y\n", Err("line 1: 6 fields"));
    pipe("L1|Sent|two|Unsorted|x\n", Err("page_count"));
    pipe("L1|Sent|2|Gold|x\n", Err("tier"));
    pipe("L1|Sent|2|Unsorted|x\n\n", Err("line 2: 1 fields"));
    pipe("L1|Lost|2|Unsorted|x\n", Err("\"Lost\" is no word"));
    pipe(&"L1|Sent|2|Unsorted|x\n".repeat(4), Err("more than 3 rows"));
    check(Dialect::Pipe, "L1|S\u{e6}t|2|Unsorted|x\n", Err("no word"));
    assert!(matches!(read_rows(&Words::usual(Dialect::Pipe), b"L1|\xff|1||\n", 3), Err(RowsFault::Unreadable(_))));
}

#[test]
fn the_dialect_pko() {
    let status = |inner: &str| format!("<PKO_PostStatus>{inner}</PKO_PostStatus>");
    let many = |inner: &str| format!("<PKO_PostStatusSamling xmlns=\"urn:x\">{inner}</PKO_PostStatusSamling>");
    let pko = |text: &str, expected: Result<&[&str], &str>| check(Dialect::Pko, text, expected);
    let a = "<AfsendelseIdentifikator>a-1</AfsendelseIdentifikator>";
    let code = |word: &str| format!("<TransaktionsStatusKode>{word}</TransaktionsStatusKode>");
    let handed = status(&format!("{a}{}", code("Modtaget Post Danmark")));
    pko(&handed, Ok(&["dispatch a-1 handed_over \"\" ? ?"]));
    pko(&many(&handed.repeat(2)), Ok(&["dispatch a-1 handed_over \"\" ? ?", "dispatch a-1 handed_over \"\" ? ?"]));
    for (word, means) in [
        ("Afsendt", "received"),
        ("modtaget fjern-print", "received"),
        ("Klar", "accepted"),
        ("Afleveret til print og kuvertering", "accepted"),
        ("Tilbagekaldt", "cancelled"),
        ("Fejlet", "rejected"),
        ("Opdatering fra Post Danmark", "no_news"),
    ] {
        pko(&status(&format!("{a}{}", code(word))), Ok(&[&format!("dispatch a-1 {means} \"\" ? ?")]));
    }
    let details = |code: &str, text: &str| format!("<FejlDetaljer><FejlKode>{code}</FejlKode><FejlTekst>{text}</FejlTekst></FejlDetaljer>");
    let came_back = format!("{a}{}{}", code("Opdatering fra Post Danmark"), details("R04", ""));
    pko(&status(&came_back), Ok(&["dispatch a-1 returned \"R04\" ? ?"]));
    let failed = format!("{a}{}{}", code("Fejlet"), details("memo.invalid", "no such tag"));
    pko(&status(&failed), Ok(&["dispatch a-1 rejected \"memo.invalid no such tag\" ? ?"]));
    pko(&status(&format!("<MessageUUID>m-1</MessageUUID>{}", code("Klar"))), Ok(&["dispatch m-1 accepted \"\" ? ?"]));
    // Another channel says nothing about a print, in whatever words.
    let digital = format!("{a}<KanalKode>Digital Post</KanalKode>{}", code("Afleveret Digital Post"));
    pko(&status(&digital), Ok(&["dispatch a-1 no_news \"\" ? ?"]));
    pko(&status(&code("Klar")), Err("names no letter"));
    pko(&status(a), Err("TransaktionsStatusKode is missing"));
    pko(&status(&format!("{a}{}", code("Forsvundet"))), Err("\"Forsvundet\" is no word"));
    pko(&many(&handed.repeat(4)), Err("more than 3 rows"));
    pko(&many("<Andet/>"), Err("something else"));
    pko("<Andet/>", Err("the root is neither"));
    pko(&handed[..handed.len() - 9], Err("ends in the middle"));
    pko(&format!("<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>{handed}"), Err("DTD"));
    pko(&many(&format!("{}{}", "<x>".repeat(70), "</x>".repeat(70))), Err("nested deeper"));
    pko(&many(&"<x/>".repeat(5_000)), Err("nodes"));
}

/// What the vendor's own side writes is what is read, in every dialect and in a vendor's own words.
#[test]
fn what_is_written_in_a_dialect_is_read_again() {
    let row = |number: usize, status, reason: &str| ReceiptRow {
        letter_id: letter(number),
        status,
        reason: reason.into(),
        pages: 3,
        sheets: 2,
        at: AT.into(),
    };
    use VendorStatus as V;
    let rows = [
        row(1, V::HandedOver, ""),
        row(2, V::Rejected, "a <b> & \"c\"|d"),
        row(3, V::Returned, "R10 wet & torn"),
        row(4, V::Cancelled, ""),
    ];
    for dialect in Dialect::ALL {
        let own = BTreeMap::from([("Posted".to_owned(), Meaning::Is(V::HandedOver))]);
        for words in [Words::usual(dialect), Words::new(dialect, own)] {
            let written = write_rows(&words, &rows, |id| format!("sag-{id}")).unwrap();
            let read = read_rows(&words, &written, 9).unwrap();
            let meant: Vec<Meaning> = read.iter().map(|row| row.meaning).collect();
            assert_eq!(meant, rows.each_ref().map(|row| Meaning::Is(row.status)), "{dialect:?}");
            assert_eq!(read[2].reason, "R10 wet & torn", "{dialect:?}");
            let named =
                if dialect == Dialect::Pko { Named::Dispatch(format!("sag-{}", letter(1))) } else { Named::Letter(letter(1).to_string()) };
            assert_eq!(read[0].named, named);
            assert_eq!(read[0].said == "Posted", words != Words::usual(dialect));
            assert_eq!((read[0].pages.is_some(), read[0].sheets.is_some()), (dialect == Dialect::Csv, dialect != Dialect::Pko));
        }
    }
    // A step that a dialect has no word for is told as the one before it.
    let printed = write_rows(&Words::usual(Dialect::Pko), &[row(1, V::Printed, "")], |_| "a".into()).unwrap();
    assert_eq!(read_rows(&Words::usual(Dialect::Pko), &printed, 1).unwrap()[0].meaning, Meaning::Is(V::Accepted));
}

// Any order, any number of times.

const BATCH_LETTERS: usize = 5;

fn name() -> BatchName {
    "FP-edora-99990011-20261124-7-0123456789ab".parse().unwrap()
}

fn shipped(number: usize) -> (LetterId, LetterState) {
    let options = PrintOptions { plex: Plex::Duplex, colour: Colour::BlackWhite, envelope: Envelope::C5, postage: Postage::Economique };
    let job = PrintJob {
        vendor: "edora".parse().unwrap(),
        document: Sha256([0; 32]),
        received: Sha256([0; 32]),
        repairs: Vec::new(),
        pages: 2,
        sheets: 1,
        bytes: 1,
        weight_g: 13,
        options,
        postcode: String::new(),
        country: String::new(),
        cost_group: String::new(),
        latest_arrival: None,
    };
    let state = LetterState {
        status: LetterStatus::Shipped,
        municipality: "99990011".parse().unwrap(),
        sender: "omsorg".into(),
        dispatch_id: format!("brev-{number}"),
        business_date: "2026-11-24".into(),
        original: Sha256([0; 32]),
        part: 0,
        documents: Vec::new(),
        reason: None,
        job: Some(job),
        batch: Some(name()),
        word: None,
        said: None,
        to_print: false,
        recall: None,
        reprint_of: None,
        reprinted_as: None,
    };
    (letter(number), state)
}

fn acknowledged() -> BatchState {
    BatchState {
        status: BatchStatus::Acknowledged,
        vendor: "edora".parse().unwrap(),
        municipality: "99990011".parse().unwrap(),
        business_date: "2026-11-24".into(),
        sequence: 1,
        manifest: Sha256([7; 32]),
        signature: Sha256([0; 32]),
        letters: BATCH_LETTERS as u32,
        pages: 10,
        sheets: 5,
        bytes: 5,
        attempts: 1,
        receipts: 0,
        gaps: Vec::new(),
        questions: Vec::new(),
        approved: None,
        released: None,
        reason: String::new(),
        withdrawn: None,
    }
}

/// A receipt as it lies at the vendor.
#[derive(Clone, Debug)]
struct Lying {
    head: ReceiptHead,
    rows: Vec<u8>,
}

fn lying(number: u32, rows: &[ReceiptRow]) -> Lying {
    let csv = rows_to_csv(rows).unwrap();
    let head = ReceiptHead {
        batch: name(),
        manifest_sha256: Sha256([7; 32]),
        number,
        cumulative: false,
        letters: rows.len() as u32,
        pages: rows.iter().map(|row| row.pages).sum(),
        sheets: rows.iter().map(|row| row.sheets).sum(),
        rows_sha256: Sha256(openssl::sha::sha256(&csv)),
        at: AT.into(),
    };
    Lying { head, rows: csv }
}

/// A batch and its letters as the ledger would keep them.
#[derive(Clone, Debug, PartialEq)]
struct Kept {
    batch: BatchState,
    letters: Vec<(LetterId, LetterState)>,
}

impl Kept {
    fn new() -> Self {
        Self { batch: acknowledged(), letters: (0..BATCH_LETTERS).map(shipped).collect() }
    }

    /// What a run does with a receipt; what is refused changes nothing.
    fn take(&mut self, lying: &Lying) {
        let words = Words::usual(Dialect::Csv);
        let number = lying.head.number;
        let receipt = Receipt { batch: &name(), number, words: &words, head: Some(&lying.head), rows: &lying.rows };
        let Ok(matched) = match_receipt(&receipt, &self.letters, &self.batch.questions) else { return };
        let hash = Sha256([0; 32]);
        let answered = BatchEvent::Answered { number, head: hash, rows: hash, signature: None, questions: matched.questions };
        // One that was counted before is not counted again, and then nothing of it is recorded.
        let Ok(batch) = BatchState::after(Some(self.batch.clone()), &answered) else { return };
        self.batch = batch;
        for (id, event) in &matched.events {
            let (_, state) = self.letters.iter_mut().find(|(known, _)| known == id).unwrap();
            *state = LetterState::after(Some(state.clone()), event).expect("an event that is made fits the letter");
        }
        self.account();
    }

    /// The equation holds.
    fn account(&self) -> Account {
        let mut account = Account::default();
        let (letters, state) = (&self.letters, &self.batch);
        account.add(&Shipment { name: &name(), state, shipped_at: None, letters, profile: None }, AT.parse().unwrap());
        assert!(account.lines.values().all(|terms| terms.balance() && terms.sent == BATCH_LETTERS as u64), "{account:?}");
        assert!(!account.remarks.iter().any(|remark| remark.kind == "not_counted"));
        account
    }
}

/// How far each letter comes in the end: index into the words on the way, then its last word.
fn endings() -> impl Strategy<Value = Vec<VendorStatus>> {
    use VendorStatus as V;
    let ending = prop_oneof![Just(V::HandedOver), Just(V::Rejected), Just(V::Cancelled), Just(V::Returned), Just(V::Printed)];
    proptest::collection::vec(ending, BATCH_LETTERS)
}

fn row_of(number: usize, status: VendorStatus) -> ReceiptRow {
    let reason = if status == VendorStatus::Returned { "R04" } else { "" };
    ReceiptRow { letter_id: letter(number), status, reason: reason.into(), pages: 2, sheets: 1, at: AT.into() }
}

/// A word that a letter with this ending may have had on its way, or the ending itself.
fn on_the_way(ending: VendorStatus, step: usize) -> VendorStatus {
    use VendorStatus as V;
    let way: &[V] = match ending {
        V::Returned => &[V::Received, V::Accepted, V::Printed, V::HandedOver, V::Returned],
        V::HandedOver => &[V::Received, V::Printed, V::Enveloped, V::HandedOver, V::HandedOver],
        V::Printed => &[V::Received, V::Accepted, V::Printed, V::Printed, V::Printed],
        _ => &[V::Received, V::Accepted, ending, ending, ending],
    };
    way[step % way.len()]
}

/// Which letters stand in each receipt, and how far they are there.
fn receipts() -> impl Strategy<Value = Vec<Vec<(usize, usize)>>> {
    let row = (0..BATCH_LETTERS, 0usize..5);
    proptest::collection::vec(proptest::collection::vec(row, 0..BATCH_LETTERS), 1..=RECEIPT_GAP_MAX as usize)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Whatever comes late, twice, cut off or in another order: in the end everything stands where it would stand had each
    /// receipt come once and in turn, and at each moment every letter is in exactly one term.
    #[test]
    fn order_repetition_and_cuts_make_no_difference(
        endings in endings(),
        receipts in receipts(),
        arrivals in proptest::collection::vec((0usize..8, 0u32..100), 0..30),
        order in Just((0..8usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let rows = |receipt: &Vec<(usize, usize)>| {
            // One row a letter: the dialect has no more.
            let by_letter: BTreeMap<usize, usize> = receipt.iter().copied().collect();
            by_letter.into_iter().map(|(number, step)| row_of(number, on_the_way(endings[number], step))).collect::<Vec<_>>()
        };
        let all: Vec<Lying> = receipts.iter().zip(1..).map(|(receipt, number)| lying(number, &rows(receipt))).collect();
        let mut in_turn = Kept::new();
        all.iter().for_each(|receipt| in_turn.take(receipt));
        prop_assert!(in_turn.batch.gaps.is_empty() && in_turn.batch.receipts as usize == all.len());
        prop_assert!(in_turn.batch.questions.is_empty(), "{:?}", in_turn.batch.questions);

        let mut mixed = Kept::new();
        for (index, cut) in arrivals {
            let mut receipt = all[index % all.len()].clone();
            // Most are cut off somewhere.
            if cut < 60 {
                receipt.rows.truncate(receipt.rows.len() * cut as usize / 100);
            }
            mixed.take(&receipt);
        }
        order.iter().filter_map(|index| all.get(*index)).for_each(|receipt| mixed.take(receipt));
        prop_assert_eq!(mixed.letters, in_turn.letters);
        prop_assert_eq!((mixed.batch.receipts, mixed.batch.gaps), (in_turn.batch.receipts, in_turn.batch.gaps));
    }

    /// Receipts that contradict each other: no letter ever leaves its final word, none is lost, and whoever was contradicted
    /// is asked about, in whatever order they come.
    #[test]
    fn a_final_word_stands_and_its_contradiction_is_asked_about(
        receipts in proptest::collection::vec(proptest::collection::vec((0..BATCH_LETTERS, 4usize..8), 1..BATCH_LETTERS), 1..8),
        order in Just((0..8usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let mut kept = Kept::new();
        let mut words: BTreeMap<usize, BTreeSet<VendorStatus>> = BTreeMap::new();
        let all: Vec<Lying> = receipts.iter().zip(1..).map(|(receipt, number)| {
            let by_letter: BTreeMap<usize, usize> = receipt.iter().copied().collect();
            let rows: Vec<ReceiptRow> = by_letter.into_iter().map(|(letter, status)| {
                let status = VendorStatus::ALL[status];
                // A return is a letter that was handed over.
                let counts = if status == VendorStatus::Returned { VendorStatus::HandedOver } else { status };
                words.entry(letter).or_default().insert(counts);
                row_of(letter, status)
            }).collect();
            lying(number, &rows)
        }).collect();
        for index in order {
            let Some(receipt) = all.get(index) else { continue };
            let before = kept.letters.clone();
            kept.take(receipt);
            for ((_, before), (_, after)) in before.iter().zip(&kept.letters) {
                let stands = before.status == LetterStatus::Shipped || before.status == after.status && before.word == after.word
                    || before.word.as_deref() == Some("handed_over") && after.status == LetterStatus::Returned;
                prop_assert!(stands, "{before:?}, then {after:?}");
            }
        }
        let asked: BTreeSet<String> = kept.batch.questions.iter().map(|question| question.letter.clone()).collect();
        let expected = words.iter().filter(|(_, words)| words.len() > 1).map(|(number, _)| letter(*number).to_string());
        prop_assert_eq!(asked, expected.collect());
    }
}

// What becomes of an answer that does not fit.

/// A night at an OpenSSH server whose technician writes answers by hand, and goes back to the morning after it.
struct Morning {
    _server: crate::sshd::Server,
    town: Town,
    desk: Desk,
}

impl Morning {
    fn new() -> Self {
        let (server, town, outbox) = over_openssh();
        let (batch, _) = town.batches("edora").remove(0);
        let csv = fs::read(town.path(&format!("data/batches/{batch}/{batch}.letters.csv"))).unwrap();
        let row = |l: fjernprint::wire::manifest::LetterRow| ReceiptRow {
            letter_id: l.letter_id,
            status: VendorStatus::HandedOver,
            reason: String::new(),
            pages: l.pages,
            sheets: l.sheets,
            at: AT.into(),
        };
        let rows = letters_from_csv(&csv).unwrap().into_iter().map(row).collect();
        let manifest = town.ledger().batch(&batch).unwrap().unwrap().manifest;
        let morning = Self { _server: server, town, desk: Desk { outbox, batch, manifest, rows } };
        morning.desk.ack(AckResult::Accepted);
        copy_all(&morning.town.path("data"), &morning.town.path("kept"));
        morning
    }

    /// Nothing was answered but the batch itself.
    fn again(&self) -> &Self {
        fs::remove_dir_all(self.town.path("data")).unwrap();
        copy_all(&self.town.path("kept"), &self.town.path("data"));
        for entry in fs::read_dir(&self.desk.outbox).unwrap() {
            let path = entry.unwrap().path();
            if path.to_string_lossy().contains(".receipt-") {
                fs::remove_file(path).unwrap();
            }
        }
        self
    }

    fn file(&self, ending: &str) -> std::path::PathBuf {
        self.desk.outbox.join(format!("{}.{ending}", self.desk.batch))
    }

    /// Codes that a run tells, and letters that have their final word after it.
    fn reconciled(&self) -> (Vec<String>, u64) {
        let output = self.town.ask(&["reconcile"]);
        let told = said(&output);
        let fits = lines(&output).last().unwrap()["fits"] == true;
        let told_lines = told.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let errors = told_lines.filter(|line| line["message_type"] == "exit_error");
        let codes: BTreeSet<String> = errors.map(|line| line["code"].as_str().unwrap().to_owned()).collect();
        assert_eq!(output.status.code(), Some(if codes.is_empty() && fits { 0 } else { 6 }), "{told}");
        (codes.into_iter().collect(), self.town.count(LetterStatus::Settled))
    }
}

type End = fn(&Morning) -> Vec<(Vec<String>, u64)>;
type Row = (&'static str, End, &'static [(&'static str, u64)]);

/// Every row of the table in docs/batch-format.md: what comes, and after each run the codes told and the letters settled.
const ENDS: [Row; 16] = [
    (
        "early",
        |m| {
            fs::rename(m.file("ack.json"), m.file("away")).unwrap();
            m.desk.receipt(1, true, &m.desk.rows, |_| {});
            let first = m.reconciled();
            fs::rename(m.file("away"), m.file("ack.json")).unwrap();
            vec![first, m.reconciled()]
        },
        &[("", 0), ("", 3)],
    ),
    (
        "twice",
        |m| {
            let mut doubled = m.desk.rows.clone();
            doubled.push(doubled[0].clone());
            m.desk.receipt(1, true, &doubled, |_| {});
            m.desk.receipt(2, true, &m.desk.rows, |_| {});
            vec![m.reconciled(), m.reconciled()]
        },
        &[("", 3), ("", 3)],
    ),
    (
        "backwards",
        |m| {
            let printed: Vec<ReceiptRow> =
                m.desk.rows.iter().cloned().map(|row| ReceiptRow { status: VendorStatus::Printed, ..row }).collect();
            m.desk.receipt(1, true, &m.desk.rows, |_| {});
            m.desk.receipt(2, true, &printed, |_| {});
            vec![m.reconciled()]
        },
        &[("", 3)],
    ),
    (
        "out of order",
        |m| {
            m.desk.receipt(2, false, &m.desk.rows[..1], |_| {});
            m.desk.receipt(3, false, &m.desk.rows[1..2], |_| {});
            let runs = vec![m.reconciled(), m.reconciled()];
            m.desk.receipt(1, true, &m.desk.rows, |_| {});
            [runs, vec![m.reconciled()]].concat()
        },
        &[("FP-A009", 2), ("FP-A009", 2), ("", 3)],
    ),
    (
        "too far ahead",
        |m| {
            m.desk.receipt(RECEIPT_GAP_MAX + 2, true, &m.desk.rows, |_| {});
            vec![m.reconciled()]
        },
        &[("", 0)],
    ),
    (
        "broken, then repaired",
        |m| {
            m.desk.receipt(1, false, &m.desk.rows[..2], |head| head.pages += 1);
            m.desk.receipt(2, false, &m.desk.rows[2..], |_| {});
            let first = m.reconciled();
            m.desk.receipt(1, false, &m.desk.rows[..2], |_| {});
            vec![first, m.reconciled()]
        },
        &[("FP-A003", 1), ("", 3)],
    ),
    (
        "changed afterwards",
        |m| {
            m.desk.receipt(1, false, &m.desk.rows[..1], |_| {});
            let first = m.reconciled();
            m.desk.receipt(1, true, &m.desk.rows, |_| {});
            vec![first, m.reconciled()]
        },
        &[("", 1), ("FP-A010", 1)],
    ),
    (
        "contradicting",
        |m| {
            let mut other = m.desk.rows.clone();
            other[0].status = VendorStatus::Rejected;
            m.desk.receipt(1, false, &m.desk.rows[..1], |_| {});
            m.desk.receipt(2, true, &other, |_| {});
            vec![m.reconciled()]
        },
        &[("FP-A006", 3)],
    ),
    (
        "unknown letter",
        |m| {
            let mut strange = m.desk.rows.clone();
            strange.push(ReceiptRow { letter_id: letter(0xdead), ..strange[0].clone() });
            m.desk.receipt(1, true, &strange, |_| {});
            vec![m.reconciled()]
        },
        &[("FP-A004", 3)],
    ),
    (
        "other pages or sheets",
        |m| {
            let mut longer = m.desk.rows.clone();
            longer[2].pages += 1;
            m.desk.receipt(1, true, &longer, |_| {});
            vec![m.reconciled()]
        },
        &[("FP-A005", 3)],
    ),
    (
        "foreign",
        |m| {
            m.desk.receipt(1, true, &m.desk.rows, |head| head.manifest_sha256 = Sha256([1; 32]));
            let first = m.reconciled();
            m.desk.receipt(1, true, &m.desk.rows, |head| head.batch = name());
            let second = m.reconciled();
            m.desk.receipt(1, true, &m.desk.rows, |head| head.number = 2);
            vec![first, second, m.reconciled()]
        },
        &[("FP-A002", 0), ("FP-A002", 0), ("FP-A002", 0)],
    ),
    (
        "not adding up",
        |m| {
            m.desk.receipt(1, true, &m.desk.rows, |head| head.sheets += 1);
            let first = m.reconciled();
            m.desk.receipt(1, true, &m.desk.rows[1..], |_| {});
            let second = m.reconciled();
            let mut twice = m.desk.rows.clone();
            twice.push(ReceiptRow { status: VendorStatus::Printed, ..twice[0].clone() });
            m.desk.receipt(1, true, &twice, |_| {});
            vec![first, second, m.reconciled()]
        },
        &[("FP-A003", 0), ("FP-A003", 0), ("FP-A003", 0)],
    ),
    (
        "cut off",
        |m| {
            m.desk.receipt(1, true, &m.desk.rows, |_| {});
            let rows = fs::read(m.file("receipt-1.csv")).unwrap();
            fs::write(m.file("receipt-1.csv"), &rows[..rows.len() - 20]).unwrap();
            let first = m.reconciled();
            fs::remove_file(m.file("receipt-1.csv")).unwrap();
            let second = m.reconciled();
            let head = fs::read(m.file("receipt-1.json")).unwrap();
            fs::write(m.file("receipt-1.csv"), &rows).unwrap();
            fs::write(m.file("receipt-1.json"), &head[..head.len() - 20]).unwrap();
            vec![first, second, m.reconciled()]
        },
        &[("FP-A003", 0), ("FP-A001", 0), ("FP-A001", 0)],
    ),
    (
        "unknown word",
        |m| {
            let csv = String::from_utf8(rows_to_csv(&m.desk.rows).unwrap()).unwrap().replace("handed_over", "posted");
            m.desk.receipt(1, true, &m.desk.rows, |head| head.rows_sha256 = Sha256(openssl::sha::sha256(csv.as_bytes())));
            fs::write(m.file("receipt-1.csv"), &csv).unwrap();
            let first = m.reconciled();
            let profile = m.town.path("vendors/edora/profile.toml");
            let text = fs::read_to_string(&profile).unwrap();
            let told = text
                .replace("\n[provenance]", "\n[answers.words]\nposted = \"handed_over\"\n\n[provenance]\n\"answers.words\" = \"contract\"");
            fs::write(&profile, told).unwrap();
            let second = m.reconciled();
            fs::write(&profile, text).unwrap();
            vec![first, second]
        },
        &[("FP-A008", 0), ("", 3)],
    ),
    (
        "too large",
        |m| {
            fs::write(m.file("receipt-1.json"), vec![b' '; 100_000]).unwrap();
            vec![m.reconciled()]
        },
        &[("FP-A001", 0)],
    ),
    (
        "nothing fits",
        |m| {
            // More rows than the batch can have, then so few at a time that each receipt can be read.
            let strange = |from: usize, count: usize| -> Vec<ReceiptRow> {
                (from..from + count).map(|n| ReceiptRow { letter_id: letter(n), ..m.desk.rows[0].clone() }).collect()
            };
            m.desk.receipt(1, false, &strange(0, 200), |_| {});
            let first = m.reconciled();
            (0..=QUESTIONS_MAX / 100).for_each(|n| m.desk.receipt(n as u32 + 1, false, &strange(100 * n, 100), |_| {}));
            vec![first, m.reconciled()]
        },
        &[("FP-A001", 0), ("FP-A004,FP-A011", 0)],
    ),
];

/// The table of docs/batch-format.md, row by row, at a real server.
#[test]
fn every_answer_that_does_not_fit_has_its_end() {
    let morning = Morning::new();
    let mut rows = Vec::new();
    for (what, end, expected) in ENDS {
        let found = end(morning.again());
        let found: Vec<(String, u64)> = found.into_iter().map(|(codes, settled)| (codes.join(","), settled)).collect();
        let expected: Vec<(String, u64)> = expected.iter().map(|(codes, settled)| ((*codes).to_owned(), *settled)).collect();
        // What is asked stays open, and is told by every run until somebody explains it.
        assert_eq!(found, expected, "{what}");
        assert_eq!(morning.town.run(&["ledger", "verify", "--quick"]), Some(0), "{what}");
        let codes: BTreeSet<&str> = expected.iter().flat_map(|(codes, _)| codes.split(',')).filter(|code| !code.is_empty()).collect();
        rows.push((what.to_owned(), codes.into_iter().collect::<Vec<_>>().join(", ")));
    }
    let document = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/batch-format.md")).unwrap();
    let table = document.split("<!-- begin ends -->\n").nth(1).and_then(|rest| rest.split("<!-- end ends -->").next()).unwrap_or_default();
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let documented: Vec<(String, String)> = table.lines().skip(2).map(cells).map(|cells| (cells[1].clone(), cells[3].clone())).collect();
    let rows: Vec<(String, String)> =
        rows.into_iter().map(|(what, codes)| (what, if codes.is_empty() { "none".to_owned() } else { codes })).collect();
    assert_eq!(documented, rows, "docs/batch-format.md, between the markers of ends");
}

/// What is asked stays until somebody explains it, and says who did.
#[test]
fn a_question_is_told_until_it_is_explained() {
    let morning = Morning::new();
    let m = morning.again();
    let batch = m.desk.batch.as_str();
    let mut odd = m.desk.rows.clone();
    odd[0].sheets += 1;
    odd.push(ReceiptRow { letter_id: letter(0xdead), ..odd[1].clone() });
    m.desk.receipt(1, true, &odd, |_| {});
    assert_eq!(m.reconciled().0, ["FP-A004", "FP-A005"]);
    assert_eq!(m.town.batches("edora")[0].1, BatchStatus::Settled);
    let output = m.town.ask(&["reconcile"]);
    assert_eq!((output.status.code(), said(&output).as_str()), (Some(6), ""), "asked once, and open");
    let findings = of_type(&lines(&output), "finding");
    let shown: Vec<(&str, &str)> = findings.iter().map(|f| (f["kind"].as_str().unwrap(), f["owner"].as_str().unwrap())).collect();
    assert_eq!(shown, [("unexpected", "vendor"), ("pages_differ", "vendor")]);
    let explain =
        |letter: &str, note: &str| m.town.run(&["reconcile", "--explain", batch, "--letter", letter, "--reason", note, "--by", "Kim"]);
    let (first, strange) = (m.desk.rows[0].letter_id.to_string(), letter(0xdead).to_string());
    assert_eq!(explain(&letter(3).to_string(), "x"), Some(2), "nothing is asked about it");
    assert_eq!(explain(&first, " "), Some(2));
    assert_eq!(explain(&first, "a blank sheet by mistake, seen at the vendor"), Some(0));
    assert_eq!(m.town.run(&["reconcile"]), Some(6));
    assert_eq!(explain(&strange, "another customer's, says 0101011234"), Some(0));
    assert_eq!(m.town.run(&["reconcile"]), Some(0));
    let shown = String::from_utf8(m.town.ask(&["batch", "show", batch]).stdout).unwrap();
    assert!(shown.contains("explained") && shown.contains("Kim") && shown.contains("another customer's, says xxxxxx-xxxx"), "{shown}");
    assert_eq!(m.town.run(&["ledger", "verify", "--deep"]), Some(0));
}

/// The vendor's outbox, as its profile names it.
fn outbox_of(vendor: &str) -> String {
    crate::batches::profile(vendor).delivery.outbox
}

/// Every vendor in its own dialect, all of them signed: over SFTP, answered by hand, and then by somebody else.
#[test]
fn signed_answers_in_three_dialects_and_an_unsigned_one() {
    let town = Town::new();
    for (vendor, _) in VENDORS {
        let path = town.path(&format!("vendors/{vendor}/profile.toml"));
        let text = fs::read_to_string(&path).unwrap();
        let signed = format!("[answers]\nsigned = true\ncertificate = \"site/{vendor}/answers.pem\"\n");
        let provenance = "[provenance]\n\"answers.signed\" = \"assumed\"\n\"answers.certificate\" = \"assumed\"\n";
        fs::write(path, text.replace("[answers]\n", &signed).replace("[provenance]\n", provenance)).unwrap();
    }
    let by_hand = || Manners { by_hand: true, ..Manners::default() };
    let sites: Vec<_> = VENDORS.iter().map(|(vendor, _)| town.site_as(vendor, by_hand())).collect();
    let reaches: Vec<(&str, Address)> = VENDORS.iter().zip(&sites).map(|((vendor, _), (_, address))| (*vendor, address.clone())).collect();
    town.configure(&reaches);
    assert_eq!(town.run(&["run"]), Some(0));
    for (vendor, _) in VENDORS {
        let (batch, _) = town.batches(vendor).remove(0);
        let dir = town.path(&format!("site/{vendor}")).display().to_string();
        let letters: Vec<String> = town.ledger().letters_of(&batch).unwrap().into_iter().map(|(id, _)| id.to_string()).collect();
        let say = |arguments: &[&str]| {
            let output = crate::night::fjernprint(&[&["vendor"], arguments, &["--dir", &dir, "--json"]].concat());
            assert_eq!(output.status.code(), Some(0), "{vendor} {arguments:?}: {}", said(&output));
        };
        say(&["ack", batch.as_str()]);
        say(&["reject", &letters[0], "--reason", "the paper & ink ran out"]);
        say(&["ack", batch.as_str(), "--letters"]);
        say(&["return", &letters[1], "--reason", "R04 not on the door"]);
        // Another's signature is none: ours, over the same bytes.
        let outbox = town.path(&format!("site/{vendor}/files/{}", outbox_of(vendor)));
        let (ack, kept) = (outbox.join(format!("{batch}.ack.json.p7s")), outbox.join("kept"));
        let told = |town: &Town| {
            let output = town.ask(&["reconcile"]);
            assert_eq!(output.status.code(), Some(6), "{vendor}: {}", said(&output));
            assert!(said(&output).contains("FP-A012"), "{vendor}: {}", said(&output));
            assert_eq!(town.batches(vendor)[0].1, BatchStatus::Shipped);
        };
        fs::rename(&ack, &kept).unwrap();
        told(&town);
        let head_signature = fs::read(outbox.join(format!("{batch}.receipt-1.json.p7s"))).unwrap();
        fs::write(&ack, head_signature).unwrap();
        told(&town);
        fs::rename(&kept, &ack).unwrap();
        assert_eq!(town.run(&["reconcile"]), Some(0), "{vendor}");
        let state = |n: usize| town.ledger().letter(&letters[n].parse().unwrap()).unwrap().unwrap();
        assert_eq!((state(0).status, state(0).word.as_deref()), (LetterStatus::Settled, Some("rejected")), "{vendor}");
        assert_eq!((state(1).status, state(1).word.as_deref()), (LetterStatus::Returned, Some("returned R04")), "{vendor}");
        assert_eq!((state(2).status, state(2).word.as_deref()), (LetterStatus::Settled, Some("handed_over")), "{vendor}");
        // The vendor's own word stands beside ours.
        let (failed, sent) = match vendor {
            "edora" => ("rejected: the paper & ink ran out", None),
            "kmd" => ("Failed: the paper & ink ran out", Some("Sent")),
            _ => ("Fejlet: the paper & ink ran out", Some("Modtaget Post Danmark")),
        };
        assert_eq!((state(0).said.as_deref(), state(2).said.as_deref()), (Some(failed), sent), "{vendor}");
    }
    assert_eq!(town.run(&["ledger", "verify", "--deep"]), Some(0));
    // The certificate of another is the wrong one, and a missing one holds up its vendor only.
    let output = town.ask(&["reconcile"]);
    let sent = of_type(&lines(&output), "sent");
    assert_eq!(sent.len(), 3);
    for line in &sent {
        let terms = ["sent", "handed_over", "rejected", "cancelled", "returned", "open"].map(|term| line[term].as_u64().unwrap());
        assert_eq!(terms, [LETTERS as u64, 1, 1, 0, 1, 0], "{line}");
    }
    let findings = of_type(&lines(&output), "finding");
    let owned = |kind: &str, owner: &str| findings.iter().filter(|f| f["kind"] == kind && f["owner"] == owner).count();
    assert_eq!((owned("returned", "case worker"), owned("rejected", "operator"), findings.len()), (3, 3, 6), "{findings:?}");
}

/// One that accepts and never speaks: its time-out is 30 s, and the others are read meanwhile.
#[test]
fn a_silent_vendor_delays_no_answers_of_another() {
    let town = Town::new();
    let sites: Vec<_> = VENDORS.iter().map(|(vendor, _)| town.site(vendor)).collect();
    let mut reaches: Vec<(&str, Address)> =
        VENDORS.iter().zip(&sites).map(|((vendor, _), (_, address))| (*vendor, address.clone())).collect();
    town.configure(&reaches);
    assert_eq!(town.run(&["run", "--until", "ship"]), Some(0));
    // The first in the order of their names.
    reaches[0].1.port = crate::proxy::black_hole();
    town.configure(&reaches);
    let config = town.path("fjernprint.toml");
    let deadline = Instant::now() + Duration::from_secs(25);
    let settled = |vendor: &str| town.batches(vendor)[0].1 == BatchStatus::Settled;
    let mut run = crate::night::command(&["reconcile", "--quiet", "--config", config.to_str().unwrap()]).spawn().unwrap();
    while !(settled("kmd") && settled("straalfors")) {
        assert!(Instant::now() < deadline, "the others waited for the silent one");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(run.try_wait().unwrap().is_none(), "the silent one is still waited for");
    assert_eq!(town.batches("edora")[0].1, BatchStatus::Shipped);
    run.kill().unwrap();
    run.wait().unwrap();
}

/// Rows that come alone: nobody vouches for their totals, and they settle their letters all the same.
#[test]
fn receipts_without_heads() {
    for (vendor, short) in [("kmd", "L000000000000000000000001|Sent|1|Unsorted|2026-11-24"), ("straalfors", "<PKO_PostStatusSamling>")] {
        let town = Town::of(vendor);
        let path = town.path(&format!("vendors/{vendor}/profile.toml"));
        let text = fs::read_to_string(&path).unwrap();
        let bare = text.replace("[answers]\n", "[answers]\nheads = false\n");
        fs::write(path, bare.replace("\n[provenance]\n", "\n[provenance]\n\"answers.heads\" = \"assumed\"\n")).unwrap();
        let (site, address) = town.site_as(vendor, Manners { by_hand: true, ..Manners::default() });
        town.configure(&[(vendor, address)]);
        assert_eq!(town.run(&["run"]), Some(0));
        let (batch, _) = town.batches(vendor).remove(0);
        let dir = town.path(&format!("site/{vendor}"));
        let say = |arguments: &[&str]| {
            let output = crate::night::fjernprint(&[&["vendor"], arguments, &["--dir", dir.to_str().unwrap(), "--json"]].concat());
            assert_eq!(output.status.code(), Some(0), "{vendor} {arguments:?}: {}", said(&output));
        };
        say(&["ack", batch.as_str()]);
        // What ends in the middle is waited for.
        let ending = if vendor == "kmd" { "txt" } else { "xml" };
        let rows = dir.join(format!("files/{}/{batch}.receipt-1.{ending}", outbox_of(vendor)));
        fs::write(&rows, short).unwrap();
        let output = town.ask(&["reconcile"]);
        assert!(output.status.code() == Some(6) && said(&output).contains("FP-A001"), "{}", said(&output));
        fs::remove_file(&rows).unwrap();
        say(&["ack", batch.as_str(), "--letters"]);
        assert!(rows.exists() && !rows.with_extension("json").exists());
        assert_eq!(town.run(&["reconcile"]), Some(0));
        assert_eq!((town.count(LetterStatus::Settled), town.batches(vendor)[0].1), (LETTERS as u64, BatchStatus::Settled));
        assert_eq!(town.run(&["ledger", "verify", "--deep"]), Some(0));
        site.stop();
    }
}

/// An answer has a size and a time, and one that is not there is not there.
#[test]
fn an_answer_is_read_within_bounds() {
    let town = Town::of("edora");
    let (site, address) = town.site("edora");
    let connection = fjernprint::adapters::sftp::Connection::open(&address).unwrap();
    fs::write(town.path("site/edora/files/out/answer"), vec![7; 300_000]).unwrap();
    let soon = Instant::now() + Duration::from_secs(60);
    assert_eq!(connection.fetch("out/answer", 300_000, soon).unwrap(), Some(vec![7; 300_000]));
    assert_eq!(connection.fetch("out/nothing", 300_000, soon).unwrap(), None);
    assert_eq!(connection.fetch("out/answer", 299_999, soon).unwrap_err().code, "FP-A001");
    assert_eq!(connection.fetch("out/answer", 300_000, Instant::now() - Duration::from_secs(1)).unwrap_err().code, "FP-A014");
    drop(connection);
    site.stop();
}

/// An invoice against what was handed over, both ways.
#[test]
fn an_invoice_is_held_against_what_was_handed_over() {
    let morning = Morning::new();
    let m = morning.again();
    let mut rows = m.desk.rows.clone();
    rows[2].status = VendorStatus::Rejected;
    m.desk.receipt(1, true, &rows, |_| {});
    assert_eq!(m.town.run(&["reconcile"]), Some(0));
    let profile: fjernprint::vendor::VendorProfile =
        fjernprint::vendor::VendorProfile::parse(&fs::read_to_string(m.town.path("vendors/edora/profile.toml")).unwrap()).unwrap();
    let id = |n: usize| rows[n].letter_id.to_string();
    let state = |n: usize| m.town.ledger().letter(&rows[n].letter_id).unwrap().unwrap();
    let (job, day) = (state(0).job.unwrap(), m.town.ledger().batch(&m.desk.batch).unwrap().unwrap().business_date);
    let price = |n: usize| {
        let job = state(n).job.unwrap();
        let ore = profile.postage.price_ore(job.options.postage, job.weight_g, day.parse().unwrap()).unwrap();
        format!("{},{:02}", ore / 100, ore % 100)
    };
    let class = job.options.postage.word();
    let file = m.town.path("invoice.csv");
    let check = |text: &str, exit: i32, expected: &[(&str, &str)]| {
        fs::write(&file, text).unwrap();
        let head = m.town.ledger().head().unwrap();
        let output = m.town.ask(&["reconcile", "--invoice", file.to_str().unwrap(), "--vendor", "edora"]);
        assert_eq!(output.status.code(), Some(exit), "{text}: {}", said(&output));
        let found: Vec<(String, String)> = of_type(&lines(&output), "finding")
            .iter()
            .map(|f| (f["kind"].as_str().unwrap().to_owned(), f["letter"].as_str().unwrap().to_owned()))
            .collect();
        let expected: Vec<(String, String)> = expected.iter().map(|(kind, letter)| ((*kind).to_owned(), (*letter).to_owned())).collect();
        assert_eq!(found, expected, "{text}");
        assert_eq!(m.town.ledger().head().unwrap(), head, "nothing is applied");
    };
    let top = "letter_id;sheets;postage;price\n";
    let row = |n: usize| format!("{};{};{class};{}\n", id(n), rows[n].sheets, price(n));
    check(&format!("{top}{}{}", row(0), row(1)), 0, &[]);
    check(&format!("letter_id\n{}\n{}\n", id(0), id(1)), 0, &[]);
    check(&format!("{top}{}", row(0)), 6, &[("handed_over_not_billed", &id(1))]);
    check(&format!("{top}{}{}{}", row(0), row(1), row(2)), 6, &[("billed_not_handed_over", &id(2))]);
    check(&format!("{top}{}{}{}", row(0), row(1), row(0)), 6, &[("duplicate", &id(0))]);
    check(
        &format!("{top}{}{}L00000000000000000000dead;1;;\n", row(0), row(1)),
        6,
        &[("billed_not_handed_over", "L00000000000000000000dead")],
    );
    check(&format!("{top}{}{}somebody;1;;\n", row(0), row(1)), 6, &[("billed_not_handed_over", "somebody")]);
    check(
        &format!("{top}{}{};{};forkyndelse;9999\n", row(0), id(1), rows[1].sheets + 1),
        6,
        &[("sheets_differ", &id(1)), ("postage_differs", &id(1)), ("price_differs", &id(1))],
    );
    // A sum without rows has no nights, and says so.
    fs::write(&file, top).unwrap();
    let config = m.town.path("fjernprint.toml");
    let plain = ["reconcile", "--invoice", file.to_str().unwrap(), "--vendor", "edora", "--config", config.to_str().unwrap()];
    let output = crate::night::command(&plain).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("edora, no night: 0 rows"), "{text}{}", said(&output));
    for bad in
        ["", "id;sheets\nx;1\n", &format!("{top}{};many;;\n", id(0)), &format!("{top}{};1;;1.234,50\n", id(0)), &format!("{top}x;1\n")]
    {
        check(bad, 4, &[]);
    }
    // Headers of the vendor's own.
    let path = m.town.path("vendors/edora/profile.toml");
    let text = fs::read_to_string(&path).unwrap();
    let columns = "\n[answers.invoice]\nletter_id = \"Brev\"\nprice = \"Beløb\"\n\n[provenance]\n\"answers.invoice\" = \"contract\"";
    fs::write(&path, text.replace("\n[provenance]", columns)).unwrap();
    check(&format!("Dato;Brev;Beløb\nx;{};{}\nx;{};{}\n", id(0), price(0), id(1), price(1)), 0, &[]);
    assert_eq!(m.town.run(&["reconcile", "--invoice", "nowhere", "--vendor", "edora"]), Some(4));
    assert_eq!(m.town.run(&["reconcile", "--invoice", "nowhere", "--vendor", "nobody"]), Some(2));
}

/// The table of words in the document is the program's.
#[test]
fn every_word_is_documented() {
    let document = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/batch-format.md")).unwrap();
    let table =
        document.split("<!-- begin words -->\n").nth(1).and_then(|rest| rest.split("<!-- end words -->").next()).unwrap_or_default();
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let documented: Vec<[String; 4]> = table.lines().skip(2).map(cells).map(|c| [1, 3, 4, 5].map(|at| c[at].clone())).collect();
    let words = |dialect: Dialect, status: VendorStatus| {
        let found = dialect.words().iter().filter(|(_, meaning)| *meaning == Meaning::Is(status)).map(|(word, _)| *word);
        let found: Vec<&str> = found.collect();
        if found.is_empty() { "-".to_owned() } else { found.join(", ") }
    };
    let row = |status: VendorStatus| {
        [format!("`{}`", status.word()), words(Dialect::Csv, status), words(Dialect::Pipe, status), words(Dialect::Pko, status)]
    };
    assert_eq!(documented, VendorStatus::ALL.map(row));
}

/// Every kind of remark has a page and a word in the document.
#[test]
fn every_finding_is_documented() {
    let document = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md")).unwrap();
    let table =
        document.split("<!-- begin findings -->\n").nth(1).and_then(|rest| rest.split("<!-- end findings -->").next()).unwrap_or_default();
    let mut expected = "| kind | code | exit 6 | means |\n|---|---|---|---|\n".to_owned();
    for (kind, code, mismatch) in KINDS {
        let page = fjernprint::domain::codes::find(code).unwrap();
        expected += &format!("| `{kind}` | {code} | {} | {} |\n", if mismatch { "yes" } else { "no" }, page.title);
    }
    assert!(table == expected, "docs/operations.md, between the markers of findings, must be:\n{expected}");
}
