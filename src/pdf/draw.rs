//! Draws a letter on A4, or the cover sheet that carries nothing but the address.
//!
//! Takes text and millimetres, gives bytes; the same input gives the same bytes on any thread. A fault says which line and
//! how long, never what stands there.

use super::face::{self, Face};
use super::paper::{PAGE_WIDTH_MM, POINTS_PER_MM, Sheet, save};
use super::window::{check_lines, set_address};

pub use super::window::Window;

/// Left edge of the text, mm: also where most vendors' windows begin.
const LEFT_MM: f32 = 25.0;
const TEXT_WIDTH_MM: f32 = 155.0;
/// Ink of the text stands above this, and that of the footer above `FOOTER_MM`.
const BOTTOM_MM: f32 = 266.0;
const FOOTER_MM: f32 = 275.0;
const TOP_MM: f32 = 25.0;
/// The sender's block begins at the right of the window, and at this at least, mm from the left.
const SENDER_LEFT_MM: f32 = 140.0;
const SENDER_TOP_MM: f32 = 22.0;
const SENDER_WIDTH_MIN_MM: f32 = 35.0;
const SENDER_LINES_MAX: usize = 12;
const SIDE_MARGIN_MM: f32 = 20.0;
/// The first page's text begins here, or below the window and the sender where those reach further down.
const DATE_MM: f32 = 84.0;
const CLEAR_MM: f32 = 12.0;

const BODY_PT: f32 = 11.0;
const HEADING_PT: f32 = 14.0;
const SENDER_PT: f32 = 9.5;
const FOOTER_PT: f32 = 9.0;
const BODY_LEADING: f32 = 1.36;
const PARAGRAPH_GAP_PT: f32 = 7.0;
/// Longest letter drawn; the vendors take 40 pages, and a longer text is a mistake in the data.
const PAGES_MAX: usize = 40;

/// The text of one letter, all placeholders filled. A line feed in a paragraph begins a new line.
#[derive(Clone, Copy)]
pub struct LetterText<'a> {
    /// Title of the document, for the PDF's own information; not printed.
    pub title: &'a str,
    pub sender_lines: &'a [String],
    pub address_lines: &'a [String],
    pub date_line: &'a str,
    pub heading: &'a str,
    pub paragraphs: &'a [String],
}

/// Why something cannot be drawn: FP-D001 to FP-D004. The message holds no text of the letter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DrawFault {
    pub code: &'static str,
    pub message: String,
}

impl DrawFault {
    pub fn new(code: &'static str, message: String) -> Self {
        Self { code, message }
    }
}

/// A letter with the address in the window and a footer "side 1 af 2" where it has more pages than one.
pub fn letter(text: &LetterText<'_>, window: &Window) -> Result<Vec<u8>, DrawFault> {
    let (regular, bold) = (face::regular(), face::bold());
    check_lines(regular, text.sender_lines, "sender line")?;
    if let Some(first) = text.sender_lines.first() {
        bold.check(first, || "sender line 1".to_owned())?;
    }
    regular.check(text.date_line, || "date line".to_owned())?;
    bold.check(text.heading, || "heading".to_owned())?;
    let mut first = Sheet::default();
    set_address(&mut first, text.address_lines, window, None)?;
    let sender_bottom_mm = set_sender(&mut first, text.sender_lines, window)?;
    let mut page =
        Pages { sheets: vec![first], pen_mm: DATE_MM.max(window.y_mm + window.height_mm + CLEAR_MM).max(sender_bottom_mm + CLEAR_MM) };
    for (face, size_pt, line, gap_pt) in
        [(regular, BODY_PT, text.date_line, 22.0), (bold, HEADING_PT, text.heading, PARAGRAPH_GAP_PT + 3.0)]
    {
        let lines = face.wrap(line, size_pt, TEXT_WIDTH_MM * POINTS_PER_MM);
        page.set(face, size_pt, &lines)?;
        page.pen_mm += gap_pt / POINTS_PER_MM;
    }
    for (index, paragraph) in text.paragraphs.iter().enumerate() {
        let mut lines = Vec::new();
        for part in paragraph.split('\n').map(|part| part.trim_end_matches('\r')) {
            regular.check(part, || format!("paragraph {}", index + 1))?;
            lines.extend(regular.wrap(part, BODY_PT, TEXT_WIDTH_MM * POINTS_PER_MM));
        }
        page.set(regular, BODY_PT, &lines)?;
        page.pen_mm += PARAGRAPH_GAP_PT / POINTS_PER_MM;
    }
    page.number(regular);
    Ok(save(page.sheets, text.title))
}

/// One page with nothing but the address in the window, and the sender in small print above it where there is room.
pub fn cover_sheet(sender_lines: &[String], address_lines: &[String], window: &Window) -> Result<Vec<u8>, DrawFault> {
    check_lines(face::regular(), sender_lines, "sender line")?;
    let mut sheet = Sheet::default();
    let sender: Vec<&str> = sender_lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect();
    set_address(&mut sheet, address_lines, window, Some(&sender.join(", ")))?;
    Ok(save(vec![sheet], ""))
}

/// Sets the sender's block beside the window, or below one that leaves no room there; gives where it ends, mm.
fn set_sender(sheet: &mut Sheet, lines: &[String], window: &Window) -> Result<f32, DrawFault> {
    let right_mm = PAGE_WIDTH_MM - SIDE_MARGIN_MM;
    let beside_mm = SENDER_LEFT_MM.max(window.x_mm + window.width_mm + 5.0);
    let (x_mm, mut pen_mm) = match right_mm - beside_mm >= SENDER_WIDTH_MIN_MM {
        true => (beside_mm, SENDER_TOP_MM),
        false => (LEFT_MM, window.y_mm + window.height_mm + CLEAR_MM),
    };
    let mut set = 0;
    for (index, line) in lines.iter().enumerate() {
        let face = if index == 0 { face::bold() } else { face::regular() };
        for part in face.wrap(line, SENDER_PT, (right_mm - x_mm) * POINTS_PER_MM) {
            set += 1;
            if set > SENDER_LINES_MAX {
                return Err(DrawFault::new("FP-D004", format!("the sender's block has more than {SENDER_LINES_MAX} lines")));
            }
            sheet.text(face, SENDER_PT, x_mm, pen_mm + SENDER_PT / POINTS_PER_MM, &part);
            pen_mm += SENDER_PT * 1.3 / POINTS_PER_MM;
        }
    }
    Ok(pen_mm)
}

/// The pages so far, and where the next line's top is on the last of them.
struct Pages {
    sheets: Vec<Sheet>,
    pen_mm: f32,
}

impl Pages {
    /// Sets the lines of one paragraph. No first or last line stands alone on its page where that can be helped.
    fn set(&mut self, face: &Face, size_pt: f32, lines: &[String]) -> Result<(), DrawFault> {
        let line_mm = size_pt * BODY_LEADING / POINTS_PER_MM;
        for (index, line) in lines.iter().enumerate() {
            let left = lines.len() - index;
            let together = if index == 0 && left <= 3 {
                left
            } else if index == 0 || left == 2 {
                2
            } else {
                1
            };
            if self.pen_mm + together as f32 * line_mm > BOTTOM_MM {
                if self.sheets.len() == PAGES_MAX {
                    return Err(DrawFault::new("FP-D004", format!("the letter takes more than {PAGES_MAX} pages")));
                }
                self.sheets.push(Sheet::default());
                self.pen_mm = TOP_MM;
            }
            if let (Some(sheet), false) = (self.sheets.last_mut(), line.is_empty()) {
                sheet.text(face, size_pt, LEFT_MM, self.pen_mm + size_pt / POINTS_PER_MM, line);
            }
            self.pen_mm += line_mm;
        }
        Ok(())
    }

    fn number(&mut self, face: &Face) {
        let pages = self.sheets.len();
        for (index, sheet) in self.sheets.iter_mut().enumerate().filter(|_| pages > 1) {
            let line = format!("side {} af {pages}", index + 1);
            let x_mm = LEFT_MM + TEXT_WIDTH_MM - face.width_pt(&line, FOOTER_PT) / POINTS_PER_MM;
            sheet.text(face, FOOTER_PT, x_mm, FOOTER_MM, &line);
        }
    }
}
