//! Time and memory of child processes, as the kernel tells them.

use std::fs;
use std::process::Child;
use std::time::Duration;

/// Unit of the times in /proc, which Linux fixes at 100 a second.
#[allow(dead_code, reason = "not every benchmark counts it")]
pub const TICKS_A_SECOND: f64 = 100.0;
#[allow(dead_code, reason = "not every benchmark looks at memory")]
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Processor time of all children that have ended: fields 16 and 17 of /proc/self/stat, of which the second may hold
/// blanks and ends in a bracket.
#[allow(dead_code, reason = "not every benchmark counts it")]
pub fn children_seconds() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = text.rsplit(')').next().unwrap_or_default();
    after_name.split_whitespace().skip(13).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS_A_SECOND
}

/// Looks at the child until it ends: the most memory that it held, KiB. Its output must fit into a pipe, or go elsewhere.
#[allow(dead_code, reason = "not every benchmark looks at memory")]
pub fn peak_kib_until_end(child: &mut Child) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let mut peak_kib = 0;
    while child.try_wait().expect("a child of ours").is_none() {
        // The kernel keeps the peak itself; the last look before the end misses nothing but the end.
        peak_kib = fs::read_to_string(&status).ok().and_then(|text| peak_of(&text)).unwrap_or(peak_kib);
        std::thread::sleep(LOOK_EVERY);
    }
    peak_kib
}

#[allow(dead_code, reason = "not every benchmark looks at memory")]
fn peak_of(status: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().trim_end_matches(" kB").parse().ok()
}
