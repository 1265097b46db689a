//! What a print vendor demands and how it takes a delivery: the profile under `vendors/<id>/profile.toml`.

pub mod days;
mod encrypt_to;
mod faults;
mod lint;
pub mod naming;
pub mod prices;
pub mod profile;
mod weight;

pub use encrypt_to::EncryptTo;
pub use profile::{AddressBox, Answers, BatchRules, Container, Delivery, PageRules, PrintOrder, SheetRules, UploadCheck, VendorProfile};
