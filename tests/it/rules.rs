//! Rules over facts: each with a document that trips it and one that just does not. And the workers that find the facts.

use crate::pdf::{A4, pdf};
use fjernprint::adapters::inspector::Inspector;
use fjernprint::domain::rules::{RULES, severity_faults};
use fjernprint::domain::{Colour, Envelope, Finding, Plex, Postage, PostalAddress, PrintOptions, PrintWishes, Severity, Sha256};
use fjernprint::pdf::facts::{BoxMm, ImageFact, Mark, MarkKind, PageFacts, PageInk, PdfFacts, TextLine};
use fjernprint::pdf::inspect;
use fjernprint::pdf::repair::Remedy;
use fjernprint::pipeline::validate::{Demand, Expected, Policy, judge as judge_by, still_amiss, validate};
use fjernprint::vendor::VendorProfile;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn profile(change: &[(&str, &str)]) -> VendorProfile {
    let mut text = fs::read_to_string(format!("{}/vendors/edora/profile.toml", env!("CARGO_MANIFEST_DIR"))).unwrap();
    for (from, to) in change {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    VendorProfile::parse(&text).unwrap_or_else(|e| panic!("{e}"))
}

fn judge(facts: &PdfFacts, recipient: Option<&PostalAddress>, profile: &VendorProfile) -> Vec<Finding> {
    judge_by(facts, &Expected { recipient, ..Expected::default() }, profile, &Policy::default())
}

fn line(y_mm: f32, text: &str) -> TextLine {
    TextLine { box_mm: [25.0, y_mm, text.chars().count() as f32 * 1.8, 3.5], text: text.to_owned(), size_pt: 10.0 }
}

fn address() -> Vec<TextLine> {
    vec![line(45.0, "Åse Ægidius"), line(49.2, "Ærtevej 3"), line(53.4, "6875 Æblesund")]
}

fn mark(kind: MarkKind, box_mm: BoxMm) -> Mark {
    Mark { kind, box_mm }
}

/// One A4 page with an address in the window and a text below it.
fn letter() -> PdfFacts {
    let window_text = address();
    let mut marks: Vec<Mark> = window_text.iter().map(|l| mark(MarkKind::Text, l.box_mm)).collect();
    marks.push(mark(MarkKind::Text, [25.0, 100.0, 150.0, 4.0]));
    let ink = PageInk { marks, window_text, coverage: 0.05, ..PageInk::default() };
    let page = PageFacts {
        width_mm: 210.0,
        height_mm: 297.0,
        media_width_mm: 210.0,
        media_height_mm: 297.0,
        ink: Some(ink),
        ..PageFacts::default()
    };
    let mut facts =
        PdfFacts { bytes: 1000, version: "1.7".into(), pages: vec![page], pages_by_second_reader: Some(1), ..PdfFacts::default() };
    facts.structure.revisions = 1;
    facts
}

fn rules(facts: &PdfFacts, recipient: Option<&PostalAddress>) -> Vec<&'static str> {
    let found = judge(facts, recipient, &profile(&[]));
    found.iter().for_each(|f| assert!(RULES.iter().any(|r| r.word == f.rule && r.code == f.code), "{f:?}"));
    found.iter().map(|f| f.rule).collect()
}

fn with(change: impl FnOnce(&mut PdfFacts)) -> PdfFacts {
    let mut facts = letter();
    change(&mut facts);
    facts
}

fn drawn(change: impl FnOnce(&mut PageInk)) -> PdfFacts {
    with(|facts| change(facts.pages[0].ink.as_mut().unwrap()))
}

#[test]
fn a_letter_that_is_as_it_should_be_has_no_finding() {
    assert_eq!(rules(&letter(), None), [""; 0]);
}

#[test]
fn what_the_file_is_is_told_rule_by_rule() {
    let cases: [(PdfFacts, &str); 22] = [
        (with(|f| f.parser_killed = Some("time".into())), "PARSER_KILLED"),
        (with(|f| f.structure.xfa = true), "XFA"),
        (with(|f| f.structure.javascript = true), "JAVASCRIPT"),
        (with(|f| f.structure.launch = true), "LAUNCH"),
        (with(|f| f.structure.embedded_files = true), "EMBEDDED_FILE"),
        (with(|f| f.fonts_not_embedded = ["F".to_owned()].into()), "FONT_EMBED"),
        (with(|f| f.structure.print_differs_from_view = true), "OPTIONAL_CONTENT"),
        (with(|f| f.structure.changed_after_signing = true), "CHANGED_AFTER_SIGNING"),
        (with(|f| f.structure.actions = ["URI".to_owned()].into()), "ACTION"),
        (with(|f| f.structure.rich_media = ["3D".to_owned()].into()), "RICH_MEDIA"),
        (with(|f| f.structure.fields_without_appearance = 1), "FORM_WITHOUT_APPEARANCE"),
        (with(|f| f.structure.revisions = 2), "REVISIONS"),
        (with(|f| f.structure.trailing_bytes = 1), "TRAILING_DATA"),
        (with(|f| f.structure.also = Some("zip".into())), "POLYGLOT"),
        (with(|f| f.structure.missing_objects = 1), "OBJECT_MISSING"),
        (with(|f| f.structure.type3_fonts = ["T".to_owned()].into()), "FONT_TYPE3"),
        (with(|f| f.structure.fonts_unusable = ["T".to_owned()].into()), "FONT_UNUSABLE"),
        (with(|f| f.pages_by_second_reader = Some(2)), "PAGE_COUNT_DISAGREES"),
        (with(|f| f.bytes = 7_340_033), "FILE_MAX"),
        (with(|f| (f.pages[0].cropped, f.pages[0].media_width_mm) = (true, 220.0)), "PAGE_BOXES"),
        (with(|f| f.encrypted = true), "ENCRYPTED"),
        (with(|f| f.unreadable = Some("damaged".into())), "UNREADABLE"),
    ];
    for (facts, rule) in cases {
        assert_eq!(rules(&facts, None), [rule]);
    }
    assert_eq!(rules(&with(|f| f.bytes = 7_340_032), None), [""; 0]);
}

#[test]
fn ink_is_measured_against_margins_and_zones_to_a_tenth_of_a_millimetre() {
    let at = |box_mm: BoxMm| drawn(|ink| ink.marks.push(mark(MarkKind::Path, box_mm)));
    assert_eq!(rules(&at([15.0, 200.0, 50.0, 1.0]), None), [""; 0]);
    assert_eq!(rules(&at([14.8, 200.0, 50.0, 1.0]), None), ["MARGIN_ALL"]);
    assert_eq!(rules(&at([180.0, 200.0, 15.0, 1.0]), None), [""; 0]);
    assert_eq!(rules(&at([180.0, 200.0, 15.3, 1.0]), None), ["MARGIN_ALL"]);
    assert_eq!(rules(&at([100.0, 4.8, 5.0, 1.0]), None), ["MARGIN_ALL"]);
    assert_eq!(rules(&at([100.0, 291.0, 5.0, 1.2]), None), ["MARGIN_ALL"]);
    let zone = |facts: &PdfFacts| -> Vec<Finding> {
        judge(facts, None, &profile(&[])).into_iter().filter(|f| f.rule == "MARGIN_LEFT_ZONE").collect()
    };
    // One just above the zone, one in it, and a rule with no height at all.
    assert_eq!(zone(&at([5.0, 94.0, 5.0, 1.0])).len(), 0);
    let found = zone(&at([5.0, 120.0, 5.0, 1.0]));
    assert_eq!((found[0].page, found[0].box_mm), (Some(1), Some([5.0, 120.0, 5.0, 1.0])));
    assert_eq!(zone(&at([5.0, 120.0, 5.0, 0.0])).len(), 1);
    assert_eq!(zone(&at([15.0, 120.0, 5.0, 1.0])).len(), 0);
}

#[test]
fn the_address_is_read_where_the_window_shows_it() {
    let of = |lines: Vec<TextLine>| {
        drawn(|ink| {
            ink.marks = lines.iter().map(|l| mark(MarkKind::Text, l.box_mm)).collect();
            ink.window_text = lines;
        })
    };
    assert_eq!(rules(&of(Vec::new()), None), ["BLANK_PAGE", "ADDR_BOX"]);
    // Foreign: the country stands last, in capitals.
    assert_eq!(
        rules(&of(vec![line(45.0, "Bo Test"), line(49.2, "Hauptstrasse 1"), line(53.4, "24937 Flensburg"), line(57.6, "TYSKLAND")]), None),
        [""; 0]
    );
    assert_eq!(rules(&of(vec![line(45.0, "Bo Test"), line(49.2, "Ågade 4")]), None), ["ADDR_POSTCODE"]);
    assert_eq!(rules(&of(vec![line(45.0, "Bo Test"), line(49.2, "0700 Ingensteds")]), None), ["ADDR_POSTCODE"]);
    assert_eq!(rules(&of(vec![line(45.0, "Bo Test"), line(49.2, "0900 København C")]), None), [""; 0]);
    assert_eq!(rules(&of(vec![line(45.0, "6875 Æblesund")]), None), ["ADDR_LINES"]);
    assert_eq!(rules(&of(vec![line(45.0, "(Bo Test)"), line(49.2, "6875 Æblesund")]), None), ["ADDR_CHARACTERS"]);
    let long = "x".repeat(43);
    assert!(rules(&of(vec![line(45.0, &long), line(49.2, "6875 Æblesund")]), None).contains(&"ADDR_LINELEN"));
    let high = vec![line(41.0, "Bo Test"), line(44.4, "Ågade 4"), line(49.2, "6875 Æblesund")];
    assert!(rules(&of(high), None).contains(&"ADDR_KEEPOUT"), "a line above the window's own part may be cut off or show");
}

#[test]
fn nothing_but_the_address_stands_where_the_window_may_show_it() {
    let beside = |box_mm: BoxMm| drawn(|ink| ink.marks.push(mark(MarkKind::Image, box_mm)));
    assert_eq!(rules(&beside([100.0, 70.0, 10.0, 5.0]), None), ["ADDR_KEEPOUT"]);
    assert_eq!(rules(&beside([121.0, 70.0, 10.0, 5.0]), None), [""; 0]);
    let number = |box_mm: BoxMm| drawn(|ink| ink.cpr_numbers.push((0, box_mm)));
    assert_eq!(rules(&number([30.0, 60.0, 20.0, 3.0]), None), ["CPR_IN_WINDOW"]);
    assert_eq!(rules(&number([30.0, 200.0, 20.0, 3.0]), None), [""; 0]);
    let two =
        drawn(|ink| ink.cpr_numbers = vec![(0, [30.0, 200.0, 20.0, 3.0]), (0, [30.0, 210.0, 20.0, 3.0]), (1, [30.0, 220.0, 20.0, 3.0])]);
    assert_eq!(rules(&two, None), ["TWO_CPR"]);
}

#[test]
fn another_person_in_the_window_is_told_and_nobody_is_quoted() {
    let to = |lines: &[&str], postcode: &str| PostalAddress {
        lines: lines.iter().map(|l| (*l).to_owned()).collect(),
        postcode: Some(postcode.to_owned()),
        country: "DK".to_owned(),
    };
    assert_eq!(rules(&letter(), Some(&to(&["Åse  ÆGIDIUS", "Ærtevej 3", "6875 Æblesund"], "6875"))), [""; 0]);
    let other = to(&["Bo Testgaard", "Ærtevej 3", "6875 Æblesund"], "6875");
    assert_eq!(rules(&letter(), Some(&other)), ["WRONG_PERSON"]);
    assert_eq!(rules(&letter(), Some(&to(&["Åse Ægidius", "Ærtevej 3", "8000 Aarhus"], "8000"))), ["WRONG_PERSON"]);
    for finding in judge(&letter(), Some(&other), &profile(&[])) {
        let said = format!("{finding:?}");
        assert!(!["Åse", "Ægidius", "Testgaard", "6875"].iter().any(|word| said.contains(word)), "{said}");
    }
    let mut two = letter();
    let mut second = two.pages[0].clone();
    second.ink.as_mut().unwrap().window_text = vec![line(45.0, "Bo Testgaard"), line(49.2, "Ågade 4"), line(53.4, "8495 Granhøj")];
    two.pages.push(second.clone());
    two.pages_by_second_reader = Some(2);
    assert_eq!(rules(&two, None), ["TWO_RECIPIENTS"]);
    second.ink.as_mut().unwrap().window_text = address();
    two.pages[1] = second;
    assert_eq!(rules(&two, None), [""; 0], "the same address twice is one recipient");
}

/// Names are whole words on one line, the street has its house, the postcode is no house's number.
#[test]
fn a_neighbour_a_namesake_and_half_a_name_are_other_people() {
    let to = |name: &str, street: &str| PostalAddress {
        lines: [name, street, "8000 Aarhus C"].map(str::to_owned).into(),
        postcode: Some("8000".to_owned()),
        country: "DK".to_owned(),
    };
    let shows = |lines: &[&str]| {
        drawn(|ink| ink.window_text = lines.iter().enumerate().map(|(i, text)| line(45.0 + 4.2 * i as f32, text)).collect())
    };
    let wrong = |shown: &[&str], name: &str, street: &str| -> Vec<String> {
        let found = judge(&shows(shown), Some(&to(name, street)), &profile(&[]));
        found.into_iter().filter(|f| f.rule == "WRONG_PERSON").map(|f| f.measured).collect()
    };
    let none: [String; 0] = [];
    let (skovvej, aarhus) = ("Skovvej 12, 1. th.", "8000 Aarhus C");
    assert_eq!(wrong(&["Anna Madsen", "Skovvej 12, 1.th", aarhus], "Anna Madsen", skovvej), none);
    assert_eq!(wrong(&["Madsen, Anna B.", "Skovvej 12", "1. th", aarhus], "Anna Madsen", skovvej), none, "turned round, with an initial");
    assert_eq!(wrong(&["Fru Anna", "Madsen", "Skovby", skovvej, aarhus], "Anna Madsen", skovvej), none, "broken over two lines");
    assert_eq!(wrong(&["Soeren Müller", "Aagade 4", aarhus], "Søren Muller", "Ågade 4"), none, "without Danish letters");
    for shown in ["Anna Hansen", "Bo Anna Hansen", "Bodil Madsen", "Annabelle Madsen", "Anna Madsensen", "Hans Anna Madsen", "Anna"] {
        assert_eq!(wrong(&[shown, skovvej, aarhus], "Anna Madsen", skovvej), ["another name"], "{shown}");
    }
    for shown in ["Skovvej 13, 1. th.", "Skovvej 12, 2. th.", "Birkevej 12, 1. th.", "Skovvej"] {
        assert_eq!(wrong(&["Anna Madsen", shown, aarhus], "Anna Madsen", skovvej), ["another address"], "{shown}");
    }
    assert_eq!(wrong(&["Anna Madsen", "Skovvej 8000", "5000 Odense C"], "Anna Madsen", "Skovvej 8000"), ["another postcode"]);
    assert_eq!(wrong(&[], "Anna Madsen", skovvej), ["no text"]);
}

#[test]
fn a_second_recipient_is_told_wherever_it_stands() {
    let pages = |first: &[TextLine], second: &[TextLine]| {
        let mut facts = drawn(|ink| ink.window_text = first.to_vec());
        let mut page = facts.pages[0].clone();
        page.ink.as_mut().unwrap().window_text = second.to_vec();
        facts.pages.push(page);
        facts.pages_by_second_reader = Some(2);
        judge(&facts, None, &profile(&[])).iter().filter(|f| f.rule == "TWO_RECIPIENTS").map(|f| f.page).collect::<Vec<_>>()
    };
    let at = |x_mm: f32, y_mm: f32, texts: [&str; 3]| -> Vec<TextLine> {
        let placed = |(i, text): (usize, &&str)| TextLine {
            box_mm: [x_mm, y_mm + 4.2 * i as f32, 40.0, 3.5],
            text: (*text).to_owned(),
            size_pt: 10.0,
        };
        texts.iter().enumerate().map(placed).collect()
    };
    let first = address();
    assert_eq!(pages(&first, &at(25.0, 45.0, ["Bo Testgaard", "Ærtevej 3", "6875 Æblesund"])), [Some(2)], "at the same address");
    assert_eq!(pages(&first, &at(25.0, 75.0, ["Bo Testgaard", "Ågade 4", "8495 Granhøj"])), [Some(2)], "lower");
    assert_eq!(pages(&first, &at(95.0, 45.0, ["Bo Testgaard", "Ågade 4", "8495 Granhøj"])), [Some(2)], "beside");
    let with_sender = [address(), at(95.0, 25.0, ["Prøveby Kommune", "Torvet 1", "8495 Granhøj"])].concat();
    assert_eq!(
        pages(&with_sender, &at(25.0, 25.0, ["Prøveby Kommune", "Torvet 1", "8495 Granhøj"])),
        [],
        "the sender's own, known from page 1"
    );
    let running =
        TextLine { box_mm: [25.0, 50.0, 150.0, 3.5], text: "8495 Granhøj er en by, hvor vi holder møder".to_owned(), size_pt: 10.0 };
    assert_eq!(pages(&first, &[line(45.8, "Læs mere om byen:"), running]), [], "running text");
    let side_by_side = [line(45.0, "Åse Ægidius Bo Testgaard"), line(49.2, "Ærtevej 3 Ågade 4"), line(53.4, "6875 Æblesund 8495 Granhøj")];
    assert_eq!(pages(&side_by_side, &[]), [Some(1)]);
}

#[test]
fn a_postcode_has_a_district_that_it_may_belong_to_and_a_country_is_known_by_name() {
    let last = |text: &str| {
        let found = drawn(|ink| ink.window_text = vec![line(45.0, "Bo Test"), line(49.2, "Ågade 4"), line(53.4, text)]);
        !rules(&found, None).contains(&"ADDR_POSTCODE")
    };
    for good in [
        "8000 Aarhus C",
        "8200 Aarhus N",
        "5000 Odense C",
        "DK-2900 Hellerup",
        "1620 København V",
        "9990 Skagen",
        "6875 Æblesund",
        "0800 Høje Taastrup",
    ] {
        assert!(last(good), "{good}");
    }
    for bad in ["8000 Odense C", "2400 Skagen", "8000 kr. i gebyr", "800 Aarhus", "0700 Ingensteds", "8000", "Aarhus"] {
        assert!(!last(bad), "{bad}");
    }
    for country in ["Tyskland", "SVERIGE", "Færøerne", "United Kingdom", "Norge"] {
        assert!(last(country), "{country}");
    }
    assert!(!last("Sverigesgade"));
}

#[test]
fn how_ink_is_is_told_page_by_page() {
    let coarse = ImageFact { box_mm: [30.0, 150.0, 50.0, 50.0], dpi: 149.0, bilevel: false };
    let cases: [(PdfFacts, &str); 9] = [
        (drawn(|i| i.transparency = true), "TRANSPARENCY"),
        (drawn(|i| i.colour = true), "COLOUR"),
        (drawn(|i| i.coverage = 0.21), "INK_COVERAGE"),
        (drawn(|i| i.images.push(coarse)), "IMAGE_DPI"),
        (drawn(|i| i.hidden_text.push([30.0, 150.0, 5.0, 3.0])), "HIDDEN_TEXT"),
        (drawn(|i| i.text_outside = true), "TEXT_OUTSIDE"),
        (drawn(|i| i.marks.push(mark(MarkKind::Annotation, [30.0, 150.0, 5.0, 3.0]))), "ANNOTATION"),
        (drawn(|i| i.too_much = true), "TOO_COMPLEX"),
        (
            with(|f| {
                f.pages.push(PageFacts { ink: None, ..f.pages[0].clone() });
                f.pages_by_second_reader = Some(2);
            }),
            "NOT_LOOKED_AT",
        ),
    ];
    for (facts, rule) in cases {
        assert_eq!(rules(&facts, None), [rule]);
    }
    assert_eq!(rules(&drawn(|i| i.images.push(ImageFact { dpi: 150.0, ..coarse })), None), [""; 0]);
}

#[test]
fn a_profile_says_what_a_breach_means_and_names_only_rules_that_exist() {
    let facts = drawn(|ink| ink.colour = true);
    let said = |severity: &str| {
        let profile = profile(&[
            ("PDF_VERSION = \"warn\"", &format!("PDF_VERSION = \"warn\"\nCOLOUR = \"{severity}\"")),
            ("\"severity.PDF_VERSION\" = \"assumed\"", "\"severity.PDF_VERSION\" = \"assumed\"\n\"severity.COLOUR\" = \"contract\""),
        ]);
        judge(&facts, None, &profile).iter().map(|f| f.severity).collect::<Vec<_>>()
    };
    assert_eq!(said("reject"), [Severity::Reject]);
    assert_eq!(said("off"), []);
    let text = fs::read_to_string(format!("{}/vendors/edora/profile.toml", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let wrong = text.replace("PDF_VERSION", "PDF_VERSJON");
    assert!(VendorProfile::parse(&wrong).unwrap_err().to_string().contains("no rule has this word"));
    let outside = text.replace("keepout = { x_mm = 0.0, y_mm = 30.5", "keepout = { x_mm = 20.0, y_mm = 30.5");
    assert!(VendorProfile::parse(&outside).unwrap_err().to_string().contains("zones.visible must lie within zones.keepout"));
}

#[test]
fn a_sender_says_what_a_breach_means_and_a_vendor_is_not_overruled() {
    let word = |rule: &str, severity| Policy { severity: [(rule.to_owned(), severity)].into(), ..Policy::default() };
    let allows = |remedy| Policy { remedies: [remedy].into(), ..Policy::default() };
    let named = |severity: &str| {
        profile(&[
            ("PDF_VERSION = \"warn\"", &format!("PDF_VERSION = \"warn\"\nANNOTATION = \"{severity}\"")),
            ("\"severity.PDF_VERSION\" = \"assumed\"", "\"severity.PDF_VERSION\" = \"assumed\"\n\"severity.ANNOTATION\" = \"contract\""),
        ])
    };
    let stamped = drawn(|ink| ink.marks.push(mark(MarkKind::Annotation, [50.0, 200.0, 10.0, 10.0])));
    let said = |profile: &VendorProfile, policy: &Policy| {
        judge_by(&stamped, &Expected::default(), profile, policy).iter().map(|f| f.severity).collect::<Vec<_>>()
    };
    let silent = profile(&[]);
    let (off, reject, repair) =
        (word("ANNOTATION", Severity::Off), word("ANNOTATION", Severity::Reject), word("ANNOTATION", Severity::Repair));
    assert_eq!(said(&silent, &Policy::default()), [Severity::Warn]);
    assert_eq!(
        (said(&silent, &off), said(&silent, &reject)),
        (vec![], vec![Severity::Reject]),
        "the sender's word replaces the rule's own"
    );
    assert_eq!(said(&named("reject"), &off), [Severity::Reject], "what the vendor refuses, it refuses");
    assert_eq!((said(&silent, &repair), said(&named("reject"), &repair)), (vec![Severity::Repair], vec![Severity::Repair]));
    assert_eq!(said(&named("repair"), &Policy::default()), [Severity::Reject], "nobody allowed the repair");
    assert_eq!(said(&named("repair"), &allows(Remedy::Flatten)), [Severity::Repair]);
    assert_eq!(said(&named("repair"), &allows(Remedy::Turn)), [Severity::Reject], "another remedy");
    assert_eq!(said(&silent, &allows(Remedy::Flatten)), [Severity::Warn], "what stops nothing is not touched");
    let opened = with(|f| f.unreadable = Some("damaged".into()));
    let no_remedy = judge_by(&opened, &Expected::default(), &silent, &Policy::repairs_all());
    assert_eq!(no_remedy[0].severity, Severity::Reject, "no remedy makes a damaged file whole");
    let fixed =
        severity_faults(&[("UNREADABLE".to_owned(), Severity::Warn), ("PAGES_ZER0".to_owned(), Severity::Warn)].into()).collect::<Vec<_>>();
    assert!(fixed[0].contains("no rule has this word") && fixed[1].contains("always rejects"), "{fixed:?}");
}

/// A stream is cut where the marker stands: whoever wrote it on page 2 would get a letter of their own.
#[test]
fn the_vendors_marker_may_stand_on_the_first_page_only() {
    let with_marker = |text: &str| {
        profile(&[
            ("# How ink may be.", &format!("[marker]\ntext = \"{text}\"\n")),
            ("\n[provenance]\n", "\n[provenance]\n\"marker.text\" = \"contract\"\n"),
        ])
    };
    let vendor = with_marker("SH EADER");
    let on_page = |page: usize, text: &str| {
        let mut facts = letter();
        facts.pages.push(facts.pages[0].clone());
        facts.pages[page - 1].ink.as_mut().unwrap().markers.push((text.to_owned(), [1.0, 1.0, 9.0, 3.0]));
        facts
    };
    let hits =
        |facts: &PdfFacts| judge(facts, None, &vendor).iter().filter(|f| f.rule == "MARKER_COLLISION").map(|f| f.page).collect::<Vec<_>>();
    assert_eq!(hits(&on_page(2, "SH EADER")), [Some(2)]);
    assert_eq!(hits(&on_page(1, "SH EADER")), []);
    assert_eq!(hits(&on_page(2, "another vendor's")), []);
    let text = |marker: &str| {
        fs::read_to_string(format!("{}/vendors/edora/profile.toml", env!("CARGO_MANIFEST_DIR")))
            .unwrap()
            .replace("# How ink may be.", &format!("[marker]\ntext = \"{marker}\"\n"))
    };
    assert!(VendorProfile::parse(&text(" a b c")).unwrap_err().to_string().contains("4 to 64"));
}

#[test]
fn a_letter_has_an_envelope_or_is_not_sent() {
    let small = profile(&[("sheets_max = 6\n", "sheets_max = 1\n"), ("sheets_max = 40\n", "sheets_max = 2\n")]);
    let pages = |count: usize| with(|f| (f.pages = vec![f.pages[0].clone(); count], f.pages_by_second_reader = Some(count)).1);
    let of = |count: usize, plex| {
        let found = judge_by(&pages(count), &Expected { plex, ..Expected::default() }, &small, &Policy::default());
        found.iter().map(|f| (f.rule, f.measured.clone())).collect::<Vec<_>>()
    };
    assert_eq!((of(2, Plex::Simplex), of(4, Plex::Duplex)), (vec![], vec![]));
    assert_eq!(of(3, Plex::Simplex), [("SHEETS_MAX", "3 sheets (simplex)".to_owned())]);
    assert_eq!(of(5, Plex::Duplex), [("SHEETS_MAX", "3 sheets (duplex)".to_owned())]);
}

/// What the vendor does not sell, or carries lighter only, is not sent.
#[test]
fn a_letter_is_carried_in_a_class_that_is_sold_for_its_weight() {
    let vendor = profile(&[("weight_max_g = 250, price_ore = 3300", "weight_max_g = 120, price_ore = 3300")]);
    let said = |postage, sheets: usize| {
        let facts = with(|f| (f.pages = vec![f.pages[0].clone(); sheets], f.pages_by_second_reader = Some(sheets)).1);
        let defaults = PrintOptions { plex: Plex::Simplex, colour: Colour::BlackWhite, envelope: Envelope::Auto, postage };
        let demand = Demand { wishes: &PrintWishes::default(), defaults, address: None, received: Sha256([0; 32]), repairs: Vec::new() };
        validate(Vec::new(), &facts, &demand, &vendor, &Policy::default()).map_err(|found| found.iter().map(|f| f.rule).collect::<Vec<_>>())
    };
    // 16.7 g of envelope and 4.99 g a sheet.
    assert_eq!(said(Postage::Economique, 20).unwrap().job().weight_g, 117);
    assert_eq!(said(Postage::Economique, 21).unwrap_err(), ["WEIGHT_MAX"]);
    assert_eq!(said(Postage::Bulk, 1).unwrap_err(), ["POSTAGE_UNSOLD"]);
}

/// A repair that moved the address further out is none, though the fault has the name that it had before.
#[test]
fn a_repair_that_makes_a_fault_worse_is_none() {
    let found = |facts: &PdfFacts| judge(facts, None, &profile(&[]));
    let out_by = |mm: f32| drawn(|ink| ink.window_text[0].box_mm = [25.0, 45.0, 76.0 + mm, 3.5]);
    let (before, worse) = (found(&out_by(3.0)), found(&out_by(9.0)));
    assert!(before.iter().any(|f| f.rule == "ADDR_BOX"), "{before:?}");
    assert!(still_amiss(&before, &before).is_none());
    let amiss = still_amiss(&before, &worse).unwrap();
    assert_eq!((amiss.rule, amiss.severity), ("NOT_REPAIRED", Severity::Reject));
    assert!(still_amiss(&before, &found(&drawn(|ink| ink.text_outside = true))).is_some(), "another fault than before");
}

#[test]
fn a_place_is_told_in_tenths_and_a_thin_rule_by_its_depth() {
    let rule = drawn(|ink| ink.marks.push(mark(MarkKind::Path, [2.04, 100.0, 80.0, 0.1])));
    let found = judge(&rule, None, &profile(&[]));
    let zone = found.iter().find(|f| f.rule == "MARGIN_LEFT_ZONE").unwrap();
    assert!(serde_json::to_string(zone).unwrap().contains("\"box_mm\":[2.0,100.0,80.0,0.1]"), "{zone:?}");
    assert!(["5.0 mm inside", "5.1 mm inside"].contains(&zone.measured.as_str()), "{}", zone.measured);
}

#[test]
fn a_claim_is_told_where_somebody_asks_for_it() {
    let claims = with(|f| f.structure.pdfa_claim = Some("PDF/A-2b".into()));
    let asked = Policy { severity: [("PDFA_CLAIM".to_owned(), Severity::Info)].into(), ..Policy::default() };
    let found = |policy: &Policy| {
        judge_by(&claims, &Expected::default(), &profile(&[]), policy).iter().map(|f| f.measured.clone()).collect::<Vec<_>>()
    };
    assert_eq!((found(&Policy::default()), found(&asked)), (vec![], vec!["PDF/A-2b".to_owned()]));
}

/// A rule nobody ever saw broken is a rule nobody knows.
#[test]
fn every_rule_is_tripped_by_a_test() {
    let folder = format!("{}/tests/it", env!("CARGO_MANIFEST_DIR"));
    let tests: String = fs::read_dir(folder).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect();
    let untested: Vec<&str> = RULES.iter().map(|rule| rule.word).filter(|word| !tests.contains(&format!("\"{word}\""))).collect();
    assert_eq!(untested, [""; 0]);
}

#[test]
fn what_the_job_is_decides_about_colour_and_the_last_back() {
    let coloured = drawn(|ink| ink.colour = true);
    let of = |facts: &PdfFacts, plex, colour| {
        let expected = Expected { plex, colour, ..Expected::default() };
        let odd = Policy { severity: [("PAGES_ODD".to_owned(), Severity::Warn)].into(), ..Policy::default() };
        judge_by(facts, &expected, &profile(&[]), &odd).iter().map(|f| f.rule).collect::<Vec<_>>()
    };
    assert_eq!(of(&coloured, Plex::Simplex, Colour::BlackWhite), ["COLOUR"]);
    assert_eq!(of(&coloured, Plex::Simplex, Colour::Colour), [""; 0]);
    assert_eq!(of(&letter(), Plex::Duplex, Colour::Colour), ["PAGES_ODD"]);
    let even = with(|f| (f.pages.push(f.pages[0].clone()), f.pages_by_second_reader = Some(2)).1);
    assert_eq!(of(&even, Plex::Duplex, Colour::Colour), [""; 0]);
}

/// What happens to a file must not happen to the program: workers that die, lie or do not answer.
#[test]
fn a_worker_that_dies_or_hangs_is_named_and_the_next_file_is_looked_at() {
    let program = std::path::PathBuf::from(env!("CARGO_BIN_EXE_fjernprint"));
    let good = pdf(&[A4], |_, _| {});
    let large = [&good[..], &vec![b'\n'; 300_000]].concat();
    let inspector = Inspector::new(program);
    assert_eq!(inspector.inspect(&good).unwrap(), inspect(&good), "a worker says what is true");
    for (program, why) in [("/bin/false", "crashed"), ("/bin/true", "crashed")] {
        for bytes in [&good, &large] {
            let facts = Inspector::new(program.into()).inspect(bytes).unwrap();
            assert!(facts.parser_killed.as_ref().is_some_and(|text| text.contains(why)), "{facts:?}");
            assert_eq!(rules(&facts, None), ["PARSER_KILLED"]);
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let sleeper = dir.path().join("sleeper");
    fs::write(&sleeper, "#!/bin/sh\nexec /bin/sleep 60\n").unwrap();
    let _ = Command::new("chmod").arg("755").arg(&sleeper).status();
    let started = Instant::now();
    for bytes in [&good, &large] {
        let inspector = Inspector::new(sleeper.clone()).with_time(Duration::from_millis(300));
        assert!(inspector.inspect(bytes).unwrap().parser_killed.is_some_and(|text| text.contains("in time")));
    }
    assert!(started.elapsed() < Duration::from_secs(20), "a worker that does not read holds up nobody");
    assert!(Inspector::new("/nonexistent".into()).inspect(&good).is_err(), "no worker at all is a fault of ours");
}

#[test]
fn folders_and_lists_are_looked_through_and_every_file_has_a_verdict() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("b/inner")).unwrap();
    for name in ["a.pdf", "b/inner/c.PDF", "b/d.pdf"] {
        fs::write(dir.path().join(name), pdf(&[A4], |_, _| {})).unwrap();
    }
    fs::write(dir.path().join("note.txt"), "no").unwrap();
    let run = |arguments: &[&str], input: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fjernprint"));
        command.args(["validate", "--vendor", "kmd", "--json"]).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let lines: Vec<serde_json::Value> =
            String::from_utf8(output.stdout).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        let files: BTreeSet<String> =
            lines.iter().filter_map(|l| l["file"].as_str()).map(|f| f.rsplit('/').next().unwrap().to_owned()).collect();
        (output.status.code(), files, lines.last().unwrap()["files"].as_u64())
    };
    let root = dir.path().to_str().unwrap();
    let all: BTreeSet<String> = ["a.pdf", "c.PDF", "d.pdf"].map(str::to_owned).into();
    assert_eq!(run(&[root], ""), (Some(0), all.clone(), Some(3)));
    let list = format!("{root}/a.pdf\n{root}/b\r\n\n{root}/gone.pdf\n");
    let (code, files, count) = run(&["-"], &list);
    assert_eq!((code, count), (Some(3), Some(3)), "{files:?}");
    assert!(files.contains("gone.pdf"), "what cannot be read is named");
}
