//! Who is logged in behind this process.

use std::fs;

/// What the kernel says where nobody logged in: in cron, in many containers.
const NOBODY: u32 = u32::MAX;

/// The account of the login that this process comes from. It is set once, at the login, and `su` and `sudo` leave it as it
/// is; `None` where there was no login. A number where /etc/passwd does not know the account.
pub fn account() -> Option<String> {
    let uid: u32 = fs::read_to_string("/proc/self/loginuid").ok()?.trim().parse().ok()?;
    if uid == NOBODY {
        return None;
    }
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid.to_string()).then(|| name.to_owned())
    });
    Some(name.unwrap_or_else(|| format!("uid {uid}")))
}
