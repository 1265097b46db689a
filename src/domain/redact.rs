//! Masks what looks like a CPR number, for text from outside that must be shown or stored: file names,
//! senders' identifiers, parser messages.

use super::recipient::date_part_possible;

/// The text with every CPR-like run of digits (`DDMMYYNNNN`, `DDMMYY-NNNN`, `DDMMYY NNNN`) replaced by
/// `xxxxxx-xxxx`, control characters and bidi overrides by `?`, cut at 300 characters.
pub fn redact(text: &str) -> String {
    let chars: Vec<char> = text.chars().take(300).collect();
    let plain: Vec<char> = chars.iter().map(|c| if is_dash(*c) { '-' } else { *c }).collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let len = cpr_like_at(&plain, at).max(loosely_written_at(&plain, at));
        if len > 0 {
            out.push_str("xxxxxx-xxxx");
            at += len;
        } else {
            let c = chars[at];
            let unsafe_to_show = c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
            out.push(if unsafe_to_show { '?' } else { c });
            at += 1;
        }
    }
    out
}

/// A dash of whatever length: numbers are written with all of them.
pub fn is_dash(c: char) -> bool {
    matches!(c, '\u{00AD}' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// Whether the text holds something that looks like a CPR number.
pub fn looks_like_cpr(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    (0..chars.len()).any(|at| cpr_like_at(&chars, at) > 0)
}

/// Whether a text that a person wrote holds a CPR number, with whatever people put between its digits.
pub fn holds_cpr(text: &str) -> bool {
    let plain: Vec<char> = text.chars().map(|c| if is_dash(c) { '-' } else { c }).collect();
    !cpr_like_spans(&plain).is_empty()
}

/// Where CPR numbers stand as people write them, as ranges of these characters: `010203-1234`, `01.02.03-1234`,
/// `01 02 03 1234`, `010203 / 1234`. For what is read, not for identifiers: `24.11.26-1234` would be one.
pub fn cpr_like_spans(chars: &[char]) -> Vec<std::ops::Range<usize>> {
    let length = |at| cpr_like_at(chars, at).max(loosely_written_at(chars, at));
    (0..chars.len()).map(|at| at..at + length(at)).filter(|span| !span.is_empty()).collect()
}

/// Separators between the date and the four digits, at most.
const APART_MAX: usize = 3;

/// Length of a CPR number that is written with separators; 0 when none begins here.
fn loosely_written_at(chars: &[char], at: usize) -> usize {
    let digits = |from: usize, count: usize| (from..from + count).all(|i| chars.get(i).is_some_and(char::is_ascii_digit));
    if at > 0 && chars[at - 1].is_ascii_digit() || !digits(at, 2) {
        return 0;
    }
    let between = chars.get(at + 2).copied().filter(|c| matches!(c, '.' | ' ' | '-' | '/'));
    let step = if between.is_some() { 3 } else { 2 };
    let same = |i: usize| between.is_none() || chars.get(i) == between.as_ref();
    if !(digits(at + step, 2) && digits(at + 2 * step, 2) && same(at + step + 2)) {
        return 0;
    }
    let end = at + 2 * step + 2;
    let apart = chars[end.min(chars.len())..].iter().take_while(|c| matches!(c, '-' | ' ' | '_' | '.' | '/' | ':')).count();
    let tail = end + apart;
    // A date with dots and a number after a blank are a date and a number: `24.11.26 8000 Aarhus`.
    let dated = matches!(between, Some('.' | '/')) && chars[end..tail].iter().all(|c| *c == ' ');
    if apart > APART_MAX || apart == 0 && between.is_none() || dated || !digits(tail, 4) || digits(tail + 4, 1) {
        return 0;
    }
    let date: String = [at, at + step, at + 2 * step].iter().flat_map(|from| &chars[*from..from + 2]).collect();
    if date_part_possible(&date) && !within_hex(chars, at, tail + 4) { tail + 4 - at } else { 0 }
}

/// Shortest hexadecimal word that is taken for a part of a hash, where it holds a letter.
const HASH_CHARS_MIN: usize = 16;
/// Lengths of the five groups of a UUID.
const UUID_GROUPS: [usize; 5] = [8, 4, 4, 4, 12];

/// Whether the characters from `from` to before `to` lie within a UUID or a word of a hash: one UUID in a thousand has
/// digits that would pass for a CPR number.
fn within_hex(chars: &[char], from: usize, to: usize) -> bool {
    let left = |stop: fn(char) -> bool| (0..from).rev().find(|i| stop(chars[*i])).map_or(0, |i| i + 1);
    let right = |stop: fn(char) -> bool| (to..chars.len()).find(|i| stop(chars[*i])).unwrap_or(chars.len());
    let token = &chars[left(|c| !c.is_ascii_alphanumeric() && c != '-')..right(|c| !c.is_ascii_alphanumeric() && c != '-')];
    let groups: Vec<&[char]> = token.split(|c| *c == '-').collect();
    let hex = |word: &[char]| word.iter().all(char::is_ascii_hexdigit);
    let uuid = groups.iter().map(|group| group.len()).eq(UUID_GROUPS) && groups.iter().all(|group| hex(group));
    let word = &chars[left(|c| !c.is_ascii_hexdigit())..right(|c| !c.is_ascii_hexdigit())];
    uuid || word.len() >= HASH_CHARS_MIN && word.iter().any(|c| c.is_ascii_alphabetic())
}

/// Length in characters of the CPR-like run that starts here; 0 when there is none. Longer runs of
/// digits (UUIDs, GLNs) are not CPR numbers.
fn cpr_like_at(chars: &[char], at: usize) -> usize {
    let digit = |i: usize| chars.get(i).is_some_and(|c| c.is_ascii_digit());
    if at > 0 && digit(at - 1) || !(at..at + 6).all(digit) {
        return 0;
    }
    let tail = at + 6;
    let separated = matches!(chars.get(tail), Some('-' | ' ' | '_' | '.'));
    let tail = if separated { tail + 1 } else { tail };
    if !(tail..tail + 4).all(digit) || digit(tail + 4) {
        return 0;
    }
    let date: String = chars[at..at + 6].iter().collect();
    if date_part_possible(&date) && !within_hex(chars, at, tail + 4) { tail + 4 - at } else { 0 }
}
