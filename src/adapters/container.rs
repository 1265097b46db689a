//! Writes the letters of a batch as the vendor takes them: one ZIP, a folder of PDFs, or one print stream. Proves nothing:
//! what came out is read back and compared by [`super::measure`].

use super::placed::Placed;
use super::store::{Store, StoreError, private_folder, write_private};
use crate::domain::Plex;
use crate::pdf::join::{JoinFault, join};
use crate::pipeline::seal::Member;
use crate::vendor::Container;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

#[derive(Debug, thiserror::Error)]
pub enum ContainerFault {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("writing the letters of a batch: {0}")]
    Io(#[from] io::Error),
    #[error("joining the letters of a batch: {0}")]
    Join(#[from] JoinFault),
}

/// Writes the container into `folder` under names that begin with `base`: `<base>.zip`, `<base>/<letter>.pdf` or
/// `<base>.pdf`. Gives each letter's first page of a stream, and nothing of the others.
///
/// One letter is held in memory at a time; of a stream, all of them.
pub fn write(store: &Store, container: Container, members: &[Member], folder: &Path, base: &str) -> Result<Vec<u32>, ContainerFault> {
    match container {
        Container::Zip => zip(store, members, &folder.join(format!("{base}.zip"))).map(|()| Vec::new()),
        Container::Files => {
            private_folder(&folder.join(base))?;
            for member in members {
                store.copy_unproved(&member.job.document, &folder.join(base).join(file_name(member)))?;
            }
            Ok(Vec::new())
        }
        Container::Stream => {
            let letters: Vec<Vec<u8>> = members.iter().map(|m| store.get(&m.job.document)).collect::<Result<_, _>>()?;
            let parts: Vec<&[u8]> = letters.iter().map(Vec::as_slice).collect();
            let duplex = members.iter().any(|m| m.job.options.plex == Plex::Duplex);
            let joined = join(&parts, duplex)?;
            write_private(&folder.join(format!("{base}.pdf")), &joined.bytes)?;
            Ok(joined.first_pages)
        }
    }
}

fn file_name(member: &Member) -> String {
    format!("{}.pdf", member.letter)
}

fn zip(store: &Store, members: &[Member], path: &Path) -> Result<(), ContainerFault> {
    let broken = |fault: zip::result::ZipError| ContainerFault::Io(fault.into());
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let mut zip = zip::ZipWriter::new(Placed::new(file));
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(0o640);
    let mut letter = Vec::new();
    for member in members {
        store.read_unproved(&member.job.document, &mut letter)?;
        zip.start_file(file_name(member), options).map_err(broken)?;
        zip.write_all(&letter)?;
    }
    Ok(zip.finish().map_err(broken)?.flush()?)
}
