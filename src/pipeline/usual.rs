//! What is usual on a weekday, from what past days of the same weekday had.

use jiff::ToSpan;
use jiff::civil::Date;

/// Weeks that are looked back.
pub const WEEKS: i64 = 8;

/// The same weekday of the weeks before, the last one first.
pub fn same_weekdays(day: Date) -> Vec<Date> {
    (1..=WEEKS).filter_map(|weeks| day.checked_sub((7 * weeks).days()).ok()).collect()
}

/// The middle one of the days that had letters; `None` with fewer than `days_min` of them, since that is no history.
pub fn usual(past: &[u64], days_min: usize) -> Option<u64> {
    let mut worked: Vec<u64> = past.iter().copied().filter(|letters| *letters > 0).collect();
    worked.sort_unstable();
    // Of an even number the higher one: an alarm too few rather than one too many.
    (worked.len() >= days_min.max(1)).then(|| worked[worked.len() / 2])
}

/// So many times the usual number, rounded up.
pub fn limit(usual: u64, factor: f64) -> u64 {
    (usual as f64 * factor).ceil() as u64
}
