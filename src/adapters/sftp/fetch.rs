//! Fetches what a vendor has laid ready: bounded in size, and in time however slowly it comes.

use super::{Connection, NO_SUCH_FILE, SftpFault};
use ssh2::ErrorCode;
use std::io::Read;
use std::path::Path;
use std::time::Instant;

/// As much as is asked for at once: libssh2 keeps so many requests on their way.
const PIECE_BYTES: usize = 256 * 1024;

impl Connection {
    /// Reads a remote file of at most `bytes_max` until `deadline`; `None` when there is none of this name.
    ///
    /// FP-A001 for one that is larger, FP-A014 for one that comes too slowly.
    pub fn fetch(&self, remote: &str, bytes_max: u64, deadline: Instant) -> Result<Option<Vec<u8>>, SftpFault> {
        let what = || format!("reading {remote}");
        let failed = |e: &dyn std::fmt::Display| SftpFault::new("FP-S001", what(), e, true);
        let mut file = match self.sftp().open(Path::new(remote)) {
            Ok(file) => file,
            Err(fault) if fault.code() == ErrorCode::SFTP(NO_SUCH_FILE) => return Ok(None),
            Err(fault) => return Err(failed(&fault)),
        };
        let (mut bytes, mut piece) = (Vec::new(), vec![0; PIECE_BYTES]);
        loop {
            if Instant::now() > deadline {
                let why = format!("{} bytes came in the time that there is", bytes.len());
                return Err(SftpFault::new("FP-A014", what(), why, false));
            }
            let read = file.read(&mut piece).map_err(|e| failed(&e))?;
            if read == 0 {
                return Ok(Some(bytes));
            }
            bytes.extend_from_slice(&piece[..read]);
            if bytes.len() as u64 > bytes_max {
                return Err(SftpFault::new("FP-A001", what(), format!("is larger than {bytes_max} bytes"), false));
            }
        }
    }
}
