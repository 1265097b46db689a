//! Before a batch goes up: what lies there, what an earlier attempt left, whether there is room.

use crate::adapters::sftp::{Connection, Manner, SftpFault, Target, Upload};
use crate::pipeline::ship::{Part, Parts, earlier, left_over};
use crate::vendor::profile::Delivery;
use std::collections::BTreeMap;
use std::path::Path;

/// Entries of a batch's own folder: each file, and what earlier attempts left of it, at most so many times.
const LEFT_OVERS_EACH_MAX: usize = 4;
const ENTRIES_MAX: usize = 1_000;

/// So many entries of a batch's own folder are read at most.
pub(super) fn entries_max(parts: &Parts) -> usize {
    ENTRIES_MAX + parts.content.len() * LEFT_OVERS_EACH_MAX
}

/// One attempt at one batch.
pub(super) struct Round<'a> {
    pub connection: &'a Connection,
    pub parts: &'a Parts,
    pub delivery: &'a Delivery,
    pub manner: Manner<'a>,
    /// The batch's folder on our disk.
    pub batch: &'a Path,
}

impl Round<'_> {
    /// Makes the batch's folder, clears away what earlier attempts left, and gives what is to go up: content and proof.
    ///
    /// FP-S005 when the server says that there is less room than that takes; a server that does not say is believed.
    pub fn prepare(&self) -> Result<(Vec<Upload>, Vec<Upload>), SftpFault> {
        let mut there: BTreeMap<String, Option<u64>> = BTreeMap::new();
        for folder in self.parts.folders() {
            self.own_folder(&folder, &mut there)?;
        }
        let mut room_bytes = 0;
        let mut planned = |part| self.plan(part, &there, &mut room_bytes).transpose();
        let content = self.parts.content.iter().filter_map(&mut planned).collect::<Result<Vec<_>, _>>()?;
        let proof = self.parts.proof.iter().filter_map(&mut planned).collect::<Result<Vec<_>, _>>()?;
        self.room_for(room_bytes)?;
        Ok((content, proof))
    }

    /// Makes the batch's own folder, or lists it: then `there` knows of each of its files whether it is there.
    fn own_folder(&self, folder: &str, there: &mut BTreeMap<String, Option<u64>>) -> Result<(), SftpFault> {
        let made = self.connection.folder(folder)?;
        let listed = if made { Ok(BTreeMap::new()) } else { self.connection.list(folder, entries_max(self.parts)) };
        let listed = match listed {
            Ok(listed) => listed,
            // Not every server lists: then each file is looked at.
            Err(fault) if fault.retry => return Ok(()),
            Err(fault) => return Err(fault),
        };
        for (part, attempt) in left_over(&listed, folder, &self.parts.content, self.manner.attempt) {
            self.connection.clear_away(&Manner::part(&part.remote, attempt))?;
        }
        if !self.manner.look {
            return Ok(());
        }
        for part in self.parts.content.iter().filter(|part| part.own_folder() == Some(folder)) {
            let name = part.remote.rsplit_once('/').map_or("", |(_, name)| name);
            there.insert(part.remote.clone(), listed.get(name).copied());
        }
        Ok(())
    }

    /// What is to be done for one part, and how much more of the vendor's disk it takes; `None` when it is there.
    fn plan(&self, part: &Part, there: &BTreeMap<String, Option<u64>>, room_bytes: &mut u64) -> Result<Option<Upload>, SftpFault> {
        let mut target = Target::new(part.remote.clone(), part.bytes);
        // What is there already takes no room: on a small disk, room for it would be waited for without end.
        let looked = match there.get(&part.remote) {
            Some(listed) => Some(*listed),
            None if self.manner.look => Some(self.connection.size(&part.remote)?),
            None => None,
        };
        match looked {
            Some(Some(size)) if size == part.bytes => return Ok(None),
            Some(None) => target.absent = true,
            // Another size, or not known: the upload looks, and says what is wrong.
            _ => {}
        }
        let mut taken_over = 0;
        if part.own_folder().is_none() && self.manner.rename {
            taken_over = self.clear(part)?;
            target.from = Target::resume_at(taken_over);
        }
        *room_bytes += part.bytes - taken_over;
        Ok(Some(Upload { local: self.batch.join(&part.local), target }))
    }

    /// Clears away what earlier attempts left of a part in the inbox. Gives the size of the one that this attempt has taken
    /// over, where the profile allows it; 0 without.
    fn clear(&self, part: &Part) -> Result<u64, SftpFault> {
        let mut taken_over = 0;
        for attempt in earlier(self.manner.attempt).rev() {
            let left = Manner::part(&part.remote, attempt);
            let useful = self.delivery.resume && taken_over == 0 && Target::resume_at(part.bytes) > 0;
            let size = if useful { self.connection.size(&left)?.filter(|size| *size <= part.bytes) } else { None };
            match size {
                Some(size) if Target::resume_at(size) > 0 => {
                    // By rename: whoever still writes to the old name can no longer give it the final one.
                    self.connection.rename(&left, &Manner::part(&part.remote, self.manner.attempt))?;
                    taken_over = size;
                }
                _ => self.connection.clear_away(&left)?,
            }
        }
        Ok(taken_over)
    }

    fn room_for(&self, bytes: u64) -> Result<(), SftpFault> {
        match self.connection.free_bytes(&self.delivery.inbox) {
            Some(free) if free < bytes => {
                let why = format!("{bytes} bytes are to go up, and the vendor's disk has room for {free}");
                Err(SftpFault::new("FP-S005", format!("asking for room in {}", self.delivery.inbox), why, false))
            }
            _ => Ok(()),
        }
    }
}
