//! Which letters are meant: `status=held and age>3d`. Pure: reads the text and says what is wrong with it, where.
//!
//! Conditions are joined by `and`, nothing else. Values may stand in quotes. What it gives holds no SQL; the ledger makes
//! a question of it, with the values beside the question.

use super::calendar::is_date;
use super::redact::redact;
use super::state::Recall;
use super::status::LetterStatus;
use jiff::ToSpan;
use jiff::civil::Date;

/// Longest filter, characters.
const FILTER_CHARS_MAX: usize = 2_000;
/// Most conditions of one filter.
const CONDITIONS_MAX: usize = 20;

/// What can be asked of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Status,
    Municipality,
    Vendor,
    Batch,
    Night,
    /// Why it is held, rejected or cancelled.
    Code,
    /// The vendor's word.
    Word,
    Sender,
    Dispatch,
    Pages,
    Sheets,
    /// Whether it is another print of a letter.
    Reprint,
    Recall,
}

/// How a field is held against a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Is,
    IsNot,
    Less,
    AtMost,
    More,
    AtLeast,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Text(String),
    Number(i64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    pub field: Field,
    pub comparison: Comparison,
    pub value: Value,
}

/// All of these hold; none takes every letter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter(pub Vec<Condition>);

/// What a filter says that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FilterFault(pub String);

/// The fields as they are typed, with what may stand behind them.
const FIELDS: [(&str, &str); 14] = [
    ("status", "held"),
    ("code", "FP-R001"),
    ("word", "handed_over"),
    ("age", "3d"),
    ("night", "2026-11-24"),
    ("municipality", "99990011"),
    ("vendor", "edora"),
    ("batch", "FP-..."),
    ("sender", "opus"),
    ("dispatch", "sag-17"),
    ("pages", "10"),
    ("sheets", "5"),
    ("reprint", "yes"),
    ("recall", "waiting"),
];

/// Longest first, so that `<=` is not taken for `<`.
const COMPARISONS: [(&str, Comparison); 7] = [
    ("!=", Comparison::IsNot),
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("==", Comparison::Is),
    ("=", Comparison::Is),
    ("<", Comparison::Less),
    (">", Comparison::More),
];

impl Filter {
    /// Reads a filter. `today` is the day from which ages are counted: a letter of last night is one day old.
    pub fn parse(text: &str, today: Date) -> Result<Self, FilterFault> {
        if text.chars().count() > FILTER_CHARS_MAX {
            return Err(FilterFault(format!("the filter is longer than {FILTER_CHARS_MAX} characters")));
        }
        let mut reader = Reader { text, at: 0 };
        let mut conditions = vec![reader.condition(today)?];
        while let Some((word, at)) = reader.word() {
            if !word.eq_ignore_ascii_case("and") {
                return Err(reader.fault(word, at, "only `and` stands between conditions"));
            }
            if conditions.len() == CONDITIONS_MAX {
                return Err(FilterFault(format!("a filter has at most {CONDITIONS_MAX} conditions")));
            }
            conditions.push(reader.condition(today)?);
        }
        Ok(Self(conditions))
    }

    /// One more condition: the field is this.
    pub fn is(mut self, field: Field, value: impl Into<String>) -> Self {
        self.0.push(Condition { field, comparison: Comparison::Is, value: Value::Text(value.into()) });
        self
    }
}

struct Reader<'a> {
    text: &'a str,
    /// Byte that is read next.
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        &self.text[self.at..]
    }

    /// Letters, digits and `_`, and where they began; `None` at the end.
    fn word(&mut self) -> Option<(&'a str, usize)> {
        let rest = self.rest();
        let first = rest.chars().next()?;
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        // A sign that opens no word is named by itself.
        let end = if end == 0 { first.len_utf8() } else { end };
        let at = self.at;
        self.at += end;
        Some((&rest[..end], at))
    }

    fn comparison(&mut self, field: &str) -> Result<Comparison, FilterFault> {
        let rest = self.rest();
        if let Some((sign, comparison)) = COMPARISONS.into_iter().find(|(sign, _)| rest.starts_with(sign)) {
            self.at += sign.len();
            return Ok(comparison);
        }
        let at = self.at;
        let found = self.word().map_or("", |(word, _)| word);
        Err(self.fault(found, at, &format!("after {field} stands one of = != < <= > >=")))
    }

    /// Up to the next blank, or what stands in quotes.
    fn value(&mut self, field: &str) -> Result<(&'a str, usize), FilterFault> {
        let (rest, at) = (self.rest(), self.at);
        let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'));
        if let Some(quote) = quote {
            let Some(end) = rest[1..].find(quote) else { return Err(self.fault(rest, at, "the quote is not closed")) };
            self.at += end + 2;
            return Ok((&rest[1..=end], at));
        }
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        if end == 0 {
            return Err(self.fault("", at, &format!("after {field} and its comparison stands a value")));
        }
        self.at += end;
        Ok((&rest[..end], at))
    }

    fn condition(&mut self, today: Date) -> Result<Condition, FilterFault> {
        let (at_end, word) = (self.text.len(), self.word());
        let Some((name, at)) = word else { return Err(self.fault("", at_end, &known())) };
        let name_lower = name.to_ascii_lowercase();
        let Some((field, _)) = FIELDS.into_iter().find(|(known, _)| *known == name_lower) else {
            return Err(self.fault(name, at, &format!("no letter has such a field; {}", known())));
        };
        let comparison = self.comparison(field)?;
        let (text, at) = self.value(field)?;
        condition(field, comparison, text, today).map_err(|why| self.fault(text, at, &why))
    }

    /// Names the word and its place, counted in characters from 1.
    fn fault(&self, word: &str, at: usize, why: &str) -> FilterFault {
        let place = self.text[..at.min(self.text.len())].chars().count() + 1;
        let what = if word.is_empty() { "the end".to_owned() } else { format!("{:?}", redact(word)) };
        FilterFault(format!("{what} at character {place}: {why}"))
    }
}

fn known() -> String {
    let fields: Vec<String> = FIELDS.iter().map(|(field, example)| format!("{field} (as {example})")).collect();
    format!("known are {}", fields.join(", "))
}

/// A condition, once its value is one that the field can have.
fn condition(field: &str, comparison: Comparison, text: &str, today: Date) -> Result<Condition, String> {
    let plain = |field: Field| Ok(Condition { field, comparison, value: Value::Text(text.to_owned()) });
    let equal_only = matches!(comparison, Comparison::Is | Comparison::IsNot);
    if !equal_only && !matches!(field, "age" | "night" | "pages" | "sheets") {
        return Err(format!("{field} is or is not (= or !=); it is not less or more"));
    }
    let one_of = |words: &[&str]| if words.contains(&text) { Ok(()) } else { Err(format!("{field} is one of {}", words.join(", "))) };
    match field {
        "status" => {
            one_of(&LetterStatus::ALL.map(LetterStatus::word))?;
            plain(Field::Status)
        }
        "recall" => {
            let words: Vec<&str> = Recall::ALL.iter().map(|recall| recall.word()).chain(["no"]).collect();
            one_of(&words)?;
            plain(Field::Recall)
        }
        "reprint" => {
            one_of(&["yes", "no"])?;
            plain(Field::Reprint)
        }
        "night" if is_date(text) => plain(Field::Night),
        "night" => Err("a night is a date of the calendar as 2026-11-24".to_owned()),
        "age" => {
            let days = days(text).ok_or("an age is a number of days or weeks, as 3d or 2w: the night counts, not the hour")?;
            let night = today.saturating_sub(days.days()).to_string();
            Ok(Condition { field: Field::Night, comparison: older(comparison), value: Value::Text(night) })
        }
        "pages" | "sheets" => {
            let number = text.parse::<u32>().map_err(|_| format!("{field} is a whole number"))?;
            let field = if field == "pages" { Field::Pages } else { Field::Sheets };
            Ok(Condition { field, comparison, value: Value::Number(number.into()) })
        }
        // As it is printed everywhere.
        "code" => Ok(Condition { field: Field::Code, comparison, value: Value::Text(text.to_ascii_uppercase()) }),
        "municipality" => plain(Field::Municipality),
        "vendor" => plain(Field::Vendor),
        "batch" => plain(Field::Batch),
        "word" => plain(Field::Word),
        "sender" => plain(Field::Sender),
        _ => plain(Field::Dispatch),
    }
}

/// Days of `3d` or `2w`.
fn days(text: &str) -> Option<i64> {
    let (number, days) = match text.split_at_checked(text.len().checked_sub(1)?)? {
        (number, "d") => (number, 1),
        (number, "w") => (number, 7),
        _ => return None,
    };
    Some(i64::from(number.parse::<u16>().ok()?) * days)
}

/// What is older than some days came before that night.
fn older(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Less => Comparison::More,
        Comparison::AtMost => Comparison::AtLeast,
        Comparison::More => Comparison::Less,
        Comparison::AtLeast => Comparison::AtMost,
        same => same,
    }
}
