//! Draws the one page that is handed out with the proof of a letter: headings, labels with their values, sentences.
//!
//! Takes texts, gives bytes; the same texts give the same bytes. What stands in them is decided elsewhere.

use super::draw::DrawFault;
use super::face::{self, Face};
use super::paper::{POINTS_PER_MM, Sheet, save};

/// Left and right edge, mm from the left edge of the sheet: of the whole, of labels, of values.
const WHOLE_MM: (f32, f32) = (20.0, 192.0);
const LABELS_MM: (f32, f32) = (20.0, 70.0);
const VALUES_MM: (f32, f32) = (72.0, 192.0);
const TOP_MM: f32 = 18.0;
const BOTTOM_MM: f32 = 284.0;
const TITLE_PT: f32 = 17.0;
const HEADING_PT: f32 = 10.5;
const BODY_PT: f32 = 8.5;
const SMALL_PT: f32 = 7.0;
const LEADING: f32 = 1.3;

/// The page's texts. Each is in Danish first, with the English below it where there is one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    pub title: [String; 2],
    pub sections: Vec<Section>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Section {
    pub heading: [String; 2],
    /// Danish label, English label, value.
    pub values: Vec<[String; 3]>,
    /// Danish, English.
    pub sentences: Vec<[String; 2]>,
}

/// The page. FP-D004 when its texts do not fit on one. A character that the font has not is a question mark.
pub fn draw(page: &Page) -> Result<Vec<u8>, DrawFault> {
    let mut pen = Pen { sheet: Sheet::default(), at_mm: TOP_MM };
    pen.lines(face::bold(), TITLE_PT, WHOLE_MM, &page.title[0]);
    pen.lines(face::regular(), HEADING_PT, WHOLE_MM, &page.title[1]);
    for section in &page.sections {
        pen.at_mm += 3.2;
        pen.lines(face::bold(), HEADING_PT, WHOLE_MM, &format!("{}  ·  {}", section.heading[0], section.heading[1]));
        pen.at_mm += 0.6;
        for [danish, english, value] in &section.values {
            let top_mm = pen.at_mm;
            pen.lines(face::regular(), BODY_PT, VALUES_MM, value);
            let below_mm = std::mem::replace(&mut pen.at_mm, top_mm);
            pen.lines(face::bold(), BODY_PT, LABELS_MM, danish);
            pen.lines(face::regular(), SMALL_PT, LABELS_MM, english);
            pen.at_mm = pen.at_mm.max(below_mm) + 0.7;
        }
        for [danish, english] in &section.sentences {
            pen.lines(face::regular(), BODY_PT, WHOLE_MM, danish);
            pen.lines(face::regular(), SMALL_PT, WHOLE_MM, english);
            pen.at_mm += 0.7;
        }
    }
    if pen.at_mm > BOTTOM_MM {
        return Err(DrawFault::new("FP-D004", "the page about the letter's proof does not fit on one sheet".to_owned()));
    }
    Ok(save(vec![pen.sheet], &page.title[0]))
}

struct Pen {
    sheet: Sheet,
    /// Top of the next line.
    at_mm: f32,
}

impl Pen {
    fn lines(&mut self, face: &Face, size_pt: f32, (left_mm, right_mm): (f32, f32), text: &str) {
        let shown: String = text.chars().map(|c| if face.check(&c.to_string(), String::new).is_ok() { c } else { '?' }).collect();
        for line in face.wrap(&shown, size_pt, (right_mm - left_mm) * POINTS_PER_MM) {
            self.sheet.text(face, size_pt, left_mm, self.at_mm + size_pt / POINTS_PER_MM, &line);
            self.at_mm += size_pt * LEADING / POINTS_PER_MM;
        }
    }
}
