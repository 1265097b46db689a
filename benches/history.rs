//! Measures what years of history cost: `cargo bench --bench history`, or `-- 200000` for so many letters.
//!
//! A ledger with two million letters is made of one real night, settled by its vendors, that is copied into the nights before it
//! by SQL, and then taken out, since its letters come again: the rows of `letter`, `batch`, `event`, `fact` and `tally` are those of the night under other identifiers and dates,
//! and agree with each other. The copied events bear no hashes that follow from each other, so `ledger verify` would refuse it;
//! nothing that is measured reads them. Then `status` is asked, beside the sqlite3 command counting the same letters, and one
//! small night is run on an empty ledger and on the large one. Prints and asserts nothing.

mod child;

use child::children_seconds;
use rusqlite::{Connection, Row, params};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const FJERNPRINT: &str = env!("CARGO_BIN_EXE_fjernprint");
const LETTERS: u64 = 2_000_000;
/// Of the night that is copied, beside the samples.
const NIGHT_LETTERS: u64 = 5_000;
/// Of the night that is run afterwards.
const SMALL_NIGHT: u64 = 500;
const ROUNDS: usize = 9;
const NIGHTS: usize = 3;

fn main() {
    // Cargo adds a flag of its own.
    let letters = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(LETTERS);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let large = folder.path().join("large");
    run(&["--quiet", "demo", "--letters", &NIGHT_LETTERS.to_string(), "--dir"], &large);
    let started = Instant::now();
    let made = copy_nights(&large.join("data"), letters).expect("the ledger's tables as they are");
    let size_mb = fs::metadata(large.join("data/ledger.db")).map_or(0, |file| file.len() / 1_000_000);
    println!(
        "{} letters in {} batches of {} nights, {size_mb} MB, made in {:.0} s",
        made.letters,
        made.batches,
        made.nights,
        started.elapsed().as_secs_f64()
    );
    // What is made once, on the first run after a release or of a day, is no cost of the nights: indexes, the day's signed head.
    let started = Instant::now();
    run(&["--quiet", "run", "--until", "seal", "--config"], &large.join("fjernprint.toml"));
    println!("the first run on it, with the head of the whole log: {:.1} s", started.elapsed().as_secs_f64());
    status(&large);
    nights(folder.path(), &large);
}

/// How many of what there are.
struct Made {
    letters: u64,
    batches: u64,
    nights: u64,
}

/// Copies the night into the nights before it until there are so many letters, and makes a folder for each batch.
fn copy_nights(data: &Path, letters: u64) -> rusqlite::Result<Made> {
    let path = data.join("ledger.db");
    let db = Connection::open(&path)?;
    db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -4000000; DROP INDEX event_subject;")?;
    let count = |what: &str| db.query_row(&format!("SELECT count(*) FROM {what}"), [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs);
    let nights = letters.div_ceil(count("letter")?.max(1));
    let date: String = db.query_row("SELECT max(business_date) FROM tally", [], |row| row.get(0))?;
    let batches = texts(&db, "SELECT name, vendor, sequence, status, state FROM batch ORDER BY name")?;
    let columns = "SELECT id, status, municipality, vendor, batch, original, part, state FROM letter ORDER BY id";
    let letters = texts(&db, columns)?;
    let events = texts(&db, "SELECT at, kind, subject, data FROM event WHERE kind IN ('letter', 'batch') ORDER BY seq")?;
    let tallies = texts(&db, "SELECT municipality, vendor, batch, status, word, letters, pages, sheets, bytes FROM tally")?;
    let files = texts(&db, "SELECT subject, status, state FROM fact WHERE kind = 'intake'")?;
    db.execute_batch(
        "DROP TRIGGER event_is_append_only_delete; DELETE FROM event; DELETE FROM letter; DELETE FROM batch; DELETE FROM tally;
         DELETE FROM fact WHERE kind = 'intake';",
    )?;
    let mut seq = 0;
    for night in 1..=nights {
        db.execute_batch("BEGIN")?;
        let day: jiff::civil::Date = date.parse().expect("a night is a date");
        let day = day.checked_sub(jiff::Span::new().days(night as i64)).expect("a date of our calendar").to_string();
        // Running numbers rise with the days.
        let earlier = (nights - night) * 1_000;
        let renamed = |text: &str| text.replace(&date, &day);
        let name = |batch: &str| if batch.is_empty() { String::new() } else { batch_of(batch, &date, &day, earlier) };
        for row in &batches {
            let [old, vendor, sequence, status, state] = &row[..] else { continue };
            let number = sequence.parse::<u64>().unwrap_or(0) + earlier;
            let state = renamed(state).replace(&format!("\"sequence\":{sequence},"), &format!("\"sequence\":{number},"));
            db.prepare_cached("INSERT INTO batch (name, vendor, sequence, status, state) VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute(params![name(old), vendor, number as i64, status, state])?;
            fs::create_dir_all(data.join("batches").join(name(old))).expect("a folder of a batch");
        }
        for row in &letters {
            let [id, status, municipality, vendor, batch, original, part, state] = &row[..] else { continue };
            let state = if batch.is_empty() { renamed(state) } else { renamed(&state.replace(batch.as_str(), &name(batch))) };
            db.prepare_cached("INSERT INTO letter VALUES (?1, ?2, ?3, ?4, ?5, ?6, CAST(?7 AS INTEGER), ?8)")?.execute(params![
                letter_of(id, night),
                status,
                municipality,
                vendor,
                name(batch),
                original,
                part,
                state
            ])?;
        }
        for row in &events {
            let [at, kind, subject, data] = &row[..] else { continue };
            let subject = if kind == "letter" { letter_of(subject, night) } else { name(subject) };
            seq += 1;
            db.prepare_cached("INSERT INTO event VALUES (?1, ?2, ?3, ?4, ?5, zeroblob(32))")?.execute(params![
                seq,
                renamed(at),
                kind,
                subject,
                renamed(data)
            ])?;
        }
        for row in &tallies {
            let [municipality, vendor, batch, status, word, letters, pages, sheets, bytes] = &row[..] else { continue };
            db.prepare_cached(
                "INSERT INTO tally VALUES (?1, ?2, ?3, ?4, ?5, ?6, CAST(?7 AS INTEGER), CAST(?8 AS INTEGER), CAST(?9 AS INTEGER),
                 CAST(?10 AS INTEGER))",
            )?
            .execute(params![day, municipality, vendor, name(batch), status, word, letters, pages, sheets, bytes])?;
        }
        for row in &files {
            let [subject, status, state] = &row[..] else { continue };
            db.prepare_cached("INSERT INTO fact VALUES ('intake', ?1, ?2, ?3)")?.execute(params![
                format!("{subject}-{night}"),
                status,
                renamed(state)
            ])?;
        }
        db.execute_batch("COMMIT")?;
    }
    db.execute_batch("CREATE INDEX event_subject ON event (subject, seq); PRAGMA wal_checkpoint(TRUNCATE);")?;
    Ok(Made { letters: count("letter")?, batches: count("batch")?, nights })
}

/// All rows, every column as text.
fn texts(db: &Connection, query: &str) -> rusqlite::Result<Vec<Vec<String>>> {
    let mut statement = db.prepare(query)?;
    let columns = statement.column_count();
    let text = |row: &Row<'_>, column: usize| match row.get::<_, rusqlite::types::Value>(column)? {
        rusqlite::types::Value::Integer(number) => Ok(number.to_string()),
        _ => row.get(column),
    };
    let rows = statement.query_map([], |row| (0..columns).map(|column| text(row, column)).collect())?;
    rows.collect()
}

/// Another letter: other digits in front, so that letters of all nights lie among each other, as hashes do.
fn letter_of(id: &str, night: u64) -> String {
    let front = u64::from_str_radix(&id[1..5], 16).unwrap_or(0);
    format!("L{:04x}{}", (front + night * 40_503) % 65_536, &id[5..])
}

/// The batch's name with another day and running number: `FP-<vendor>-<cvr>-<day>-<number>-<hash>`.
fn batch_of(name: &str, date: &str, day: &str, earlier: u64) -> String {
    let (date, day) = (date.replace('-', ""), day.replace('-', ""));
    let mut parts: Vec<String> = name.split('-').map(str::to_owned).collect();
    for part in parts.iter_mut().filter(|part| **part == date) {
        *part = day.clone();
    }
    if let Some(number) = parts.iter().rposition(|part| part.len() < 8 && part.parse::<u64>().is_ok()) {
        parts[number] = (parts[number].parse::<u64>().unwrap_or(0) + earlier).to_string();
    }
    parts.join("-")
}

/// `status`, by the wall clock and the whole process, beside the sqlite3 command.
fn status(house: &Path) {
    let config = house.join("fjernprint.toml");
    let ledger = house.join("data/ledger.db");
    let ours = median(|| run(&["status", "--config"], &config));
    let json = median(|| run(&["status", "--json", "--config"], &config));
    println!("status: {ours:.3} s, with --json {json:.3} s, median of {ROUNDS}");
    let held = median(|| run(&["letter", "list", "--where", "status=held", "--limit", "50", "--config"], &config));
    let count = median(|| run(&["letter", "list", "--count", "--where", "code=FP-V010 and age>30d", "--config"], &config));
    println!("letter list --where 'status=held' --limit 50: {held:.3} s; --count of a code and an age: {count:.3} s");
    let query = "SELECT status, count(*) FROM letter GROUP BY status";
    let sqlite = |()| {
        let done = Command::new("sqlite3").arg("-readonly").arg(&ledger).arg(query).stdout(Stdio::null()).status();
        done.map(|status| status.success()).unwrap_or(false)
    };
    if !sqlite(()) {
        return println!("sqlite3 is not here, or does not open the ledger");
    }
    let theirs = median(|| {
        sqlite(());
    });
    println!("sqlite3, {query}: {theirs:.3} s; status takes {:.3} times as long", ours / theirs);
}

/// The same small night on an empty ledger and on the large one, by turns.
fn nights(folder: &Path, large: &Path) {
    let (mut on_empty, mut on_large) = (Vec::new(), Vec::new());
    for round in 0..NIGHTS {
        for (name, with, seconds) in [("empty", None, &mut on_empty), ("with", Some(large), &mut on_large)] {
            let house = folder.join(format!("{name}-{round}"));
            run(&["--quiet", "demo", "--lay-only", "--letters", &SMALL_NIGHT.to_string(), "--dir"], &house);
            if let Some(large) = with {
                copy(&large.join("data"), &house.join("data"));
            }
            let (before, started) = (children_seconds(), Instant::now());
            run(&["--quiet", "run", "--until", "seal", "--config"], &house.join("fjernprint.toml"));
            seconds.push((started.elapsed().as_secs_f64(), children_seconds() - before));
            fs::remove_dir_all(&house).expect("the night's own folder");
        }
    }
    let middle = |list: &mut Vec<(f64, f64)>| {
        list.sort_by(|a, b| a.1.total_cmp(&b.1));
        list[list.len() / 2]
    };
    let ((empty_s, empty_cpu_s), (large_s, large_cpu_s)) = (middle(&mut on_empty), middle(&mut on_large));
    println!("a night of {SMALL_NIGHT} letters up to sealed batches, the middle of {NIGHTS} by processor time");
    println!("  empty ledger {empty_s:.2} s, {empty_cpu_s:.2} s of processor time");
    println!(
        "  large ledger {large_s:.2} s, {large_cpu_s:.2} s of processor time: {:.2} times by it, {:.2} by the clock",
        large_cpu_s / empty_cpu_s,
        large_s / empty_s
    );
}

/// The large ledger and the folders of its batches in the place of the fresh ones.
fn copy(from: &Path, to: &Path) {
    for name in ["ledger.db", "batches"] {
        let done = Command::new("cp").arg("-a").arg("--reflink=auto").arg(from.join(name)).arg(to).status();
        assert!(done.is_ok_and(|status| status.success()), "copying {name}");
    }
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(to.join(format!("ledger.db{suffix}")));
    }
}

fn median(mut work: impl FnMut()) -> f64 {
    let mut seconds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            work();
            started.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[ROUNDS / 2]
}

/// Runs the program with `path` as its last argument. 3 says that some letters were rejected: there are such among the samples.
fn run(arguments: &[&str], path: &Path) {
    let done =
        Command::new(FJERNPRINT).args(arguments).arg(path).stdout(Stdio::null()).status().expect("the program that was just built starts");
    assert!(matches!(done.code(), Some(0 | 3)), "{arguments:?} ended with {done}");
}
