//! Contracts, business days, forecasts and rehearsals, as nights see them.

use crate::intake::{AUTO, House, message};
use fjernprint::app::config::Config;
use fjernprint::ledger::Ledger;
use jiff::civil::Date;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const PRINTED: &str = "6101804567";

fn lines(output: &std::process::Output) -> Vec<Value> {
    String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn contracts(house: &House, contracts: &str) {
    house.change("vendor = \"edora\"\nplex", &format!("contract = [{contracts}]\nplex"));
}

/// Hands in a letter that is printed, and runs up to a stage on a business date.
fn night(house: &House, letter: u32, date: &str, until: &str) {
    house.drop(&format!("{letter}.xml"), message(&format!("{letter:012}"), AUTO, PRINTED));
    let output = house.ask(&["run", "--until", until, "--business-date", date]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Batches by vendor: business date and letters of each.
fn batches(house: &House) -> Vec<(String, String, u64)> {
    let found = lines(&house.ask(&["batch", "list"]));
    let batch = |line: &Value| {
        let text = |key: &str| line[key].as_str().unwrap().to_owned();
        (text("vendor"), text("business_date"), line["letters"].as_u64().unwrap())
    };
    found.iter().filter(|line| line["message_type"] == "batch").map(batch).collect()
}

#[test]
fn contracts_with_gaps_or_overlaps_are_refused_with_their_dates() {
    let check = |written: &str, fault: Option<&str>| {
        let house = House::new();
        contracts(&house, written);
        match (Config::read(&house.path("fjernprint.toml")), fault) {
            (Ok(_), None) => {}
            (Err(found), Some(fault)) => assert!(found.code == "FP-C004" && found.message.contains(fault), "{}", found.message),
            (found, _) => panic!("{written}: {:?}", found.map(|_| ())),
        }
    };
    let edora = |to: &str| format!("{{ vendor = \"edora\", valid_to = \"{to}\" }}");
    let kmd = |from: &str| format!("{{ vendor = \"kmd\", valid_from = \"{from}\" }}");
    check(&format!("{}, {}", kmd("2027-01-01"), edora("2026-12-31")), None);
    check(&kmd("2027-01-01"), None);
    check(
        &format!("{}, {}", edora("2026-12-31"), kmd("2027-01-02")),
        Some("nobody prints between 2026-12-31 (edora) and 2027-01-02 (kmd)"),
    );
    check(&format!("{}, {}", edora("2027-01-31"), kmd("2027-01-01")), Some("edora and kmd overlap from 2027-01-01 to 2027-01-31"));
    check(
        &format!("{{ vendor = \"edora\" }}, {}", kmd("2027-01-01")),
        Some("the contract with edora has no end, and the one with kmd begins on 2027-01-01"),
    );
    check(
        "{ vendor = \"kmd\", valid_from = \"2027-02-01\", valid_to = \"2027-01-01\" }",
        Some("ends on 2027-01-01, before it begins on 2027-02-01"),
    );
    check("{ vendor = \"nobody\" }", Some("no vendor profile \"nobody\""));
    check("", Some("has no vendor and no contract"));
    let house = House::new();
    house.change("vendor = \"edora\"\nplex", "vendor = \"edora\"\ncontract = [{ vendor = \"kmd\" }]\nplex");
    assert!(Config::read(&house.path("fjernprint.toml")).unwrap_err().message.contains("either vendor or contract, not both"));
}

#[test]
fn a_switch_of_vendors_drains_the_old_one() {
    let house = House::new();
    contracts(&house, "{ vendor = \"edora\", valid_to = \"2027-01-10\" }, { vendor = \"kmd\", valid_from = \"2027-01-11\" }");
    night(&house, 1, "2027-01-08", "validate");
    night(&house, 2, "2027-01-11", "seal");
    let day = "2027-01-11".to_owned();
    assert_eq!(batches(&house), [("edora".to_owned(), day.clone(), 1), ("kmd".to_owned(), day, 1)]);
    // Before the first contract nobody prints: somebody must look.
    let other = House::new();
    contracts(&other, "{ vendor = \"kmd\", valid_from = \"2027-01-11\" }");
    other.drop("1.xml", message("000000000001", AUTO, PRINTED));
    assert_eq!(other.ask(&["run", "--until", "validate", "--business-date", "2027-01-08"]).status.code(), Some(3));
    assert_eq!(other.letters("held")[0]["reason"][0], "FP-R007");
}

/// Both vendors' profiles as files, of which `vendor`'s values all stand in a contract.
fn confirmed(house: &House, vendor: &str) {
    for known in ["edora", "kmd"] {
        let text = fs::read_to_string(format!("{}/vendors/{known}/profile.toml", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let text = if known == vendor { text.replace("= \"assumed\"", "= \"contract\"") } else { text };
        house.write(&format!("vendors/{known}/profile.toml"), text);
    }
}

#[test]
fn a_switch_to_a_vendor_that_is_not_ready_is_told_before_and_holds_up_no_other() {
    let house = House::new();
    house.change("environment = \"test\"", "environment = \"production\"");
    house.change("# vendors = \"vendors\"", "vendors = \"vendors\"");
    contracts(&house, "{ vendor = \"edora\", valid_to = \"2026-01-11\" }, { vendor = \"kmd\", valid_from = \"2026-01-12\" }");
    confirmed(&house, "edora");
    house.drop("1.xml", message("000000000001", AUTO, PRINTED));
    let output = house.ask(&["run", "--until", "validate", "--business-date", "2026-01-08"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let run = |date: &str| {
        let output = house.ask(&["run", "--until", "seal", "--business-date", date]);
        let warnings: Vec<String> = lines(&output)
            .into_iter()
            .filter(|line| line["message_type"] == "warning")
            .map(|line| format!("{} {}", line["code"].as_str().unwrap(), line["message"].as_str().unwrap()))
            .collect();
        (output.status.code(), warnings, String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let plan = lines(&house.ask(&["run", "--dry-run", "--business-date", "2026-01-08"]));
    assert!(plan.iter().any(|line| line["code"] == "FP-C014"), "{plan:?}");
    // The night of the switch: the old vendor gets its letter, the new one none.
    house.drop("2.xml", message("000000000002", AUTO, PRINTED));
    let planned = house.ask(&["run", "--dry-run", "--business-date", "2026-01-12"]);
    assert!(planned.status.code() == Some(2) && String::from_utf8_lossy(&planned.stderr).contains("nothing is sealed for kmd"));
    let (code, _, told) = run("2026-01-12");
    assert!(code == Some(2) && told.contains("FP-C005") && told.contains("nothing is sealed for kmd"), "{told}");
    assert_eq!(batches(&house).into_iter().map(|(vendor, ..)| vendor).collect::<Vec<_>>(), ["edora"]);
    let waits = lines(&house.ask(&["status"]));
    assert!(waits.iter().any(|line| line["code"] == "FP-C005" && line["gravity"] == "red"), "{waits:?}");
    // Once its values are known, it gets what waited.
    for vendor in ["edora", "kmd"] {
        let path = house.path(&format!("vendors/{vendor}/profile.toml"));
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("= \"assumed\"", "= \"contract\"")).unwrap();
    }
    let (code, warnings, told) = run("2026-01-12");
    assert_eq!((code, warnings.len()), (Some(0), 0), "{told}");
    // A value that turns out to be none holds back what is sealed too.
    let path = house.path("vendors/kmd/profile.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("= \"contract\"", "= \"assumed\"", 1)).unwrap();
    let output = house.ask(&["run", "--until", "ship", "--business-date", "2026-01-12"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("nothing is sealed for kmd or shipped to it") && told.contains("1 value of its profile is still"), "{told}");
    assert!(told.contains("nothing goes up to edora, 1 batch waiting: the configuration has no connection to it"), "{told}");
    fs::write(&path, text).unwrap();
    assert_eq!(batches(&house).into_iter().map(|(vendor, ..)| vendor).collect::<Vec<_>>(), ["edora", "kmd"]);
}

#[test]
fn a_dry_run_says_what_would_keep_a_run_from_sealing() {
    let house = House::new();
    house.drop("1.xml", message("000000000001", AUTO, PRINTED));
    let plan = || {
        let output = house.ask(&["run", "--dry-run"]);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, told) = plan();
    assert!(code == Some(2) && told.contains("FP-C008"), "{told}");
    assert_eq!(house.ask(&["stop", "--vendor", "edora", "--reason", "wrong paper", "--by", "Anna"]).status.code(), Some(0));
    let (code, told) = plan();
    assert!(code == Some(8) && told.contains("FP-O003"), "{told}");
    assert_eq!(house.ask(&["resume", "--vendor", "edora", "--reason", "right paper", "--by", "Anna"]).status.code(), Some(0));
    house.change("error_rate_min_letters = 200", "error_rate_min_letters = 1");
    house.drop("2.xml", message("000000000002", AUTO, "6301804567"));
    let (code, told) = plan();
    assert!(code == Some(8) && told.contains("FP-M002"), "{told}");
}

#[test]
fn what_contracts_lack_is_told_60_days_before() {
    use fjernprint::app::contracts::outlook;
    let house = House::new();
    house.change("environment = \"test\"", "environment = \"production\"");
    house.change("# vendors = \"vendors\"", "vendors = \"vendors\"");
    let to = "{ vendor = \"edora\", valid_to = \"2027-01-10\" }";
    contracts(&house, &format!("{to}, {{ vendor = \"kmd\", valid_from = \"2027-01-11\", valid_to = \"2027-12-31\" }}"));
    confirmed(&house, "edora");
    let told = |day: &str| {
        let config = Config::read(&house.path("fjernprint.toml")).unwrap();
        let warnings = outlook(&config, day.parse().unwrap()).into_iter();
        warnings.map(|warning| format!("{} {}", warning.code, warning.message)).collect::<Vec<_>>()
    };
    assert_eq!(told("2026-11-11"), [] as [String; 0]);
    let early = told("2026-11-12");
    assert_eq!(early.len(), 1);
    assert!(early[0].starts_with("FP-C014 from 2027-01-11 kmd prints for municipality 99990011, and it is not ready: "), "{early:?}");
    assert!(early[0].contains("values of its profile are still assumed") && early[0].contains("no [[connection]] to it"), "{early:?}");
    assert_eq!(told("2027-01-10"), early);
    assert_eq!(told("2027-01-11"), [] as [String; 0], "from here on each run says what waits");
    // The end of the last contract.
    assert_eq!(told("2027-10-31"), [] as [String; 0]);
    assert_eq!(
        told("2027-11-01"),
        [
            "FP-C015 nobody prints for municipality 99990011 after 2027-12-31: the contract with kmd ends, and no other follows; letters would be held"
        ]
    );
    assert!(told("2028-01-01")[0].contains("nobody prints for municipality 99990011: the contract with kmd ended on 2027-12-31"));
    // A test may rest on assumptions; a connection it needs all the same.
    house.change("environment = \"production\"", "environment = \"test\"");
    let test = told("2026-12-01");
    assert!(test.len() == 1 && !test[0].contains("assumed"), "{test:?}");
    house.change("2027-01-11", "11/1/2027");
    let fault = Config::read(&house.path("fjernprint.toml")).unwrap_err();
    assert!(fault.message.contains("\"11/1/2027\" is no day: a day is written as \"2027-01-31\""), "{}", fault.message);
}

#[test]
fn the_end_of_a_vendors_own_certificates_is_told_60_days_before() {
    use crate::certificates::{SIGNER, Usage, Wish, issue};
    let house = House::new();
    house.change("# vendors = \"vendors\"", "vendors = \"vendors\"");
    let profile = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("vendors/edora/profile.toml")).unwrap();
    let profile = profile.replacen("[batch]", "encrypt_to = \"keys/edora.pem\"\n\n[batch]", 1);
    let profile = profile.replacen("[answers]\n", "[answers]\nsigned = true\ncertificate = \"keys/answers.pem\"\n", 1);
    let keys = ["delivery.encrypt_to", "answers.signed", "answers.certificate"].map(|key| format!("\"{key}\" = \"contract\"\n")).concat();
    house.write("vendors/edora/profile.toml", profile.replacen("[provenance]\n", &format!("[provenance]\n{keys}"), 1));
    let put = |file: &str, usage: Usage, ends: &[i64]| {
        let one = |days: &i64| issue(Wish { name: "edora", days: (-99, *days), usage, rsa_bits: Some(2048) }, None).pem();
        house.write(file, ends.iter().flat_map(one).collect::<Vec<u8>>());
    };
    let both = |sealing: &[i64], answers: &[i64]| {
        put("keys/edora.pem", Usage::Encipher, sealing);
        put("keys/answers.pem", SIGNER.usage, answers);
    };
    let k029 = |arguments: &[&str]| {
        let output = house.ask(arguments);
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        (
            output.status.code(),
            text.matches("for edora are encrypted to, ").count(),
            text.matches("edora's answers lead to, ").count(),
            text,
        )
    };
    let ways: [&[&str]; 3] = [&["vendor", "check", "edora"], &["run", "--dry-run"], &["status"]];
    // Either is good for long: by itself, or since its next one stands beside it.
    both(&[62], &[-1, 5, 400]);
    house.ask(&["run", "--until", "seal"]);
    for way in ways {
        let (code, sealing, answers, text) = k029(way);
        assert_eq!((code, sealing, answers), (Some(0), 0, 0), "{way:?}: {text}");
    }
    both(&[5, 59], &[-1, 59]);
    for way in ways {
        let (code, sealing, answers, text) = k029(way);
        assert!(code == Some(0) && sealing > 0 && answers > 0 && text.contains("ends in 5"), "{way:?}: {code:?} {text}");
    }
    // A certificate of another vendor's, whom nobody has a contract with, is nobody's trouble today.
    let warnings = |day: &str| {
        let config = Config::read(&house.path("fjernprint.toml")).unwrap();
        fjernprint::app::contracts::outlook(&config, day.parse().unwrap()).into_iter().filter(|w| w.code == "FP-K029").count()
    };
    assert_eq!(warnings("2026-12-01"), 2);
    contracts(&house, "{ vendor = \"edora\", valid_from = \"2027-01-11\" }");
    assert_eq!((warnings("2026-12-01"), warnings("2027-01-11")), (0, 2));
    both(&[400], &[-1, -3]);
    let (code, _, _, text) = k029(&["vendor", "check", "edora"]);
    assert!(code == Some(12) && text.contains("FP-K029") && text.contains("edora has expired"), "{code:?} {text}");
    assert_eq!(warnings("2027-01-11"), 1);
}

/// The closed days of a vendor, in the order of the ledger.
fn closed(house: &House, vendor: &str) -> Vec<(Date, Value)> {
    let ledger = Ledger::open_read_only(&house.path("data/ledger.db")).unwrap();
    let events = ledger.history(vendor).unwrap().into_iter().map(|(_, data)| serde_json::from_str::<Value>(&data).unwrap());
    events.map(|event| (event["business_date"].as_str().unwrap().parse().unwrap(), event)).collect()
}

#[test]
fn each_business_day_closes_once_whatever_the_clocks_and_the_nights_do() {
    let house = House::new();
    house.change("# vendors = \"vendors\"", "vendors = \"vendors\"");
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/vendors/edora/profile.toml")).unwrap();
    // Every day is worked, and the cut-off lies in the hour that one night skips and another has twice.
    let text = text
        .replace("\"thu\", \"fri\"]", "\"thu\", \"fri\", \"sat\", \"sun\"]")
        .replace("public_holidays = true", "public_holidays = false");
    house.write(
        "vendors/edora/profile.toml",
        text.replace("cutoff = \"17:30\"", "cutoff = \"02:30\"").replace("[\"12-24\", \"12-31\"]", "[]"),
    );
    night(&house, 1, "2027-03-27", "seal");
    // The night of 28 March was missed; the next one comes twice.
    night(&house, 2, "2027-03-29", "seal");
    night(&house, 3, "2027-03-29", "seal");
    for date in ["2027-10-30", "2027-10-31", "2027-11-01", "2027-11-01"] {
        assert_eq!(house.ask(&["run", "--until", "seal", "--business-date", date]).status.code(), Some(0));
    }
    // A date that has closed meanwhile takes nothing more.
    night(&house, 4, "2027-03-28", "seal");

    let closed = closed(&house, "edora");
    assert_eq!((closed[0].0.to_string(), closed.last().unwrap().0.to_string()), ("2027-03-26".to_owned(), "2027-10-31".to_owned()));
    assert!(closed.windows(2).all(|pair| pair[0].0.tomorrow().unwrap() == pair[1].0), "no day twice, none left out");
    let of = |day: &str| closed.iter().find(|(date, _)| date.to_string() == day).unwrap().1.clone();
    assert_eq!(
        (&of("2027-03-28")["cutoff_at"], &of("2027-10-31")["cutoff_at"]),
        (&"2027-03-28T01:30:00Z".into(), &"2027-10-31T00:30:00Z".into())
    );
    let letters = |day: &str| of(day)["letters"].as_u64().unwrap();
    assert_eq!([letters("2027-03-27"), letters("2027-03-28"), letters("2027-03-29")], [1, 0, 2]);
    let days: Vec<String> = batches(&house).into_iter().map(|(_, day, _)| day).collect();
    assert_eq!(days, ["2027-03-27", "2027-03-29", "2027-03-29", "2027-11-01"]);
    assert_eq!(house.ask(&["ledger", "verify", "--quick"]).status.code(), Some(0));
}

#[test]
fn a_letter_of_a_holiday_is_on_the_next_days_account() {
    let house = House::new();
    // The Saturday before Easter 2027: Monday is a holiday too.
    night(&house, 1, "2027-03-27", "seal");
    assert_eq!(batches(&house), [("edora".to_owned(), "2027-03-30".to_owned(), 1)]);
    let status = lines(&house.ask(&["status", "--business-date", "2027-03-27"]));
    assert_eq!((&status.last().unwrap()["batches"], &status.last().unwrap()["accepted"]), (&1.into(), &1.into()));
}

#[test]
fn production_closes_no_days_of_months_to_come() {
    let house = House::new();
    house.change("environment = \"test\"", "environment = \"production\"");
    let code = |date: &str| {
        let output = house.ask(&["run", "--until", "seal", "--business-date", date]);
        let error: Value = serde_json::from_slice(&output.stderr).unwrap();
        (output.status.code(), error["code"].as_str().unwrap().to_owned())
    };
    assert_eq!(code("2999-01-04"), (Some(2), "FP-C013".to_owned()));
    // The shipped profiles are assumed: a date that is near enough is refused for that.
    assert_eq!(code("2020-01-06"), (Some(2), "FP-C005".to_owned()));
}

/// Name, size and hash of every file below a folder.
fn content(folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            content(&path, found);
        } else if !path.to_string_lossy().contains("ledger.db-") {
            found.insert(path.display().to_string(), openssl::sha::sha256(&fs::read(&path).unwrap()).to_vec());
        }
    }
}

fn data(house: &House) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    content(&house.path(""), &mut found);
    found
}

#[test]
fn a_forecast_tells_letters_sheets_cost_and_days_and_changes_nothing() {
    let house = House::new();
    house.drop("1.xml", message("000000000001", AUTO, PRINTED));
    house.drop("2.xml", message("000000000002", AUTO, PRINTED));
    house.ask(&["status"]);
    let before = data(&house);
    // A Friday: with the carrier on Monday.
    let ahead = lines(&house.ask(&["forecast", "--business-date", "2027-01-08"]));
    let by_type = |word: &str| ahead.iter().find(|line| line["message_type"] == word).unwrap();
    let class = by_type("class");
    assert_eq!(
        (&class["postage"], &class["envelope"], &class["letters"], &class["sheets"]),
        (&"economique".into(), &"c5".into(), &2.into(), &2.into())
    );
    let vendor = by_type("forecast");
    assert_eq!((&vendor["cost_ore"], &vendor["unpriced"], &vendor["batches"]), (&2800.into(), &0.into(), &1.into()));
    assert_eq!(
        (&vendor["business_day"], &vendor["cutoff_at"], &vendor["handover"]),
        (&"2027-01-08".into(), &"2027-01-08T16:30:00Z".into(), &"2027-01-11".into())
    );
    assert_eq!(ahead.last().unwrap()["cost_ore"], 2800);
    let (before, after): (Vec<_>, Vec<_>) = (before.keys().cloned().collect(), data(&house).into_keys().collect());
    assert_eq!(after, before);
    let text = String::from_utf8(
        crate::night::fjernprint(&["forecast", "--quiet", "--config", house.path("fjernprint.toml").to_str().unwrap()]).stdout,
    )
    .unwrap();
    assert!(text.contains("economique") && text.contains("28,00 kr."), "{text}");
}

#[test]
fn a_rehearsal_shows_what_another_vendor_would_have_done_and_changes_nothing() {
    let house = House::new();
    house.change("# vendors = \"vendors\"", "vendors = \"vendors\"");
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/vendors/edora/profile.toml")).unwrap();
    house.write("vendors/edora/profile.toml", &text);
    let narrow = text.replace("id = \"edora\"", "id = \"narrow\"").replace("pages_max = 40", "pages_max = 1");
    house.write("vendors/narrow/profile.toml", narrow);
    let slow = text.replace("id = \"edora\"", "id = \"slow\"").replace("handover_workdays = 1", "handover_workdays = 2");
    house.write("vendors/slow/profile.toml", slow.replace("price_ore = 1400", "price_ore = 1000"));
    night(&house, 1, "2027-01-07", "seal");
    night(&house, 2, "2027-01-08", "validate");
    let before = data(&house);
    let rehearse = |arguments: &[&str]| {
        let output = house.ask(&[&["vendor", "rehearse", "--vendor"], arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        lines(&output)
    };
    // Against itself nothing changes.
    let same = rehearse(&["edora"]);
    assert_eq!((&same[0]["vendor"], &same[0]["letters"], &same[0]["was"]), (&"edora".into(), &2.into(), &same[0]["would"]));
    assert_eq!((&same[0]["was"]["cost_ore"], &same[0]["days_won"], &same[0]["days_lost"]), (&2800.into(), &0.into(), &0.into()));
    assert_eq!(same.last().unwrap()["letters"], 2);
    // The letters have two pages.
    let narrow = rehearse(&["narrow"]);
    assert_eq!((&narrow[0]["would"]["printed"], &narrow[0]["would"]["rejected"], &narrow[0]["lost"]), (&0.into(), &2.into(), &2.into()));
    assert_eq!(
        (&narrow[1]["message_type"], &narrow[1]["code"], &narrow[1]["printed_then"]),
        (&"reject".into(), &"FP-V040".into(), &2.into())
    );
    let slow = rehearse(&["slow", "--from", "2027-01-08", "--to", "2027-01-08"]);
    assert_eq!((&slow[0]["letters"], &slow[0]["would"]["cost_ore"]), (&1.into(), &1000.into()));
    assert!(slow[0]["days_lost"].as_u64().unwrap() >= 1 && slow[0]["days_won"] == 0);
    assert!(data(&house) == before, "a rehearsal changes nothing");
    assert_eq!(house.ask(&["vendor", "rehearse", "--vendor", "nobody"]).status.code(), Some(2));
    assert_eq!(house.ask(&["vendor", "rehearse", "--vendor", "slow", "--from", "2027-13-01"]).status.code(), Some(2));
    let backwards = ["vendor", "rehearse", "--vendor", "slow", "--from", "2027-01-08", "--to", "2027-01-07"];
    assert_eq!(house.ask(&backwards).status.code(), Some(2));
    // A profile that is only being thought of lies elsewhere.
    house.write("thought/idea/profile.toml", text.replace("id = \"edora\"", "id = \"idea\""));
    let folder = house.path("thought");
    let idea = rehearse(&["idea", "--vendors", folder.to_str().unwrap()]);
    assert_eq!(idea[0]["letters"], 2);
}

#[test]
fn an_answer_is_overdue_by_the_vendors_own_days() {
    use fjernprint::domain::Sha256;
    use fjernprint::domain::state::BatchState;
    use fjernprint::domain::status::BatchStatus;
    let profile = crate::batches::profile("edora");
    let state = |status| BatchState {
        status,
        vendor: profile.id.clone(),
        municipality: "99990011".parse().unwrap(),
        business_date: "2027-03-24".to_owned(),
        sequence: 1,
        manifest: Sha256([0; 32]),
        signature: Sha256([0; 32]),
        letters: 3,
        pages: 3,
        sheets: 3,
        bytes: 3,
        attempts: 1,
        receipts: 0,
        gaps: Vec::new(),
        questions: Vec::new(),
        approved: None,
        released: None,
        reason: String::new(),
        withdrawn: None,
    };
    let check = |status, open, now: &str, late: bool| {
        let shipped_at = "2027-03-24T01:00:00Z".parse().unwrap();
        let found = fjernprint::pipeline::overdue::overdue(&state(status), shipped_at, open, &profile, now.parse().unwrap());
        assert_eq!(found.is_some(), late, "{status:?} {now}: {found:?}");
    };
    check(BatchStatus::Shipped, 3, "2027-03-24T02:00:00Z", false);
    check(BatchStatus::Shipped, 3, "2027-03-24T02:00:01Z", true);
    // Two days of work after Wednesday before Easter is the Wednesday after it.
    check(BatchStatus::Acknowledged, 1, "2027-03-31T20:00:00Z", false);
    check(BatchStatus::Acknowledged, 1, "2027-03-31T22:00:00Z", true);
    check(BatchStatus::Acknowledged, 0, "2027-04-30T00:00:00Z", false);
    let late = |status, now: &str| {
        let shipped_at = "2027-03-24T01:00:00Z".parse().unwrap();
        fjernprint::pipeline::overdue::overdue(&state(status), shipped_at, 1, &profile, now.parse().unwrap()).unwrap()
    };
    assert!(late(BatchStatus::Acknowledged, "2027-04-23T00:00:00Z").contains("no final word"));
    assert!(late(BatchStatus::Shipped, "2027-04-23T02:00:00Z").contains("deletes its answers after 30 days, on 2027-04-23"));
    check(BatchStatus::Sealed, 3, "2027-04-30T00:00:00Z", false);
}

/// Handed over the day after, a letter is five days of post under way, or one: what cannot be in time is told before the run.
#[test]
fn letters_that_cannot_arrive_in_time_are_told_with_what_a_faster_class_costs() {
    let town = crate::shipping::Town::of("edora");
    let folder = town.path("drop/edora/hearing");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("brev.pdf"), crate::pdf::pdf(&[crate::pdf::A4], |_, _| {})).unwrap();
    let row = |id: &str, day: &str| format!("{id};;brev.pdf;{day}\n");
    let days = [("just", "2027-01-19"), ("slow", "2027-01-18"), ("never", "2027-01-12"), ("none", ""), ("odd", "2027-02-30")];
    let rows: String = days.map(|(id, day)| row(id, day)).concat();
    fs::write(folder.join("letters.csv"), format!("dispatch_id;recipient_id;document;latest_arrival\n{rows}")).unwrap();
    let lines = |arguments: &[&str]| -> Vec<Value> {
        let output = town.ask(arguments);
        String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let ahead = lines(&["forecast", "--business-date", "2027-01-11"]);
    let late: Vec<&Value> = ahead.iter().filter(|line| line["message_type"] == "late").collect();
    let mut told: Vec<(&str, &str, Option<&str>)> = late
        .iter()
        .map(|l| (l["latest_arrival"].as_str().unwrap(), l["arrival"].as_str().unwrap(), l["faster"]["arrival"].as_str()))
        .collect();
    told.sort_unstable();
    assert_eq!(told, [("2027-01-12", "2027-01-19", None), ("2027-01-18", "2027-01-19", Some("2027-01-13"))]);
    assert!(late.iter().all(|l| l["faster"].is_null() || (l["faster"]["extra_ore"] == 1200 && l["faster"]["postage"] == "prioritaire")));
    assert_eq!(ahead.last().unwrap()["late"], 2);
    let plain = String::from_utf8_lossy(&town.ask_plainly(&["run", "--dry-run", "--business-date", "2027-01-11"]).stdout).into_owned();
    assert!(plain.contains("2 LETTERS CANNOT ARRIVE IN TIME") && plain.contains("12,00 kr. more"), "{plain}");
    let run = town.ask(&["run", "--until", "seal", "--business-date", "2027-01-11"]);
    assert_eq!(run.status.code(), Some(3), "the day that is no date is refused");
    let (batch, _) = &town.batches("edora")[0];
    let csv = fs::read_to_string(town.path(&format!("data/batches/{batch}/{batch}.letters.csv"))).unwrap();
    let mut deadlines: Vec<&str> = csv.lines().skip(1).filter_map(|line| line.rsplit(';').next()).filter(|day| !day.is_empty()).collect();
    deadlines.sort_unstable();
    assert_eq!(deadlines, ["2027-01-12", "2027-01-18", "2027-01-19"], "the vendor is told");
}
