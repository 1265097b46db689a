//! The field's words as types. No input or output happens here, and nothing here names another module.

pub mod address;
pub mod alarm;
pub mod answer;
pub mod calendar;
pub mod codes;
pub mod completion;
pub mod count;
pub mod cutoff;
pub mod entry;
pub mod filter;
pub mod finding;
pub mod head;
pub mod ids;
pub mod order;
pub mod print;
pub mod recipient;
pub mod redact;
pub mod rules;
pub mod state;
pub mod status;

pub use address::PostalAddress;
pub use completion::CompletionSign;
pub use count::{counted, verb};
pub use finding::{Finding, Severity};
pub use ids::{BatchName, Cvr, LetterId, OrderId, Sha256, VendorId};
pub use print::{Colour, Envelope, Plex, Postage, PrintJob, PrintOptions, PrintWishes, sheets_of};
pub use recipient::{Cpr, Recipient};
