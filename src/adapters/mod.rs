//! What touches the world: files, registers, servers, keys. Decides nothing.

pub mod clock;
pub mod container;
pub mod drop_folder;
pub mod encrypt;
pub mod inspector;
pub mod keys;
pub mod login;
pub mod measure;
pub mod placed;
pub mod register;
pub mod sftp;
pub mod signer;
pub mod store;
pub mod webhook;
