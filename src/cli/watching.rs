//! Proofs of letters, alarms, gates and the audit of the log.

use super::arguments::ProofCommand;
use super::*;
use crate::app::proof::{self, VerifyProof};

impl Face<'_> {
    pub(super) fn make_proof(&mut self, config: &Config, letter: &str, out: &std::path::Path) -> Result<u8, Ended> {
        let made = proof::make(config, letter, out)?;
        if self.json {
            show::line(&mut self.out, "summary", &made)?;
        } else {
            writeln!(self.out, "letter {}: {} for people, {} for the proof", made.letter_id, made.page.display(), made.proof.display())?;
        }
        Ok(exit::DONE)
    }

    pub(super) fn proof(&mut self, command: ProofCommand) -> Result<u8, Ended> {
        let ProofCommand::Verify { file, certificate, document, receipt, signer } = command;
        let shown = proof::verify(&VerifyProof { file, certificate, document, receipt, signers: signer })?;
        if self.json {
            show::line(&mut self.out, "summary", &shown)?;
            return Ok(exit::DONE);
        }
        writeln!(self.out, "the proof of letter {} holds", shown.letter_id)?;
        shown.proved.iter().try_for_each(|said| writeln!(self.out, "    proved      {said}"))?;
        shown.not_proved.iter().try_for_each(|said| writeln!(self.out, "    not proved  {said}"))?;
        Ok(exit::DONE)
    }
}
