//! Who gets what: the whole table of routes, and a register that keeps no number.

use fjernprint::adapters::register::Register;
use fjernprint::adapters::store::{Store, StoreError};
use fjernprint::domain::Recipient;
use fjernprint::pipeline::recipient::{Choice, DigitalPostStatus, Parts, Route, route};
use std::fs;
use std::os::unix::fs::PermissionsExt;

const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

#[test]
fn the_table_of_routes_is_exactly_this() {
    use Choice::{Automatic, Digital, NemSms, Physical};
    use DigitalPostStatus::{Exempt, Registered, Unknown};
    let whole = Parts { memo: true, printable: true, recipient_known: true };
    let rows = [
        (Automatic, Registered, Route::Digital),
        (Automatic, Exempt, Route::Print),
        (Automatic, Unknown, Route::Hold("FP-R001")),
        (Digital, Registered, Route::Digital),
        (Digital, Exempt, Route::Hold("FP-R002")),
        (Digital, Unknown, Route::Hold("FP-R001")),
        (NemSms, Registered, Route::Digital),
        (NemSms, Exempt, Route::Hold("FP-R003")),
        (NemSms, Unknown, Route::Hold("FP-R001")),
        (Physical, Registered, Route::Print),
        (Physical, Exempt, Route::Print),
        (Physical, Unknown, Route::Print),
    ];
    for (choice, status, expected) in rows {
        assert_eq!(route(choice, whole, status), expected, "{choice:?} {status:?}");
    }
    assert_eq!(route(Automatic, Parts { memo: false, ..whole }, Registered), Route::Hold("FP-R006"));
    assert_eq!(route(Automatic, Parts { printable: false, ..whole }, Exempt), Route::Hold("FP-R005"));
    assert_eq!(route(Automatic, Parts { recipient_known: false, ..whole }, Unknown), Route::Hold("FP-R004"));
}

#[test]
fn the_register_answers_by_keyed_hash_and_never_quotes_a_row() {
    let text = "recipient_id;status\n6101804567;exempt\n610281-4321;registered\n99990022;fritaget\n";
    let register = Register::read(text.as_bytes(), KEY).unwrap();
    let status = |id: &str| register.status(&id.parse::<Recipient>().unwrap()).unwrap();
    assert_eq!(status("6101804567"), DigitalPostStatus::Exempt);
    assert_eq!(status("6102814321"), DigitalPostStatus::Registered);
    assert_eq!(status("99990022"), DigitalPostStatus::Exempt);
    assert_eq!(status("6101804568"), DigitalPostStatus::Unknown);
    assert_eq!(status("0000000000"), DigitalPostStatus::Unknown);
    for (bad, line) in [
        ("recipient_id;status\n6101804567;exempt\n6101804567;registered\n", "line 3"),
        ("recipient_id;status\n6101804567;perhaps\n", "line 2"),
        ("recipient_id;status\nNN6101804567;exempt\n", "line 2"),
        ("cpr;status\n", "line 1"),
    ] {
        let message = Register::read(bad.as_bytes(), KEY).err().unwrap().to_string();
        assert!(message.contains(line) && !message.contains("6101804567"), "{message}");
    }
    assert!(Register::read(text.as_bytes(), b"short").is_err());
}

#[test]
fn the_store_gives_back_what_it_was_given_or_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("store")).unwrap();
    let hash = store.put(b"a letter").unwrap();
    assert_eq!(store.put(b"a letter").unwrap(), hash);
    store.sync().unwrap();
    assert_eq!(store.get(&hash).unwrap(), b"a letter");
    let name = hash.to_string();
    let path = dir.path().join("store").join(&name[..2]).join(&name);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    fs::write(&path, b"a lettes").unwrap();
    assert!(matches!(store.get(&hash), Err(StoreError::Changed(_))));
    // Handing the same bytes in again mends the file.
    store.put(b"a letter").unwrap();
    assert_eq!(store.get(&hash).unwrap(), b"a letter");
    fs::remove_file(&path).unwrap();
    assert!(matches!(store.get(&hash), Err(StoreError::Missing(_))));
}
