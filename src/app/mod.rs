//! The use cases: what an operator or a job can ask for. The faces in `cli` only ask and show.

pub mod account;
pub mod config;
pub mod conformance;
pub mod demo;
pub mod desk;
pub mod fault;
pub mod inquiry;
pub mod last_runs;
mod mend;
pub mod metrics;
pub mod night;
pub mod orders;
pub mod profiles;
pub mod reconcile;
pub mod release;
pub mod report;
pub mod setup;
pub mod signing;
pub mod validate;
pub mod vendor_check;
pub mod vendor_side;
pub mod verify;
pub mod watch;
pub mod who;
