//! Whether the letter is for whom the message says, and for nobody else.
//!
//! The lines that are read here are somebody's name and address: findings tell their place, never their text.

use super::places::danish_postcode;
use super::window::{LINES_MIN, hull};
use super::{Findings, Place};
use crate::domain::PostalAddress;
use crate::pdf::PdfFacts;
use crate::pdf::facts::TextLine;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Words that stand before a name and are no part of it.
const FORMS_OF_ADDRESS: [&str; 7] = ["att", "til", "hr", "fru", "frk", "dr", "firmaet"];
/// Lines of an address block, the postcode's among them.
const BLOCK_LINES_MAX: usize = 7;
/// Lines of a block begin within this of each other, mm.
const BLOCK_LEFT_MM: f32 = 2.0;
/// Tops of the lines of a block are at most so many line heights apart.
const BLOCK_PITCH: f32 = 2.6;
/// A postcode's line that is longer than this stands in running text, mm.
const BLOCK_WIDTH_MAX_MM: f32 = 85.0;

/// Name, street and postcode in the window are those of the message: whole words, each on a line of its kind.
pub(super) fn right_person(lines: &[&TextLine], recipient: &PostalAddress, sheet: &mut Findings<'_>) {
    if lines.is_empty() {
        let message = "the window shows no text: nobody can say whose letter this is";
        return sheet.add("WRONG_PERSON", Place::page(1), "no text", "the recipient's name and address", message);
    }
    let differing = [
        ("name", !name_stands(lines, recipient)),
        ("address", !street_stands(lines, recipient)),
        ("postcode", !postcode_stands(lines, recipient)),
    ];
    for (what, _) in differing.into_iter().filter(|(_, differs)| *differs) {
        let message = format!("the window shows another {what} than the message's recipient has");
        sheet.add("WRONG_PERSON", Place::boxed(1, hull(lines)), format!("another {what}"), "the recipient's", &message);
    }
}

fn name_stands(lines: &[&TextLine], recipient: &PostalAddress) -> bool {
    let name = name_words(recipient.lines.first().map_or("", String::as_str));
    // A long name may go over two lines.
    let broken = lines.windows(2).map(|pair| name_words(&format!("{} {}", pair[0].text, pair[1].text)));
    name.is_empty() || lines.iter().map(|line| name_words(&line.text)).chain(broken).any(|shown| shown == name)
}

/// Words of a name, sorted: initials and forms of address do not count.
fn name_words(text: &str) -> Vec<String> {
    let folded = folded(text);
    let counts = |word: &&str| word.chars().count() > 1 && !FORMS_OF_ADDRESS.contains(word);
    let mut words: Vec<String> = folded.split(' ').filter(counts).map(str::to_owned).collect();
    words.sort();
    words
}

/// Lines between name and postcode that have a number: the street, with its house. A place's name may be left out.
fn street_stands(lines: &[&TextLine], recipient: &PostalAddress) -> bool {
    let compact = |text: &str| plain(text).chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    let of_street = |line: &&String| line.chars().any(|c| c.is_ascii_digit()) && danish_postcode(line).is_none();
    let shown: Vec<String> = lines.iter().map(|line| compact(&line.text)).collect();
    let stands = |street: String| shown.contains(&street) || shown.windows(2).any(|pair| pair.concat() == street);
    let foreign = recipient.postcode.is_none();
    recipient.lines.iter().skip(1).filter(of_street).filter(|_| !foreign).all(|line| stands(compact(line)))
}

/// As the postcode of a line, not as a house's number. A foreign one stands as words of any line.
fn postcode_stands(lines: &[&TextLine], recipient: &PostalAddress) -> bool {
    let Some(postcode) = recipient.postcode.as_deref().filter(|code| !code.is_empty()) else { return true };
    lines.iter().any(|line| danish_postcode(&line.text).is_some_and(|shown| shown == postcode))
}

/// Lower case, letters and digits, single blanks: what survives fonts, ligatures and typing.
fn folded(text: &str) -> String {
    let kept: String = plain(text).chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Lower case without accents; æ, ø and å as systems write them that have no such letters.
fn plain(text: &str) -> String {
    let danish = text.to_lowercase().nfc().collect::<String>().replace('æ', "ae").replace('ø', "oe").replace('å', "aa");
    danish.nfkd().filter(|c| !is_combining_mark(*c)).collect()
}

/// Two addresses in the window, or one on a later page that is not the first page's.
pub(super) fn other_recipients(facts: &PdfFacts, first: &[&TextLine], sheet: &mut Findings<'_>) {
    if first.iter().map(|line| postcodes(&line.text)).sum::<usize>() > 1 {
        let message = "two addresses stand in the window";
        sheet.add("TWO_RECIPIENTS", Place::boxed(1, hull(first)), "two addresses", "one recipient", message);
    }
    // What page 1 shows anywhere is known: the sender's own address stands on many pages.
    let on_first: Vec<String> = facts
        .pages
        .first()
        .and_then(|page| page.ink.as_ref())
        .iter()
        .flat_map(|ink| &ink.window_text)
        .map(|line| folded(&line.text))
        .collect();
    if first.is_empty() {
        return;
    }
    for (index, page) in facts.pages.iter().enumerate().skip(1) {
        let Some(ink) = &page.ink else { continue };
        let blocks = ink.window_text.iter().filter_map(|line| block(line, &ink.window_text));
        let strange = |block: &Vec<&TextLine>| block.first().is_some_and(|name| !on_first.contains(&folded(&name.text)));
        if let Some(block) = blocks.into_iter().find(strange) {
            let message = "another address than on page 1 stands where addresses stand: two letters in one document?";
            sheet.add("TWO_RECIPIENTS", Place::boxed(index as u32 + 1, hull(&block)), "another address", "one recipient", message);
        }
    }
}

/// Places in a line where a postcode and a district begin.
fn postcodes(text: &str) -> usize {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.windows(2).filter(|pair| danish_postcode(&pair.join(" ")).is_some()).count()
}

/// The lines of the address that ends with this line, from the top; `None` where none ends here.
fn block<'a>(last: &'a TextLine, all: &'a [TextLine]) -> Option<Vec<&'a TextLine>> {
    let short = last.box_mm[2] <= BLOCK_WIDTH_MAX_MM;
    danish_postcode(&last.text).filter(|_| short)?;
    let mut lines = vec![last];
    while lines.len() < BLOCK_LINES_MAX {
        let below = lines[lines.len() - 1];
        let above = |line: &&TextLine| {
            let step = below.box_mm[1] - line.box_mm[1];
            step > 0.5
                && step <= BLOCK_PITCH * below.box_mm[3].max(line.box_mm[3])
                && (line.box_mm[0] - last.box_mm[0]).abs() <= BLOCK_LEFT_MM
        };
        let Some(next) = all.iter().filter(above).max_by(|a, b| a.box_mm[1].total_cmp(&b.box_mm[1])) else { break };
        lines.push(next);
    }
    lines.reverse();
    (lines.len() >= LINES_MIN).then_some(lines)
}
