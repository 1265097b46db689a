//! The page as it prints, in pixels; or why it is not drawn.

use super::cost::affordable;
use super::{SIDES_MM, px_per_mm};
use crate::pdf::ink;
use crate::pdf::inspect::{PDF_BYTES_MAX, STREAM_BYTES_MAX};
use hayro::hayro_interpret::{InterpreterSettings, RenderContent};
use hayro::hayro_syntax::Pdf;
use hayro::hayro_syntax::object::{Array, Dict};
use hayro::hayro_syntax::page::Page;
use hayro::vello_cpu::Pixmap;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings};
use lopdf::{Document, LoadOptions, Object, ObjectId};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

const MM_PER_POINT: f32 = 25.4 / 72.0;
/// Annotations of one page.
const ANNOTATIONS_MAX: usize = 5_000;
/// Flags of an annotation: never shown, printed, not shown on a screen.
const HIDDEN: u32 = 1 << 1;
const PRINT: u32 = 1 << 2;
const NO_VIEW: u32 = 1 << 5;

pub struct Drawn {
    pub pixels: Arc<Pixmap>,
    pub size_mm: (f32, f32),
}

/// Draws a page, counted from 1, as large as it will stand beside the vendor's paper. The reason why not is Danish and ends a sentence that begins with "fordi".
pub fn draw(bytes: &[u8], number: u32, paper_mm: (f32, f32)) -> Result<Drawn, &'static str> {
    if bytes.len() > PDF_BYTES_MAX {
        return Err("filen er for stor");
    }
    // The reader, the interpreter and the rasterizer panic on some hostile files: then there is no page to show.
    catch_unwind(AssertUnwindSafe(|| draw_from(bytes.to_vec(), number, paper_mm, true))).unwrap_or(Err("den ikke kan tegnes"))
}

fn draw_from(bytes: Vec<u8>, number: u32, paper_mm: (f32, f32), may_change: bool) -> Result<Drawn, &'static str> {
    let bytes = Arc::new(bytes);
    let pdf = Pdf::new(Arc::clone(&bytes)).map_err(|_| "filen ikke kan læses")?;
    let index = number.checked_sub(1).ok_or("siden ikke findes")? as usize;
    let page = pdf.pages().get(index).ok_or("siden ikke findes")?;
    let mut settings = InterpreterSettings::default();
    if shows_otherwise(page) {
        if may_change && let Some(changed) = shown_as_printed(&bytes, number) {
            return draw_from(changed, number, paper_mm, false);
        }
        settings.render_content = RenderContent::PAGE;
    }
    let user_unit = page.raw().get::<f32>(b"UserUnit").filter(|unit| *unit > 0.0).unwrap_or(1.0);
    let mm = MM_PER_POINT * user_unit;
    let (width, height) = page.render_dimensions();
    let size_mm = (width * mm, height * mm);
    if !(SIDES_MM.contains(&size_mm.0) && SIDES_MM.contains(&size_mm.1)) {
        return Err("dens mål er umulige");
    }
    let scale = px_per_mm(size_mm, paper_mm) * mm;
    if !ink::ends(page) || !affordable(page, scale, &settings) {
        return Err("den er for tung at tegne");
    }
    let target = PixmapSettings { x_scale: scale, y_scale: scale, bg_color: WHITE };
    let pixels = hayro::render(page, &RenderCache::new(), &settings, &RenderSettings::default(), &target);
    Ok(Drawn { pixels: Arc::new(pixels), size_mm })
}

/// Whether an annotation is printed and not shown, or shown and not printed: the interpreter draws for the screen.
fn shows_otherwise(page: &Page<'_>) -> bool {
    let Some(annotations) = page.raw().get::<Array<'_>>(b"Annots") else { return false };
    annotations.iter::<Dict<'_>>().take(ANNOTATIONS_MAX).any(|annotation| {
        let flags = annotation.get::<u32>(b"F").unwrap_or(0);
        annotation.contains_key(b"AP") && (flags & (HIDDEN | NO_VIEW) == 0) != prints(flags)
    })
}

fn prints(flags: u32) -> bool {
    flags & (HIDDEN | PRINT) == PRINT
}

/// The file with the flags of one page's annotations set so that a screen shows what paper does.
fn shown_as_printed(bytes: &[u8], number: u32) -> Option<Vec<u8>> {
    let options = LoadOptions::with_max_decompressed_size(STREAM_BYTES_MAX);
    let mut document = Document::load_mem_with_options(bytes, options).ok()?;
    if document.was_encrypted() || document.is_encrypted() {
        return None;
    }
    let page = document.page_iter().nth(number as usize - 1)?;
    let annotations = document.get_dictionary(page).ok()?.get(b"Annots").ok()?;
    let (list, entries) = match document.dereference(annotations).ok()? {
        (place, Object::Array(entries)) => (place, entries.clone()),
        _ => return None,
    };
    let mut inline = Vec::new();
    for entry in entries.into_iter().take(ANNOTATIONS_MAX) {
        match entry {
            Object::Reference(id) => {
                set_flags(document.get_object_mut(id).ok()?);
                inline.push(Object::Reference(id));
            }
            mut other => {
                set_flags(&mut other);
                inline.push(other);
            }
        }
    }
    put_list(&mut document, page, list, inline)?;
    let mut changed = Vec::new();
    document.save_to(&mut changed).ok()?;
    Some(changed)
}

fn put_list(document: &mut Document, page: ObjectId, list: Option<ObjectId>, entries: Vec<Object>) -> Option<()> {
    match list {
        Some(id) => *document.get_object_mut(id).ok()? = entries.into(),
        None => document.get_object_mut(page).ok()?.as_dict_mut().ok()?.set("Annots", entries),
    }
    Some(())
}

fn set_flags(annotation: &mut Object) {
    let Ok(annotation) = annotation.as_dict_mut() else { return };
    let flags = annotation.get(b"F").and_then(Object::as_i64).ok().and_then(|flags| u32::try_from(flags).ok()).unwrap_or(0);
    annotation.set("F", i64::from(if prints(flags) { PRINT } else { HIDDEN }));
}
