//! Bytes to types and back, pure: no file, no clock, no network.

pub mod chain;
pub mod cms;
mod cms_shape;
pub mod envelope;
mod forsendelse;
pub mod invoice;
pub mod manifest;
mod memo;
pub mod message;
pub mod receipt;
pub mod table;
pub mod xml;
