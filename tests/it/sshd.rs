//! Shipping to a real OpenSSH server: own configuration, high port on loopback, chroot, internal-sftp.

use crate::proxy::{Cut, Proxy, black_hole};
use fjernprint::adapters::sftp::{Address, Connection, Manner, OwnFolder, Sessions, SftpFault, Target, Upload};
use std::fs;
use std::io::{Cursor, Read};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub struct Server {
    child: Child,
    // Kept so that the folder outlives the server.
    dir: tempfile::TempDir,
    pub jail: PathBuf,
    pub address: Address,
    mounted: Option<PathBuf>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if let Some(mounted) = &self.mounted {
            let _ = Command::new("umount").arg("-l").arg(mounted).status();
        }
    }
}

pub fn keygen(file: &Path) {
    keygen_as(file, "ed25519", "");
}

fn keygen_as(file: &Path, kind: &str, passphrase: &str) {
    let made = Command::new("ssh-keygen").args(["-q", "-t", kind, "-N", passphrase, "-f"]).arg(file).status().unwrap();
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
fn listening(dir: &Path, jail: &Path, more: &str) -> Option<(Child, u16)> {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    // The first value of a keyword counts: `more` stands in front.
    let config = format!(
        "{more}\nPort {port}\nListenAddress 127.0.0.1\nHostKey {host}\nAuthorizedKeysFile {keys}\nStrictModes no\nUsePAM no\n\
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

/// Processes that came from this one, and theirs, the youngest last.
fn descendants(of: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let children = fs::read_to_string(format!("/proc/{of}/task/{of}/children")).unwrap_or_default();
    for child in children.split_whitespace().filter_map(|id| id.parse().ok()) {
        found.push(child);
        found.extend(descendants(child));
    }
    found
}

impl Server {
    /// `kill -9` for the listener and every session of it, at once.
    pub fn kill(&mut self) {
        let sessions = descendants(self.child.id());
        let _ = self.child.kill();
        signal(&sessions, "KILL");
        let _ = self.child.wait();
    }

    /// Comes up again, with the same keys and files, on another port.
    pub fn restart(&mut self) {
        self.kill();
        let (child, port) = (0..5).find_map(|_| listening(self.dir.path(), &self.jail, "")).expect("sshd did not come up in five tries");
        (self.child, self.address.port) = (child, port);
    }

    /// Puts a disk of so many bytes in the inbox's place. The tests run as root: sshd's chroot needs it as well.
    /// False where nothing may be mounted, which is said: a container without that right has no small disks.
    pub fn small_disk(&mut self, bytes: u64) -> bool {
        let inbox = self.jail.join("in");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "none"]).arg(&inbox).status();
        if !mounted.is_ok_and(|status| status.success()) {
            eprintln!("no tmpfs can be mounted here: nothing is tried on a full disk");
            return false;
        }
        self.mounted = Some(inbox);
        true
    }
}

fn signal(processes: &[u32], name: &str) {
    let ids: Vec<String> = processes.iter().map(u32::to_string).collect();
    if !ids.is_empty() {
        let _ = Command::new("kill").arg(format!("-{name}")).args(ids).stderr(Stdio::null()).status();
    }
}

pub fn start() -> Server {
    start_with("ed25519", "ed25519", "", "")
}

/// A server with a host key of this kind, a client key of that kind and passphrase, and more lines of configuration.
fn start_with(host: &str, client: &str, passphrase: &str, more: &str) -> Server {
    let dir = tempfile::tempdir_in(safe_base()).unwrap();
    let path = |name: &str| dir.path().join(name);
    keygen_as(&path("host"), host, "");
    keygen_as(&path("client"), client, passphrase);
    fs::copy(path("client.pub"), path("authorised")).unwrap();
    let jail = path("jail");
    fs::create_dir_all(jail.join("in")).unwrap();
    fs::create_dir_all("/run/sshd").unwrap();
    let _ = Command::new("chmod").args(["755"]).arg(dir.path()).arg(&jail).status();
    let (child, port) = (0..5).find_map(|_| listening(dir.path(), &jail, more)).expect("sshd did not come up in five tries");
    let address = Address {
        host: "127.0.0.1".into(),
        port,
        user: "root".into(),
        key_file: path("client"),
        key_passphrase_file: None,
        agent: false,
        host_key_pin: fingerprint(&path("host.pub")),
        timeout_s: 10,
    };
    Server { child, jail, address, dir, mounted: None }
}

fn upload(connection: &Connection, content: &[u8], name: &str) -> Result<(), &'static str> {
    let target = Target::new(name, content.len() as u64);
    connection.upload(&mut Cursor::new(content), &target, &Manner::default()).map_err(|fault| fault.code)
}

/// The fault of a connection that must not come about.
fn refused(address: &Address) -> SftpFault {
    Connection::open(address).err().expect("a connection that must be refused")
}

/// Our own key is in the way, whatever its form: the vendor has nothing to do with it, and no other try helps.
fn unusable(address: &Address, why: &str) {
    let fault = refused(address);
    assert_eq!((fault.code, fault.retry), ("FP-K020", false), "{fault}");
    assert!(fault.why.contains(why) && fault.why.contains(&*address.key_file.to_string_lossy()), "{fault}");
}

/// libssh2 has another word for a passphrase of these than for that of OpenSSH's own form.
#[test]
fn a_key_in_pem_or_pkcs8_that_cannot_be_used_is_ours_too() {
    let server = start_with("ed25519", "rsa", "hemmeligt", "");
    let file = server.address.key_file.with_file_name("passphrase");
    for form in ["PEM", "PKCS8"] {
        let mut change = Command::new("ssh-keygen");
        change.args(["-q", "-p", "-m", form, "-P", "hemmeligt", "-N", "hemmeligt", "-f"]).arg(&server.address.key_file);
        assert!(change.stdout(Stdio::null()).status().unwrap().success());
        let mut address = server.address.clone();
        unusable(&address, "no key_passphrase_file is configured");
        address.key_passphrase_file = Some(file.clone());
        fs::write(&file, "another\n").unwrap();
        unusable(&address, "does not open it");
        fs::write(&file, "hemmeligt\n").unwrap();
        Connection::open(&address).unwrap_or_else(|fault| panic!("{form}: {fault}"));
    }
    unusable(&Address { key_file: file.with_file_name("absent"), ..server.address.clone() }, "absent");
}

#[test]
fn every_kind_of_key_logs_in() {
    // Host key, client key, passphrase: each kind on each side.
    for (host, client, passphrase) in
        [("ed25519", "rsa", ""), ("rsa", "ecdsa", "hemmeligt"), ("ecdsa", "ed25519", "hemmeligt"), ("rsa", "rsa", "x")]
    {
        let server = start_with(host, client, passphrase, "");
        let mut address = server.address.clone();
        if !passphrase.is_empty() {
            unusable(&address, "no key_passphrase_file is configured");
            let file = address.key_file.with_file_name("passphrase");
            fs::write(&file, "another\n").unwrap();
            address.key_passphrase_file = Some(file.clone());
            unusable(&address, "does not open it");
            fs::write(&file, format!("{passphrase}\n")).unwrap();
        }
        let connection = Connection::open(&address).unwrap_or_else(|fault| panic!("{host}, {client}: {fault}"));
        assert_eq!(connection.size("in/nothing").unwrap(), None);
    }
    let mut address = start().address.clone();
    address.key_passphrase_file = Some("/nowhere".into());
    assert_eq!(refused(&address).code, "FP-S001", "the server is gone before the passphrase is asked for");
}

/// The agent is found by the environment, which other tests share: the client runs in a process of its own.
#[test]
fn a_key_in_the_agent_logs_in_and_one_that_is_not_there_is_told() {
    let server = start_with("ed25519", "ed25519", "hemmeligt", "");
    let town = crate::shipping::Town::new();
    let mut address = server.address.clone();
    (address.agent, address.key_file) = (true, address.key_file.with_extension("pub"));
    town.configure(&[("edora", address.clone())]);
    fs::create_dir_all(server.jail.join("out")).unwrap();
    let socket = town.path("agent");
    let mut agent = Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while !socket.exists() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    let run = || {
        let mut command = crate::night::command(&["run", "--json", "--quiet", "--config", town.path("fjernprint.toml").to_str().unwrap()]);
        let output = command.env("SSH_AUTH_SOCK", &socket).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = run();
    assert!(code == Some(12) && said.contains("FP-K020") && said.contains("does not hold"), "{said}");
    town.configure(&[("edora", fjernprint::adapters::sftp::Address { key_file: server.address.key_file.clone(), ..address.clone() })]);
    let (code, said) = run();
    assert!(code == Some(12) && said.contains("it is a private key; with agent = true, key_file names the public one"), "{said}");
    town.configure(&[("edora", address.clone())]);
    let ask = town.path("ask");
    fs::write(&ask, "#!/bin/sh\necho hemmeligt\n").unwrap();
    assert!(Command::new("chmod").arg("700").arg(&ask).status().unwrap().success());
    let mut add = Command::new("setsid");
    add.arg("ssh-add").arg(&server.address.key_file).env("SSH_AUTH_SOCK", &socket).env("SSH_ASKPASS", &ask);
    let added = add.env("SSH_ASKPASS_REQUIRE", "force").stdin(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(added.success());
    // 2: the other two vendors have no connection.
    let (code, said) = run();
    let _ = agent.kill();
    let _ = agent.wait();
    assert_eq!(code, Some(2), "{said}");
    assert_eq!(town.batches("edora")[0].1, fjernprint::domain::status::BatchStatus::Shipped);
}

/// A socket that takes the call and says nothing, as an agent that waits for somebody at a screen does.
#[test]
fn an_agent_that_does_not_answer_is_no_vendor_that_does_not() {
    let server = start();
    let town = crate::shipping::Town::new();
    let socket = town.path("agent");
    let _hangs = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let address = Address { agent: true, key_file: server.address.key_file.with_extension("pub"), ..server.address.clone() };
    town.configure(&[("edora", address)]);
    let profile = town.path("vendors/edora/profile.toml");
    let text = fs::read_to_string(&profile).unwrap();
    let shorter: Vec<&str> = text.lines().map(|line| if line.starts_with("timeout_s") { "timeout_s = 1" } else { line }).collect();
    fs::write(&profile, shorter.join("\n")).unwrap();
    let config = town.path("fjernprint.toml");
    let mut command = crate::night::command(&["vendor", "check", "edora", "--live", "--config", config.to_str().unwrap()]);
    let output = command.env("SSH_AUTH_SOCK", &socket).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(12), "{said}");
    assert!(said.contains("FP-K020") && said.contains("asking ssh-agent: it does not answer"), "{said}");
}

#[test]
fn old_algorithms_are_not_spoken() {
    for (what, more) in [
        ("key exchange", "KexAlgorithms diffie-hellman-group14-sha1,diffie-hellman-group-exchange-sha1"),
        ("cipher", "Ciphers aes128-cbc,aes256-cbc,3des-cbc"),
        ("MAC", "Ciphers aes256-ctr\nMACs hmac-sha1,hmac-md5"),
        ("host key", "HostKeyAlgorithms ssh-rsa"),
    ] {
        let server = start_with("rsa", "ed25519", "", more);
        let fault = refused(&server.address);
        assert!(fault.code == "FP-S001" && fault.why.contains("modern enough"), "{what}: {fault}");
    }
    // The same server, with one of ours beside them.
    let server = start_with(
        "rsa",
        "ed25519",
        "",
        "KexAlgorithms diffie-hellman-group14-sha1,curve25519-sha256\nCiphers aes128-cbc,aes256-ctr\nMACs hmac-sha1,hmac-sha2-256",
    );
    Connection::open(&server.address).unwrap();
}

/// Half a minute is no measure of speed: without time-outs each of these hangs for ever.
#[test]
fn a_server_that_hangs_is_given_up_at_the_door_in_a_transfer_and_at_the_end() {
    let limit = Duration::from_secs(30);
    let started = Instant::now();
    let server = start();
    let mut address = server.address.clone();
    (address.port, address.timeout_s) = (black_hole(), 1);
    let fault = refused(&address);
    assert_eq!((fault.code, fault.retry), ("FP-S001", true), "{fault}");

    address.port = server.address.port;
    let mut sessions = Sessions::open(&address, 3).unwrap();
    let stopped = descendants(server.child.id());
    assert!(!stopped.is_empty());
    signal(&stopped, "STOP");
    let fault = upload(sessions.first(), &vec![7; 5_000_000], "in/large").unwrap_err();
    assert_eq!(fault, "FP-S001");
    let file = server.dir.path().join("small");
    fs::write(&file, b"x").unwrap();
    let uploads: Vec<Upload> = (0..40).map(|n| Upload { local: file.clone(), target: Target::new(format!("in/{n}"), 1) }).collect();
    assert!(sessions.upload(&uploads, &Manner::default()).is_err());
    drop(sessions);
    signal(&stopped, "CONT");
    assert!(started.elapsed() < limit, "{:?}", started.elapsed());
}

#[test]
fn many_files_go_up_over_several_sessions_and_each_just_once() {
    let server = start();
    let file = |n: u32| {
        let path = server.dir.path().join(format!("file-{n}"));
        fs::write(&path, format!("letter {n}")).unwrap();
        let mut target = Target::new(format!("in/batch/{n}.pdf"), fs::metadata(&path).unwrap().len());
        target.absent = true;
        Upload { local: path, target }
    };
    let uploads: Vec<Upload> = (0..200).map(file).collect();
    let mut sessions = Sessions::open(&server.address, 4).unwrap();
    assert!(sessions.first().folder("in/batch").unwrap());
    let asked = AtomicU32::new(0);
    let permit = || {
        asked.fetch_add(1, Ordering::Relaxed);
        Ok(())
    };
    sessions.upload(&uploads, &Manner { permit: &permit, ..Manner::default() }).unwrap();
    assert_eq!(asked.into_inner(), 200, "asked before each rename");
    let listed = sessions.first().list("in/batch", 200).unwrap_err();
    assert!(!listed.retry, ". and .. are entries too: {listed}");
    for (n, upload) in uploads.iter().enumerate() {
        let there = fs::read(server.jail.join(format!("in/batch/{n}.pdf"))).unwrap();
        assert_eq!(there, fs::read(&upload.local).unwrap());
    }
    assert_eq!(fs::read_dir(server.jail.join("in/batch")).unwrap().count(), 200, "no part is left");
    // Without the permission nothing gets a final name.
    let no = || Err(SftpFault::new("FP-L008", "shipping", "another run", false));
    let fault = sessions.upload(&[file(200)], &Manner { permit: &no, ..Manner::default() }).unwrap_err();
    assert_eq!(fault.code, "FP-L008");
    assert!(!server.jail.join("in/batch/200.pdf").exists());
}

/// In a batch's own folder the files are written, listed and named; a listing that is not to be had, or says something else,
/// leaves each file to be looked at.
#[test]
fn files_of_an_own_folder_are_listed_before_they_get_their_names() {
    let server = start();
    let file = |n: u32, absent: bool| {
        let path = server.dir.path().join(format!("file-{n}"));
        fs::write(&path, format!("letter {n}")).unwrap();
        let target = Target { absent, ..Target::new(format!("in/batch/{n}.pdf"), fs::metadata(&path).unwrap().len()) };
        Upload { local: path, target }
    };
    let mut sessions = Sessions::open(&server.address, 4).unwrap();
    assert!(sessions.first().folder("in/batch").unwrap());
    fs::write(server.jail.join("in/batch/7.pdf"), "letter 7").unwrap();
    fs::write(server.jail.join("in/batch/8.pdf"), "half").unwrap();
    let asked = AtomicU32::new(0);
    let permit = || {
        asked.fetch_add(1, Ordering::Relaxed);
        Ok(())
    };
    let own = |remote, entries_max| Manner { permit: &permit, own_folder: Some(OwnFolder { remote, entries_max }), ..Manner::default() };
    let numbers: Vec<u32> = (0..60).filter(|n| *n != 8).collect();
    // 7 is there already, and may be.
    let uploads: Vec<Upload> = numbers.iter().map(|n| file(*n, *n != 7)).collect();
    sessions.upload(&uploads, &own("in/batch", 200)).unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 58, "asked before each rename");
    let fault = sessions.upload(&[file(8, false)], &own("in/batch", 200)).unwrap_err();
    assert_eq!(fault.code, "FP-S004", "what is there with another size is not replaced");
    sessions.upload(&[file(60, true)], &own("in/batch", 20)).unwrap();
    sessions.upload(&[file(61, true)], &own("in/no-such-folder", 200)).unwrap();
    for n in numbers.into_iter().chain([60, 61]) {
        assert_eq!(fs::read_to_string(server.jail.join(format!("in/batch/{n}.pdf"))).unwrap(), format!("letter {n}"));
    }
    // A server that keeps less than it was given.
    let short = Upload { target: Target { bytes: 3, ..file(62, true).target }, ..file(62, true) };
    assert!(sessions.upload(&[short], &own("in/batch", 200)).is_err());
    assert!(!server.jail.join("in/batch/62.pdf").exists());
    let no = || Err(SftpFault::new("FP-L008", "shipping", "another run", false));
    let fault = sessions.upload(&[file(63, true)], &Manner { permit: &no, ..own("in/batch", 200) }).unwrap_err();
    assert_eq!(fault.code, "FP-L008");
    assert!(!server.jail.join("in/batch/63.pdf").exists());
}

#[test]
fn an_upload_goes_on_where_every_byte_is_known_to_be_whole() {
    let window = 4 << 20;
    for (there, from) in [(0, 0), (1, 0), (window, 0), (window + 1, 1), (2 * window, window)] {
        assert_eq!(Target::resume_at(there), from, "{there}");
    }
    let server = start();
    let connection = Connection::open(&server.address).unwrap();
    let content: Vec<u8> = (0..9_000_001u32).map(|n| (n % 251) as u8).collect();
    let part = server.jail.join("in/batch.zip.2.part");
    // Beyond the resume point, what an attempt left counts for nothing: a packet of it may be missing.
    let mut left = content[..(2 * window + 1000) as usize].to_vec();
    left[(window + 1000) as usize..].fill(0);
    fs::write(&part, &left).unwrap();
    let mut target = Target::new("in/batch.zip", content.len() as u64);
    target.from = Target::resume_at(left.len() as u64);
    connection.upload(&mut Cursor::new(&content), &target, &Manner { attempt: 2, ..Manner::default() }).unwrap();
    assert!(fs::read(server.jail.join("in/batch.zip")).unwrap() == content);
    assert!(!part.exists());
}

#[test]
fn free_room_is_told_and_a_full_disk_leaves_nothing_under_a_final_name() {
    let mut server = start();
    if !server.small_disk(2 << 20) {
        return;
    }
    let connection = Connection::open(&server.address).unwrap();
    let free = connection.free_bytes("in").expect("OpenSSH tells");
    assert!((1 << 20..=2 << 20).contains(&free), "{free}");
    assert_eq!(connection.free_bytes("nowhere"), None);
    assert_eq!(upload(&connection, &vec![7; 3 << 20], "in/large"), Err("FP-S008"));
    assert!(!server.jail.join("in/large").exists());
    // The session is still of use.
    connection.remove("in/large.1.part").unwrap();
    connection.remove("in/large.1.part").unwrap();
    upload(&connection, b"small", "in/small").unwrap();
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
    let fault = refused(&address);
    assert_eq!((fault.code, fault.retry), ("FP-S002", false));
    assert!(fault.to_string().contains(&server.address.host_key_pin), "{fault}");
}

/// The line breaks at every stage of coming in. None of that is a wrong key or a refused login: nobody shall be called at
/// night for a line that broke.
#[test]
fn a_line_that_breaks_at_the_door_is_no_question_of_keys() {
    let server = start_with("rsa", "ed25519", "", &format!("HostKey {}", another_host_key().display()));
    let proxy = Proxy::start(server.address.port, Duration::ZERO);
    let mut address = Address { port: proxy.port, ..server.address.clone() };
    address.host_key_pin = fingerprint(&another_host_key().with_extension("pub"));
    for bytes in (0..4_000).step_by(250) {
        for cut in [Cut::ToServer(bytes), Cut::ToClient(bytes)] {
            proxy.cut([cut]);
            if let Err(fault) = Connection::open(&address) {
                assert_eq!((fault.code, fault.retry), ("FP-S001", true), "{cut:?}: {fault}");
            }
        }
    }
    assert!(proxy.fired() > 8, "nothing was cut: this proved nothing");
}

/// A server shows a key of one kind, and the pin may be that of another kind which it has as well.
fn another_host_key() -> &'static Path {
    static KEY: std::sync::OnceLock<(tempfile::TempDir, PathBuf)> = std::sync::OnceLock::new();
    let made = KEY.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ecdsa");
        keygen_as(&path, "ecdsa", "");
        (dir, path)
    });
    &made.1
}

#[test]
fn a_wrong_key_and_a_closed_port_are_told_apart() {
    let server = start();
    let stranger = server.address.key_file.with_file_name("stranger");
    keygen(&stranger);
    let mut address = server.address.clone();
    address.key_file = stranger;
    let fault = refused(&address);
    assert_eq!(fault.code, "FP-S003", "{fault}");
    let mut address = server.address.clone();
    drop(server);
    address.timeout_s = 2;
    let fault = refused(&address);
    assert_eq!((fault.code, fault.retry), ("FP-S001", true));
}
