//! Masks what looks like a CPR number, for text from outside that must be shown or stored: file names,
//! senders' identifiers, parser messages.

use super::recipient::date_part_possible;

/// The text with every CPR-like run of digits (`DDMMYYNNNN`, `DDMMYY-NNNN`, `DDMMYY NNNN`) replaced by
/// `xxxxxx-xxxx`, control characters and bidi overrides by `?`, cut at 300 characters.
pub fn redact(text: &str) -> String {
    let chars: Vec<char> = text.chars().take(300).collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let len = cpr_like_at(&chars, at);
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

/// Whether the text holds something that looks like a CPR number.
pub fn looks_like_cpr(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    (0..chars.len()).any(|at| cpr_like_at(&chars, at) > 0)
}

/// Where CPR-like runs of digits stand, as ranges of these characters.
pub fn cpr_like_spans(chars: &[char]) -> Vec<std::ops::Range<usize>> {
    (0..chars.len()).map(|at| at..at + cpr_like_at(chars, at)).filter(|span| !span.is_empty()).collect()
}

/// Shortest hexadecimal word that is taken for a part of a hash, where it holds a letter.
const HASH_CHARS_MIN: usize = 12;
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
