//! Messages as senders write them, and what is said of those that are not.

use fjernprint::domain::Recipient;
use fjernprint::wire::message::{Channel, Format, SenderLetter, parse_message};
use fjernprint::wire::xml::Refusal;
use std::fs;

const AUTO: &str = "Automatisk Valg";
const UUID: &str = "3B9AC9FF-1d2e-4c3b-9a4d-5e6f70819223";

fn memo(prefix_declared: bool, kind: &str, body: &str) -> String {
    let declared = if prefix_declared { " xmlns:m=\"https://DigitalPost.dk/MeMo-1\"" } else { "" };
    format!(
        "<m:Message{declared} memoVersion=\"1.2\"><m:MessageHeader><m:messageType>{kind}</m:messageType>\
         <m:messageUUID>{UUID}</m:messageUUID><m:label>Afgørelse</m:label><m:Sender><m:senderID>99990011</m:senderID>\
         <m:idType>CVR</m:idType><m:label>Kommune</m:label></m:Sender><m:Recipient><m:recipientID>6101804567</m:recipientID>\
         <m:idType>CPR</m:idType></m:Recipient></m:MessageHeader>{body}</m:Message>"
    )
}

const BODY: &str = "<m:MessageBody><m:createdDateTime>2026-11-24T02:00:00Z</m:createdDateTime><m:MainDocument><m:File>\
    <m:encodingFormat>application/pdf</m:encodingFormat><m:filename>a.pdf</m:filename><m:language>da</m:language>\
    <m:content>JVBE\nRi0=</m:content></m:File></m:MainDocument></m:MessageBody>";

fn forsendelse(extra: &str) -> String {
    format!(
        "<f:ForsendelseI xmlns:f=\"urn:oio:fjernprint:1.0.0\" xmlns:d=\"urn:oio:dkal:1.0.0\">\
         <f:AfsendelseIdentifikator>2026-sag-17</f:AfsendelseIdentifikator><f:ForsendelseModtager><d:AfsendelseModtager>\
         <x:CPRnummerIdentifikator xmlns:x=\"urn:oio:adir:dagpenge:2009.07.01\">0000000000</x:CPRnummerIdentifikator>\
         </d:AfsendelseModtager><f:ModtagerAdresse><PersonName>Bo Ærø Øst</PersonName><StreetName>Åvej</StreetName>\
         <StreetBuildingIdentifier>12A</StreetBuildingIdentifier><FloorIdentifier>ST</FloorIdentifier>\
         <SuiteIdentifier>TV</SuiteIdentifier><PostCodeIdentifier>8000</PostCodeIdentifier>\
         <DistrictSubdivisionIdentifier>Aarhus C</DistrictSubdivisionIdentifier></f:ModtagerAdresse></f:ForsendelseModtager>\
         <d:FilformatNavn>PDF</d:FilformatNavn><d:MeddelelseIndholdData>JVBERi0=</d:MeddelelseIndholdData>\
         <f:DokumentParametre/>{extra}</f:ForsendelseI>"
    )
}

fn kombi(choice: &str, parts: &str) -> String {
    format!("<kombi_request><KombiValgKode>{choice}</KombiValgKode>{parts}</kombi_request>")
}

fn collected(part: &str) -> String {
    format!("<s:ForsendelseISamling xmlns:s=\"urn:oio:fjernprint:1.0.0\">{part}</s:ForsendelseISamling>")
}

fn one(xml: &str) -> SenderLetter {
    let mut letters = parse_message(xml.as_bytes()).unwrap();
    assert_eq!(letters.len(), 1);
    letters.remove(0)
}

fn refused(xml: &str) -> Refusal {
    parse_message(xml.as_bytes()).unwrap_err()
}

#[test]
fn both_child_orders_are_the_same_letter() {
    let (memo, physical) = (memo(true, "DIGITALPOST", BODY), collected(&forsendelse("")));
    let first = one(&kombi("Automatisk Valg", &format!("{memo}{physical}")));
    assert_eq!(first, one(&kombi("Automatisk Valg", &format!("{physical}{memo}"))));
    assert_eq!((first.identity.as_str(), first.dispatch_id.as_str()), (UUID.to_lowercase().as_str(), "2026-sag-17"));
    assert_eq!(first.channel, Channel::Automatic);
    assert!(matches!(first.recipient, Recipient::Citizen(_)));
    assert_eq!(first.digital.unwrap().memo_xml, memo.as_bytes(), "the MeMo's bytes are untouched");
    let physical = first.physical.unwrap();
    assert_eq!((physical.main.format, physical.main.bytes.as_slice()), (Format::Pdf, &b"%PDF-"[..]));
    let address = physical.address.unwrap();
    assert_eq!(address.lines, ["Bo Ærø Øst", "Åvej 12A, st. tv", "8000 Aarhus C"]);
    assert_eq!(format!("{address:?}"), "PostalAddress(3 lines, DK)");
}

#[test]
fn an_inherited_namespace_goes_along_with_the_memo() {
    let inner = memo(false, "NEMSMS", "");
    let xml =
        format!("<kombi_request xmlns:m=\"https://DigitalPost.dk/MeMo-1\"><KombiValgKode>NemSMS</KombiValgKode>{inner}</kombi_request>");
    let letter = one(&xml);
    assert_eq!(letter.channel, Channel::NemSms);
    let alone = letter.digital.unwrap().memo_xml;
    let expected = inner.replacen("<m:Message ", "<m:Message xmlns:m=\"https://DigitalPost.dk/MeMo-1\" ", 1);
    assert_eq!(String::from_utf8(alone.clone()).unwrap(), expected);
    assert_eq!(parse_message(&alone).unwrap()[0].channel, Channel::NemSms);
}

#[test]
fn bare_messages_are_taken_and_withheld_recipients_stay_so() {
    assert_eq!(one(&format!("\u{feff}{}", memo(true, "DIGITALPOST", BODY))).channel, Channel::Automatic);
    let letter = one(&forsendelse(""));
    assert_eq!((letter.channel, letter.recipient), (Channel::Physical, Recipient::Withheld));
    let two = collected(&format!("{}{}", forsendelse(""), forsendelse("").replace("sag-17", "sag-18")));
    assert_eq!(parse_message(kombi("Fysisk Post", &two).as_bytes()).unwrap().len(), 2);
}

#[test]
fn what_is_wrong_is_named_with_its_code_and_place_and_no_content() {
    let good = memo(true, "DIGITALPOST", BODY);
    let cases = [
        (good[..good.len() / 2].to_owned(), "FP-I001"),
        (good.replace("</m:label>", "</m:labe>"), "FP-I001"),
        (format!("<!DOCTYPE x [<!ENTITY e \"e\">]>{good}"), "FP-I002"),
        (format!("{}{}", "<a>".repeat(70), "</a>".repeat(70)), "FP-I002"),
        (format!("<a {}/>", (0..501).map(|n| format!("a{n}='' ")).collect::<String>()), "FP-I002"),
        ("<letter/>".to_owned(), "FP-I004"),
        (kombi(AUTO, &format!("{good}{}", collected(&forsendelse("").replace("0000000000", "6201804567")))), "FP-I008"),
        (good.replace("m:label>", "m:lab>").replace("DIGITALPOST", "FAX"), "FP-I005"),
        (good.replace("99990011", "9999001"), "FP-I005"),
        (good.replace("memoVersion=\"1.2\"", "memoVersion=\"1.0\""), "FP-I006"),
        (kombi("Fax", &good), "FP-I007"),
        (kombi("Fysisk Post", &good), "FP-I008"),
        (kombi("Automatisk Valg", &collected(&forsendelse(""))), "FP-I008"),
        (kombi("NemSMS", &good), "FP-I008"),
        (good.replace("6101804567", "Recipient ID"), "FP-I009"),
        (forsendelse("").replace("2026-sag-17", "sag 610180-4567"), "FP-I012"),
        (forsendelse("").replace("2026-sag-17", "=1+1"), "FP-I005"),
        (forsendelse("").replace("JVBERi0=", "JV*ERi0="), "FP-I013"),
        (forsendelse("").replace("2026-sag-17", &"x".repeat(39)), "FP-I020"),
    ];
    for (xml, code) in cases {
        let refusal = refused(&xml);
        assert_eq!(refusal.code, code, "{refusal}");
        assert!(!refusal.to_string().contains("610180"), "{refusal}");
        assert!(!refusal.place.is_empty());
    }
    assert!(refused(&good[..good.len() / 2]).incomplete, "it may still be being written");
    assert!(!refused("<letter/>").incomplete);
}

/// An identifier that is a UUID is the same in either case; any other is what it is.
#[test]
fn identifiers_that_are_uuids_are_compared_without_regard_to_case() {
    let with = |id: &str| one(&forsendelse("").replace("2026-sag-17", id)).identity;
    assert_eq!(with("5F1E0000-0000-4000-8000-00000000ABCD"), with("5f1e0000-0000-4000-8000-00000000abcd"));
    assert_ne!(with("Sag-17"), with("sag-17"));
}

#[test]
fn every_truncation_is_refused_as_incomplete() {
    let good = kombi("Automatisk Valg", &memo(true, "DIGITALPOST", BODY));
    for end in 1..good.len() {
        let refusal = parse_message(&good.as_bytes()[..end]).unwrap_err();
        assert!(refusal.incomplete, "{end}: {refusal}");
    }
}

/// The public samples, where the variable names them.
#[test]
fn public_samples_are_taken_or_refused_for_the_right_reason() {
    let Ok(folder) = std::env::var("FJERNPRINT_FORMATS") else {
        eprintln!("FJERNPRINT_FORMATS is not set: the public samples are not looked at");
        return;
    };
    let tests = "itk-dev-rpa__python-serviceplatformen/tests";
    let expected = [
        ("derived/kombi/kombi_request.auto.message-first.xml".to_owned(), None),
        ("derived/kombi/kombi_request.auto.forsendelse-first.xml".to_owned(), None),
        ("derived/kombi/kombi_request.digital.xml".to_owned(), None),
        ("derived/kombi/kombi_request.fysisk.xml".to_owned(), None),
        (format!("{tests}/physical_mail_xml/ForsendelseI_Minimal.xml"), None),
        (format!("{tests}/message_xml/MeMo_Full_Example.xml"), None),
        (format!("{tests}/message_xml/MeMo_Minimum_Example.xml"), None),
        (format!("{tests}/message_xml_memo11/MeMo_Full_Example.xml"), None),
        (format!("{tests}/message_xml_memo11/MeMo_Minimum_Example.xml"), None),
        // Their sender and recipient are the words "Sender ID" and "Recipient ID".
        (format!("{tests}/message_xml/MeMo_NemSMS.xml"), Some("FP-I005")),
        (format!("{tests}/message_xml/MeMo_with_attachment.xml"), Some("FP-I005")),
    ];
    for (file, code) in expected {
        let result = parse_message(&fs::read(format!("{folder}/{file}")).unwrap());
        assert_eq!(result.err().map(|refusal| refusal.code), code, "{file}");
    }
}
