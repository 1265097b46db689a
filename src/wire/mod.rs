//! Bytes to types and back, pure: no file, no clock, no network.

pub mod age_file;
pub mod chain;
pub mod cms;
mod cms_shape;
pub mod envelope;
pub mod envelope_open;
mod forsendelse;
pub mod head;
pub mod invoice;
pub mod manifest;
mod memo;
pub mod merkle;
pub mod message;
pub mod proof;
pub mod receipt;
pub mod table;
pub mod vendor_key;
pub mod xml;
