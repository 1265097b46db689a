//! The field's words: identifiers, masking, profiles.

use fjernprint::domain::redact::{looks_like_cpr, redact};
use fjernprint::domain::{BatchName, Cpr, Envelope, LetterId, Plex, Recipient, Sha256, sheets_of};
use fjernprint::vendor::VendorProfile;
use std::fs;

fn profile_text(vendor: &str) -> String {
    fs::read_to_string(format!("{}/vendors/{vendor}/profile.toml", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn a_cpr_number_is_never_shown() {
    let cpr: Cpr = "610180-4567".parse().unwrap();
    assert_eq!(format!("{cpr:?}"), "Cpr(***)");
    assert_eq!(cpr.expose(), "6101804567");
    assert_eq!(redact("letter for 6101804567.pdf, 610180-4567"), "letter for xxxxxx-xxxx.pdf, xxxxxx-xxxx");
    assert!(!looks_like_cpr("9f3c2a1e-46aa-4f36-8974-123456789012"));
    assert!(!looks_like_cpr("9999999999"));
    // One UUID in a thousand has such digits; and hashes have.
    assert!(!looks_like_cpr("1f101185-1234-4abc-8def-0123456789ab"));
    assert!(!looks_like_cpr("10110185-1234-4abc-8def-610180456700"));
    assert!(!looks_like_cpr("sha256 0a6101804567fe11"));
    assert!(looks_like_cpr("cpr6101804567") && looks_like_cpr("610180-4567.xml") && looks_like_cpr("1234-610180-4567"));
}

#[test]
fn recipients_are_told_apart_by_length() {
    assert_eq!("0000000000".parse::<Recipient>().unwrap(), Recipient::Withheld);
    assert!(matches!("99990011".parse::<Recipient>().unwrap(), Recipient::Company(_)));
    // No modulus 11: numbers without it are valid.
    assert!(matches!("0101801234".parse::<Recipient>().unwrap(), Recipient::Citizen(_)));
    for wrong in ["Recipient ID", "3213801234", "123", "", "010180123æ"] {
        assert!(wrong.parse::<Recipient>().is_err(), "{wrong}");
    }
}

#[test]
fn identifiers_are_checked_when_made() {
    assert!("L0123456789abcdef01234567".parse::<LetterId>().is_ok());
    assert!("L0123456789ABCDEF01234567".parse::<LetterId>().is_err());
    assert!("../../etc/passwd".parse::<LetterId>().is_err());
    assert!("FP-edora-99990011-20261124-1-0123456789ab".parse::<BatchName>().is_ok());
    assert!("FP-edora-99990011-20261124-1-0123456789ab/..".parse::<BatchName>().is_err());
    let hash = Sha256([0xab; 32]);
    assert_eq!(hash.to_string().parse::<Sha256>().unwrap(), hash);
}

#[test]
fn shipped_profiles_parse_and_every_value_has_a_provenance() {
    for vendor in ["edora", "kmd", "straalfors"] {
        let profile = VendorProfile::parse(&profile_text(vendor)).unwrap();
        assert_eq!(profile.id.as_str(), vendor);
        assert!(!profile.assumed().is_empty());
        assert_eq!(profile.envelope_for(Envelope::Auto, 6), Some(Envelope::C5));
        assert_eq!(profile.envelope_for(Envelope::C5, 7), Some(Envelope::C4));
        assert_eq!(profile.envelope_for(Envelope::C4, 41), None);
    }
}

#[test]
fn impossible_profiles_are_refused_with_every_fault() {
    let text = profile_text("edora")
        .replace("sheets_max = 6", "sheets_max = 60")
        .replace("sweeps = false", "sweeps = true")
        .replace("\"delivery.inbox\" = \"assumed\"\n", "");
    let message = VendorProfile::parse(&text).unwrap_err().to_string();
    for part in ["envelopes swapped", "answer_only", "delivery.inbox has no provenance"] {
        assert!(message.contains(part), "{part} is not in: {message}");
    }
}

#[test]
fn sheets_follow_from_pages_and_plex() {
    assert_eq!((sheets_of(3, Plex::Simplex), sheets_of(3, Plex::Duplex), sheets_of(4, Plex::Duplex)), (3, 2, 2));
}

#[test]
fn one_is_one_and_more_are_more() {
    use fjernprint::domain::{counted, verb};
    let said = |number| format!("{} {} late", counted(number, "batch"), verb(number, "is", "are"));
    assert_eq!([said(0), said(1), said(2)], ["0 batches are late", "1 batch is late", "2 batches are late"]);
}
