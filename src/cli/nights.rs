//! Commands that run a night or a part of it.

use super::*;

impl Face<'_> {
    pub(super) fn demo(&mut self, options: &DemoOptions) -> Result<u8, Ended> {
        let night = demo(options, &self.progress)?;
        night.report.faults.iter().for_each(|fault| tell(self.json, fault));
        let config = Config::read(&options.dir.join(setup::CONFIG_NAME))?;
        if self.json {
            for missed in &night.missed {
                show::line(&mut self.out, "missed", missed)?;
            }
            show::line(&mut self.out, "stages", &stages(&night.report))?;
            self.summary(&night.account, night.seconds)?;
        } else {
            self.account(&config, &night.report, &night.account)?;
            show::demo(&mut self.out, &night)?;
            let path = options.dir.join(setup::CONFIG_NAME);
            let program = std::env::args().next().unwrap_or_else(|| "fjernprint".to_owned());
            writeln!(self.out, "look around: {program} status --config {}", path.display())?;
        }
        Ok(night.exit_code())
    }

    pub(super) fn night(&mut self, config: &Config, until: Until, business_date: Option<String>) -> Result<u8, Ended> {
        let until = match until {
            Until::Intake => Stage::Intake,
            Until::Validate => Stage::Validate,
            Until::Seal => Stage::Seal,
            Until::Ship => Stage::Ship,
            Until::Reconcile => Stage::Reconcile,
        };
        let started = Instant::now();
        let report = night::run(config, &RunOptions { business_date, until }, &self.progress)?;
        let account = account_of(config, None)?;
        if self.json {
            show::line(&mut self.out, "run", &report)?;
            report.warnings.iter().try_for_each(|warning| show::line(&mut self.out, "warning", warning))?;
            report.news.iter().try_for_each(|news| show::line(&mut self.out, "alarm", news))?;
            show::line(&mut self.out, "stages", &stages(&report))?;
            self.summary(&account, started.elapsed().as_secs_f64())?;
        } else {
            self.account(config, &report, &account)?;
        }
        report.faults.iter().for_each(|fault| tell(self.json, fault));
        Ok(report.exit_code())
    }

    pub(super) fn dry_run(&mut self, config: &Config, business_date: Option<&str>) -> Result<u8, Ended> {
        let dry = night::dry_run(config, business_date, &self.progress)?;
        if self.json {
            for plan in dry.plans.iter().flat_map(|plan| &plan.batches) {
                show::line(&mut self.out, "plan", plan)?;
            }
            forecast::lines(&mut self.out, &dry.plans)?;
            dry.waiting.iter().try_for_each(|one| show::line(&mut self.out, "waiting", one))?;
            dry.report.warnings.iter().try_for_each(|warning| show::line(&mut self.out, "warning", warning))?;
            show::line(&mut self.out, "summary", &dry.report)?;
        } else {
            show::dry_run(&mut self.out, &dry)?;
        }
        dry.report.faults.iter().for_each(|fault| tell(self.json, fault));
        Ok(dry.report.exit_code())
    }

    pub(super) fn release(&mut self, config: &Config, batch: &str, by: Option<&str>) -> Result<u8, Ended> {
        let state = release::release(config, batch, by, &self.progress)?;
        if self.json {
            let line = json!({"batch": batch, "status": state.status, "approved": state.approved, "released": state.released});
            show::line(&mut self.out, "summary", &line)?;
            return Ok(exit::DONE);
        }
        let (letters, pages, sheets) = (state.letters, state.pages, state.sheets);
        let said = match (&state.approved, &state.released) {
            (Some(first), Some(second)) => {
                format!("released by {} and {}; the next run ships it", who::told(first), who::told(second))
            }
            (Some(first), None) => format!("approved by {}; another person must say it too", who::told(first)),
            _ => "waits".to_owned(),
        };
        writeln!(self.out, "{batch}: {letters} letters, {pages} pages, {sheets} sheets: {said}")?;
        Ok(exit::DONE)
    }

    pub(super) fn forecast(&mut self, config: &Config, business_date: Option<&str>) -> Result<u8, Ended> {
        let ahead = night::forecast(config, business_date, &self.progress)?;
        if self.json {
            forecast::lines(&mut self.out, &ahead.plans)?;
            for fault in &ahead.report.faults {
                show::line(&mut self.out, "held_back", &json!({"code": fault.code, "message": fault.message}))?;
            }
            show::line(&mut self.out, "summary", &forecast::totals(&ahead))?;
        } else {
            forecast::page(&mut self.out, &ahead)?;
        }
        Ok(exit::DONE)
    }

    /// The report of a run, what needs somebody, the account, and which letters of the night are held or rejected.
    pub(super) fn account(&mut self, config: &Config, report: &RunReport, account: &Account) -> Result<(), Ended> {
        show::report(&mut self.out, report)?;
        self.desk(config, account, &report.faults)?;
        show::account(&mut self.out, account)?;
        self.troubles(config, &report.business_date)
    }

    pub(super) fn summary(&mut self, account: &Account, seconds: f64) -> Result<(), Ended> {
        let mut value = serde_json::to_value(account).unwrap_or_default();
        if let Some(fields) = value.as_object_mut() {
            fields.insert("seconds".to_owned(), json!(rounded(seconds)));
        }
        Ok(show::line(&mut self.out, "summary", &value)?)
    }
}
