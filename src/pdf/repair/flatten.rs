//! Flatten: form fields, comments and stamps that are printed become page content (ISO 32000-1, 12.5.5); the rest goes.

use super::objects::{
    dictionary, entry, entry_array, entry_dictionary, entry_flags, entry_name, follow, inherited, matrix_text, numbers, rect,
};
use super::page::{category, own_resources, wrap};
use super::{Remedy, RepairFault, Work, appearance};
use hayro_interpret::kurbo::Affine;
use lopdf::{Dictionary, Document, Object, ObjectId};

/// Annotations of one page, and of a file.
const OF_A_PAGE_MAX: usize = 10_000;
const OF_A_FILE_MAX: usize = 50_000;
/// Flags of an annotation (ISO 32000-1, table 165).
const HIDDEN: i64 = 1 << 1;
const PRINT: i64 = 1 << 2;

/// Which annotations are taken off the page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// All; fields without an appearance get one.
    All,
    /// Sound, film, 3D: what they show on paper stays.
    Media,
    /// Other files: their icon stays.
    Files,
}

impl Taken {
    fn takes(self, kind: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::Media => matches!(kind, b"RichMedia" | b"3D" | b"Movie" | b"Sound" | b"Screen"),
            Self::Files => kind == b"FileAttachment",
        }
    }
}

/// What became of a page's annotations.
#[derive(Default)]
struct Count {
    fields: usize,
    comments: usize,
    fields_gone: usize,
    gone: usize,
}

/// A drawing, and where it goes.
struct Call {
    form: ObjectId,
    place: Affine,
}

impl Work<'_> {
    pub(super) fn flatten(&mut self) -> Result<(), RepairFault> {
        if !self.asked(Remedy::Flatten) {
            return Ok(());
        }
        if self.facts.structure.xfa && self.is_drawn_by_its_viewer() {
            return Err(RepairFault::new("the file is a dynamic form (XFA): its pages are not in it, only its data"));
        }
        let signed = has_signature(&self.document);
        let redrawn = form_entry(&self.document, b"NeedAppearances").is_some_and(is_true);
        let mut left = OF_A_FILE_MAX;
        for (number, id) in self.each_page_once() {
            if needs_flattening(&self.document, id) {
                self.take_off(number, id, Taken::All, redrawn, &mut left).map_err(|why| RepairFault::on_page(number, why))?;
            }
        }
        if self.drop_form() {
            self.did(Remedy::Flatten, None, "the form and its fields are no more");
        }
        if signed && !self.done.is_empty() {
            self.did(Remedy::Flatten, None, "a digital signature does not hold any more");
        }
        if !self.done.is_empty() {
            self.drop_tags();
        }
        Ok(())
    }

    /// A form that is data alone, with a page that asks for another program.
    fn is_drawn_by_its_viewer(&self) -> bool {
        let rendering = self.document.catalog().ok().and_then(|c| entry(&self.document, c, b"NeedsRendering"));
        let widget = |id: &ObjectId| {
            annotations(&self.document, *id).is_some_and(|list| list.iter().any(|a| kind_of(&self.document, a) == Some(b"Widget")))
        };
        rendering.is_some_and(is_true) || !self.pages.iter().any(widget)
    }

    /// The catalog's form; `false` when there is none that holds anything.
    fn drop_form(&mut self) -> bool {
        let held = form(&self.document)
            .is_some_and(|form| form.has(b"XFA") || entry_array(&self.document, form, b"Fields").is_some_and(|fields| !fields.is_empty()));
        if held && let Ok(catalog) = self.document.catalog_mut() {
            for key in [&b"AcroForm"[..], b"NeedsRendering", b"Perms"] {
                catalog.remove(key);
            }
        }
        held
    }

    /// Takes annotations off the page; those that are printed become content behind its own.
    pub(super) fn take_off(&mut self, number: u32, id: ObjectId, taken: Taken, redrawn: bool, left: &mut usize) -> Result<bool, String> {
        let Some(list) = annotations(&self.document, id).map(<[Object]>::to_vec) else { return Ok(false) };
        *left = left.checked_sub(list.len()).ok_or("the file has too many annotations")?;
        if list.len() > OF_A_PAGE_MAX {
            return Err("it has too many annotations".to_owned());
        }
        let (mut stays, mut calls, mut count) = (Vec::new(), Vec::new(), Count::default());
        for object in list {
            let Some(annotation) = follow(&self.document, &object).and_then(|a| a.as_dict().ok()).cloned() else { continue };
            let kind = entry_name(&self.document, &annotation, b"Subtype").unwrap_or_default().to_vec();
            if !taken.takes(&kind) {
                stays.push(object);
                continue;
            }
            let printed = is_printed(&self.document, &annotation) && kind != b"Popup";
            let field = kind == b"Widget";
            let mut drawing = if printed { drawing(&mut self.document, &annotation)? } else { None };
            if field && printed && taken == Taken::All && appearance::is_wanted(&self.document, &annotation, redrawn) {
                let drawn = appearance::draw(&mut self.document, &mut self.faces, &annotation)?;
                drawing = drawn.and_then(|form| placed(&self.document, &annotation, form)).or(drawing);
            }
            match drawing {
                Some(call) => {
                    calls.push(call);
                    if field { count.fields += 1 } else { count.comments += 1 }
                }
                // Its looks are left to the program that shows it: it stays as it is.
                None if printed && !field && taken == Taken::All => stays.push(object),
                None if field => count.fields_gone += 1,
                None => count.gone += 1,
            }
        }
        if calls.is_empty() && count.gone + count.fields_gone == 0 {
            return Ok(false);
        }
        add_calls(&mut self.document, id, &calls)?;
        let page = self.document.get_dictionary_mut(id).map_err(|_| "it is not there")?;
        match stays.is_empty() {
            true => drop(page.remove(b"Annots")),
            false => page.set("Annots", stays),
        }
        self.tell(number, taken, &count);
        Ok(true)
    }

    fn tell(&mut self, page: u32, taken: Taken, count: &Count) {
        let remedy = match taken {
            Taken::All => Remedy::Flatten,
            Taken::Media => Remedy::DropActive,
            Taken::Files => Remedy::DropFiles,
        };
        let told = [
            (count.fields, "form field", "became page content"),
            (count.comments, "annotation", "became page content"),
            (count.fields_gone, "form field", "with nothing to print dropped"),
            (count.gone, "annotation", "with nothing to print dropped"),
        ];
        for (n, what, fate) in told.into_iter().filter(|(n, ..)| *n > 0) {
            self.did(remedy, Some(page), format!("{n} {what}{} {fate}", if n == 1 { "" } else { "s" }));
        }
    }
}

fn is_true(value: &Object) -> bool {
    value.as_bool().unwrap_or(false)
}

fn form(document: &Document) -> Option<&Dictionary> {
    entry_dictionary(document, document.catalog().ok()?, b"AcroForm")
}

fn annotations(document: &Document, page: ObjectId) -> Option<&[Object]> {
    entry_array(document, dictionary(document, page)?, b"Annots")
}

fn kind_of<'a>(document: &'a Document, annotation: &'a Object) -> Option<&'a [u8]> {
    entry_name(document, follow(document, annotation)?.as_dict().ok()?, b"Subtype")
}

fn is_printed(document: &Document, annotation: &Dictionary) -> bool {
    entry_flags(document, annotation, b"F") & (HIDDEN | PRINT) == PRINT
}

/// A form field stands on the page, or something that is printed and says how it looks.
fn needs_flattening(document: &Document, page: ObjectId) -> bool {
    let list = annotations(document, page).unwrap_or_default();
    list.iter().take(OF_A_PAGE_MAX).filter_map(|a| follow(document, a)?.as_dict().ok()).any(|annotation| {
        let kind = entry_name(document, annotation, b"Subtype").unwrap_or_default();
        kind == b"Widget" || (kind != b"Popup" && is_printed(document, annotation) && normal(document, annotation).is_some())
    })
}

/// Whether anything in the file is a signature's value.
pub(super) fn has_signature(document: &Document) -> bool {
    document.objects.values().any(|object| object.as_dict().is_ok_and(|d| d.has(b"ByteRange") || direct_signature(d)))
}

fn direct_signature(field: &Dictionary) -> bool {
    field.get(b"V").is_ok_and(|v| v.as_dict().is_ok_and(|v| v.has(b"ByteRange")))
}

/// The form that an annotation looks like now, by its own number.
fn normal(document: &Document, annotation: &Dictionary) -> Option<ObjectId> {
    let looks = entry_dictionary(document, annotation, b"AP")?;
    let normal = looks.get(b"N").ok()?;
    let object = match follow(document, normal)? {
        Object::Stream(_) => normal,
        Object::Dictionary(states) => {
            let state = entry_name(document, annotation, b"AS").filter(|state| states.has(state)).unwrap_or(b"Off");
            states.get(state).ok()?
        }
        _ => return None,
    };
    let (id, stream) = document.dereference(object).ok()?;
    stream.as_stream().ok()?;
    id
}

fn drawing(document: &mut Document, annotation: &Dictionary) -> Result<Option<Call>, String> {
    let Some(form) = normal(document, annotation) else { return Ok(None) };
    let Some(mut call) = placed(document, annotation, form) else { return Ok(None) };
    let layer = annotation.get(b"OC").ok().cloned();
    let needs = |d: &Dictionary| !d.has_type(b"XObject") || !d.get(b"Subtype").and_then(Object::as_name).is_ok_and(|kind| kind == b"Form");
    let stream = document.get_object(form).and_then(Object::as_stream).map_err(|_| "an appearance is not there")?;
    if layer.is_some() || needs(&stream.dict) {
        let mut own = stream.clone();
        own.dict.set("Type", "XObject");
        own.dict.set("Subtype", "Form");
        // A layer that the annotation belongs to hides its content too.
        layer.into_iter().for_each(|layer| own.dict.set("OC", layer));
        call.form = document.add_object(own);
    }
    Ok(Some(call))
}

/// How a form is fitted into the annotation's place (ISO 32000-1, 12.5.5, algorithm 8); `None` where it has no extent.
fn placed(document: &Document, annotation: &Dictionary, form: ObjectId) -> Option<Call> {
    let dict = &document.get_object(form).ok()?.as_stream().ok()?.dict;
    let (target, bbox) = (rect(document, annotation, b"Rect")?, rect(document, dict, b"BBox")?);
    let matrix = numbers(document, dict, b"Matrix").map_or(Affine::IDENTITY, Affine::new);
    let source = matrix.transform_rect_bbox(bbox);
    let sane = |v: f64| v > 0.0 && v.is_finite();
    if !(sane(source.width()) && sane(source.height()) && target.is_finite()) {
        return None;
    }
    let (x, y) = (target.width() / source.width(), target.height() / source.height());
    let place = Affine::new([x, 0.0, 0.0, y, target.x0 - x * source.x0, target.y0 - y * source.y0]);
    Some(Call { form, place })
}

/// Draws the forms behind the page's own content, in the order of its annotations.
fn add_calls(document: &mut Document, page: ObjectId, calls: &[Call]) -> Result<(), &'static str> {
    if calls.is_empty() {
        return Ok(());
    }
    let mut resources = own_resources(document, page);
    let mut forms = category(document, &resources, b"XObject");
    let mut text = "Q\n".to_owned();
    let mut number = 0;
    for call in calls {
        let name = loop {
            number += 1;
            let name = format!("Fp{number}");
            if !forms.has(name.as_bytes()) {
                break name;
            }
        };
        text += &format!("q\n{} cm\n/{name} Do\nQ\n", matrix_text(call.place));
        forms.set(name, call.form);
    }
    resources.set("XObject", forms);
    document.get_dictionary_mut(page).map_err(|_| "it is not there")?.set("Resources", resources);
    wrap(document, page, "q\n", &text)
}

/// A value of the field or of the fields it belongs to, through references.
pub(super) fn field_value<'a>(document: &'a Document, field: &'a Dictionary, key: &[u8]) -> Option<&'a Object> {
    follow(document, inherited(document, field, key)?)
}

/// What the form says of all its fields: default appearance and the like.
pub(super) fn form_entry<'a>(document: &'a Document, key: &[u8]) -> Option<&'a Object> {
    entry(document, form(document)?, key)
}
