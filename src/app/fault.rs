//! Something outside the letters that broke, with its code, its sentence, and the exit code it ends a command with.

use crate::adapters::container::ContainerFault;
use crate::adapters::inspector::InspectorFault;
use crate::adapters::keys::KeyFault;
use crate::adapters::measure::Difference;
use crate::adapters::register::RegisterError;
use crate::adapters::sftp::SftpFault;
use crate::adapters::store::StoreError;
use crate::ledger::LedgerError;
use crate::wire::manifest::WireError;

/// Exit codes of the contract (docs/exit-codes.md).
pub mod exit {
    pub const DONE: u8 = 0;
    pub const UNEXPECTED: u8 = 1;
    pub const USAGE: u8 = 2;
    pub const PARTIAL: u8 = 3;
    pub const INVALID: u8 = 4;
    pub const UNREACHABLE: u8 = 5;
    pub const MISMATCH: u8 = 6;
    pub const DEADLINE: u8 = 7;
    pub const GATE: u8 = 8;
    pub const NO_LEDGER: u8 = 10;
    pub const LEDGER_HELD: u8 = 11;
    pub const KEYS: u8 = 12;
}

/// A stored file is missing or changed.
pub(crate) const STORED_FILE: &str = "FP-L006";

/// Why a command could not do its work.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// Has a page in `explain`.
    pub code: &'static str,
    pub message: String,
    pub exit: u8,
}

impl Fault {
    pub fn new(code: &'static str, exit: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), exit }
    }

    pub fn usage(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, exit::USAGE, message)
    }

    /// A stored file that is missing or damaged: what was made of it, or would be, waits, and nothing else does.
    pub fn is_of_stored_file(&self) -> bool {
        self.code == STORED_FILE
    }

    /// A file or folder of ours that could not be read or written.
    pub fn io(what: impl std::fmt::Display, fault: &std::io::Error) -> Self {
        Self::new("FP-C006", exit::UNEXPECTED, format!("{what}: {fault}"))
    }
}

impl From<LedgerError> for Fault {
    fn from(fault: LedgerError) -> Self {
        match fault {
            LedgerError::Missing(_) => Self::new(
                "FP-L001",
                exit::NO_LEDGER,
                format!("{fault}; `fjernprint init` makes one; if there was one, find out first what became of it"),
            ),
            LedgerError::LeaseLost { .. } => Self::new("FP-L008", exit::LEDGER_HELD, fault.to_string()),
            LedgerError::Illegal { .. } | LedgerError::Corrupt { .. } => Self::new("FP-L004", exit::MISMATCH, fault.to_string()),
            LedgerError::OldSqlite(_) | LedgerError::Sqlite(_) => Self::new("FP-L005", exit::UNEXPECTED, fault.to_string()),
        }
    }
}

impl From<StoreError> for Fault {
    fn from(fault: StoreError) -> Self {
        match fault {
            StoreError::Io(_) => Self::new("FP-C006", exit::UNEXPECTED, fault.to_string()),
            StoreError::Missing(_) | StoreError::Changed(_) => Self::new(STORED_FILE, exit::MISMATCH, fault.to_string()),
        }
    }
}

impl From<InspectorFault> for Fault {
    fn from(fault: InspectorFault) -> Self {
        Self::new("FP-C011", exit::UNEXPECTED, fault.to_string())
    }
}

impl From<KeyFault> for Fault {
    fn from(fault: KeyFault) -> Self {
        Self::new(fault.code(), exit::KEYS, fault.to_string())
    }
}

impl From<ContainerFault> for Fault {
    fn from(fault: ContainerFault) -> Self {
        match fault {
            ContainerFault::Store(fault) => fault.into(),
            ContainerFault::Io(_) => Self::new("FP-C006", exit::UNEXPECTED, fault.to_string()),
            ContainerFault::Join(_) => Self::new("FP-D005", exit::UNEXPECTED, fault.to_string()),
        }
    }
}

impl From<Difference> for Fault {
    fn from(fault: Difference) -> Self {
        let text = format!("{fault}; nothing was signed, the next run makes the batch anew");
        Self::new("FP-B030", exit::MISMATCH, text)
    }
}

impl From<RegisterError> for Fault {
    fn from(fault: RegisterError) -> Self {
        Self::usage("FP-C007", fault.to_string())
    }
}

impl From<SftpFault> for Fault {
    fn from(fault: SftpFault) -> Self {
        let exit = match fault.code {
            "FP-S002" | "FP-S003" | "FP-K020" => exit::KEYS,
            "FP-S004" => exit::MISMATCH,
            "FP-L008" => exit::LEDGER_HELD,
            "FP-O003" => exit::GATE,
            "FP-C006" | "FP-S009" | "FP-L005" => exit::UNEXPECTED,
            _ => exit::UNREACHABLE,
        };
        Self::new(fault.code, exit, fault.to_string())
    }
}

impl From<WireError> for Fault {
    fn from(fault: WireError) -> Self {
        Self::new("FP-L006", exit::MISMATCH, fault.to_string())
    }
}
