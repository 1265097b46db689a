//! What touches the world: files, registers, servers, keys. Decides nothing.

pub mod register;
pub mod sftp;
pub mod store;
