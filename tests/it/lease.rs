//! Two runs at once: one does the work, the other has done nothing; and a run that lost its place without noticing can do
//! no more harm.

use crate::night::command;
use crate::proxy::Proxy;
use crate::shipping::{LETTERS, Town, VENDORS};
use fjernprint::adapters::sftp::Address;
use fjernprint::domain::status::{BatchEvent, BatchStatus};
use fjernprint::ledger::{Entry, Ledger, LedgerError};
use fjernprint::vendor_site::{Site, printed};
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

const TOGETHER: usize = 8;

/// How many rounds; all of them with FJERNPRINT_ROUNDS=200.
fn rounds() -> usize {
    std::env::var("FJERNPRINT_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(4)
}

fn start(town: &Town, config: &str) -> Child {
    let config = town.path(config);
    let mut command = command(&["run", "--until", "ship", "--json", "--quiet", "--config", config.to_str().unwrap()]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The line that says what one run did.
fn report(output: &Output) -> serde_json::Value {
    let lines = text(&output.stdout);
    let report = lines.lines().map(|line| serde_json::from_str(line).unwrap()).find(|v: &serde_json::Value| v["message_type"] == "run");
    report.unwrap_or_else(|| panic!("no report in {lines}"))
}

fn lease_number(town: &Town) -> i64 {
    let raw = rusqlite::Connection::open(town.path("data/ledger.db")).unwrap();
    raw.query_row("SELECT number FROM lease", [], |row| row.get(0)).unwrap()
}

#[test]
fn of_eight_that_start_together_one_does_the_work_and_the_others_nothing() {
    let template = Town::new();
    for round in 0..rounds() {
        let town = template.copy();
        let sites: Vec<(Site, Address)> = VENDORS.iter().map(|(vendor, _)| town.site(vendor)).collect();
        let reaches: Vec<(&str, Address)> =
            VENDORS.iter().zip(&sites).map(|((vendor, _), (_, address))| (*vendor, address.clone())).collect();
        town.configure(&reaches);
        let children: Vec<Child> = (0..TOGETHER).map(|_| start(&town, "fjernprint.toml")).collect();
        let outputs: Vec<Output> = children.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
        let (done, held): (Vec<&Output>, Vec<&Output>) = outputs.iter().partition(|output| output.status.code() == Some(0));
        for output in &held {
            assert_eq!(output.status.code(), Some(11), "round {round}: {}", text(&output.stderr));
            assert!(text(&output.stderr).contains("FP-L002") && output.stdout.is_empty(), "round {round}: {}", text(&output.stderr));
        }
        // Who came when the first one was done found nothing to do.
        let worked = done.iter().filter(|output| report(output)["files_taken"] != 0).count();
        assert_eq!(worked, 1, "round {round}");
        for (key, expected) in [("files_taken", VENDORS.len()), ("batches_sealed", VENDORS.len()), ("letters_shipped", 3 * LETTERS)] {
            let sum: u64 = done.iter().map(|output| report(output)[key].as_u64().unwrap()).sum();
            assert_eq!(sum, expected as u64, "round {round}: {key}");
        }
        assert_eq!(lease_number(&town), done.len() as i64, "round {round}: nobody else took a lease");
        town.until_settled(3 * LETTERS);
        for (vendor, _) in VENDORS {
            assert_eq!(printed(&town.path(&format!("site/{vendor}"))).unwrap().len(), LETTERS, "round {round}: {vendor}");
        }
        assert_eq!(town.run(&["ledger", "verify", "--deep"]), Some(0), "round {round}");
    }
}

fn signal(child: &Child, name: &str) {
    let sent = std::process::Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status().unwrap();
    assert!(sent.success());
}

/// The worst of it: a run is stopped in the middle of an upload, somebody removes its lock file, another run does all the
/// work, and then the first one wakes.
#[test]
fn a_run_that_was_overtaken_in_its_sleep_writes_nothing_and_ships_nothing() {
    let town = Town::new();
    let (site, near) = town.site("edora");
    let slow = Proxy::start(near.port, Duration::from_millis(150));
    town.configure(&[("edora", Address { port: slow.port, ..near.clone() })]);
    std::fs::rename(town.path("fjernprint.toml"), town.path("slow.toml")).unwrap();
    town.configure(&[("edora", near)]);
    let sleeper = start(&town, "slow.toml");
    let deadline = Instant::now() + Duration::from_secs(60);
    let uploading = || town.batches("edora").iter().any(|(_, status)| *status == BatchStatus::Uploading);
    while !town.path("data/ledger.db-wal").exists() || !uploading() {
        assert!(Instant::now() < deadline, "the first run never came to its upload");
        std::thread::sleep(Duration::from_millis(5));
    }
    signal(&sleeper, "STOP");
    std::fs::remove_file(town.path("data/run.lock")).unwrap();
    // 2: the other two vendors have no connection.
    assert_eq!(town.run(&["run", "--until", "ship"]), Some(2));
    let head = town.ledger().head().unwrap();
    signal(&sleeper, "CONT");
    let output = sleeper.wait_with_output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(11), "{said}");
    assert!(said.contains("FP-L008"), "{said}");
    assert_eq!(town.ledger().head().unwrap(), head, "it wrote nothing");
    town.until_settled(LETTERS);
    assert_eq!(printed(&town.path("site/edora")).unwrap().len(), LETTERS);
    assert_eq!(town.run(&["ledger", "verify", "--deep"]), Some(0));
    site.stop();
}

#[test]
fn who_lost_the_lease_records_nothing_more() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    let (mut first, mut second) = (Ledger::open(&path).unwrap(), Ledger::open(&path).unwrap());
    assert_eq!(first.take_lease("first", "2026-11-24T02:00:00Z").unwrap(), 1);
    first.check_lease().unwrap();
    assert_eq!(second.take_lease("second", "2026-11-24T02:00:01Z").unwrap(), 2);
    let batch = format!("FP-edora-99990011-20261124-1-{}", "0".repeat(12)).parse().unwrap();
    let entry = [Entry::Batch(batch, BatchEvent::Settled {})];
    let lost = |outcome: Result<(), LedgerError>| matches!(outcome, Err(LedgerError::LeaseLost { ours: 1, last: 2 }));
    assert!(lost(first.record("2026-11-24T02:00:02Z", &entry)) && lost(first.check_lease()));
    assert_eq!(first.head().unwrap().0, 0);
    second.check_lease().unwrap();
    // Its own fault and no lease's: nothing was sealed.
    assert!(matches!(second.record("2026-11-24T02:00:02Z", &entry), Err(LedgerError::Illegal { .. })));
}
