//! Measures shipping beside OpenSSH's own client: `cargo bench --bench shipping`. Needs sshd, sftp and ssh-keygen, and
//! room for 2 GB in /dev/shm, where both ends of every transfer lie.
//!
//! Each round sends the same files once with `sftp -b`, `put -r`, and once as a night does: under part names, each looked
//! at and renamed, the lease asked before it. The rounds alternate, and what is told is the median of the rounds' ratios;
//! more than 1 is faster than sftp. Prints and asserts nothing: times depend on the machine and on who else uses it.

#[path = "../tests/it/proxy.rs"]
mod proxy;

use fjernprint::adapters::sftp::{Address, Manner, OwnFolder, Sessions, SftpFault, Target, Upload};
use fjernprint::ledger::Ledger;
use fjernprint::vendor::VendorProfile;
use proxy::Proxy;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

const ROUNDS: usize = 5;
/// One way; the round trip is twice as long.
const DELAY: Duration = Duration::from_millis(10);
const LETTER_BYTES: usize = 40 << 10;
const CONTAINER_BYTES: usize = 40 << 20;
const CIPHER: &str = "aes256-gcm@openssh.com";

struct Server {
    child: Child,
    port: u16,
    dir: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn main() {
    let server = sshd();
    let path = |name: &str| server.dir.path().join(name);
    fs::create_dir(path("inbox")).expect("a folder of ours");
    let letters = lay(&path("letters"), 10_000, LETTER_BYTES);
    let few = lay(&path("few"), 500, LETTER_BYTES);
    let containers = lay(&path("containers"), 10, CONTAINER_BYTES);
    let slow = Proxy::start(server.port, DELAY);
    let bench = Bench { server: &server, ledger: Mutex::new(ledger(&path("ledger.db"))) };
    println!("times as fast as `sftp put -r` ({CIPHER}), median of {ROUNDS} rounds (all of them), both ends in /dev/shm");
    // Words of a line choose it: `-- containers`, `-- "20 ms"`.
    bench.compare("10,000 letters of 40 KiB", &path("letters"), &letters, "kmd", server.port);
    bench.compare("10 containers of 40 MiB", &path("containers"), &containers, "edora", server.port);
    bench.compare("500 letters of 40 KiB, 20 ms round trip", &path("few"), &few, "kmd", slow.port);
    bench.compare("10 containers of 40 MiB, 20 ms round trip", &path("containers"), &containers, "edora", slow.port);
}

fn ledger(path: &Path) -> Ledger {
    let mut ledger = Ledger::open(path).expect("a new ledger");
    ledger.take_lease("bench", "2026-11-24T02:00:00Z").expect("the only one who asks");
    ledger
}

/// Files of noise.
fn lay(folder: &Path, files: usize, bytes: usize) -> Vec<PathBuf> {
    fs::create_dir(folder).expect("a folder of ours");
    let file = |n: usize| {
        let path = folder.join(format!("{n:05}.pdf"));
        let mut noise = vec![0; bytes];
        rand::Rng::fill(&mut rand::rng(), &mut noise[..]);
        fs::write(&path, noise).expect("room in /dev/shm");
        path
    };
    (0..files).map(file).collect()
}

struct Bench<'a> {
    server: &'a Server,
    ledger: Mutex<Ledger>,
}

impl Bench<'_> {
    fn compare(&self, what: &str, folder: &Path, files: &[PathBuf], vendor: &str, port: u16) {
        if std::env::args().skip(1).any(|word| !word.starts_with('-') && !what.contains(&word)) {
            return;
        }
        let mut rounds: Vec<(f64, f64)> = (0..ROUNDS).map(|_| (self.theirs(folder, files, port), self.ours(files, vendor, port))).collect();
        rounds.sort_by(|a, b| (a.0 / a.1).total_cmp(&(b.0 / b.1)));
        let (theirs, ours) = rounds[ROUNDS / 2];
        let all: Vec<String> = rounds.iter().map(|(theirs, ours)| format!("{:.2}", theirs / ours)).collect();
        println!("  {what}: {:.2} ({}); sftp {theirs:.2} s, fjernprint {ours:.2} s", theirs / ours, all.join(" "));
    }

    fn theirs(&self, folder: &Path, files: &[PathBuf], port: u16) -> f64 {
        let inbox = self.server.dir.path().join("inbox");
        let batch = self.server.dir.path().join("sftp.batch");
        fs::write(&batch, format!("put -r {} {}\n", folder.display(), inbox.join("theirs").display())).expect("a file of ours");
        let mut command = Command::new("sftp");
        command
            .arg("-q")
            .arg("-b")
            .arg(batch)
            .args(["-P", &port.to_string(), "-c", CIPHER])
            .arg("-i")
            .arg(self.server.dir.path().join("client"));
        for option in ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "IdentitiesOnly=yes", "LogLevel=ERROR"] {
            command.args(["-o", option]);
        }
        let started = Instant::now();
        let ended = command.arg("root@127.0.0.1").stdout(Stdio::null()).status().expect("sftp is installed");
        let seconds = started.elapsed().as_secs_f64();
        assert!(ended.success(), "sftp ended with {ended}");
        arrived(&inbox.join("theirs"), files);
        seconds
    }

    fn ours(&self, files: &[PathBuf], vendor: &str, port: u16) -> f64 {
        let remote = self.server.dir.path().join("inbox/ours");
        let key = |name: &str| self.server.dir.path().join(name);
        let address = Address {
            host: "127.0.0.1".into(),
            port,
            user: "root".into(),
            key_file: key("client"),
            key_passphrase_file: None,
            agent: false,
            host_key_pin: fingerprint(&key("host.pub")),
            timeout_s: 30,
        };
        let text = fs::read_to_string(format!("{}/vendors/{vendor}/profile.toml", env!("CARGO_MANIFEST_DIR"))).expect("a shipped profile");
        let sessions_max = VendorProfile::parse(&text).expect("a shipped profile").delivery.sessions;
        let permit = || -> Result<(), SftpFault> {
            self.ledger.lock().expect("no thread breaks").check_lease().expect("ours");
            Ok(())
        };
        let started = Instant::now();
        let mut sessions = Sessions::open(&address, sessions_max as usize).expect("the server is up");
        let made = sessions.first().folder(&remote.to_string_lossy()).expect("a folder is made");
        let upload = |file: &PathBuf| {
            let name = remote.join(file.file_name().expect("a file"));
            let mut target = Target::new(name.to_string_lossy(), fs::metadata(file).expect("a file of ours").len());
            target.absent = made;
            Upload { local: file.clone(), target }
        };
        let uploads: Vec<Upload> = files.iter().map(upload).collect();
        // A batch has one container, and batches go one after the other; letters of a batch go side by side.
        let together = if vendor == "edora" { 1 } else { uploads.len() };
        let folder = remote.to_string_lossy();
        let own_folder = (vendor == "kmd").then_some(OwnFolder { remote: &folder, entries_max: 2 * files.len() });
        for batch in uploads.chunks(together) {
            sessions.upload(batch, &Manner { permit: &permit, own_folder, ..Manner::default() }).expect("everything arrives");
        }
        drop(sessions);
        let seconds = started.elapsed().as_secs_f64();
        arrived(&remote, files);
        seconds
    }
}

/// Every file is there with its size; then they are cleared away.
fn arrived(folder: &Path, files: &[PathBuf]) {
    for file in files {
        let there = folder.join(file.file_name().expect("a file"));
        let size = |path: &Path| fs::metadata(path).map(|found| found.len()).unwrap_or_default();
        assert_eq!(size(&there), size(file), "{}", there.display());
    }
    assert_eq!(fs::read_dir(folder).expect("it is there").count(), files.len());
    fs::remove_dir_all(folder).expect("ours to remove");
}

fn fingerprint(public: &Path) -> String {
    let shown = Command::new("ssh-keygen").arg("-lf").arg(public).output().expect("ssh-keygen is installed").stdout;
    String::from_utf8_lossy(&shown).split_whitespace().nth(1).expect("a fingerprint").to_owned()
}

fn sshd() -> Server {
    let dir = tempfile::tempdir_in("/dev/shm").expect("a folder in /dev/shm");
    for name in ["host", "client"] {
        let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(dir.path().join(name)).status();
        assert!(made.expect("ssh-keygen is installed").success());
    }
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
    let (host, keys) = (dir.path().join("host"), dir.path().join("client.pub"));
    let config = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPidFile none\n\
         PermitRootLogin prohibit-password\nPasswordAuthentication no\nSubsystem sftp internal-sftp\n",
        host.display(),
        keys.display()
    );
    fs::write(dir.path().join("sshd_config"), config).expect("a file of ours");
    let _ = fs::create_dir_all("/run/sshd");
    let mut command = Command::new("/usr/sbin/sshd");
    let child =
        command.arg("-D").arg("-e").arg("-f").arg(dir.path().join("sshd_config")).stderr(Stdio::null()).spawn().expect("sshd is installed");
    let server = Server { child, port, dir };
    let deadline = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "sshd does not come up");
        std::thread::sleep(Duration::from_millis(20));
    }
    server
}
