//! The use cases: what an operator or a job can ask for. The faces in `cli` only ask and show.

pub mod config;
pub mod fault;
pub mod night;
pub mod profiles;
pub mod validate;
pub mod watch;
