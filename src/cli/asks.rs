//! Commands that ask and prove, and change nothing.

use super::arguments::VerifyTerms;
use super::*;
use crate::domain::counted;

impl Face<'_> {
    pub(super) fn letters(&mut self, config: &Config, which: &Which, limit: u32) -> Result<u8, Ended> {
        let letters = inquiry::letters(config, which, limit)?;
        for (id, state) in &letters {
            if self.json {
                show::line(&mut self.out, "letter", &with_id("letter_id", id.as_str(), state))?;
            } else {
                let code = state.reason.as_ref().map(|(code, _)| code.as_str()).unwrap_or_default();
                let word = state.word.as_deref().unwrap_or_default();
                let batch = state.batch.as_ref().map(ToString::to_string).unwrap_or_default();
                let (status, sender, dispatch) = (state.status.word(), &state.sender, &state.dispatch_id);
                writeln!(self.out, "{id}  {status:<9} {}  {sender}/{dispatch}  {code}{word} {batch}", state.municipality)?;
            }
        }
        if self.json {
            show::line(&mut self.out, "summary", &json!({"letters": letters.len(), "limit": limit}))?;
        } else if letters.len() as u32 == limit {
            writeln!(self.out, "the first {limit}; --limit shows more")?;
        }
        Ok(exit::DONE)
    }

    pub(super) fn count(&mut self, config: &Config, which: &Which) -> Result<u8, Ended> {
        let letters = inquiry::count_letters(config, which)?;
        if self.json {
            show::line(&mut self.out, "summary", &json!({"letters": letters}))?;
        } else {
            writeln!(self.out, "{letters}")?;
        }
        Ok(exit::DONE)
    }

    pub(super) fn batches(&mut self, config: &Config) -> Result<u8, Ended> {
        let batches = inquiry::batches(config)?;
        for (name, state) in &batches {
            if self.json {
                show::line(&mut self.out, "batch", &with_id("batch", name.as_str(), state))?;
            } else {
                let (status, letters, pages, sheets) = (state.status.word(), state.letters, state.pages, state.sheets);
                writeln!(self.out, "{name}  {status:<12} {letters:>6} letters {pages:>7} pages {sheets:>7} sheets  {}", state.reason)?;
            }
        }
        if self.json {
            show::line(&mut self.out, "summary", &json!({"batches": batches.len()}))?;
        }
        Ok(exit::DONE)
    }

    pub(super) fn batch_verify(&mut self, path: &std::path::Path, certificate: &std::path::Path, terms: VerifyTerms) -> Result<u8, Ended> {
        let VerifyTerms { vendor, environment, signer, delivered, completion_sign, archived, identity } = terms;
        let moment = if archived { Moment::Sealing } else { Moment::Now };
        let terms =
            BatchTerms { vendor, environment, signers: signer, delivered, sign: completion_sign.into(), moment, ..BatchTerms::default() };
        let mut worst = exit::DONE;
        let (mut accepted, mut refused) = (0, 0);
        for result in batch_verify(path, certificate, identity.as_deref(), terms)? {
            match result {
                Ok(batch) => {
                    accepted += 1;
                    if self.json {
                        show::line(&mut self.out, "batch_verified", &batch)?;
                    } else {
                        let [letters, pages, sheets] = [(batch.letters, "letter"), (batch.pages, "page"), (batch.sheets, "sheet")]
                            .map(|(number, what)| counted(number.into(), what));
                        writeln!(self.out, "accepted  {}  {letters}, {pages}, {sheets}", batch.batch)?;
                    }
                }
                Err(fault) => {
                    refused += 1;
                    worst = worst.max(fault.exit);
                    tell(self.json, &fault);
                }
            }
        }
        if self.json {
            show::line(&mut self.out, "summary", &json!({"accepted": accepted, "refused": refused}))?;
        }
        Ok(worst)
    }

    pub(super) fn ledger_verify(&mut self, config: &Config, depth: Depth) -> Result<u8, Ended> {
        let violations = ledger_verify(config, depth)?;
        for violation in &violations {
            if self.json {
                show::line(&mut self.out, "violation", violation)?;
            } else {
                writeln!(self.out, "{}  {}", violation.code, violation.message)?;
            }
        }
        if self.json {
            show::line(&mut self.out, "summary", &json!({"violations": violations.len()}))?;
        } else if violations.is_empty() {
            let proved = match depth {
                Depth::Quick => "chain and tables; nothing was looked at on disk",
                Depth::Usual => "chain, tables and account; every original, document and batch is there",
                Depth::Deep => "chain, tables and account; every stored byte is what its hash says",
            };
            writeln!(self.out, "the ledger holds: {proved}")?;
        }
        Ok(if violations.is_empty() { exit::DONE } else { exit::MISMATCH })
    }

    pub(super) fn validate(&mut self, ask: &Ask<'_>) -> Result<u8, Ended> {
        let started = Instant::now();
        let mut written = Ok(());
        let (out, json) = (&mut self.out, self.json);
        let totals = validate(ask, |verdicts| {
            if written.is_ok() {
                written = match json {
                    true => verdicts.iter().try_for_each(|verdict| show::line(out, "document", verdict)),
                    false => show::verdicts(out, verdicts),
                };
            }
        })?;
        written?;
        if self.json {
            let mut value = serde_json::to_value(&totals).unwrap_or_default();
            if let Some(fields) = value.as_object_mut() {
                fields.insert("seconds".to_owned(), json!(started.elapsed().as_secs_f64()));
            }
            show::line(&mut self.out, "summary", &value)?;
        } else {
            let Totals { files, accepted, repaired, rejected, pages } = totals;
            let (files, pages) = (counted(files, "file"), counted(pages, "page"));
            writeln!(self.out, "{files}: {accepted} accepted, {repaired} repaired, {rejected} rejected, {pages}")?;
        }
        Ok(match (totals.accepted + totals.repaired, totals.rejected) {
            (0, _) => exit::INVALID,
            (_, 0) => exit::DONE,
            _ => exit::PARTIAL,
        })
    }

    /// The last line of a list of vendors.
    pub(super) fn end(&mut self, vendors: usize) -> Result<u8, Ended> {
        if self.json {
            show::line(&mut self.out, "summary", &json!({"vendors": vendors}))?;
        }
        Ok(exit::DONE)
    }
}

fn with_id(key: &str, id: &str, state: &impl serde::Serialize) -> Value {
    let mut value = serde_json::to_value(state).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.insert(key.to_owned(), json!(id));
    }
    value
}
