//! Certificates as they are needed: good ones, and each with one defect.

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{BasicConstraints, KeyUsage};
use openssl::x509::{X509, X509NameBuilder};
use std::time::{SystemTime, UNIX_EPOCH};

/// What a certificate is made to be.
#[derive(Clone, Copy)]
pub struct Wish {
    pub name: &'static str,
    /// From and until so many days from now.
    pub days: (i64, i64),
    pub usage: Usage,
    pub rsa_bits: Option<u32>,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Usage {
    Authority,
    Sign,
    Encipher,
    Unsaid,
}

pub const ROOT: Wish = Wish { name: "root", days: (-400, 900), usage: Usage::Authority, rsa_bits: None };
pub const ISSUING: Wish = Wish { name: "issuing", ..ROOT };
pub const SIGNER: Wish = Wish { name: "signer", days: (-1, 365), usage: Usage::Sign, rsa_bits: None };

#[derive(Clone)]
pub struct Issued {
    pub certificate: X509,
    pub key: PKey<Private>,
}

impl Issued {
    pub fn pem(&self) -> Vec<u8> {
        self.certificate.to_pem().unwrap()
    }
}

pub fn now_s() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

/// Makes it, issued by another one or by itself.
pub fn issue(wish: Wish, issuer: Option<&Issued>) -> Issued {
    let key = new_key(wish);
    with_key(wish, key, issuer)
}

/// The same key once more, issued by itself: a root that was renewed.
pub fn reissue(wish: Wish, of: &Issued) -> Issued {
    with_key(wish, of.key.clone(), None)
}

fn new_key(wish: Wish) -> PKey<Private> {
    match wish.rsa_bits {
        Some(bits) => PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap(),
        None => PKey::from_ec_key(EcKey::generate(&EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap()).unwrap()).unwrap(),
    }
}

fn with_key(wish: Wish, key: PKey<Private>, issuer: Option<&Issued>) -> Issued {
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_text("CN", wish.name).unwrap();
    let subject = subject.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    let mut serial = BigNum::new().unwrap();
    serial.rand(100, MsbOption::MAYBE_ZERO, false).unwrap();
    builder.set_serial_number(&serial.to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(issuer.map_or(&*subject, |i| i.certificate.subject_name())).unwrap();
    builder.set_pubkey(&key).unwrap();
    // An hour more, so that "in so many days" is still true when it is asked.
    let day = |days: i64| Asn1Time::from_unix(now_s() + days * 86_400 + 3_600).unwrap();
    builder.set_not_before(&day(wish.days.0)).unwrap();
    builder.set_not_after(&day(wish.days.1)).unwrap();
    let usage = match wish.usage {
        Usage::Authority => Some(KeyUsage::new().critical().key_cert_sign().crl_sign().build().unwrap()),
        Usage::Sign => Some(KeyUsage::new().critical().digital_signature().build().unwrap()),
        Usage::Encipher => Some(KeyUsage::new().critical().key_encipherment().build().unwrap()),
        Usage::Unsaid => None,
    };
    if wish.usage == Usage::Authority {
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    }
    usage.into_iter().for_each(|usage| builder.append_extension(usage).unwrap());
    builder.sign(issuer.map_or(&key, |i| &i.key), MessageDigest::sha256()).unwrap();
    Issued { certificate: builder.build(), key }
}
