//! Decides how one letter leaves the house: digitally, on paper, or not before a person has looked.
//!
//! A pure function of what the sender asked for and what the register says. Nothing is guessed: printing a letter to a
//! registered citizen costs postage, but not sending one to an exempt (*fritaget*) citizen costs a deadline.

/// What the register says of a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigitalPostStatus {
    Registered,
    /// *Fritaget*: gets paper.
    Exempt,
    Unknown,
}

/// What the sender asked for (KombiValgKode).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// `Automatisk Valg`; a bare MeMo too.
    Automatic,
    /// `Digital Post`.
    Digital,
    /// `Fysisk Post`; a bare ForsendelseI and a table row too.
    Physical,
    /// `NemSMS`.
    NemSms,
}

/// What the message holds that could be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// A MeMo that Digital Post could deliver.
    pub memo: bool,
    /// A document that could be printed.
    pub printable: bool,
    /// The recipient's number was given, not withheld.
    pub recipient_known: bool,
}

/// Where the letter goes. `Hold` carries the code that says what a person must find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    Print,
    Digital,
    Hold(&'static str),
}

/// The route of one letter.
///
/// `Fysisk Post` is printed whatever the register says: the sender has decided. For the rest an answer we do not have
/// holds the letter.
pub fn route(choice: Choice, parts: Parts, status: DigitalPostStatus) -> Route {
    use DigitalPostStatus::{Exempt, Registered, Unknown};
    match (choice, status) {
        (Choice::Physical, _) => Route::Print,
        (Choice::Automatic, Unknown) if !parts.recipient_known => Route::Hold("FP-R004"),
        (_, Unknown) => Route::Hold("FP-R001"),
        (_, Registered) if parts.memo => Route::Digital,
        (_, Registered) => Route::Hold("FP-R006"),
        (Choice::NemSms, Exempt) => Route::Hold("FP-R003"),
        (Choice::Digital, Exempt) => Route::Hold("FP-R002"),
        (Choice::Automatic, Exempt) if parts.printable => Route::Print,
        (Choice::Automatic, Exempt) => Route::Hold("FP-R005"),
    }
}
