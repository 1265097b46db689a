//! Where a session may go: remote names become real paths under one root, or nothing.

use super::misbehave::Mischief;
use russh_sftp::protocol::StatusCode;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders below the root.
const DEPTH_MAX: usize = 8;

/// The folder a session sees as `/`, and who wants to know when a file in it is complete.
pub struct Jail {
    pub root: PathBuf,
    /// A folder in it whose files can be read and removed, not made or changed: the vendor's answers.
    pub answers: PathBuf,
    /// Called with a file's real path when its writing handle was closed or it got its name by rename.
    pub complete: Box<dyn Fn(&Path) + Send + Sync>,
    /// What this server does wrong on purpose.
    pub mischief: Mischief,
}

impl Jail {
    /// The names that a remote path consists of. `..` at the root stays there, as in any file system.
    pub fn names(path: &str) -> Result<Vec<&str>, StatusCode> {
        let mut names = Vec::new();
        for name in path.split('/') {
            match name {
                "" | "." => {}
                ".." => drop(names.pop()),
                name if name.contains('\0') => return Err(StatusCode::NoSuchFile),
                name => names.push(name),
            }
        }
        if names.len() > DEPTH_MAX { Err(StatusCode::PermissionDenied) } else { Ok(names) }
    }

    /// The real path. A link on the way is refused, wherever it leads: nobody can make one through this door.
    pub fn path(&self, path: &str) -> Result<PathBuf, StatusCode> {
        let mut real = self.root.clone();
        for name in Self::names(path)? {
            real.push(name);
            if fs::symlink_metadata(&real).is_ok_and(|found| found.is_symlink()) {
                return Err(StatusCode::PermissionDenied);
            }
        }
        Ok(real)
    }

    /// As [`Jail::path`], and not the root itself.
    pub fn inside(&self, path: &str) -> Result<PathBuf, StatusCode> {
        let real = self.path(path)?;
        if real == self.root { Err(StatusCode::PermissionDenied) } else { Ok(real) }
    }

    /// As [`Jail::inside`], where files may be made and changed.
    pub fn writable(&self, path: &str) -> Result<PathBuf, StatusCode> {
        let real = self.inside(path)?;
        if real.starts_with(&self.answers) { Err(StatusCode::PermissionDenied) } else { Ok(real) }
    }
}
