//! Whether a ZIP holds its members and nothing else: they follow one another from the first byte to the directory, the
//! directory follows at once, and the end record after it is the file's end. Takes an archive that was opened and the names
//! that are expected, gives the first place where it is otherwise, and judges no member's content.
//!
//! Programs that open ZIPs do not agree on what counts: some read the directory, others walk from head to head, others again
//! look for the last end record. A file in which each byte has one meaning is the same to all of them.

use std::io::{Read, Seek, SeekFrom};
use zip::ZipArchive;
use zip::result::ZipResult;

/// Before a member's name, where its bytes lie (APPNOTE 4.3.7).
const LOCAL_HEAD_BYTES: u64 = 30;
/// Before a member's name, in the directory (4.3.12).
const CENTRAL_HEAD_BYTES: u64 = 46;
/// Members that the end record can count; of more than these, the ZIP64 records before it do.
const MEMBERS_MAX: u64 = u16::MAX as u64;
/// In the ZIP64 end record, which version of the format wrote it and which opens it: neither moves a byte.
const VERSIONS: std::ops::Range<usize> = 12..16;

/// Why the archive is more or other than these members in this order; `None` where it is just them.
pub fn fault<'a, R: Read + Seek>(mut archive: ZipArchive<R>, names: impl Iterator<Item = &'a str>) -> ZipResult<Option<String>> {
    if archive.has_duplicate_names() {
        return Ok(Some("it holds two files of one name".to_owned()));
    }
    if !archive.comment().is_empty() {
        return Ok(Some("it has a comment".to_owned()));
    }
    let directory_at = archive.central_directory_start();
    let (mut at, mut entry_at, mut members) = (0u64, directory_at, 0u64);
    for (index, name) in names.enumerate() {
        let member = archive.by_index_raw(index)?;
        if member.name_raw() != name.as_bytes() {
            return Ok(Some(format!("{name} is not at its place, which is number {}", index + 1)));
        }
        let name_bytes = name.len() as u64;
        if member.header_start() != at {
            return Ok(Some(format!("{name} begins at byte {}, expected {at}", member.header_start())));
        }
        if member.data_start() != Some(at + LOCAL_HEAD_BYTES + name_bytes) {
            return Ok(Some(format!("{name} has an extra field in its head")));
        }
        if member.central_header_start() != entry_at {
            return Ok(Some(format!(
                "{name} stands at byte {} of the file in the directory, expected {entry_at}",
                member.central_header_start()
            )));
        }
        // No size is trusted to be small.
        at = (at + LOCAL_HEAD_BYTES + name_bytes).saturating_add(member.compressed_size());
        entry_at += CENTRAL_HEAD_BYTES + name_bytes;
        members += 1;
    }
    if directory_at != at {
        return Ok(Some(format!("its directory begins at byte {directory_at}, its letters end at {at}")));
    }
    // The heads say what the directory says: some programs never look at the one, some never at the other.
    archive.validate_header_consistency()?;
    let mut file = archive.into_inner();
    let bytes = file.seek(SeekFrom::End(0))?;
    let mut expected = end(members, directory_at, entry_at);
    if bytes != entry_at + expected.len() as u64 {
        let why = format!("it has {bytes} bytes, its directory ends at {entry_at}, and {} bytes of end record follow", expected.len());
        return Ok(Some(why));
    }
    let mut found = vec![0; expected.len()];
    file.seek(SeekFrom::Start(entry_at))?;
    file.read_exact(&mut found)?;
    if members > MEMBERS_MAX {
        expected[VERSIONS].copy_from_slice(&found[VERSIONS]);
    }
    Ok((found != expected).then(|| format!("the end record at byte {entry_at} is not that of the directory before it")))
}

/// The bytes after the directory (4.3.14 to 4.3.16). No place or size in it is too large for 32 bits: a batch's files are smaller.
fn end(members: u64, from: u64, to: u64) -> Vec<u8> {
    let (long, short) = (|value: u64| value.to_le_bytes(), |value: u64| (value.min(u32::MAX.into()) as u32).to_le_bytes());
    let count = (members.min(MEMBERS_MAX) as u16).to_le_bytes();
    let many = members > MEMBERS_MAX;
    let mut end = Vec::new();
    if many {
        end.extend([b"PK\x06\x06".as_slice(), &long(44), &[0; 4], &[0; 8]].concat());
        end.extend([members, members, to - from, from].map(long).concat());
        end.extend([b"PK\x06\x07".as_slice(), &[0; 4], &long(to), &short(1)].concat());
    }
    let directory_bytes = if many { u64::MAX } else { to - from };
    end.extend([b"PK\x05\x06".as_slice(), &[0; 4], &count, &count, &short(directory_bytes), &short(from), &[0; 2]].concat());
    end
}
