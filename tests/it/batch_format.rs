//! Batch format 1: what is written can be read back, and OpenSSL's own tool accepts the signature.

use fjernprint::domain::{Colour, Envelope, Plex, Postage, Sha256};
use fjernprint::wire::{cms, manifest};
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, KeyUsage};
use openssl::x509::{X509, X509NameBuilder};
use std::fs;
use std::process::Command;

fn certificate(name: &str, issuer: Option<(&X509, &PKey<Private>)>) -> (X509, PKey<Private>) {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_text("CN", name).unwrap();
    let subject = subject.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(name.len() as u32).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(issuer.map_or(&*subject, |(c, _)| c.subject_name())).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(30).unwrap()).unwrap();
    if issuer.is_none() {
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    }
    builder.append_extension(KeyUsage::new().digital_signature().key_cert_sign().build().unwrap()).unwrap();
    builder.sign(issuer.map_or(&key, |(_, k)| k), MessageDigest::sha256()).unwrap();
    (builder.build(), key)
}

#[test]
fn a_signed_manifest_is_accepted_by_openssl_and_a_changed_one_is_not() {
    let (root, root_key) = certificate("root", None);
    let (signer, key) = certificate("signer", Some((&root, &root_key)));
    let content = b"{\n  \"format\": \"fjernprint-batch/1\"\r\n}\n";
    let signature = cms::sign(content, &signer, &key, std::slice::from_ref(&root)).unwrap();
    let pem = root.to_pem().unwrap();
    cms::verify(content, &signature, &pem).unwrap();
    assert!(cms::verify(b"other", &signature, &pem).unwrap_err().to_string().contains("does not verify"));
    let (stranger, _) = certificate("stranger", None);
    assert!(cms::verify(content, &signature, &stranger.to_pem().unwrap()).is_err());

    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::write(path("m.json"), content).unwrap();
    fs::write(path("m.p7s"), &signature).unwrap();
    fs::write(path("ca.pem"), &pem).unwrap();
    let check = || {
        let mut command = Command::new("openssl");
        command.args(["cms", "-verify", "-binary", "-inform", "DER", "-in"]).arg(path("m.p7s"));
        command.arg("-content").arg(path("m.json")).arg("-CAfile").arg(path("ca.pem"));
        command.args(["-purpose", "any", "-out", "/dev/null"]).output().unwrap().status.success()
    };
    assert!(check());
    fs::write(path("m.json"), b"{}").unwrap();
    assert!(!check());
}

#[test]
fn letters_csv_reads_back_as_written_and_has_the_documented_header() {
    let row = manifest::LetterRow {
        seq: 1,
        letter_id: "L0123456789abcdef01234567".parse().unwrap(),
        dispatch_id: "9f;3\"c".to_owned(),
        file: "L0123456789abcdef01234567.pdf".to_owned(),
        first_page: 1,
        pages: 3,
        sheets: 2,
        bytes: 4711,
        sha256: Sha256([1; 32]),
        sha256_received: Sha256([1; 32]),
        plex: Plex::Duplex,
        colour: Colour::BlackWhite,
        envelope: Envelope::C5,
        postage: Postage::RegisteredWithReceipt,
        weight_g: 18,
        country: "DK".to_owned(),
        cost_group: String::new(),
        deadline: String::new(),
    };
    let bytes = manifest::letters_to_csv(std::slice::from_ref(&row)).unwrap();
    let header = "seq;letter_id;dispatch_id;file;first_page;pages;sheets;bytes;sha256;sha256_received;\
                  plex;colour;envelope;postage;weight_g;country;cost_group;deadline\n";
    assert!(bytes.starts_with(header.as_bytes()));
    assert_eq!(manifest::letters_from_csv(&bytes).unwrap(), vec![row]);
    assert!(manifest::letters_from_csv(b"seq;letter_id\n1;x\n").is_err());
}
