//! What an SFTP session may do: names under one root, plain files and folders, no links. SFTP version 3, as OpenSSH
//! speaks it, so a rename never replaces a file.
//!
//! Files are read and written where the request stands, on the runtime's threads: a request holds 32 KiB or so, and one
//! session's requests are answered one after another, which is what bounds memory.

use super::jail::Jail;
use super::misbehave::{HOSTILE_NAMES, Lie, Misbehaviour, Operation, Then};
use russh_sftp::protocol::{Attrs, Data, File as Entry, FileAttributes, Handle, Name, OpenFlags, Status, StatusCode, Version};
use russh_sftp::server::Handler;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::collections::HashMap;
use std::fs::{self, File, FileTimes, OpenOptions};
use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// Open files and folders of one session.
const HANDLES_MAX: usize = 64;
/// Most bytes given back by one read, whatever was asked for.
const READ_BYTES_MAX: u32 = 64 * 1024;
/// Names given back by one look into a folder, and by all looks together.
const NAMES_AT_ONCE: usize = 100;
const NAMES_MAX: usize = 100_000;

enum Open {
    File {
        file: File,
        path: PathBuf,
        written: bool,
    },
    /// `endless`: how many names were made up so far, where the listing never ends.
    Folder {
        names: Vec<Entry>,
        endless: Option<u64>,
    },
}

/// One operation of its kind: its number decides what is done wrong about it.
#[derive(Clone, Copy)]
struct Turn {
    operation: Operation,
    number: u64,
}

/// One SFTP channel.
pub struct FileSession {
    jail: Arc<Jail>,
    /// The session's connection, to be broken off.
    line: Arc<TcpStream>,
    open: HashMap<String, Open>,
    opened: u64,
}

impl FileSession {
    pub fn new(jail: Arc<Jail>, line: Arc<TcpStream>) -> Self {
        Self { jail, line, open: HashMap::new(), opened: 0 }
    }

    /// Before an operation: waits and refuses where the script says so.
    async fn turn(&self, operation: Operation) -> Result<Turn, StatusCode> {
        let number = self.jail.mischief.count(operation);
        let pause = self.jail.mischief.pause();
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        if self.jail.mischief.refuses(operation, number) { Err(StatusCode::PermissionDenied) } else { Ok(Turn { operation, number }) }
    }

    /// After an operation: its answer, or a broken connection.
    fn answer<T>(&self, turn: Turn, answer: Result<T, StatusCode>) -> Result<T, StatusCode> {
        if self.jail.mischief.loses_answer(turn.operation, turn.number) { Err(self.break_off()) } else { answer }
    }

    fn break_off(&self) -> StatusCode {
        // One that is broken already is what was wanted.
        let _ = self.line.shutdown(Shutdown::Both);
        StatusCode::ConnectionLost
    }

    /// What the server says of a file or folder.
    fn say(&self, found: &fs::Metadata) -> Result<FileAttributes, StatusCode> {
        let mut attrs = FileAttributes::from(found);
        match found.is_file().then(|| self.jail.mischief.lie()).flatten() {
            Some(Lie::Absent) => return Err(StatusCode::NoSuchFile),
            Some(Lie::Short) => attrs.size = Some(found.len().saturating_sub(1)),
            Some(Lie::NoSize) => attrs.size = None,
            None => {}
        }
        Ok(attrs)
    }

    fn keep(&mut self, id: u32, open: Open) -> Result<Handle, StatusCode> {
        if self.open.len() >= HANDLES_MAX {
            return Err(StatusCode::Failure);
        }
        self.opened += 1;
        let handle = self.opened.to_string();
        self.open.insert(handle.clone(), open);
        Ok(Handle { id, handle })
    }

    fn file(&self, handle: &str) -> Result<&File, StatusCode> {
        match self.open.get(handle) {
            Some(Open::File { file, .. }) => Ok(file),
            _ => Err(StatusCode::Failure),
        }
    }
}

fn code(fault: io::Error) -> StatusCode {
    match fault.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => StatusCode::NoSuchFile,
        io::ErrorKind::PermissionDenied => StatusCode::PermissionDenied,
        _ => StatusCode::Failure,
    }
}

fn done(id: u32) -> Status {
    Status { id, status_code: StatusCode::Ok, error_message: "ok".to_owned(), language_tag: "en".to_owned() }
}

/// A name of no file, for a listing that never ends.
fn made_up(number: u64) -> Entry {
    Entry::new(format!("endless-{number:012}.csv"), FileAttributes { size: Some(number), ..FileAttributes::default() })
}

/// Owner and group are the server's affair and stay as they are.
fn set(file: &File, attrs: &FileAttributes) -> io::Result<()> {
    if let Some(size) = attrs.size {
        file.set_len(size)?;
    }
    if let Some(mode) = attrs.permissions {
        file.set_permissions(fs::Permissions::from_mode(mode & 0o777))?;
    }
    if let Some(modified) = attrs.mtime {
        file.set_times(FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(modified.into())))?;
    }
    Ok(())
}

/// What the operations do, once nothing wrong is done about them.
impl FileSession {
    fn open_file(&mut self, id: u32, filename: &str, pflags: OpenFlags, attrs: &FileAttributes) -> Result<Handle, StatusCode> {
        let written = pflags.intersects(OpenFlags::WRITE | OpenFlags::APPEND);
        let path = if written { self.jail.writable(filename)? } else { self.jail.inside(filename)? };
        let mut options = OpenOptions::from(pflags);
        options.mode(attrs.permissions.unwrap_or(0o640) & 0o777 | 0o600);
        // Looked at first: opening a named pipe would wait for its other end.
        if fs::symlink_metadata(&path).is_ok_and(|found| !found.is_file()) {
            return Err(StatusCode::Failure);
        }
        let file = options.open(&path).map_err(code)?;
        self.keep(id, Open::File { file, path, written })
    }

    fn close_handle(&mut self, handle: &str) -> Result<(), StatusCode> {
        let closed = self.open.remove(handle).ok_or(StatusCode::Failure)?;
        if let Open::File { file, path, written: true } = closed {
            drop(file);
            (self.jail.complete)(&path);
        }
        Ok(())
    }

    fn read_file(&self, handle: &str, offset: u64, len: u32) -> Result<Vec<u8>, StatusCode> {
        let mut data = vec![0; len.min(READ_BYTES_MAX) as usize];
        let read = self.file(handle)?.read_at(&mut data, offset).map_err(code)?;
        if read == 0 {
            return Err(StatusCode::Eof);
        }
        data.truncate(read);
        Ok(data)
    }

    fn write_file(&self, handle: &str, offset: u64, data: &[u8]) -> Result<(), StatusCode> {
        let file = self.file(handle)?;
        let kept = self.jail.mischief.take(data.len());
        file.write_all_at(&data[..kept.bytes], offset).map_err(code)?;
        match kept.then {
            Then::Ok => Ok(()),
            Then::Fail => Err(StatusCode::Failure),
            Then::BreakOff => Err(self.break_off()),
        }
    }

    fn look_at(&self, path: &str) -> Result<FileAttributes, StatusCode> {
        self.say(&fs::symlink_metadata(self.jail.path(path)?).map_err(code)?)
    }

    fn look_at_open(&self, handle: &str) -> Result<FileAttributes, StatusCode> {
        self.say(&self.file(handle)?.metadata().map_err(code)?)
    }

    fn open_folder(&mut self, id: u32, path: &str) -> Result<Handle, StatusCode> {
        let entries = fs::read_dir(self.jail.path(path)?).map_err(code)?;
        let mischief = &self.jail.mischief;
        let hostile = mischief.has(&Misbehaviour::HostileNames).then_some(HOSTILE_NAMES).into_iter().flatten();
        let listed = entries.take(NAMES_MAX).filter_map(Result::ok).filter_map(|entry| {
            let attrs = FileAttributes::from(&entry.metadata().ok()?);
            Some(Entry::new(entry.file_name().into_string().ok()?, attrs))
        });
        let names = hostile.map(|name| Entry::new(name, FileAttributes::default())).chain(listed).collect();
        let endless = mischief.has(&Misbehaviour::EndlessListing).then_some(0);
        self.keep(id, Open::Folder { names, endless })
    }

    fn next_names(&mut self, handle: &str) -> Result<Vec<Entry>, StatusCode> {
        let Some(Open::Folder { names, endless }) = self.open.get_mut(handle) else { return Err(StatusCode::Failure) };
        if let (true, Some(number)) = (names.is_empty(), endless) {
            names.extend((0..NAMES_AT_ONCE as u64).map(|more| made_up(*number + more)));
            *number += NAMES_AT_ONCE as u64;
        }
        if names.is_empty() {
            return Err(StatusCode::Eof);
        }
        let rest = names.split_off(names.len().min(NAMES_AT_ONCE));
        Ok(std::mem::replace(names, rest))
    }

    fn rename_file(&self, from: &str, to: &str) -> Result<(), StatusCode> {
        let (from, to) = (self.jail.writable(from)?, self.jail.writable(to)?);
        if !fs::symlink_metadata(&from).map_err(code)?.is_file() {
            return Err(StatusCode::PermissionDenied);
        }
        let replaces = self.jail.mischief.has(&Misbehaviour::Overwrite);
        let flags = if replaces { RenameFlags::empty() } else { RenameFlags::NOREPLACE };
        renameat_with(CWD, &from, CWD, &to, flags).map_err(|fault| code(fault.into()))?;
        (self.jail.complete)(&to);
        Ok(())
    }
}

impl Handler for FileSession {
    type Error = StatusCode;

    fn unimplemented(&self) -> StatusCode {
        StatusCode::OpUnsupported
    }

    async fn init(&mut self, _version: u32, _extensions: HashMap<String, String>) -> Result<Version, StatusCode> {
        // No extension is offered: with posix-rename a client would replace what lies here.
        Ok(Version::new())
    }

    async fn open(&mut self, id: u32, filename: String, pflags: OpenFlags, attrs: FileAttributes) -> Result<Handle, StatusCode> {
        let turn = self.turn(Operation::Open).await?;
        let opened = self.open_file(id, &filename, pflags, &attrs);
        self.answer(turn, opened)
    }

    async fn close(&mut self, id: u32, handle: String) -> Result<Status, StatusCode> {
        let turn = self.turn(Operation::Close).await?;
        let closed = self.close_handle(&handle).map(|()| done(id));
        self.answer(turn, closed)
    }

    async fn read(&mut self, id: u32, handle: String, offset: u64, len: u32) -> Result<Data, StatusCode> {
        let turn = self.turn(Operation::Read).await?;
        self.answer(turn, self.read_file(&handle, offset, len).map(|data| Data { id, data }))
    }

    async fn write(&mut self, id: u32, handle: String, offset: u64, data: Vec<u8>) -> Result<Status, StatusCode> {
        let turn = self.turn(Operation::Write).await?;
        self.answer(turn, self.write_file(&handle, offset, &data).map(|()| done(id)))
    }

    async fn stat(&mut self, id: u32, path: String) -> Result<Attrs, StatusCode> {
        let turn = self.turn(Operation::Stat).await?;
        self.answer(turn, self.look_at(&path).map(|attrs| Attrs { id, attrs }))
    }

    async fn lstat(&mut self, id: u32, path: String) -> Result<Attrs, StatusCode> {
        self.stat(id, path).await
    }

    async fn fstat(&mut self, id: u32, handle: String) -> Result<Attrs, StatusCode> {
        let turn = self.turn(Operation::Stat).await?;
        self.answer(turn, self.look_at_open(&handle).map(|attrs| Attrs { id, attrs }))
    }

    async fn setstat(&mut self, id: u32, path: String, attrs: FileAttributes) -> Result<Status, StatusCode> {
        let path = self.jail.writable(&path)?;
        let file = OpenOptions::new().read(true).write(attrs.size.is_some()).open(path).map_err(code)?;
        set(&file, &attrs).map_err(code)?;
        Ok(done(id))
    }

    async fn fsetstat(&mut self, id: u32, handle: String, attrs: FileAttributes) -> Result<Status, StatusCode> {
        set(self.file(&handle)?, &attrs).map_err(code)?;
        Ok(done(id))
    }

    async fn opendir(&mut self, id: u32, path: String) -> Result<Handle, StatusCode> {
        let turn = self.turn(Operation::List).await?;
        let opened = self.open_folder(id, &path);
        self.answer(turn, opened)
    }

    async fn readdir(&mut self, id: u32, handle: String) -> Result<Name, StatusCode> {
        self.next_names(&handle).map(|files| Name { id, files })
    }

    async fn mkdir(&mut self, id: u32, path: String, _attrs: FileAttributes) -> Result<Status, StatusCode> {
        let turn = self.turn(Operation::Mkdir).await?;
        let made = self.jail.writable(&path).and_then(|path| fs::DirBuilder::new().mode(0o750).create(path).map_err(code));
        self.answer(turn, made.map(|()| done(id)))
    }

    async fn remove(&mut self, id: u32, filename: String) -> Result<Status, StatusCode> {
        let turn = self.turn(Operation::Remove).await?;
        let removed = self.jail.inside(&filename).and_then(|path| fs::remove_file(path).map_err(code));
        self.answer(turn, removed.map(|()| done(id)))
    }

    async fn rmdir(&mut self, id: u32, path: String) -> Result<Status, StatusCode> {
        let turn = self.turn(Operation::Remove).await?;
        // Only an empty one goes.
        let removed = self.jail.writable(&path).and_then(|path| fs::remove_dir(path).map_err(code));
        self.answer(turn, removed.map(|()| done(id)))
    }

    async fn rename(&mut self, id: u32, oldpath: String, newpath: String) -> Result<Status, StatusCode> {
        let turn = self.turn(Operation::Rename).await?;
        self.answer(turn, self.rename_file(&oldpath, &newpath).map(|()| done(id)))
    }

    async fn realpath(&mut self, id: u32, path: String) -> Result<Name, StatusCode> {
        let shown = format!("/{}", Jail::names(&path)?.join("/"));
        Ok(Name { id, files: vec![Entry::dummy(shown)] })
    }
}
