//! Shipping that breaks in every way: lines that are cut at any byte, servers and clients that are killed, disks that fill
//! up. However a session goes, the runs after it bring every letter to its vendor just once.
//!
//! Each session has a seed, which its failure names. A slice runs with the other tests; FJERNPRINT_FAULTS and
//! FJERNPRINT_FAULTS_OPENSSH say how many, and FJERNPRINT_SEED where to begin (README.md has the command).

use crate::night::command;
use crate::pdf::{A4, pdf};
use crate::proxy::{Cut, Proxy};
use crate::shipping::{LETTERS, Town, VENDORS};
use fjernprint::adapters::sftp::Address;
use fjernprint::domain::LetterId;
use fjernprint::domain::status::{BatchStatus, LetterStatus};
use fjernprint::vendor::VendorProfile;
use fjernprint::vendor_site::{Site, printed, verify};
use fjernprint::wire::manifest::letters_from_csv;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A random draw and a few milliseconds: where a kill or a full disk falls.
const MOMENT_MS: u64 = 700;
/// Sessions beyond those that were asked for, while nothing was cut.
const SESSIONS_MORE: u64 = 8;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// How many lines were cut in so many sessions. On a busy machine a run may be killed before it comes to its cut: then a few
/// more sessions are held.
fn cut_in(first: u64, sessions: u64, session: impl Fn(u64) -> u32) -> u32 {
    let (mut seed, mut fired) = (first, 0);
    while seed < first + sessions || (fired == 0 && seed < first + sessions + SESSIONS_MORE) {
        fired += session(seed);
        seed += 1;
    }
    fired
}

/// Letters are sealed and nothing is shipped yet; vendors are tried a few times.
fn sealed(letter: impl Fn(usize) -> Vec<u8>) -> Town {
    let town = Town::with_letters(letter);
    for (vendor, _) in VENDORS {
        let path = town.path(&format!("vendors/{vendor}/profile.toml"));
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("attempts_max = 1", "attempts_max = 2")).unwrap();
    }
    assert_eq!(town.run(&["run", "--until", "seal"]), Some(0));
    town
}

fn profile(vendor: &str) -> VendorProfile {
    VendorProfile::parse(&fs::read_to_string(format!("{}/vendors/{vendor}/profile.toml", env!("CARGO_MANIFEST_DIR"))).unwrap()).unwrap()
}

/// Every file that a vendor's inbox may hold at the end, with its size: by path below the inbox.
fn expected(town: &Town, vendor: &str) -> BTreeMap<PathBuf, u64> {
    let mut files = BTreeMap::new();
    for (batch, _) in town.batches(vendor) {
        let folder = town.path(&format!("data/batches/{batch}"));
        for path in files_below(&folder) {
            files.insert(path.strip_prefix(&folder).unwrap().to_owned(), fs::metadata(&path).unwrap().len());
        }
        files.insert(format!("{batch}.ready").into(), 0);
    }
    files
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        // A folder may go while it is looked at.
        for entry in fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok) {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}

fn is_part(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "part")
}

/// What stands under a final name and is not, byte for byte in its length, what was sealed under that name.
fn strangers(inbox: &Path, expected: &BTreeMap<PathBuf, u64>) -> Vec<String> {
    let strange = |path: PathBuf| {
        let (name, size) = (path.strip_prefix(inbox).unwrap().to_owned(), fs::metadata(&path).ok()?.len());
        (!is_part(&path) && expected.get(&name) != Some(&size)).then(|| format!("{}: {size} bytes", path.display()))
    };
    files_below(inbox).into_iter().filter_map(strange).collect()
}

struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Looks at the inboxes again and again while `work` is done.
fn watched<T>(inboxes: &[(PathBuf, BTreeMap<PathBuf, u64>)], work: impl FnOnce() -> T) -> (T, Vec<String>) {
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut seen = BTreeSet::new();
            while !ended.load(Ordering::Relaxed) {
                inboxes.iter().for_each(|(inbox, expected)| seen.extend(strangers(inbox, expected)));
                std::thread::sleep(Duration::from_millis(3));
            }
            seen.into_iter().collect()
        });
        // Also when the work panics: a scope waits for its threads.
        let over = Over(&ended);
        let done = work();
        drop(over);
        (done, watcher.join().unwrap())
    })
}

/// One run that may be killed after a while; its exit code, if it came to one.
fn run(town: &Town, kill_after: Option<Duration>) -> Option<i32> {
    let config = town.path("fjernprint.toml");
    let mut command = command(&["run", "--until", "ship", "--json", "--quiet", "--config", config.to_str().unwrap()]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    if let Some(wait) = kill_after {
        std::thread::sleep(wait);
        let _ = child.kill();
    }
    child.wait().unwrap().code()
}

/// Runs over a line that is whole again until one is through. Each vendor is tried once a run, and a server's process that
/// outlived its line may hold room on a small disk for a moment yet: that run ends with 5, and a later one carries on.
fn carried_on(town: &Town) -> Option<i32> {
    for _ in 0..20 {
        match town.run(&["run", "--until", "ship"]) {
            Some(5) => std::thread::sleep(Duration::from_millis(200)),
            code => return code,
        }
    }
    let config = town.path("fjernprint.toml");
    let last = command(&["run", "--until", "ship", "--config", config.to_str().unwrap()]).output().unwrap();
    eprintln!("{}", String::from_utf8_lossy(&last.stderr));
    Some(5)
}

/// Breaks of a line: near the beginning is the handshake, further on the files, their renames, and the answers to them.
fn cuts(random: &mut StdRng, bytes: u64) -> Vec<Cut> {
    let cut = |random: &mut StdRng| match random.random_range(0..3) {
        0 => Cut::ToClient(random.random_range(0..12_000)),
        _ => Cut::ToServer(random.random_range(0..bytes)),
    };
    (0..random.random_range(0..3)).map(|_| cut(random)).collect()
}

fn moment(random: &mut StdRng, of: u32) -> Option<Duration> {
    let wait = Duration::from_millis(random.random_range(0..MOMENT_MS));
    (random.random_range(0..of) == 0).then_some(wait)
}

/// A vendor's site behind a line that breaks.
struct Vendor {
    name: &'static str,
    site: Option<Site>,
    proxy: Proxy,
    address: Address,
}

impl Vendor {
    fn new(town: &Town, name: &'static str) -> Self {
        let (site, address) = town.site(name);
        let proxy = Proxy::start(site.port(), Duration::ZERO);
        let address = Address { port: proxy.port, ..address };
        Self { name, site: Some(site), proxy, address }
    }

    /// Its server is gone in the middle of whatever it did, and comes up again.
    fn restart(&mut self, town: &Town) {
        self.site.take().unwrap().stop();
        let (site, _) = town.site(self.name);
        self.proxy.lead_to(site.port());
        self.site = Some(site);
    }
}

fn site_session(template: &Town, seed: u64) -> u32 {
    let mut random = StdRng::seed_from_u64(seed);
    let town = template.copy();
    let mut vendors: Vec<Vendor> = VENDORS.iter().map(|(name, _)| Vendor::new(&town, name)).collect();
    town.configure(&vendors.iter().map(|v| (v.name, v.address.clone())).collect::<Vec<_>>());
    // One that sweeps holds nothing where a client could see it.
    let inbox = |v: &Vendor| (town.path(&format!("site/{}/files", v.name)).join(profile(v.name).delivery.inbox), expected(&town, v.name));
    let inboxes: Vec<_> = vendors.iter().map(inbox).collect();
    for _ in 0..random.random_range(1..4) {
        vendors.iter().for_each(|vendor| vendor.proxy.cut(cuts(&mut random, 40_000)));
        let (kill, restart, which) = (moment(&mut random, 2), moment(&mut random, 3), random.random_range(0..vendors.len()));
        let (code, seen) = watched(&inboxes, || {
            std::thread::scope(|scope| {
                let running = scope.spawn(|| run(&town, kill));
                if let Some(wait) = restart {
                    std::thread::sleep(wait);
                    vendors[which].restart(&town);
                }
                running.join().unwrap()
            })
        });
        assert!(matches!(code, None | Some(0 | 5)), "seed {seed}: a broken line is exit 5, not {code:?}");
        assert_eq!(seen, [""; 0], "seed {seed}");
    }
    let fired = vendors.iter().map(|vendor| vendor.proxy.fired()).sum();
    vendors.iter().for_each(|vendor| vendor.proxy.cut([]));
    let (code, seen) = watched(&inboxes, || carried_on(&town));
    assert_eq!((code, seen), (Some(0), Vec::new()), "seed {seed}: the runs after it");
    town.until_settled(3 * LETTERS);
    for vendor in &vendors {
        let printed = printed(&town.path(&format!("site/{}", vendor.name))).unwrap();
        let batches: BTreeSet<_> = printed.iter().map(|(batch, _)| batch.clone()).collect();
        let letters: BTreeSet<LetterId> = printed.iter().map(|(_, letter)| letter.clone()).collect();
        assert_eq!((printed.len(), letters.len()), (LETTERS, LETTERS), "seed {seed}: {}", vendor.name);
        assert_eq!(batches, town.batches(vendor.name).into_iter().map(|(name, _)| name).collect(), "seed {seed}");
    }
    for (inbox, _) in &inboxes {
        let parts: Vec<PathBuf> = files_below(inbox).into_iter().filter(|path| is_part(path)).collect();
        assert!(parts.is_empty(), "seed {seed}: {parts:?}");
    }
    assert_eq!(town.run(&["ledger", "verify", "--deep"]), Some(0), "seed {seed}");
    fired
}

#[test]
fn whatever_breaks_between_us_and_a_site_every_letter_is_printed_once() {
    let template = sealed(|n| pdf(&vec![A4; n + 1], |_, _| {}));
    let (sessions, first) = (number("FJERNPRINT_FAULTS", 8), number("FJERNPRINT_SEED", 1));
    let fired = cut_in(first, sessions, |seed| site_session(&template, seed));
    eprintln!("{sessions} sessions against the site, {fired} lines cut");
    assert!(fired > 0, "nothing was cut: this proved nothing");
}

/// Noise that no compression shrinks, so that a container is several windows long.
fn large_letter(n: usize) -> Vec<u8> {
    let mut noise = vec![0; 2_500_000];
    StdRng::seed_from_u64(n as u64).fill(&mut noise[..]);
    let add = |document: &mut lopdf::Document, _| _ = document.add_object(lopdf::Stream::new(lopdf::dictionary! {}, noise));
    pdf(&[A4], add)
}

fn openssh_session(template: &Town, seed: u64) -> u32 {
    let mut random = StdRng::seed_from_u64(seed);
    let town = template.copy();
    let mut server = crate::sshd::start();
    let inboxes: Vec<_> = VENDORS.map(|(vendor, _)| (server.jail.join(profile(vendor).delivery.inbox), expected(&town, vendor))).into();
    inboxes.iter().for_each(|(inbox, _)| fs::create_dir_all(inbox).unwrap());
    let proxy = Proxy::start(server.address.port, Duration::ZERO);
    let address = Address { port: proxy.port, ..server.address.clone() };
    town.configure(&VENDORS.map(|(vendor, _)| (vendor, address.clone())));
    // Edora's inbox is a disk of its own, so small that a batch may not fit.
    let container: u64 = inboxes[0].1.values().sum();
    let small = server.small_disk(container + (1 << 20));
    for _ in 0..random.random_range(1..4) {
        proxy.cut(cuts(&mut random, 2 * container));
        let filled = random.random_range(0..3) == 0 && small;
        let filler = (inboxes[0].0.join("another-customer.part"), random.random_range(0..container));
        let (kill, restart) = (moment(&mut random, 2), moment(&mut random, 3));
        let (code, seen) = watched(&inboxes, || {
            std::thread::scope(|scope| {
                let running = scope.spawn(|| run(&town, kill));
                std::thread::sleep(Duration::from_millis(random.random_range(0..MOMENT_MS / 2)));
                if filled {
                    // What is left of the disk after this is less than a container.
                    let _ = fs::write(&filler.0, vec![0; (container + (1 << 20) - filler.1) as usize]);
                }
                if let Some(wait) = restart {
                    std::thread::sleep(wait);
                    server.restart();
                    proxy.lead_to(server.address.port);
                }
                running.join().unwrap()
            })
        });
        let _ = fs::remove_file(&filler.0);
        assert!(matches!(code, None | Some(0 | 5)), "seed {seed}: {code:?}");
        assert_eq!(seen, [""; 0], "seed {seed}");
    }
    let fired = proxy.fired();
    proxy.cut([]);
    let (code, seen) = watched(&inboxes, || match carried_on(&town) {
        // A server's process whose client was killed may wait for it, with a file open that was removed: its room comes back
        // when the vendor's server drops the session, here by a restart.
        Some(5) => {
            server.restart();
            proxy.lead_to(server.address.port);
            carried_on(&town)
        }
        code => code,
    });
    assert_eq!((code, seen), (Some(0), Vec::new()), "seed {seed}: the runs after it");
    let mut letters = Vec::new();
    let root = fs::read(town.path("keys/ca.pem")).unwrap();
    for ((vendor, _), (inbox, expected)) in VENDORS.iter().zip(&inboxes) {
        let there: BTreeSet<PathBuf> = files_below(inbox).into_iter().map(|p| p.strip_prefix(inbox).unwrap().to_owned()).collect();
        assert_eq!(there, expected.keys().cloned().collect(), "seed {seed}: {vendor} holds each file once, and nothing else");
        for (batch, status) in town.batches(vendor) {
            assert_eq!(status, BatchStatus::Shipped, "seed {seed}");
            verify(inbox, &batch, &root).unwrap_or_else(|refusal| panic!("seed {seed}: {}", refusal.message));
            let csv = fs::read(inbox.join(format!("{batch}.letters.csv"))).unwrap();
            letters.extend(letters_from_csv(&csv).unwrap().into_iter().map(|row| row.letter_id));
        }
    }
    let once: BTreeSet<&LetterId> = letters.iter().collect();
    assert_eq!((once.len(), letters.len()), (3 * LETTERS, 3 * LETTERS), "seed {seed}");
    assert_eq!(town.count(LetterStatus::Shipped), 3 * LETTERS as u64, "seed {seed}");
    assert_eq!(town.run(&["ledger", "verify", "--deep"]), Some(0), "seed {seed}");
    fired
}

/// An attempt that broke off after the container had its name leaves it there: the disk has no room for another one, and none
/// is needed.
#[test]
fn what_lies_at_the_vendor_already_needs_no_room_there() {
    let town = sealed(large_letter);
    let mut server = crate::sshd::start();
    let inbox = server.jail.join(profile("edora").delivery.inbox);
    fs::create_dir_all(&inbox).unwrap();
    town.configure(&[("edora", server.address.clone())]);
    let name = town.batches("edora")[0].0.to_string();
    let container = town.path(&format!("data/batches/{name}/{name}.zip"));
    if !server.small_disk(fs::metadata(&container).unwrap().len() + (1 << 20)) {
        return;
    }
    fs::copy(&container, inbox.join(format!("{name}.zip"))).unwrap();
    // 2: the other two have no connection.
    assert_eq!(town.run(&["run", "--until", "ship"]), Some(2));
    assert_eq!(town.batches("edora")[0].1, BatchStatus::Shipped);
    assert!(inbox.join(format!("{name}.ready")).exists());
}

#[test]
fn whatever_breaks_between_us_and_openssh_every_letter_arrives_once() {
    let template = sealed(large_letter);
    let (sessions, first) = (number("FJERNPRINT_FAULTS_OPENSSH", 2), number("FJERNPRINT_SEED", 1));
    let fired = cut_in(first, sessions, |seed| openssh_session(&template, seed));
    eprintln!("{sessions} sessions against OpenSSH, {fired} lines cut");
    assert!(fired > 0, "nothing was cut: this proved nothing");
}
