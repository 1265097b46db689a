//! Sheets of A4 that text is set on, and how they become bytes: the same bytes for the same sheets, whoever draws
//! whatever else at the same time.

use super::face::{self, Face};
use crate::domain::Sha256;
use printpdf::{Mm, Op, PdfDocument, PdfFont, PdfFontHandle, PdfPage, PdfSaveOptions, Point, Pt, TextItem};

pub const PAGE_WIDTH_MM: f32 = 210.0;
pub const PAGE_HEIGHT_MM: f32 = 297.0;
pub const POINTS_PER_MM: f32 = 72.0 / 25.4;

/// One page under the pen.
#[derive(Default)]
pub struct Sheet {
    ops: Vec<Op>,
}

impl Sheet {
    /// Sets one line; `x_mm` from the left edge to where it starts, `baseline_mm` from the top edge to its baseline.
    pub fn text(&mut self, face: &Face, size_pt: f32, x_mm: f32, baseline_mm: f32, text: &str) {
        let rounded = |mm: f32| Pt((mm * POINTS_PER_MM * 100.0).round() / 100.0);
        let pos = Point { x: rounded(x_mm), y: rounded(PAGE_HEIGHT_MM - baseline_mm) };
        self.ops.extend([
            Op::StartTextSection,
            Op::SetFont { font: PdfFontHandle::External(face.id.clone()), size: Pt(size_pt) },
            Op::SetTextCursor { pos },
            Op::ShowText { items: vec![TextItem::Text(text.to_owned())] },
            Op::EndTextSection,
        ]);
    }
}

/// What printpdf says about a document, beyond its title: dates of 1970 and empty texts.
const SAID_FOR_NOTHING: [&[u8]; 9] =
    [b"CreationDate", b"ModDate", b"GTS_PDFXVersion", b"Author", b"Creator", b"Producer", b"Subject", b"Identifier", b"Keywords"];

/// The document's bytes. Without dates, and with an /ID that is the hash of the rest.
pub fn save(sheets: Vec<Sheet>, title: &str) -> Vec<u8> {
    let faces = [face::regular(), face::bold()];
    let mut document = PdfDocument::new(title);
    for face in faces {
        document.resources.fonts.map.insert(face.id.clone(), PdfFont::new(face.font.clone()));
    }
    document.pages = sheets.into_iter().map(|sheet| PdfPage::new(Mm(PAGE_WIDTH_MM), Mm(PAGE_HEIGHT_MM), sheet.ops)).collect();
    let mut raw = document.to_lopdf_document(&PdfSaveOptions::default(), &mut Vec::new());
    raw.version = "1.4".to_owned();
    for stream in raw.objects.values_mut().filter_map(|object| object.as_stream_mut().ok()) {
        // Compressing both font programs anew would be half of the work on a letter.
        if let Some(face) = faces.iter().find(|face| stream.content == face.font.original_bytes) {
            stream.dict.set("Filter", "FlateDecode");
            stream.set_content(face.packed.content.clone());
        }
    }
    raw.compress();
    let info = raw.trailer.get(b"Info").and_then(|info| info.as_reference());
    if let Ok(info) = info.and_then(|id| raw.get_dictionary_mut(id)) {
        SAID_FOR_NOTHING.iter().for_each(|key| drop(info.remove(key)));
    }
    // printpdf's /ID is drawn from a counter that all threads share: blank it, hash, and write the hash there.
    let mut write = |id: &str| {
        for part in raw.trailer.get_mut(b"ID").and_then(|id| id.as_array_mut()).into_iter().flatten() {
            if let Ok(text) = part.as_str_mut() {
                *text = id.as_bytes().to_vec();
            }
        }
        let mut bytes = Vec::with_capacity(64 << 10);
        raw.save_to(&mut bytes).expect("writing into memory cannot fail");
        bytes
    };
    let hash = Sha256(openssl::sha::sha256(&write("")));
    write(&hash.to_string()[..32])
}
