//! The documents say what the program does: transition tables and exit codes.

use fjernprint::domain::status::{BatchEvent, BatchStatus, LetterEvent, LetterStatus, Person, batch_after, letter_after};
use fjernprint::domain::{Colour, Envelope, OrderId, Plex, Postage, PrintJob, PrintOptions, Sha256};
use std::fs;

fn document(name: &str) -> String {
    fs::read_to_string(format!("{}/docs/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Compares what stands between the two markers of this name with the table that the program gives.
fn check(file: &str, name: &str, rows: &[[String; 3]]) {
    let text = document(file);
    let (begin, end) = (format!("<!-- begin {name} -->\n"), format!("<!-- end {name} -->"));
    let stands = text.split(&begin).nth(1).and_then(|rest| rest.split(&end).next()).unwrap_or_default();
    let mut table = "| status | event | status after it |\n|---|---|---|\n".to_owned();
    for [before, event, after] in rows {
        table += &format!("| {before} | {event} | {after} |\n");
    }
    assert!(stands == table, "docs/{file}, between the markers of {name}, must be:\n{table}");
}

fn letter_events() -> Vec<LetterEvent> {
    let batch = || format!("FP-edora-99990011-20261124-1-{}", "0".repeat(12)).parse().unwrap();
    let (municipality, text, hash) = ("99990011".parse().unwrap(), String::new, Sha256([0; 32]));
    let options = PrintOptions { plex: Plex::Duplex, colour: Colour::BlackWhite, envelope: Envelope::C5, postage: Postage::Economique };
    let job = PrintJob {
        vendor: "edora".parse().unwrap(),
        document: hash,
        received: hash,
        repairs: Vec::new(),
        pages: 1,
        sheets: 1,
        bytes: 1,
        weight_g: 1,
        options,
        postcode: text(),
        country: text(),
        cost_group: text(),
        latest_arrival: None,
    };
    vec![
        LetterEvent::Accepted {
            municipality,
            sender: text(),
            dispatch_id: text(),
            business_date: text(),
            original: hash,
            part: 0,
            documents: Vec::new(),
        },
        LetterEvent::DeliveredDigitally { memo: hash },
        LetterEvent::Held { code: text(), message: text() },
        LetterEvent::Rejected { code: text(), message: text() },
        LetterEvent::Validated { job },
        LetterEvent::Batched { batch: batch() },
        LetterEvent::Shipped { batch: batch() },
        LetterEvent::Progressed { batch: batch(), word: text(), said: None },
        LetterEvent::Settled { batch: batch(), word: text(), said: None },
        LetterEvent::Returned { batch: batch(), reason: text(), said: None },
        LetterEvent::Withheld { order: order() },
        LetterEvent::Freed { order: order(), to_print: false },
        LetterEvent::Retried { order: order() },
        LetterEvent::RecallAsked { order: order() },
        LetterEvent::Recalled { order: order() },
        LetterEvent::RecallFailed {},
        LetterEvent::Unbatched { batch: batch(), order: order() },
        LetterEvent::Reordered { order: order(), as_letter: crate::batches::letter(1) },
        LetterEvent::Reprint {
            of: crate::batches::letter(1),
            order: order(),
            municipality: "99990011".parse().unwrap(),
            sender: text(),
            dispatch_id: text(),
            business_date: text(),
            original: Sha256([0; 32]),
            part: 0,
            documents: Vec::new(),
        },
    ]
}

#[test]
fn the_letter_table_in_ledger_md_is_the_transition_function() {
    let mut rows = Vec::new();
    for before in std::iter::once(None).chain(LetterStatus::ALL.map(Some)) {
        for event in letter_events() {
            let Ok(after) = letter_after(before, &event) else { continue };
            rows.push([before.map_or("-", LetterStatus::word), event.word(), after.word()].map(str::to_owned));
        }
    }
    check("ledger.md", "letter transitions", &rows);
}

fn order() -> OrderId {
    OrderId::number(1)
}

fn batch_events() -> Vec<(BatchEvent, &'static str)> {
    let hash = Sha256([0; 32]);
    let sealed = BatchEvent::Sealed {
        vendor: "edora".parse().unwrap(),
        municipality: "99990011".parse().unwrap(),
        business_date: String::new(),
        sequence: 1,
        manifest: hash,
        signature: hash,
        letters: 1,
        pages: 1,
        sheets: 1,
        bytes: 1,
    };
    let person = || Person { name: String::new(), account: None };
    let acknowledged = |accepted| BatchEvent::Acknowledged { accepted, reason: String::new(), answer: hash, signature: None };
    vec![
        (sealed, ""),
        (BatchEvent::ReleaseRequired {}, ""),
        (BatchEvent::Approved { by: person(), manifest: hash }, ""),
        (BatchEvent::Released { by: person(), manifest: hash }, ""),
        (BatchEvent::UploadStarted { attempt: 1 }, ""),
        (BatchEvent::ReadyIntended {}, ""),
        (BatchEvent::Shipped {}, ""),
        (acknowledged(true), ", accepted"),
        (acknowledged(false), ", not accepted"),
        (BatchEvent::Answered { number: 1, head: hash, rows: hash, signature: None, questions: Vec::new() }, ""),
        (BatchEvent::Explained { by: person(), code: String::new(), letter: String::new(), note: String::new() }, ""),
        (BatchEvent::Settled {}, ""),
        (BatchEvent::Withdrawn { order: order() }, ""),
    ]
}

#[test]
fn the_batch_table_in_ledger_md_is_the_transition_function() {
    let mut rows = Vec::new();
    for before in std::iter::once(None).chain(BatchStatus::ALL.map(Some)) {
        for (event, how) in batch_events() {
            let Ok(after) = batch_after(before, &event) else { continue };
            let before = before.map_or("-", BatchStatus::word).to_owned();
            rows.push([before, format!("{}{how}", event.word()), after.word().to_owned()]);
        }
    }
    check("ledger.md", "batch transitions", &rows);
}

#[test]
fn exit_codes_md_has_every_exit_code_and_no_other() {
    let source = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/app/fault.rs")).unwrap();
    let constant = |line: &str| line.trim().strip_prefix("pub const ")?.split_once("= ")?.1.strip_suffix(';').map(str::to_owned);
    let constants: Vec<String> = source.lines().filter_map(constant).collect();
    let row = |line: &str| line.strip_prefix("| ")?.split(' ').next().filter(|code| code.parse::<u8>().is_ok()).map(str::to_owned);
    let documented: Vec<String> = document("exit-codes.md").lines().filter_map(row).collect();
    assert!(constants.len() >= 10);
    assert_eq!(documented, constants);
}

/// docs/rules.md is written from the rules and their pages.
#[test]
fn the_rules_of_validation_are_documented() {
    use fjernprint::domain::codes::find;
    use fjernprint::domain::rules::RULES;
    let text = document("rules.md");
    let stands = text.split("<!-- begin rules -->\n").nth(1).and_then(|rest| rest.split("<!-- end rules -->").next()).unwrap_or_default();
    let mut table = "| rule | code | means, where the profile does not say | what it is |\n|---|---|---|---|\n".to_owned();
    for rule in RULES {
        let page = find(rule.code).unwrap_or_else(|| panic!("{} has no page", rule.code));
        let default = format!("{:?}", rule.default).to_lowercase();
        table += &format!("| {} | {} | {default} | {} |\n", rule.word, rule.code, page.cause);
    }
    assert!(stands == table, "docs/rules.md, between the markers, must be:\n{table}");
    assert!(RULES.windows(2).all(|pair| pair[0].code < pair[1].code), "one code a rule, sorted");
}
