//! What an operator looks at in the morning: what needs somebody, the account, and the same for other programs.

use super::*;
use std::io::IsTerminal;
use std::path::Path;

/// Batches, codes and so on of one kind that a person is shown; the rest is counted.
const OF_A_KIND_SHOWN: usize = 8;

impl Face<'_> {
    pub(super) fn status(&mut self, config: &Config, business_date: Option<&str>) -> Result<u8, Ended> {
        let started = Instant::now();
        let (account, list) = desk::morning(config, business_date)?;
        if self.json {
            for line in &account.lines {
                show::line(&mut self.out, "municipality", line)?;
            }
            self.signer(config)?;
            self.raised(config)?;
            list.iter().try_for_each(|one| show::line(&mut self.out, "attention", one))?;
            self.summary(&account, started.elapsed().as_secs_f64())?;
        } else {
            attention(&mut self.out, &list, coloured(), "nothing waits for anybody")?;
            show::account(&mut self.out, &account)?;
        }
        Ok(if account.terms.balance() { exit::DONE } else { exit::MISMATCH })
    }

    /// What needs somebody, after a run whose own faults are told after it.
    pub(super) fn desk(&mut self, config: &Config, account: &Account, faults: &[Fault]) -> Result<(), Ended> {
        let none = if faults.is_empty() { "nothing waits for anybody" } else { "what stood in the way of this run stands at its end" };
        Ok(attention(&mut self.out, &desk::after(config, account)?, coloured(), none)?)
    }

    /// Which letters of a night are held or rejected.
    pub(super) fn troubles(&mut self, config: &Config, business_date: &str) -> Result<(), Ended> {
        for word in ["held", "rejected"] {
            let which = Which { filter: Some(format!("status={word} and night={business_date}")), ..Which::default() };
            let all = inquiry::count_letters(config, &which)?;
            if all == 0 {
                continue;
            }
            let letters = inquiry::letters(config, &which, TROUBLES_SHOWN)?.into_iter().map(|(id, state)| {
                let (code, message) = state.reason.unwrap_or_default();
                [code, id.to_string(), format!("{}/{}", state.sender, state.dispatch_id), message]
            });
            show::troubles(&mut self.out, word, &letters.collect::<Vec<_>>(), all)?;
        }
        Ok(())
    }

    /// Until when batches can be signed. A signer that cannot sign is shown and is no fault of this question.
    fn signer(&mut self, config: &Config) -> Result<(), Ended> {
        let line = match &signing::outlook(config) {
            Ok(outlook) => {
                let warning = outlook.warning();
                let expiry = outlook.expiry.as_ref();
                json!({"signs": true, "until": expiry.map(|e| &e.until), "days": expiry.map(|e| e.days), "warning": warning})
            }
            Err(fault) => json!({"signs": false, "code": fault.code, "message": fault.message}),
        };
        Ok(show::line(&mut self.out, "signer", &line)?)
    }

    pub(super) fn page(&mut self, config: &Config, html: &Path, from: Option<&str>, to: Option<&str>) -> Result<u8, Ended> {
        let figures = report::write(config, html, from, to)?;
        if self.json {
            let (from, to) = (figures.from, figures.to);
            let line = json!({"html": html.display().to_string(), "from": from, "to": to, "accepted": figures.account.terms.accepted});
            show::line(&mut self.out, "summary", &line)?;
        } else {
            writeln!(
                self.out,
                "wrote {}: {} letters of the nights from {} to {}",
                html.display(),
                figures.account.terms.accepted,
                figures.from,
                figures.to
            )?;
        }
        Ok(exit::DONE)
    }

    pub(super) fn metrics(&mut self, config: &Config, out: Option<&Path>) -> Result<u8, Ended> {
        match out {
            Some(path) => metrics::write(config, path)?,
            None => self.out.write_all(metrics::text(config)?.as_bytes())?,
        }
        Ok(exit::DONE)
    }
}

/// On a terminal, and where nobody asks for none (no-color.org).
fn coloured() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// What needs somebody, gravest first: what it is, and the command to run next.
fn attention(out: &mut impl Write, list: &[Attention], coloured: bool, none: &str) -> io::Result<()> {
    if list.is_empty() {
        return writeln!(out, "{none}\n");
    }
    let (bold_red, yellow, faint, plain) = if coloured { ("\x1b[1;31m", "\x1b[33m", "\x1b[2m", "\x1b[0m") } else { ("", "", "", "") };
    for of_a_kind in list.chunk_by(|a, b| a.what == b.what) {
        for one in &of_a_kind[..of_a_kind.len().min(OF_A_KIND_SHOWN)] {
            let (colour, mark) = if one.gravity == Gravity::Red { (bold_red, "!!") } else { (yellow, " -") };
            // The code of a signer's fault stands in its sentence.
            let code = one.code.as_deref().filter(|code| !one.message.contains(code)).map(|code| format!("{code}  ")).unwrap_or_default();
            let age = one.days.filter(|days| *days > 0).map(|days| format!(", {}", show::in_days(days))).unwrap_or_default();
            let owner = one.owner.map(|owner| format!(" ({})", owner.word())).unwrap_or_default();
            writeln!(out, "{colour}{mark} {code}{}{age}{owner}{plain}", one.message)?;
            if one.gravity == Gravity::Red {
                writeln!(out, "{faint}       {}{plain}", one.next)?;
            }
        }
        let more = of_a_kind.len().saturating_sub(OF_A_KIND_SHOWN);
        if more > 0 {
            writeln!(out, "   and {more} more of these: `fjernprint status --json` has all")?;
        }
        // One screen: what only is good to know shares a line.
        if let Some(first) = of_a_kind.first().filter(|one| one.gravity == Gravity::Yellow) {
            let alike = if of_a_kind.len() > 1 { "   (the first of these; the others alike)" } else { "" };
            writeln!(out, "{faint}       {}{alike}{plain}", first.next)?;
        }
    }
    writeln!(out)
}
