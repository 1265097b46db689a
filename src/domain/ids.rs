//! Identifiers: of letters, batches, vendors, municipalities and bytes. Each is checked once, when it is made.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Why a text is not the identifier it was taken for. Never quotes the text: it may be a CPR number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {0}")]
pub struct InvalidId(pub &'static str);

/// SHA-256 of some bytes; written as 64 lower-case hex digits everywhere.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha256(pub [u8; 32]);

impl Sha256 {
    /// The first twelve hex digits, as they stand in a batch's name.
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // By table and at once: a night writes some hundred thousand of them into the ledger.
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Sha256 {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        const BAD: InvalidId = InvalidId("SHA-256 (64 hex digits)");
        if text.len() != 64 {
            return Err(BAD);
        }
        // By table, as above: each look at a letter's state reads three of them.
        let (mut bytes, mut odd) = ([0u8; 32], 0);
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let (high, low) = (HEX_DIGITS[usize::from(pair[0])], HEX_DIGITS[usize::from(pair[1])]);
            odd |= high | low;
            *byte = high << 4 | low;
        }
        if odd < 16 { Ok(Self(bytes)) } else { Err(BAD) }
    }
}

/// What a character is worth as a hex digit; 16 and more where it is none.
static HEX_DIGITS: [u8; 256] = hex_digits();

const fn hex_digits() -> [u8; 256] {
    let (mut values, mut value) = ([u8::MAX; 256], 0);
    while value < 16 {
        let lower = b"0123456789abcdef"[value];
        values[lower as usize] = value as u8;
        values[lower.to_ascii_uppercase() as usize] = value as u8;
        value += 1;
    }
    values
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let check: fn(&str) -> bool = $check;
                if check(text) { Ok(Self(text.to_owned())) } else { Err(InvalidId($what)) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// The same for texts of one length: they lie where they are held, and a night holds some hundred thousand of them.
macro_rules! fixed_text_id {
    ($(#[$doc:meta])* $name:ident, $length:literal, $what:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; $length]);

        impl $name {
            pub fn as_str(&self) -> &str {
                std::str::from_utf8(&self.0).expect("made of a text of ASCII characters")
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let check: fn(&[u8; $length]) -> bool = $check;
                let text = <[u8; $length]>::try_from(text.as_bytes()).ok().filter(|text| text.is_ascii() && check(text));
                text.map(Self).ok_or(InvalidId($what))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), self.as_str())
            }
        }
    };
}

fixed_text_id!(
    /// Our name of one letter: `L` and 24 hex digits, derived from the sender and the sender's own
    /// identifier, so that the same message handed in twice is the same letter. At most 38
    /// characters, the limit of AfsendelseIdentifikator (OIO fjernprint).
    LetterId, 25, "letter id (L and 24 hex digits)",
    |t| t[0] == b'L' && t[1..].iter().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase())
);

text_id!(
    /// A print vendor's short name, also the name of its folder under `vendors/`.
    VendorId, "vendor id (2 to 24 of a-z, 0-9 and _)",
    |t| (2..=24).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
);

fixed_text_id!(
    /// A CVR number (company register): eight digits. The check digit is not tested.
    Cvr, 8, "CVR number (8 digits)",
    |t| t.iter().all(u8::is_ascii_digit)
);

text_id!(
    /// A pure function of the sealed bytes, hence the same batch shipped again is the same job at the vendor. Ends in `-`
    /// and the first 12 hex digits of the hash of letters.csv; what stands before is the vendor's wish, and
    /// `FP-<vendor>-<cvr>-<yyyymmdd>-<seq>` where it has none.
    BatchName, "batch name (at most 96 of A-Z, a-z, 0-9, _ and -, ending in - and 12 hex digits)",
    |t| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        let hash = |p: &str| p.len() == 12 && p.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase());
        t.len() <= 96 && t.as_bytes().first().is_some_and(u8::is_ascii_alphabetic) && t.bytes().all(plain)
            && t.rsplit_once('-').is_some_and(|(_, last)| hash(last))
    }
);

text_id!(
    /// The number of what a person ordered: `O` and six or more digits, counted from 1.
    OrderId, "order id (O and 6 to 12 digits)",
    |t| (7..=13).contains(&t.len()) && t.starts_with('O') && t[1..].bytes().all(|b| b.is_ascii_digit())
);

impl OrderId {
    pub fn number(n: u64) -> Self {
        Self(format!("O{n:06}"))
    }
}

/// Reads an identifier from the text it stands in, without a copy of it.
struct AsText<T>(std::marker::PhantomData<T>);

impl<T: FromStr<Err = InvalidId>> serde::de::Visitor<'_> for AsText<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an identifier as a text")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

macro_rules! serde_as_text {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(AsText(std::marker::PhantomData))
            }
        }
    )*};
}
serde_as_text!(Sha256, LetterId, VendorId, Cvr, BatchName, OrderId);
