//! Shipping to a real OpenSSH server: own configuration, high port on loopback, chroot, internal-sftp.

use fjernprint::adapters::sftp::{Address, Connection};
use std::fs;
use std::io::{Cursor, Read};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Server {
    child: Child,
    // Kept so that the folder outlives the server.
    _dir: tempfile::TempDir,
    pub jail: PathBuf,
    pub address: Address,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn keygen(file: &Path) {
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(file).status().unwrap();
    assert!(made.success());
}

pub fn fingerprint(public: &Path) -> String {
    let shown = Command::new("ssh-keygen").arg("-lf").arg(public).output().unwrap().stdout;
    String::from_utf8(shown).unwrap().split_whitespace().nth(1).unwrap().to_owned()
}

/// A folder that sshd takes for a chroot: it and all above belong to root and are writable by no other.
fn safe_base() -> &'static Path {
    let safe = |path: &Path| {
        path.ancestors().all(|folder| {
            let meta = fs::metadata(folder).unwrap();
            meta.uid() == 0 && meta.mode() & 0o022 == 0
        })
    };
    let candidates = [env!("CARGO_TARGET_TMPDIR"), "/var/lib", "/root"].map(Path::new);
    candidates.into_iter().find(|path| path.is_dir() && safe(path)).expect("a folder that only root can write to")
}

/// Starts sshd on a port that was free a moment ago; `None` when another took it meanwhile.
fn listening(dir: &Path, jail: &Path) -> Option<(Child, u16)> {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {host}\nAuthorizedKeysFile {keys}\nStrictModes no\nUsePAM no\n\
         PermitRootLogin prohibit-password\nPasswordAuthentication no\nPidFile none\nChrootDirectory {jail}\n\
         Subsystem sftp internal-sftp\nForceCommand internal-sftp\n",
        host = dir.join("host").display(),
        keys = dir.join("authorised").display(),
        jail = jail.display(),
    );
    fs::write(dir.join("sshd_config"), config).unwrap();
    let mut command = Command::new("/usr/sbin/sshd");
    command.arg("-D").arg("-e").arg("-f").arg(dir.join("sshd_config"));
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline && child.try_wait().unwrap().is_none() {
        // Only a banner proves that the listener is a server, and this one.
        let mut banner = [0; 4];
        let answered = TcpStream::connect(("127.0.0.1", port)).and_then(|mut socket| socket.read_exact(&mut banner));
        if answered.is_ok() && &banner == b"SSH-" && child.try_wait().unwrap().is_none() {
            return Some((child, port));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

pub fn start() -> Server {
    let dir = tempfile::tempdir_in(safe_base()).unwrap();
    let path = |name: &str| dir.path().join(name);
    keygen(&path("host"));
    keygen(&path("client"));
    fs::copy(path("client.pub"), path("authorised")).unwrap();
    let jail = path("jail");
    fs::create_dir_all(jail.join("in")).unwrap();
    fs::create_dir_all("/run/sshd").unwrap();
    let _ = Command::new("chmod").args(["755"]).arg(dir.path()).arg(&jail).status();
    let (child, port) = (0..5).find_map(|_| listening(dir.path(), &jail)).expect("sshd did not come up in five tries");
    let host_key_pin = fingerprint(&path("host.pub"));
    let address = Address { host: "127.0.0.1".into(), port, user: "root".into(), key_file: path("client"), host_key_pin, timeout_s: 10 };
    Server { child, jail, address, _dir: dir }
}

fn upload(connection: &Connection, content: &[u8], name: &str) -> Result<(), &'static str> {
    connection.upload(&mut Cursor::new(content), content.len() as u64, name, true, true).map_err(|fault| fault.code)
}

#[test]
fn files_appear_whole_by_rename_and_are_never_overwritten() {
    let server = start();
    let connection = Connection::open(&server.address).unwrap();
    let large: Vec<u8> = (0..9_000_001u32).map(|n| (n % 251) as u8).collect();
    upload(&connection, &large, "in/batch.zip").unwrap();
    upload(&connection, b"", "in/batch.ready").unwrap();
    assert!(fs::read(server.jail.join("in/batch.zip")).unwrap() == large);
    assert_eq!(connection.size("in/batch.ready").unwrap(), Some(0));
    assert_eq!(connection.size("in/other").unwrap(), None);
    // Again is nothing; other content under the name is refused and leaves the first untouched.
    upload(&connection, &large, "in/batch.zip").unwrap();
    assert_eq!(upload(&connection, b"other", "in/batch.zip"), Err("FP-S004"));
    assert_eq!(fs::metadata(server.jail.join("in/batch.zip")).unwrap().len(), large.len() as u64);
    connection.folder("in/batch").unwrap();
    connection.folder("in/batch").unwrap();
    upload(&connection, b"letter", "in/batch/letter.pdf").unwrap();
    assert_eq!(connection.read("in/batch/letter.pdf", 6).unwrap(), b"letter");
    assert_eq!(connection.read("in/batch/letter.pdf", 5).unwrap_err().code, "FP-A001");
    let left: Vec<_> = fs::read_dir(server.jail.join("in")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".part")), "{left:?}");
}

#[test]
fn a_server_with_another_host_key_gets_no_byte() {
    let server = start();
    let mut address = server.address.clone();
    address.host_key_pin = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into();
    let fault = Connection::open(&address).err().unwrap();
    assert_eq!((fault.code, fault.retry), ("FP-S002", false));
    assert!(fault.to_string().contains(&server.address.host_key_pin), "{fault}");
}

#[test]
fn a_wrong_key_and_a_closed_port_are_told_apart() {
    let server = start();
    let stranger = server.address.key_file.with_file_name("stranger");
    keygen(&stranger);
    let mut address = server.address.clone();
    address.key_file = stranger;
    let fault = Connection::open(&address).err().unwrap();
    assert_eq!(fault.code, "FP-S003", "{fault}");
    let mut address = server.address.clone();
    drop(server);
    address.timeout_s = 2;
    let fault = Connection::open(&address).err().unwrap();
    assert_eq!((fault.code, fault.retry), ("FP-S001", true));
}
