//! Who looks on while a night runs: a progress bar, a log, or nobody.

/// Told how far each stage is. Shared by threads.
pub trait Watch: Sync {
    /// A stage begins; `total` where it is known.
    fn begin(&self, stage: &'static str, total: Option<u64>);
    fn step(&self, stage: &'static str, count: u64);
    fn end(&self, stage: &'static str);
    /// A sentence for whoever looks: never personal.
    fn note(&self, text: &str);
    /// The same for what must not go unheard, however quiet it is to be.
    fn alarm(&self, text: &str) {
        self.note(text);
    }
}

/// Nobody looks on.
pub struct Unwatched;

impl Watch for Unwatched {
    fn begin(&self, _: &'static str, _: Option<u64>) {}
    fn step(&self, _: &'static str, _: u64) {}
    fn end(&self, _: &'static str) {}
    fn note(&self, _: &str) {}
}
