//! Which run may write. The kernel's lock on `data/run.lock` keeps a second run out; the number here fences off a run that
//! lost that lock without noticing: every record is made in one transaction with the check, and nothing gets its final name
//! at a vendor without it.

use super::{Ledger, LedgerError};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

impl Ledger {
    /// Takes the lease, whoever holds it: the caller has the lock, so the last holder is gone or fenced off from here on.
    ///
    /// `holder` and `at` are for whoever looks; nothing is decided by them.
    pub fn take_lease(&mut self, holder: &str, at: &str) -> Result<i64, LedgerError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let number = last(&transaction)? + 1;
        transaction.execute(
            "INSERT INTO lease (one, number, holder, at) VALUES (1, ?1, ?2, ?3)
             ON CONFLICT (one) DO UPDATE SET number = excluded.number, holder = excluded.holder, at = excluded.at",
            params![number, holder, at],
        )?;
        transaction.commit()?;
        self.lease = Some(number);
        Ok(number)
    }

    /// Whether the lease is still ours; fine too where none was taken.
    pub fn check_lease(&self) -> Result<(), LedgerError> {
        check(&self.connection, self.lease)
    }
}

pub(super) fn check(connection: &Connection, lease: Option<i64>) -> Result<(), LedgerError> {
    let Some(ours) = lease else { return Ok(()) };
    match last(connection)? {
        last if last == ours => Ok(()),
        last => Err(LedgerError::LeaseLost { ours, last }),
    }
}

/// The number of the last lease that was taken; 0 before the first.
fn last(connection: &Connection) -> Result<i64, LedgerError> {
    let number: Option<i64> =
        connection.prepare_cached("SELECT number FROM lease WHERE one = 1")?.query_row([], |row| row.get(0)).optional()?;
    Ok(number.unwrap_or(0))
}
