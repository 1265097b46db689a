//! Commands of the vendor's own side, and the checklist for a vendor's site.

use super::arguments::{AtSite, SiteArguments};
use super::*;
use crate::app::conformance::{Verdict, conformance};
use crate::app::vendor_side::{SiteShown, SiteWish, Word, answer, site};
use crate::domain::{counted, verb};
use std::path::Path;

impl Face<'_> {
    pub(super) fn site(&mut self, wish: SiteArguments, config: &Path, vendors: Option<&Path>) -> Result<u8, Ended> {
        let SiteArguments { vendor, dir, listen, host_key, client_key, certificate, by_hand, environment, signer, misbehave, identity } =
            wish;
        let wish =
            SiteWish { vendor, dir, listen, host_key, client_key, certificate, by_hand, environment, signers: signer, misbehave, identity };
        let (json, out) = (self.json, &mut self.out);
        let printed = site(wish, config, vendors, |shown| {
            if json {
                show::line(out, "site", shown)?
            } else {
                show_site(out, shown)?
            }
            out.flush()
        })??;
        if json {
            show::line(&mut self.out, "summary", &json!({"printed": printed}))?;
        } else {
            writeln!(self.out, "stopped; {} {} printed", counted(printed as u64, "letter"), verb(printed as u64, "is", "are"))?;
        }
        Ok(exit::DONE)
    }

    pub(super) fn answer(&mut self, config: &Path, at: AtSite, word: &Word) -> Result<u8, Ended> {
        let said = answer(at.dir, at.vendor.as_ref(), config, &at.what, word)?;
        for one in &said {
            if self.json {
                show::line(&mut self.out, "answered", one)?;
                continue;
            }
            let what = one.letter.as_ref().unwrap_or(&one.batch);
            match (one.stands, one.already) {
                (Some(word), _) => writeln!(self.out, "{what}  is {word} already")?,
                (None, true) => writeln!(self.out, "{what}  {} (had been said before)", one.status)?,
                (None, false) => writeln!(self.out, "{what}  {}", one.status)?,
            }
        }
        if self.json {
            let new = said.iter().filter(|one| !one.already).count();
            show::line(&mut self.out, "summary", &json!({"answered": new, "already": said.len() - new}))?;
        }
        Ok(exit::DONE)
    }

    pub(super) fn conformance(&mut self, config: &Config, vendor: &str) -> Result<u8, Ended> {
        let lines = conformance(config, vendor)?;
        let count = |verdict: Verdict| lines.iter().filter(|line| line.verdict == verdict).count();
        let (passed, failed, skipped) = (count(Verdict::Pass), count(Verdict::Fail), count(Verdict::Skip));
        for line in &lines {
            if self.json {
                show::line(&mut self.out, "check", line)?;
                continue;
            }
            let word = match line.verdict {
                Verdict::Pass => "pass",
                Verdict::Fail => "FAIL",
                Verdict::Skip => "skip",
            };
            writeln!(self.out, "{word}  {:<15} {}\n      {:<15} found: {}", line.check, line.means, "", line.found)?;
        }
        if self.json {
            let totals = json!({"vendor": vendor, "passed": passed, "failed": failed, "skipped": skipped});
            show::line(&mut self.out, "summary", &totals)?;
        } else {
            writeln!(self.out, "{passed} passed, {failed} failed, {skipped} not asked for")?;
        }
        Ok(if failed == 0 { exit::DONE } else { exit::MISMATCH })
    }
}

fn show_site(out: &mut impl Write, site: &SiteShown) -> io::Result<()> {
    let SiteShown { vendor, dir, address, host, port, host_key_pin, user, client_key, by_hand, misbehave } = site;
    writeln!(out, "vendor {vendor} in {dir}, listening on {address}; Ctrl-C stops it")?;
    writeln!(out, "host key    {host_key_pin}\nuser        {user}\nclient key  {client_key}")?;
    let answers = if *by_hand { "by hand: fjernprint vendor ack, reject and return" } else { "by itself, accepted and handed over" };
    writeln!(out, "answers     {answers}")?;
    misbehave.iter().try_for_each(|script| writeln!(out, "misbehaves  {script}"))?;
    writeln!(out, "\nfor the sender's fjernprint.toml:\n[[connection]]\nvendor = \"{vendor}\"\nhost = \"{host}\"\nport = {port}")?;
    writeln!(out, "user = \"{user}\"\nkey_file = \"{}\"\nhost_key_pin = \"{host_key_pin}\"", client_key.trim_end_matches(".pub"))
}
