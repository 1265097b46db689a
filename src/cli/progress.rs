//! Progress on stderr: bars on a terminal, elsewhere a line every ten seconds, and nothing when quiet.

use crate::app::watch::Watch;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, Write, stderr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const LINE_EVERY: Duration = Duration::from_secs(10);

/// The stage in hand.
struct Current {
    stage: &'static str,
    done: u64,
    total: Option<u64>,
    bar: Option<ProgressBar>,
    last_line: Instant,
}

pub struct Progress {
    quiet: bool,
    json: bool,
    terminal: bool,
    current: Mutex<Option<Current>>,
}

impl Progress {
    /// With `json`, what must not go unheard is a JSON line on stderr, as errors are.
    pub fn new(quiet: bool, json: bool) -> Self {
        Self { quiet, json, terminal: stderr().is_terminal(), current: Mutex::new(None) }
    }

    fn with_current(&self, act: impl FnOnce(&mut Option<Current>)) {
        act(&mut self.current.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn bar(&self, stage: &'static str, total: Option<u64>) -> Option<ProgressBar> {
        if self.quiet || !self.terminal || total == Some(0) {
            return None;
        }
        let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        let template = if total.is_some() { "{msg:10} {bar:40} {pos}/{len} {elapsed}" } else { "{msg:10} {spinner} {pos} {elapsed}" };
        // Both templates are constant; a style that does not parse would only be less pretty.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(stage);
        bar.enable_steady_tick(Duration::from_millis(120));
        Some(bar)
    }

    /// A line that disturbs no bar. A closed stderr is no reason to stop a night.
    fn line(&self, current: Option<&Current>, text: &str) {
        match current.and_then(|c| c.bar.as_ref()) {
            Some(bar) => bar.println(text),
            None => {
                let _ = writeln!(stderr(), "{text}");
            }
        }
    }
}

impl Watch for Progress {
    fn begin(&self, stage: &'static str, total: Option<u64>) {
        let bar = self.bar(stage, total);
        self.with_current(|current| *current = Some(Current { stage, done: 0, total, bar, last_line: Instant::now() }));
    }

    fn step(&self, _: &'static str, count: u64) {
        self.with_current(|current| {
            let Some(current) = current else { return };
            current.done += count;
            if let Some(bar) = &current.bar {
                bar.inc(count);
            } else if !self.quiet && !self.terminal && current.last_line.elapsed() >= LINE_EVERY {
                current.last_line = Instant::now();
                let of = current.total.map(|total| format!(" of {total}")).unwrap_or_default();
                let text = format!("{}: {}{of}", current.stage, current.done);
                self.line(Some(current), &text);
            }
        });
    }

    fn end(&self, _: &'static str) {
        self.with_current(|current| {
            if let Some(bar) = current.take().and_then(|c| c.bar) {
                bar.finish();
            }
        });
    }

    fn note(&self, text: &str) {
        if !self.quiet {
            self.with_current(|current| self.line(current.as_ref(), text));
        }
    }

    fn alarm(&self, text: &str) {
        let json = || serde_json::json!({"message_type": "alarm", "message": text}).to_string();
        let text = if self.json { json() } else { text.to_owned() };
        self.with_current(|current| self.line(current.as_ref(), &text));
    }
}
