//! Proofs of letters, alarms, gates and the audit of the log.

use super::arguments::{AuditCommand, GateCommand, ProofCommand};
use super::*;
use crate::app::audit::{self, AuditFilter};
use crate::app::proof::{self, VerifyProof};
use crate::app::{alarms, gates};
use crate::domain::alarm::Alarm;
use crate::domain::calendar::shown_in_denmark;

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
        let ProofCommand::Verify { file, certificate, document, receipt, answers_certificate, signer } = command;
        let shown = proof::verify(&VerifyProof { file, certificate, document, receipt, answers_certificate, signers: signer })?;
        if self.json {
            show::line(&mut self.out, "summary", &shown)?;
            return Ok(exit::DONE);
        }
        writeln!(self.out, "the proof of letter {} holds", shown.letter_id)?;
        shown.proved.iter().try_for_each(|said| writeln!(self.out, "    proved      {said}"))?;
        shown.not_proved.iter().try_for_each(|said| writeln!(self.out, "    not proved  {said}"))?;
        Ok(exit::DONE)
    }

    pub(super) fn gate(&mut self, config: &Config, command: GateCommand) -> Result<u8, Ended> {
        match command {
            GateCommand::List { business_date } => {
                let closed = gates::list(config, business_date.as_deref())?;
                for gate in &closed {
                    if self.json {
                        show::line(&mut self.out, "gate", gate)?;
                    } else {
                        writeln!(self.out, "{}  {}", gate.code, gate.message)?;
                    }
                }
                if self.json {
                    show::line(&mut self.out, "summary", &json!({"gates": closed.len()}))?;
                } else if closed.is_empty() {
                    writeln!(self.out, "no gate stops the next run")?;
                }
                Ok(if closed.is_empty() { exit::DONE } else { exit::GATE })
            }
            GateCommand::Pass { gate, why, business_date } => {
                let (order, passed) = gates::pass(config, &gate, &why.reason, why.by.as_deref(), business_date.as_deref(), &self.progress)?;
                if self.json {
                    show::line(&mut self.out, "summary", &json!({"order": order, "gate": passed.id, "passed": passed.about}))?;
                } else {
                    writeln!(self.out, "{order}: {}: the next run passes it; with other numbers it stops again", passed.about)?;
                }
                Ok(exit::DONE)
            }
        }
    }

    pub(super) fn alarms(&mut self, config: &Config, check: bool) -> Result<u8, Ended> {
        let code = if check { alarms::check(config, &self.progress)?.1 } else { exit::DONE };
        let raised = alarms::raised(config)?;
        for alarm in &raised {
            self.alarm(alarm)?;
        }
        if self.json {
            show::line(&mut self.out, "summary", &json!({"alarms": raised.len()}))?;
        } else if raised.is_empty() {
            writeln!(self.out, "no alarm is raised")?;
        }
        Ok(code)
    }

    fn alarm(&mut self, alarm: &Alarm) -> Result<(), Ended> {
        let Alarm { code, gravity, about, since, message, command } = alarm;
        if self.json {
            let owner = codes::find(code).map(|page| page.owner);
            let line = json!({"key": alarm.key(), "code": code, "gravity": gravity, "owner": owner, "about": about, "since": since,
                "message": message, "command": command});
            return Ok(show::line(&mut self.out, "alarm", &line)?);
        }
        let since = since.parse().map_or_else(|_| since.clone(), shown_in_denmark);
        Ok(writeln!(self.out, "{code}  {:<7} {about}, since {since}: {message}; `{command}`", gravity.word())?)
    }

    /// Every alarm that is raised, for `status --json`.
    pub(super) fn raised(&mut self, config: &Config) -> Result<(), Ended> {
        alarms::raised(config)?.iter().try_for_each(|alarm| self.alarm(alarm))
    }

    pub(super) fn audit(&mut self, config: &Config, command: AuditCommand) -> Result<u8, Ended> {
        match command {
            AuditCommand::List { from, to, who, what } => {
                let deeds = audit::list(config, &AuditFilter { from, to, who, what })?;
                for deed in &deeds {
                    if self.json {
                        show::line(&mut self.out, "deed", deed)?;
                        continue;
                    }
                    let at = deed.at.parse().map_or_else(|_| deed.at.clone(), shown_in_denmark);
                    writeln!(self.out, "{:>8}  {at}  {}: {}, {}  {}", deed.seq, deed.who, deed.what, deed.about, deed.why)?;
                }
                if self.json {
                    show::line(&mut self.out, "summary", &json!({"deeds": deeds.len()}))?;
                }
                Ok(exit::DONE)
            }
            AuditCommand::Verify { heads, certificate } => {
                let audited = audit::verify(config, heads.as_deref(), certificate.as_deref())?;
                for violation in &audited.violations {
                    if self.json {
                        show::line(&mut self.out, "violation", violation)?;
                    } else {
                        writeln!(self.out, "{}  {}", violation.code, violation.message)?;
                    }
                }
                let (heads, covered, entries) = (audited.heads, audited.covered, audited.entries);
                if self.json {
                    let line = json!({"violations": audited.violations.len(), "heads": heads, "covered": covered, "entries": entries});
                    show::line(&mut self.out, "summary", &line)?;
                } else if audited.violations.is_empty() {
                    writeln!(self.out, "the log holds: {entries} entries in one chain, {covered} of them under {heads} signed heads")?;
                }
                Ok(if audited.violations.is_empty() { exit::DONE } else { exit::MISMATCH })
            }
        }
    }
}
