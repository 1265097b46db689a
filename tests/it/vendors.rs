//! Vendor profiles: what docs/vendors.md shows, what cannot be meant, what only looks wrong.

use crate::intake::House;
use fjernprint::domain::{Postage, Sha256};
use fjernprint::vendor::VendorProfile;
use fjernprint::vendor::days::Window;
use fjernprint::vendor::naming::{NameParts, batch_name};
use jiff::civil::{date, time};
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn root(below: &str) -> String {
    format!("{}/{below}", env!("CARGO_MANIFEST_DIR"))
}

fn shipped(vendor: &str) -> String {
    fs::read_to_string(root(&format!("vendors/{vendor}/profile.toml"))).unwrap()
}

/// The profile that docs/vendors.md shows.
pub fn example() -> String {
    let text = fs::read_to_string(root("docs/vendors.md")).unwrap();
    let shown = text.split("<!-- begin example -->\n```toml\n").nth(1).and_then(|rest| rest.split("```\n<!-- end example -->").next());
    shown.expect("docs/vendors.md shows a profile between its markers").to_owned()
}

fn parts(sequence: u64) -> NameParts<'static> {
    static HASH: Sha256 = Sha256([0xab; 32]);
    let vendor = Box::leak(Box::new("nordprint".parse().unwrap()));
    let municipality = Box::leak(Box::new("99990011".parse().unwrap()));
    NameParts { vendor, municipality, business_date: "2027-01-04", sequence, letters: &HASH }
}

#[test]
fn the_profile_that_the_document_shows_is_one() {
    let profile = VendorProfile::parse(&example()).unwrap();
    assert_eq!(profile.assumed().len(), 6);
    assert_eq!(profile.warnings(date(2027, 1, 4)), [] as [String; 0]);
    assert_eq!(batch_name(&profile.batch.name, &parts(7)).unwrap().as_str(), "NP-nordprint-20270104-000007-abababababab");
    let calendar = profile.calendar.calendar();
    assert_eq!(calendar.workday_from(date(2027, 5, 6)), Some(date(2027, 5, 10)), "holiday, closed, weekend");
}

/// The document's own steps: a folder, the profile, the configuration, the checks.
#[test]
fn a_new_vendor_needs_no_line_of_the_program() {
    let house = House::new();
    house.write("vendors/nordprint/profile.toml", example());
    house.change("# vendors = \"vendors\"", "vendors = \"vendors\"");
    house.change("vendor = \"edora\"\nplex", "vendor = \"nordprint\"\nplex");
    let checked = house.ask(&["vendor", "check", "nordprint"]);
    let text = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert_eq!(checked.status.code(), Some(0), "{text}");
    let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(line["vendor"], "nordprint");
    let warnings = line["warnings"].to_string();
    assert!(warnings.contains("no host key is pinned"), "{warnings}");
    assert_eq!(house.ask(&["run", "--dry-run", "--business-date", "2027-01-04"]).status.code(), Some(0));
}

/// Of several profiles in a folder the one that is broken is named by its path.
#[test]
fn a_broken_profile_is_named_by_its_path() {
    let house = House::new();
    house.write("vendors/nordprint/profile.toml", example());
    house.write("vendors/kmd/profile.toml", shipped("kmd").replace("cutoff = \"16:00\"", "cutoff = \"9\""));
    let checked = house.ask(&["vendor", "check", "all", "--vendors", house.path("vendors").to_str().unwrap()]);
    let told = String::from_utf8_lossy(&checked.stderr);
    assert!(told.contains("FP-C002") && told.contains("kmd/profile.toml"), "{told}");
    fs::remove_dir_all(house.path("vendors")).unwrap();
    fs::create_dir(house.path("vendors")).unwrap();
    let checked = house.ask(&["vendor", "check", "all", "--vendors", house.path("vendors").to_str().unwrap()]);
    let told = String::from_utf8_lossy(&checked.stderr);
    assert!(told.contains("there is no vendor profile"), "{told}");
}

#[test]
fn every_impossible_value_is_named_with_its_key() {
    let check = |from: &str, to: &str, fault: &str| {
        let text = shipped("kmd");
        assert!(text.contains(from), "{from}");
        let message = VendorProfile::parse(&text.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(message.contains(fault), "{fault} is not in: {message}");
    };
    check("sheets_max = 6", "sheets_max = 60", "envelope.c5.sheets_max is larger than envelope.c4.sheets_max: envelopes swapped?");
    check("weight_g = 7.5", "weight_g = 75.0", "envelope.c5.weight_g is not below envelope.c4.weight_g: envelopes swapped?");
    check("sheets_max = 40", "sheets_max = 0", "envelope.c4.sheets_max must be 1 to 1000");
    check("window = \"00:00-24:00\"", "window = \"00:00-24:01\"", "a window is two times of day");
    check("order = \"ascending\"", "order = \"upwards\"", "unknown variant `upwards`");
    check("name = \"FP-{vendor}", "name = \"FP/{vendor}", "batch.name: a name is at most 96");
    check("-{seq}-", "-", "batch.name has no {seq}");
    check("name = \"FP-{vendor}", "name = \"fjernprint-probe-{vendor}", "batch.name begins with fjernprint-probe-");
    check("name = \"FP-{vendor}", "name = \"FjernPrint-PROBE-{vendor}", "batch.name begins with fjernprint-probe-");
    check("-{hash}\"", "-{hash}.x\"", "batch.name must end in -{hash}");
    check("{cvr}", "{cpr}", "{cpr} is not known");
    check("economique = [", "economy = [", "unknown variant `economy`");
    check("weight_max_g = 100", "weight_max_g = 0", "postage.prioritaire: a step is 1 to 30000 g");
    check("weight_max_g = 100", "weight_max_g = 250", "postage.prioritaire: 250 g stands twice in the list of 2026-01-01");
    check("cutoff = \"16:00\"", "cutoff = \"26:00\"", "26:00");
    check("[\"06-05\"", "[\"06-31\"", "calendar.closed_yearly: \"06-31\" is no day of the year");
    check("weekdays = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\"]", "weekdays = []", "calendar.weekdays is empty");
    check("handover_workdays = 2", "handover_workdays = 21", "calendar.handover_workdays must be 0 to 20");
    check("closed = []\nopen = []", "closed = [\"2027-05-07\"]\nopen = [\"2027-05-07\"]", "2027-05-07 is both closed and open");
    check("dialect = \"pipe\"", "dialect = \"fax\"", "unknown variant `fax`");
    check("dialect = \"pipe\"", "dialect = \"csv\"\nheads = false", "the dialect csv always has heads");
    check("dialect = \"pipe\"", "dialect = \"pipe\"\nsigned = true", "answers.signed = true and answers.certificate go together");
    check("dialect = \"pipe\"", "dialect = \"pipe\"\nwords = { Posted = \"gone\" }", "\"gone\" is no status");
    check("dialect = \"pipe\"", "dialect = \"pipe\"\nwords = { \"is posted\" = \"printed\" }", "in the dialect pipe a word has no blank");
    check("dialect = \"pipe\"", "dialect = \"pipe\"\nwords = { A = \"printed\", a = \"printed\" }", "two words differ only by case");
    check("dialect = \"pipe\"", "dialect = \"pipe\"\ninvoice = { price = \"sheets\" }", "four columns have four names");
    check("pdf_version_max = \"1.7\"", "pdf_version_max = \"abc\"", "page.pdf_version_max must be a version of PDF");
    check("pdf_version_max = \"1.7\"", "pdf_version_max = \"9.9\"", "page.pdf_version_max must be a version of PDF");
    check("name = \"KMD\"", "name = \"\"", "name must have 1 to 80 characters");
    check("name = \"KMD\"", "name = \"K\\nMD\"", "name must have 1 to 80 characters, none of them a control character");
    check("profile_version = \"", "profile_version = \"\\n", "profile_version must have 1 to 40 characters");
    check("ack_within_minutes = ", "ack_within_minutes = 0 #", "answers.ack_within_minutes must be 1 to 10080");
    check("receipt_within_workdays = ", "receipt_within_workdays = 0 #", "answers.receipt_within_workdays must be 1 to 60");
    check("lines_max = ", "lines_max = 0 #", "address_box.lines_max must be 1 to 12");
    check("prioritaire = 1", "rekommanderet = 1", "carriage.rekommanderet: postage.rekommanderet is not sold");
    let resumes = "check_after_upload = \"none\"\nresume = true #";
    let text = shipped("kmd").replacen("resume = false\n", "", 1).replacen("check_after_upload = ", &format!("{resumes} "), 1);
    let message = VendorProfile::parse(&text).unwrap_err().to_string();
    assert!(message.contains("delivery.resume needs check_after_upload = \"size\""), "{message}");
    check("\"envelope.c4.window\" = \"assumed\"\n", "", "envelope.c4.window has no provenance");
    check("\"calendar.cutoff\" = \"", "\"calendar.cutof\" = \"", "provenance names calendar.cutof, which is not there");

    check("outbox = \"download\"", "outbox = \"./upload\"", "relative folders without . and ..");
    check("outbox = \"download\"", "outbox = \"down/./load\"", "relative folders without . and ..");
    for (odd, fault) in [("99.9", "must be 100 to 400"), ("400.5", "must be 100 to 400"), ("inf", "must be a number, not inf")] {
        check("width_mm = 210.0", &format!("width_mm = {odd}"), &format!("page.width_mm {fault}"));
    }
    for (odd, fault) in [("139.9", "must be 140 to 600"), ("601.0", "must be 140 to 600"), ("nan", "must be a number, not NaN")] {
        check("height_mm = 297.0", &format!("height_mm = {odd}"), &format!("page.height_mm {fault}"));
    }
    check("left_mm = 15.0", "left_mm = nan", "margins.left_mm must be a number");
    check("y_mm = 95.0", "y_mm = -inf", "zones.machine.y_mm must be a number");
    check("font_size_max_pt = 10.0", "font_size_max_pt = 1e39", "address_box.font_size_max_pt must be a number");
    check("font_size_max_pt = 10.0", "font_size_max_pt = 24.5", "address_box.font_size_max_pt must be at most 24");
    check("width_mm = 75.0", "width_mm = 39.0", "address_box.width_mm must be at least 40");
    check("height_mm = 21.0", "height_mm = 9.9", "address_box.height_mm must be at least 10");
    check("bytes_max = 7340032", "bytes_max = 1023", "page.bytes_max must be at least 1024");
    check("one_of = [\"envelope\", \"postage\"]", "one_of = [\"envelope\", \"envelope\"]", "batch.one_of names a word twice");
    check("weekdays = [\"mon\", \"tue\"", "weekdays = [\"tue\", \"tue\"", "calendar.weekdays names a day twice");
    // A letter as large as a batch: alone, and in a ZIP.
    check("bytes_max = 104857600", "bytes_max = 7340031", "page.bytes_max is 7340032, which is 7340032 in its container");
    let zip = |batch: u64| VendorProfile::parse(&shipped("edora").replace("bytes_max = 41943040", &format!("bytes_max = {batch}")));
    assert!(zip(7_340_032 + 156).is_ok());
    let message = zip(7_340_032 + 155).unwrap_err().to_string();
    assert!(message.contains("7340188 in its container, and batch.bytes_max is 7340187: such a letter fits no batch"), "{message}");

    // All at once, not the first.
    let text = shipped("kmd").replace("weekdays = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\"]", "weekdays = []").replace("{seq}", "7");
    let message = VendorProfile::parse(&text).unwrap_err().to_string();
    assert!(message.contains("calendar.weekdays") && message.contains("{seq}"), "{message}");
}

#[test]
fn a_profile_without_one_of_the_sections_is_none() {
    for section in ["[envelope.c4]", "[margins]", "[zones]", "[ink]", "[severity]"] {
        let mut text = String::new();
        for block in shipped("kmd").split("\n\n") {
            if !block.lines().any(|line| line == section) {
                text += &format!("{block}\n\n");
            }
        }
        let key = section.trim_matches(['[', ']']);
        let kept = |line: &&str| !line.starts_with(&format!("\"{key}."));
        let text: String = text.lines().filter(kept).map(|line| format!("{line}\n")).collect();
        assert!(VendorProfile::parse(&text).is_ok(), "{section} may be left out: {:?}", VendorProfile::parse(&text).err());
    }
    for section in ["postage", "calendar", "batch", "delivery", "sheet"] {
        let text = shipped("kmd").replace(&format!("[{section}]"), "[nothing]");
        assert!(VendorProfile::parse(&text).is_err(), "{section} is needed");
    }
}

#[test]
fn a_vendor_without_c4_has_none() {
    use fjernprint::domain::Envelope::{Auto, C4, C5};
    let mut profile = VendorProfile::parse(&shipped("edora")).unwrap();
    assert_eq!((profile.envelope_for(Auto, 7), profile.weight_g(C4, 1)), (Some(C4), 22));
    profile.envelope.c4 = None;
    assert_eq!([profile.envelope_for(Auto, 6), profile.envelope_for(Auto, 7), profile.envelope_for(C4, 1)], [Some(C5), None, None]);
    assert_eq!(profile.envelope.sheets_max(), 6);
}

#[test]
fn names_follow_the_template() {
    let check = |template: &str, sequence: u64, name: Result<&str, &str>| {
        let made = batch_name(template, &parts(sequence));
        assert_eq!(made.as_ref().map(|n| n.as_str()).map_err(String::as_str), name, "{template}");
    };
    check("FP-{vendor}-{cvr}-{date}-{seq}-{hash}", 7, Ok("FP-nordprint-99990011-20270104-7-abababababab"));
    check("B_{seq:4}-{hash}", 12_345, Ok("B_12345-abababababab"));
    check("B_{seq:4}-{hash}", 1, Ok("B_0001-abababababab"));
    check("{seq:0}-{hash}", 1, Err("{seq:N} takes 1 to 9 digits"));
    check("X{seq-{hash}", 1, Err("{seq-{hash} is not known; known are vendor, cvr, date, seq and hash"));
    check("X{seq", 1, Err("a brace is not closed"));
    for odd in ["..{seq}-{hash}", "7{seq}-{hash}", "a b{seq}-{hash}", "æ{seq}-{hash}", "-{seq}-{hash}", "a{seq}{hash}"] {
        assert!(batch_name(odd, &parts(1)).is_err(), "{odd}");
    }
}

#[test]
fn windows_may_lie_over_midnight() {
    let open = |window: &str, hour, minute| window.parse::<Window>().unwrap().contains(time(hour, minute, 0, 0));
    for (window, hour, minute, expected) in [
        ("00:00-24:00", 0, 0, true),
        ("00:00-24:00", 23, 59, true),
        ("18:00-06:00", 18, 0, true),
        ("18:00-06:00", 5, 59, true),
        ("18:00-06:00", 6, 0, false),
        ("18:00-06:00", 17, 59, false),
        ("06:00-18:00", 6, 0, true),
        ("06:00-18:00", 18, 0, false),
    ] {
        assert_eq!(open(window, hour, minute), expected, "{window} at {hour}:{minute}");
    }
    for odd in ["", "06:00", "06:00-06:00", "24:00-06:00", "6:00-18:00", "06:60-18:00", "-"] {
        assert!(odd.parse::<Window>().is_err(), "{odd}");
    }
}

#[test]
fn the_list_with_the_latest_beginning_is_the_one_that_counts() {
    let profile = VendorProfile::parse(&example()).unwrap();
    let price = |weight_g, day| profile.postage.price_ore(Postage::Economique, weight_g, day);
    assert_eq!(price(50, date(2026, 12, 31)), None, "no list yet");
    assert_eq!(
        [price(1, date(2027, 1, 1)), price(50, date(2027, 12, 31)), price(51, date(2027, 6, 1))],
        [Some(1450), Some(1450), Some(3100)]
    );
    assert_eq!([price(50, date(2028, 1, 1)), price(250, date(2030, 1, 1)), price(251, date(2027, 1, 1))], [Some(1500), Some(3250), None]);
    assert_eq!(profile.postage.price_ore(Postage::Forkyndelse, 10, date(2027, 1, 1)), None);
    assert_eq!(profile.postage.weight_max_g(Postage::Forkyndelse), None);
}

#[test]
fn what_only_looks_wrong_is_a_warning() {
    let check = |from: &str, to: &str, warning: &str| {
        let text = example();
        assert!(text.contains(from), "{from}");
        let warnings = VendorProfile::parse(&text.replacen(from, to, 1)).unwrap().warnings(date(2027, 1, 4));
        assert!(warnings.iter().any(|w| w.contains(warning)), "{warning} is not in {warnings:?}");
    };
    check("price_ore = 3100", "price_ore = 1310", "postage.economique of 2027-01-01: 250 g cost less than 50 g; prices swapped?");
    check(
        "weight_max_g = 250",
        "weight_max_g = 200",
        "postage.economique of 2027-01-01: 40 sheets in c4 weigh 217 g, and its heaviest step is 200 g",
    );
    // Next year's list is looked at now, not when it begins.
    check(
        "weight_max_g = 250, price_ore = 3250",
        "weight_max_g = 205, price_ore = 3250",
        "postage.economique of 2028-01-01: 40 sheets in c4",
    );
    check(
        "weight_max_g = 50, price_ore = 1500",
        "weight_max_g = 12, price_ore = 1500",
        "postage.economique of 2028-01-01: the step of 12 g pays for no letter, for one sheet in c5 weighs 13 g",
    );
    check("sheets_max = 6\n", "sheets_max = 40\n", "are both 40: no letter goes into c4");
    check("lines_max = 6", "lines_max = 2", "address_box.lines_max is 2: name, street and postcode are three lines");
    let past = "calendar.closed still names 2 days of more than a year ago, from 2025-05-30 on";
    check("closed = [\"2027-05-07\"]", "closed = [\"2025-05-30\", \"2026-01-02\", \"2026-05-15\", \"2027-05-07\"]", past);
    check("open = []", "open = [\"2026-01-03\"]", "calendar.open still names 1 day of more than a year ago, from 2026-01-03 on");
    check("cutoff = \"17:30\"", "cutoff = \"02:30\"", "which one night of the year skips");
    check("window = \"00:00-18:00\"", "window = \"18:00-17:00\"", "is shut just before the cut-off");
    check("closed = [\"2027-05-07\"]", "closed = [\"2027-05-08\"]", "2027-05-08, on which the vendor does not work anyway");
    check("open = []", "open = [\"2027-05-11\"]", "2027-05-11, on which the vendor works anyway");
    check("closed = [\"2027-05-07\"]", "closed = [\"2026-05-15\"]", "the vendor's own days end on 2026-05-15");
    check("kept_days = 60", "kept_days = 5", "may be deleted before they are fetched");
    check("rename_into_place = true", "rename_into_place = false", "half a file lies there under its final name");
    check("price_ore = 1450", "price_ore = 0", "postage.economique of 2027-01-01: 50 g cost nothing; a price left out?");
    check("pages_max = 40", "pages_max = 100", "page.pages_max is 100, and no envelope takes more than 40 sheets");
    check("lines_max = 6", "lines_max = 12", "address_box: 12 lines of 8 pt are 33.9 mm high, and the box is 21 mm");
    check("timeout_s = 30", "timeout_s = 4", "delivery.timeout_s is below 5");
    let silent = example().replace("[carriage]", "").replace("\"carriage.economique\" = \"contract\"\n", "");
    let silent: String = silent.lines().filter(|line| !line.starts_with("economique = 5")).map(|line| format!("{line}\n")).collect();
    let warnings = VendorProfile::parse(&silent).unwrap().warnings(date(2027, 1, 4));
    assert_eq!(warnings, ["carriage.economique is missing: a letter of economique is held against no latest arrival"]);
}

fn connect(house: &House, address: &fjernprint::adapters::sftp::Address) {
    let connection = format!(
        "\n[[connection]]\nvendor = \"edora\"\nhost = \"{}\"\nport = {}\nuser = \"{}\"\nkey_file = \"{}\"\nhost_key_pin = \"{}\"\n",
        address.host,
        address.port,
        address.user,
        address.key_file.display(),
        address.host_key_pin
    );
    let config = fs::read_to_string(house.path("fjernprint.toml")).unwrap();
    house.write("fjernprint.toml", config + &connection);
}

#[test]
fn a_connection_that_cannot_be_is_refused_before_anything_is_asked() {
    let house = House::new();
    let config = fs::read_to_string(house.path("fjernprint.toml")).unwrap();
    let read = |host: &str, port: u16, key: &str, more: &str| {
        let text = format!(
            "\n[[connection]]\nvendor = \"edora\"\nhost = \"{host}\"\nport = {port}\nuser = \"u\"\nkey_file = \"{key}\"\nhost_key_pin = \
             \"SHA256:x\"\n{more}\n"
        );
        house.write("fjernprint.toml", format!("{config}{text}"));
        fjernprint::app::config::Config::read(&house.path("fjernprint.toml")).map(|_| ()).map_err(|fault| (fault.code, fault.message))
    };
    for host in ["sftp.example.dk", "192.0.2.7", "2001:db8::7"] {
        assert_eq!(read(host, 22, "keys/ssh", ""), Ok(()), "{host}");
    }
    assert_eq!(read("sftp.example.dk", 65_535, "keys/ssh.pub", "agent = true"), Ok(()));
    assert_eq!(read("sftp.example.dk", 22, "keys/ssh", "agent = true"), Ok(()));
    let check = |found: Result<(), (&str, String)>, expected: &str| {
        let (code, message) = found.unwrap_err();
        assert!(code == "FP-C004" && message.contains(&format!("connection to edora: {expected}")), "{code} {message}");
    };
    for host in ["", " ", "sftp.example.dk/in", "sftp://sftp.example.dk", "sftp.example.dk ", "a b"] {
        check(read(host, 22, "keys/ssh", ""), "host must be a name or an address alone");
    }
    check(read("sftp.example.dk", 0, "keys/ssh", ""), "port must be 1 to 65535");
    check(read("sftp.example.dk", 22, "keys/ssh.pub", ""), "key_file ends in .pub");
    check(read("sftp.example.dk", 22, "keys/ssh.pub", "agent = false"), "key_file ends in .pub");
}

/// A vendor's limits are those of the profile that the night would use, not of the one that came with the program.
#[test]
fn list_and_validate_take_the_configurations_profiles() {
    let house = House::new();
    house.change("# vendors = \"vendors\"", "vendors = \"vendors\"");
    house.write("vendors/edora/profile.toml", shipped("edora").replacen("name = \"", "name = \"Changed ", 1));
    let listed = |arguments: &[&str]| String::from_utf8_lossy(&house.ask(arguments).stdout).into_owned();
    let own = listed(&["vendor", "list"]);
    assert!(own.contains("Changed ") && own.contains("\"vendors\":1") && !own.contains("kmd"), "{own}");
    let root = root("vendors");
    assert!(!listed(&["vendor", "list", "--vendors", &root]).contains("Changed "));
    let validated = |vendor: &str| house.ask(&["validate", "--vendor", vendor, house.path("nothing.pdf").to_str().unwrap()]);
    let said = String::from_utf8_lossy(&validated("kmd").stderr).into_owned();
    assert!(said.contains("FP-C003") && said.contains("known are edora and all"), "{said}");
    assert!(!String::from_utf8_lossy(&validated("edora").stderr).contains("FP-C003"));
    // Without a configuration, the ones that come along.
    fs::remove_file(house.path("fjernprint.toml")).unwrap();
    assert!(listed(&["vendor", "list"]).contains("\"vendors\":3"));
}

/// Outside of the window nothing goes up and nothing is wrong; inside, the vendor's own names and no look at the server.
#[test]
fn files_go_up_in_the_vendors_window_only() {
    use fjernprint::domain::calendar::time_in_denmark;
    let server = crate::sshd::start();
    let house = House::new();
    connect(&house, &server.address);
    house.change("# vendors = \"vendors\"", "vendors = \"vendors\"");
    let hour = time_in_denmark(jiff::Timestamp::now()).hour();
    let shut = format!("window = \"{:02}:00-{:02}:00\"", (hour + 3) % 24, (hour + 4) % 24);
    let open = "window = \"00:00-24:00\"";
    let text = shipped("edora").replace("check_after_upload = \"size\"", "check_after_upload = \"none\"");
    let text = text.replace("resume = true", "resume = false");
    let text = text.replace("FP-{vendor}-{cvr}-{date}-{seq}", "Post_{seq:5}");
    house.write("vendors/edora/profile.toml", text.replace(open, &shut));
    house.drop("1.xml", crate::intake::message("000000000001", crate::intake::AUTO, "6101804567"));
    let names = || fs::read_dir(server.jail.join("in")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    assert_eq!(house.ask(&["run", "--until", "ship"]).status.code(), Some(0));
    assert_eq!(names().count(), 0);
    let status = String::from_utf8_lossy(&house.ask(&["status"]).stdout).into_owned();
    assert!(status.contains("edora takes files"), "{status}");
    let plan = String::from_utf8_lossy(&house.ask(&["run", "--dry-run"]).stdout).into_owned();
    assert!(plan.contains("\"waits_for\":\"its window"), "{plan}");
    house.write("vendors/edora/profile.toml", &text);
    assert_eq!(house.ask(&["run", "--until", "ship"]).status.code(), Some(0));
    assert_eq!(names().count(), 5);
    assert!(names().all(|name| name.starts_with("Post_00001-")), "{:?}", names().collect::<Vec<_>>());
    let manifest = names().find(|name| name.ends_with(".manifest.json")).unwrap();
    let (path, ca) = (server.jail.join("in").join(manifest), house.path("keys/ca.pem"));
    let verified = house.ask(&["batch", "verify", path.to_str().unwrap(), "--certificate", ca.to_str().unwrap()]);
    assert_eq!(verified.status.code(), Some(0), "{}", String::from_utf8_lossy(&verified.stderr));
}

#[test]
fn a_live_check_logs_in_with_the_pinned_key_and_says_what_is_there() {
    let server = crate::sshd::start();
    let house = House::new();
    assert_eq!(house.ask(&["vendor", "check", "edora", "--live"]).status.code(), Some(2), "without a connection nothing is asked");
    let address = &server.address;
    connect(&house, address);
    let ask = || {
        let output = house.ask(&["vendor", "check", "edora", "--live"]);
        let line: serde_json::Value = serde_json::from_slice(output.stdout.split(|b| *b == b'\n').next().unwrap()).unwrap();
        (output.status.code(), line["live"].clone(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, live, _) = ask();
    assert_eq!(
        (code, &live["logged_in"], &live["inbox_there"], &live["outbox_there"]),
        (Some(2), &true.into(), &true.into(), &false.into())
    );
    fs::write(server.jail.join("out"), "").unwrap();
    assert_eq!(ask().1["outbox_there"], false, "a plain file is no folder");
    fs::remove_file(server.jail.join("out")).unwrap();
    fs::create_dir(server.jail.join("out")).unwrap();
    assert_eq!(ask().0, Some(0));
    // A passphrase's file that is not there stands in the way of the night as the key's own would.
    let key_file = format!("key_file = \"{}\"", address.key_file.display());
    house.change(&key_file, &format!("{key_file}\nkey_passphrase_file = \"keys/no-passphrase\""));
    let said = String::from_utf8_lossy(&house.ask(&["vendor", "check", "edora"]).stdout).into_owned();
    assert!(said.contains("key_passphrase_file ") && said.contains("keys/no-passphrase is not there"), "{said}");
    house.change("\nkey_passphrase_file = \"keys/no-passphrase\"", "");
    // As OpenSSH's own client, which would not use such a key.
    let warned = || String::from_utf8_lossy(&house.ask(&["vendor", "check", "edora"]).stdout).contains("may be read or changed by others");
    assert!(!warned());
    fs::set_permissions(&address.key_file, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(warned());
    fs::set_permissions(&address.key_file, fs::Permissions::from_mode(0o600)).unwrap();
    house.change(&address.host_key_pin, &format!("SHA256:{}", "A".repeat(43)));
    let (code, live, told) = ask();
    assert_eq!((code, &live["logged_in"]), (Some(12), &false.into()));
    assert!(told.contains("FP-S002"), "{told}");
    // Nothing was written there.
    assert_eq!(fs::read_dir(server.jail.join("in")).unwrap().count() + fs::read_dir(server.jail.join("out")).unwrap().count(), 0);
    house.change(&format!("SHA256:{}", "A".repeat(43)), "SHA256:...");
    let checked = house.ask(&["vendor", "check", "edora"]);
    assert!(String::from_utf8_lossy(&checked.stdout).contains("host_key_pin is no fingerprint"));
}
