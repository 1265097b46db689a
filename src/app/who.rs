//! Who says something at a terminal, and why: for whatever is recorded as a person's word.

use super::fault::Fault;
use crate::adapters::login;
use crate::domain::redact::redact;
use crate::domain::status::Person;

/// Longest name of a person, characters.
const NAME_CHARS_MAX: usize = 80;
/// Characters of a reason.
const REASON_CHARS: std::ops::RangeInclusive<usize> = 3..=300;

/// Who it is: the name given or the account's, and the login behind it. FP-B032 when nobody can be told, or in production
/// when nobody is logged in.
pub fn person(given: Option<&str>, production: bool) -> Result<Person, Fault> {
    of(given, login::account(), production)
}

/// Pure: who it is, from what was given and what the kernel knows.
fn of(given: Option<&str>, account: Option<String>, production: bool) -> Result<Person, Fault> {
    let refused = |text: &str| Fault::usage("FP-B032", text);
    if production && account.is_none() {
        return Err(refused(
            "the kernel knows of no login behind this command; in production an order is given by somebody who is logged in",
        ));
    }
    let name = given.map(str::to_owned).or_else(|| account.clone()).ok_or_else(|| refused("say who you are with --by NAME"))?;
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        return Err(refused("--by is a name of 1 to 80 characters"));
    }
    Ok(Person { name: redact(name), account })
}

/// The reason as it is recorded: what looks like a CPR number is masked. FP-O008 when it says nothing.
pub fn reason(given: &str) -> Result<String, Fault> {
    let text = given.split_whitespace().collect::<Vec<_>>().join(" ");
    if !REASON_CHARS.contains(&text.chars().count()) || text.chars().any(char::is_control) {
        return Err(Fault::usage("FP-O008", "--reason must say why, in 3 to 300 characters; nothing was done"));
    }
    Ok(redact(&text))
}

/// Name, and the account behind it.
pub fn told(person: &Person) -> String {
    match &person.account {
        Some(account) => format!("{} (account {account})", person.name),
        None => person.name.clone(),
    }
}
