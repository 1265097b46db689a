//! What findings measure, in Danish: the few words that the rules use beside numbers. What is not known stays as it is.

/// Whole texts.
const TEXTS: [(&str, &str); 43] = [
    ("nothing", "intet"),
    ("none", "ingen"),
    ("some", "ja"),
    ("the same", "det samme"),
    ("ink, but no text", "tryk, men ingen tekst"),
    ("colour", "farver"),
    ("black and white", "sort-hvid"),
    ("prints", "printes"),
    ("hidden", "skjult"),
    ("no ink", "intet tryk"),
    ("not drawn", "ikke tegnet"),
    ("drawn", "tegnet"),
    ("drawn within limits", "kan tegnes inden for grænserne"),
    ("too many operations", "for mange operationer"),
    ("a CPR number", "et CPR-nummer"),
    ("another number", "et andet nummer"),
    ("one number", "ét nummer"),
    ("another name", "et andet navn"),
    ("another postcode", "et andet postnummer"),
    ("the recipient's", "modtagerens"),
    ("another address", "en anden adresse"),
    ("one recipient", "én modtager"),
    ("not found", "ikke fundet"),
    ("postcode and district", "postnummer og by"),
    ("encrypted", "krypteret"),
    ("not encrypted", "ikke krypteret"),
    ("readable as written", "kan læses, som den er skrevet"),
    ("readable within limits", "kan læses inden for grænserne"),
    ("every font embedded", "alle skrifttyper i filen"),
    ("a font program that works", "en skrifttype, der virker"),
    ("outline fonts", "almindelige skrifttyper"),
    ("PDF only", "kun PDF"),
    ("larger than allowed", "større end tilladt"),
    ("does not start with %PDF-", "begynder ikke med %PDF-"),
    ("it opens with a password only", "den kan kun åbnes med adgangskode"),
    ("its cross-reference table is damaged", "dens indholdsfortegnelse er beskadiget"),
    ("the parser gave up", "programmet, der læser den, gav op"),
    ("it cannot be expanded, or becomes too large", "den kan ikke pakkes ud eller bliver for stor"),
    ("the parser did not finish in time", "programmet, der læser den, blev ikke færdigt i tide"),
    ("the parser crashed or wanted too much memory", "programmet, der læser den, gik ned eller ville have for meget hukommelse"),
    ("1 page", "1 side"),
    ("1 lines", "1 linje"),
    ("one size", "én størrelse"),
];

/// Words among numbers.
const WORDS: [(&str, &str); 9] = [
    ("inside", "inde i feltet"),
    ("outside", "uden for feltet"),
    ("to", "til"),
    ("and", "og"),
    ("lines", "linjer"),
    ("pages", "sider"),
    ("sheets", "ark"),
    ("fields", "felter"),
    ("(duplex)", "(begge sider)"),
];

/// A measured value or a limit as a Danish reader wants it, with a decimal comma.
pub fn measure(text: &str) -> String {
    if let Some((_, danish)) = TEXTS.iter().find(|(english, _)| *english == text) {
        return (*danish).to_owned();
    }
    if let Some(more) = text.strip_suffix(" more marks") {
        return format!("{more} {} mere", if more == "1" { "sted" } else { "steder" });
    }
    if !text.contains(|c: char| c.is_ascii_digit()) {
        return text.to_owned();
    }
    let word = |word: &str| WORDS.iter().find(|(english, _)| *english == word).map_or(word.to_owned(), |(_, danish)| (*danish).to_owned());
    let words = text.split(' ').map(word).collect::<Vec<_>>().join(" ");
    // A version number keeps its point.
    if !(words.contains(" mm") || words.contains(" %")) {
        return words;
    }
    // Rounding leaves a minus before nought.
    match words.strip_prefix("-0.0") {
        Some(rest) => comma(&format!("0.0{rest}")),
        None => comma(&words),
    }
}

/// Points between digits become commas.
fn comma(text: &str) -> String {
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let letters: Vec<char> = text.chars().collect();
    let turned = |(i, c): (usize, &char)| {
        let between = *c == '.' && i > 0 && digit(letters.get(i - 1).copied()) && digit(letters.get(i + 1).copied());
        if between { ',' } else { *c }
    };
    letters.iter().enumerate().map(turned).collect()
}

/// A length with one decimal, without its unit.
pub fn tenth(mm: f32) -> String {
    format!("{mm:.1}").replace('.', ",")
}
