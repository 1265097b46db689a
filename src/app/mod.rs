//! The use cases: what an operator or a job can ask for. The faces in `cli` only ask and show.

pub mod account;
pub mod alarms;
pub mod audit;
pub mod config;
pub mod conformance;
pub mod demo;
pub mod fault;
pub mod gates;
pub mod heads;
pub mod inquiry;
mod mend;
pub mod night;
pub mod orders;
pub mod profiles;
pub mod proof;
pub mod reconcile;
pub mod release;
pub mod setup;
pub mod signing;
pub mod validate;
pub mod vendor_check;
pub mod vendor_side;
pub mod verify;
pub mod watch;
pub mod who;
