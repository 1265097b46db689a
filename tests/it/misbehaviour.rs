//! A site that does everything wrong that a server can do, and our own client and ship stage against it: nothing is lost,
//! nothing is printed twice, no file has its final name before it is whole, and no name of the vendor's is used as a path.

use crate::shipping::{LETTERS, Town, copy_all};
use fjernprint::adapters::sftp::{Address, Connection};
use fjernprint::domain::LetterId;
use fjernprint::domain::status::{BatchStatus, LetterStatus};
use fjernprint::vendor_site::misbehave::HOSTILE_NAMES;
use fjernprint::vendor_site::{Manners, Misbehaviour, Site, printed};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How a misbehaviour ends.
#[derive(Clone, Copy, PartialEq)]
enum After {
    /// It is over by itself: the next run gets through at the same site.
    Over,
    /// It lasts: the next run gets through once the site is a good one again.
    Repaired,
}

/// A night that is sealed and not shipped, and the one vendor it goes to.
struct Night {
    vendor: &'static str,
    town: Town,
}

impl Night {
    fn sealed(vendor: &'static str) -> Self {
        let town = Town::of(vendor);
        assert_eq!(town.run(&["run", "--until", "seal"]), Some(0));
        copy_all(&town.path("data"), &town.path("sealed"));
        Self { vendor, town }
    }

    fn site_dir(&self) -> PathBuf {
        self.town.path(&format!("site/{}", self.vendor))
    }

    /// As it was before anything went up.
    fn begin_again(&self) {
        for folder in ["data", "site"] {
            let _ = fs::remove_dir_all(self.town.path(folder));
        }
        copy_all(&self.town.path("sealed"), &self.town.path("data"));
    }

    fn site(&self, scripts: &[String]) -> (Site, Address) {
        let misbehaviour: Vec<Misbehaviour> = scripts.iter().map(|script| script.parse().unwrap()).collect();
        // Whatever key the site shows, its own is what there is to pin.
        let (site, address) = self.town.site_as(self.vendor, Manners { misbehaviour, ..Manners::default() });
        self.town.configure(&[(self.vendor, address.clone())]);
        (site, address)
    }

    /// Where the vendor has what came.
    fn held(&self) -> PathBuf {
        let inbox = match self.vendor {
            "kmd" => "files/upload",
            _ => "files/in",
        };
        let swept = self.site_dir().join("swept");
        if swept.is_dir() { swept } else { self.site_dir().join(inbox) }
    }

    /// Content that goes up, and files.
    fn parts(&self) -> (u64, u64) {
        let files = below(&self.town.path("data/batches"));
        (files.iter().map(|path| fs::metadata(path).unwrap().len()).sum(), files.len() as u64 + 1)
    }

    /// What has a final name is whole, and the marker is there only when everything is.
    fn finals_are_whole(&self, what: &str) {
        let (name, _) = self.town.batches(self.vendor).remove(0);
        let ours = self.town.path(&format!("data/batches/{name}"));
        let held = self.held();
        let finals: Vec<PathBuf> = below(&held).into_iter().filter(|path| path.extension().is_none_or(|e| e != "part")).collect();
        for path in &finals {
            let relative = path.strip_prefix(&held).unwrap();
            let expected =
                if relative.extension().is_some_and(|e| e == "ready") { Vec::new() } else { fs::read(ours.join(relative)).unwrap() };
            assert!(fs::read(path).unwrap() == expected, "{what}: {} has its name and not its content", relative.display());
        }
        if held.join(format!("{name}.ready")).exists() {
            assert_eq!(finals.len() as u64, self.parts().1, "{what}: marked ready before it was complete");
        }
    }

    /// First run, what it must end with, and then every letter is printed once.
    fn check(&self, scripts: &[&str], ends: &[i32], after: After) {
        let what = format!("{} {scripts:?}", self.vendor);
        self.begin_again();
        let scripts: Vec<String> = scripts.iter().map(|script| (*script).to_owned()).collect();
        let (mut site, _) = self.site(&scripts);
        let (mut end, deadline) = (self.town.run(&["run"]).unwrap(), Instant::now() + Duration::from_secs(60));
        // Asked until there is an answer to be read; when that is, is the vendor's pace.
        while scripts[0] == "refuse=read" && end == 0 && Instant::now() < deadline {
            end = self.town.run(&["reconcile"]).unwrap();
        }
        assert!(ends.contains(&end), "{what}: the first run ended with {end}, expected {ends:?}");
        self.finals_are_whole(&what);
        let quiet = ["slow=20ms", "sweep", "hostile-names", "endless-listing", "new-host-key"].iter().any(|script| scripts[0] == *script);
        if !quiet {
            let log = fs::read_to_string(self.site_dir().join("site.log")).unwrap_or_default();
            assert!(log.contains("misbehaves"), "{what}: it did nothing wrong: {log}");
        }
        if after == After::Repaired {
            site.stop();
            (site, _) = self.site(&[]);
        }
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.town.count(LetterStatus::Settled) < LETTERS as u64 {
            assert!(Instant::now() < deadline, "{what}: not settled in time");
            let end = self.town.run(&["run"]).unwrap();
            assert!(after == After::Over || end == 0, "{what}: a good site, and a run that ends with {end}");
            self.finals_are_whole(&what);
            std::thread::sleep(Duration::from_millis(20));
        }
        site.stop();
        let mut letters: Vec<LetterId> = printed(&self.site_dir()).unwrap().into_iter().map(|(_, letter)| letter).collect();
        assert_eq!(letters.len(), LETTERS, "{what}: printed");
        letters.sort();
        letters.dedup();
        assert_eq!(letters.len(), LETTERS, "{what}: printed twice");
        assert_eq!(self.town.batches(self.vendor)[0].1, BatchStatus::Settled, "{what}");
        assert_eq!(self.town.run(&["ledger", "verify", "--deep"]), Some(0), "{what}");
    }
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(below(&path)) } else { found.push(path) }
    }
    found
}

/// Everything that every vendor's server can do.
fn every_vendor(vendor: &'static str) {
    let night = Night::sealed(vendor);
    let (bytes, files) = night.parts();
    for at in [0, 1, bytes / 2, bytes - 1, bytes] {
        night.check(&[&format!("cut={at}")], &[5], After::Over);
    }
    night.check(&[&format!("cut={}", bytes / 3), &format!("cut={}", bytes)], &[5], After::Over);
    // Nobody may remove anything there: what the first attempt left stays, and the second has names of its own.
    night.check(&[&format!("cut={}", bytes / 2), "refuse=remove"], &[5], After::Over);
    for number in [1, 2, files - 1, files] {
        night.check(&[&format!("lose-answer=rename:{number}")], &[5], After::Over);
        night.check(&[&format!("lose-answer=close:{number}")], &[5], After::Over);
    }
    for operation in ["open", "write", "stat", "mkdir"] {
        // Folders are made for files only, and nothing is looked at where it is swept away.
        let asked = match operation {
            "mkdir" => vendor == "kmd",
            "stat" => vendor != "straalfors",
            _ => true,
        };
        if asked {
            night.check(&[&format!("lose-answer={operation}:1")], &[5], After::Over);
        }
    }
    // The answer to every rename is lost: each run gets one file further where it can see what is there.
    night.check(&["lose-answer=rename"], &[5], if vendor == "straalfors" { After::Repaired } else { After::Over });
    for operation in ["open", "write", "close", "rename"] {
        night.check(&[&format!("refuse={operation}")], &[5], After::Repaired);
        night.check(&[&format!("refuse={operation}:2")], &[5], After::Over);
    }
    for kept in [0, 1, bytes / 2, bytes - 1] {
        night.check(&[&format!("disk-full={kept}")], &[5], After::Repaired);
    }
    night.check(&["refuse=read"], &[5], After::Repaired);
    for script in ["slow=20ms", "sweep", "hostile-names", "endless-listing"] {
        night.check(&[script], &[0], After::Over);
    }
    night.check(&["new-host-key"], &[12], After::Repaired);
    if vendor != "straalfors" {
        // The size is looked at: what was swallowed or lied about does not get its name.
        for kept in [0, bytes / 2, bytes - 1] {
            night.check(&[&format!("swallow={kept}")], &[5], After::Repaired);
        }
        for lie in ["short", "absent", "no-size"] {
            night.check(&[&format!("lying-stat={lie}")], &[5], After::Repaired);
            night.check(&[&format!("lying-stat={lie}:2")], &[5], After::Over);
        }
    }
}

#[test]
fn a_night_to_a_misbehaving_vendor_that_takes_a_zip() {
    every_vendor("edora");
}

#[test]
fn a_night_to_a_misbehaving_vendor_that_takes_files() {
    every_vendor("kmd");
}

#[test]
fn a_night_to_a_misbehaving_vendor_that_sweeps() {
    every_vendor("straalfors");
}

/// Where nothing can be looked at, a swallowed byte shows only in the vendor's own test: it refuses, and prints nothing.
#[test]
fn what_a_sweeping_vendor_swallows_is_refused_by_it_and_told() {
    let night = Night::sealed("straalfors");
    let (bytes, _) = night.parts();
    let (site, _) = night.site(&[format!("swallow={}", bytes - 1)]);
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let output = night.town.ask(&["run"]);
        if output.status.code() == Some(6) {
            assert!(String::from_utf8_lossy(&output.stderr).contains("FP-A007"));
            break;
        }
        assert!(output.status.code() == Some(0) && Instant::now() < deadline, "{output:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
    site.stop();
    assert!(printed(&night.site_dir()).unwrap().is_empty());
    assert_eq!(night.town.batches("straalfors")[0].1, BatchStatus::Refused);
}

/// Names that a server makes up are text: counted, bounded, shown with their sting drawn, and never a path.
#[test]
fn hostile_and_endless_listings_end_and_lead_nowhere() {
    let night = Night::sealed("edora");
    let (site, address) = night.site(&["hostile-names".to_owned()]);
    let connection = Connection::open(&address).unwrap();
    let (names, complete) = connection.names("out", 1_000, Duration::from_secs(20)).unwrap();
    assert!(complete && names.len() >= HOSTILE_NAMES.len() - 1, "{names:?}");
    assert!(names.iter().any(|name| name.contains("fjernprint-escaped")));
    let output = night.town.ask(&["vendor", "conformance", "--vendor", "edora"]);
    let shown = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(6), "{shown}");
    assert!(shown.contains("no file names") && !shown.contains('\u{202e}'), "{shown}");
    drop(connection);
    site.stop();
    let (site, address) = night.site(&["endless-listing".to_owned()]);
    let connection = Connection::open(&address).unwrap();
    let (names, complete) = connection.names("out", 1_000, Duration::from_secs(20)).unwrap();
    assert_eq!((names.len(), complete), (1_000, false));
    drop(connection);
    site.stop();
    for escaped in ["/tmp/fjernprint-escaped", "/tmp/escaped"] {
        assert!(!Path::new(escaped).exists());
    }
    assert!(!below(night.town.path("").as_path()).iter().any(|path| path.ends_with("escaped")));
}

#[test]
fn scripts_are_read_strictly_and_say_what_they_want() {
    let read = |script: &str| script.parse::<Misbehaviour>().map_err(|fault| fault.to_string());
    for script in [
        "cut=0",
        "cut=40000",
        "lose-answer=rename:1",
        "lose-answer=close",
        "disk-full=1048576",
        "swallow=10",
        "lying-stat",
        "lying-stat=absent:3",
        "sweep",
        "slow=20ms",
        "refuse=write",
        "refuse=stat:2",
        "hostile-names",
        "endless-listing",
        "new-host-key",
    ] {
        read(script).unwrap();
    }
    for (script, says) in [
        ("explode", "known are cut"),
        ("cut", "needs a parameter"),
        ("cut=many", "cut=40000"),
        ("cut=-1", "cut=40000"),
        ("lose-answer=dance", "none of open, write"),
        ("lose-answer=rename:0", "a number from 1"),
        ("lying-stat=long", "none of short, absent"),
        ("slow=20", "slow=20ms"),
        ("slow=60001ms", "at most 60000"),
        ("sweep=1", "takes no parameter"),
        ("", "known are cut"),
    ] {
        let fault = read(script).unwrap_err();
        assert!(fault.contains(says), "{script}: {fault}");
    }
}
