//! Bytes to types and back, pure: no file, no clock, no network.

pub mod cms;
pub mod manifest;
pub mod receipt;
