//! What a print vendor demands and how it takes a delivery: the profile under `vendors/<id>/profile.toml`.

pub mod profile;

pub use profile::{AddressBox, Answers, BatchRules, Container, Delivery, PageRules, SheetRules, UploadCheck, VendorProfile};
