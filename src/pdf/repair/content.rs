//! What a page's content leaves open: saved states, text, marked content. Its operators are found, nothing is drawn.

/// What has to be written before and after a content so that what is added behind it stands on its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Open {
    /// `q` without `Q`.
    pub saved: usize,
    /// `BT` without `ET`.
    pub text: bool,
    /// `BMC` or `BDC` without `EMC`.
    pub marked: usize,
    /// Where a `Q` stands that has no `q`: readers skip it, and would not skip it any more inside of ours.
    pub excess: Vec<usize>,
}

impl Open {
    /// Operators that close what is open.
    pub fn closing(&self) -> String {
        let text = if self.text { "ET\n" } else { "" };
        format!("\n{text}{}{}", "EMC\n".repeat(self.marked), "Q\n".repeat(self.saved))
    }
}

/// Looks at all operators of a content.
pub(super) fn open(content: &[u8]) -> Open {
    let mut open = Open::default();
    let mut lexer = Lexer { bytes: content, at: 0 };
    while let Some((at, word)) = lexer.operator() {
        match word {
            b"q" => open.saved += 1,
            b"Q" if open.saved == 0 => open.excess.push(at),
            b"Q" => open.saved -= 1,
            b"BT" => open.text = true,
            b"ET" => open.text = false,
            b"BMC" | b"BDC" => open.marked += 1,
            b"EMC" => open.marked = open.marked.saturating_sub(1),
            b"ID" => lexer.skip_image(),
            _ => {}
        }
    }
    open
}

struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lexer<'a> {
    /// The next word that is no operand, and where it stands.
    fn operator(&mut self) -> Option<(usize, &'a [u8])> {
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b'(' => self.skip_string(),
                b'%' => self.skip_while(|b| !matches!(b, b'\n' | b'\r')),
                b'<' if self.bytes.get(self.at + 1) != Some(&b'<') => self.skip_while(|b| b != b'>'),
                b'/' => {
                    self.at += 1;
                    self.skip_while(is_regular);
                }
                byte if is_regular(*byte) => {
                    let start = self.at;
                    self.skip_while(is_regular);
                    let word = &self.bytes[start..self.at];
                    if !matches!(word[0], b'0'..=b'9' | b'+' | b'-' | b'.') {
                        return Some((start, word));
                    }
                }
                // `<<` whole, so that its second half does not begin a string.
                _ => self.at += if self.bytes[self.at..].starts_with(b"<<") { 2 } else { 1 },
            }
        }
        None
    }

    fn skip_while(&mut self, skip: impl Fn(u8) -> bool) {
        self.at += self.bytes[self.at..].iter().take_while(|b| skip(**b)).count();
    }

    fn skip_string(&mut self) {
        let mut depth = 0;
        while let Some(byte) = self.bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'(' => depth += 1,
                b')' => {
                    depth -= 1;
                    if depth == 0 {
                        return;
                    }
                }
                _ => {}
            }
        }
    }

    /// To behind the `EI` of an inline image: one between blanks, with nothing but text for a while behind it, as data may
    /// hold the same letters.
    fn skip_image(&mut self) {
        const LOOK_AHEAD: usize = 12;
        let rest = &self.bytes[self.at..];
        let is_end = |at: &usize| {
            let before = at.checked_sub(1).and_then(|before| rest.get(before)).is_some_and(|b| is_blank(*b));
            let after = &rest[at + 2..rest.len().min(at + 2 + LOOK_AHEAD)];
            before && after.first().is_none_or(|b| is_blank(*b)) && after.iter().all(|b| is_blank(*b) || (0x20..0x7f).contains(b))
        };
        let end = rest.windows(2).enumerate().filter(|(_, pair)| *pair == b"EI").map(|(at, _)| at).find(is_end);
        self.at += end.map_or(rest.len(), |end| end + 2);
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b'\0' | b'\t' | b'\n' | 0x0c | b'\r' | b' ')
}

fn is_regular(byte: u8) -> bool {
    !is_blank(byte) && !matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_open_is_counted() {
        let check = |content: &str, saved: usize, text: bool, marked: usize, excess: &[usize]| {
            assert_eq!(open(content.as_bytes()), Open { saved, text, marked, excess: excess.to_vec() }, "{content}");
        };
        check("", 0, false, 0, &[]);
        check("q 1 0 0 1 0 0 cm q Q", 1, false, 0, &[]);
        check("q Q Q 0 g Q", 0, false, 0, &[4, 10]);
        check("(q \\) q (q) q) Tj <71> Tj /q gs % q\nq", 1, false, 0, &[]);
        check("[(q)-3(q)]TJ<</A(q)/B<71>>>BDC BT", 0, true, 1, &[]);
        check("BI /W 1 ID q EIq Q EI q", 1, false, 0, &[]);
        check("BI /W 1 ID \u{1}q EI \u{1} EI Q", 0, false, 0, &[22]);
        check("EMC BMC BT ET", 0, false, 1, &[]);
        check("(never closed q", 0, false, 0, &[]);
    }
}
