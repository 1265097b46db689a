//! Changes one page: content before and behind its own, resources of its own, boxes. Its own content streams stay.

use super::content;
use super::objects::{
    corners, dictionary, dictionary_of, entry, entry_array, entry_dictionary, follow, inherited, matrix_text, numbers, plain, reals, rect,
};
use super::place::{self, Placed, Shown};
use super::{Remedy, RepairFault, Work};
use hayro_interpret::kurbo::{Affine, Point, Rect};
use lopdf::{Dictionary, Document, Object, ObjectId, Stream};

/// Largest expansion of one page's content, bytes.
const CONTENT_BYTES_MAX: usize = 64 << 20;
/// Patterns of one page, and their bytes, that are copied to be moved with it.
const PATTERNS_MAX: usize = 1_000;
const PATTERN_BYTES_MAX: usize = 32 << 20;
/// Annotations of one page that are moved with it.
const ANNOTATIONS_MAX: usize = 10_000;
/// What speaks of the page's old measures and prints nothing.
const OLD_MEASURES: [&[u8]; 8] = [b"UserUnit", b"BleedBox", b"TrimBox", b"ArtBox", b"BoxColorInfo", b"Thumb", b"VP", b"B"];

impl Work<'_> {
    /// Boxes, Turn and Scale: each page goes where it shall stand, in one step.
    pub(super) fn place(&mut self) -> Result<(), RepairFault> {
        if ![Remedy::Boxes, Remedy::Turn, Remedy::Scale].into_iter().any(|remedy| self.asked(remedy)) {
            return Ok(());
        }
        for (number, id) in self.each_page_once() {
            let page = dictionary(&self.document, id).ok_or_else(|| RepairFault::on_page(number, "it is not there"))?;
            let shown = Shown::read(&self.document, page).ok_or_else(|| RepairFault::on_page(number, "its boxes cannot be read"))?;
            let ink = self.order.ink_mm.get(number as usize - 1).copied().flatten();
            let Some(placed) = place::place(number, &shown, ink, self.order)? else { continue };
            lay(&mut self.document, id, &shown, &placed).map_err(|why| RepairFault::on_page(number, why))?;
            placed.done.into_iter().for_each(|(remedy, what)| self.did(remedy, Some(number), what));
        }
        Ok(())
    }
}

fn lay(document: &mut Document, id: ObjectId, shown: &Shown, placed: &Placed) -> Result<(), &'static str> {
    let sheet = Rect::new(0.0, 0.0, placed.width_pt, placed.height_pt);
    if placed.matrix != Affine::IDENTITY {
        let crop = shown.crop;
        let seen = placed.matrix.transform_rect_bbox(crop);
        let mut before = format!("q\n{} cm\n", matrix_text(placed.matrix));
        // Where the new page shows more than the old one, that stays cut off.
        if seen.inset(0.01).intersect(sheet) != sheet {
            let [x, y, w, h] = [crop.x0, crop.y0, crop.width(), crop.height()].map(plain);
            before += &format!("{x} {y} {w} {h} re W n\n");
        }
        wrap(document, id, &before, "Q\n")?;
        move_patterns(document, id, placed.matrix)?;
        move_annotations(document, id, placed.matrix)?;
    }
    let page = document.get_dictionary_mut(id).map_err(|_| "it is not there")?;
    OLD_MEASURES.iter().for_each(|key| drop(page.remove(key)));
    page.set("MediaBox", corners(sheet));
    page.set("CropBox", corners(sheet));
    page.set("Rotate", 0);
    Ok(())
}

/// Puts content before and behind the page's own, whatever that leaves open.
pub(super) fn wrap(document: &mut Document, id: ObjectId, before: &str, behind: &str) -> Result<(), &'static str> {
    let whole = document.get_page_content_with_limit(id, CONTENT_BYTES_MAX).map_err(|_| "its content is too large")?;
    let open = content::open(&whole);
    // Readers draw nothing for it and inspection says so: once it is left out here, nobody would.
    if document.get_page_contents(id).into_iter().any(|part| document.get_object(part).and_then(Object::as_stream).is_err()) {
        return Err("a part of its content is not in the file");
    }
    let mut parts: Vec<Object> = match open.excess.is_empty() {
        true => document.get_page_contents(id).into_iter().map(Object::Reference).collect(),
        false => vec![without(document, whole, &open.excess).into()],
    };
    let stream =
        |document: &mut Document, text: String| -> Object { document.add_object(Stream::new(Dictionary::new(), text.into_bytes())).into() };
    parts.insert(0, stream(document, before.to_owned()));
    parts.push(stream(document, open.closing() + behind));
    document.get_dictionary_mut(id).map_err(|_| "it is not there")?.set("Contents", parts);
    Ok(())
}

/// A content without the bytes at these places.
fn without(document: &mut Document, mut content: Vec<u8>, places: &[usize]) -> ObjectId {
    places.iter().for_each(|at| content[*at] = b' ');
    let mut stream = Stream::new(Dictionary::new(), content);
    // What does not become smaller stays as it is.
    drop(stream.compress());
    document.add_object(stream)
}

/// The page's resources, copied so that no other page sees what is changed in them.
pub(super) fn own_resources(document: &Document, id: ObjectId) -> Dictionary {
    let resources = dictionary(document, id).and_then(|page| follow(document, inherited(document, page, b"Resources")?)?.as_dict().ok());
    resources.cloned().unwrap_or_default()
}

/// One category of resources, copied.
pub(super) fn category(document: &Document, resources: &Dictionary, key: &[u8]) -> Dictionary {
    entry_dictionary(document, resources, key).cloned().unwrap_or_default()
}

/// Patterns stand in the page's space and not in that of the content that is drawn with them (ISO 32000-1, 8.7.2).
fn move_patterns(document: &mut Document, id: ObjectId, matrix: Affine) -> Result<(), &'static str> {
    let mut resources = own_resources(document, id);
    let mut patterns = category(document, &resources, b"Pattern");
    if patterns.is_empty() {
        return Ok(());
    }
    if patterns.len() > PATTERNS_MAX {
        return Err("it has too many patterns");
    }
    let mut left = PATTERN_BYTES_MAX;
    let names: Vec<Vec<u8>> = patterns.iter().map(|(name, _)| name.clone()).collect();
    for name in names {
        let Some(mut pattern) = entry(document, &patterns, &name).cloned() else { continue };
        let own = dictionary_of(&pattern).and_then(|d| numbers(document, d, b"Matrix")).map_or(Affine::IDENTITY, Affine::new);
        let moved = reals((matrix * own).as_coeffs());
        match &mut pattern {
            Object::Dictionary(dictionary) => dictionary.set("Matrix", moved),
            Object::Stream(stream) => {
                left = left.checked_sub(stream.content.len()).ok_or("its patterns are too large")?;
                stream.dict.set("Matrix", moved);
            }
            _ => continue,
        }
        patterns.set(name, document.add_object(pattern));
    }
    resources.set("Pattern", patterns);
    document.get_dictionary_mut(id).map_err(|_| "it is not there")?.set("Resources", resources);
    Ok(())
}

/// Annotations that stay go with the page: their place, and how their appearance is turned.
fn move_annotations(document: &mut Document, id: ObjectId, matrix: Affine) -> Result<(), &'static str> {
    let Some(page) = dictionary(document, id) else { return Ok(()) };
    let Some(annotations) = entry_array(document, page, b"Annots").map(<[Object]>::to_vec) else { return Ok(()) };
    if annotations.len() > ANNOTATIONS_MAX {
        return Err("it has too many annotations");
    }
    let mut moved: Vec<Object> = Vec::with_capacity(annotations.len());
    for annotation in annotations {
        let Some(mut dictionary) = follow(document, &annotation).and_then(|a| a.as_dict().ok()).cloned() else { continue };
        if let Some(place) = rect(document, &dictionary, b"Rect") {
            dictionary.set("Rect", corners(matrix.transform_rect_bbox(place)));
        }
        for key in [&b"QuadPoints"[..], b"Vertices", b"L", b"CL"] {
            let points = entry_array(document, &dictionary, key).map(|points| moved_points(document, points, matrix));
            points.into_iter().for_each(|points| dictionary.set(key, points));
        }
        if let Some(strokes) = entry_array(document, &dictionary, b"InkList") {
            let strokes = strokes.iter().filter_map(|stroke| follow(document, stroke)?.as_array().ok());
            let strokes: Vec<Object> = strokes.map(|stroke| moved_points(document, stroke, matrix)).collect();
            dictionary.set("InkList", strokes);
        }
        turn_appearance(document, &mut dictionary, matrix)?;
        match annotation.as_reference() {
            Ok(id) => {
                document.objects.insert(id, dictionary.into());
                moved.push(id.into());
            }
            Err(_) => moved.push(dictionary.into()),
        }
    }
    document.get_dictionary_mut(id).map_err(|_| "it is not there")?.set("Annots", moved);
    Ok(())
}

fn moved_points(document: &Document, points: &[Object], matrix: Affine) -> Object {
    let value = |object: &Object| super::objects::number(document, object).unwrap_or(0.0);
    let pairs = points.chunks_exact(2).map(|pair| matrix * Point::new(value(&pair[0]), value(&pair[1])));
    reals(pairs.flat_map(|point| [point.x, point.y]))
}

/// The appearance is fitted into the annotation's place by its own matrix (ISO 32000-1, 12.5.5): only the turn is missing.
fn turn_appearance(document: &mut Document, annotation: &mut Dictionary, matrix: Affine) -> Result<(), &'static str> {
    let [a, b, c, d, ..] = matrix.as_coeffs();
    if b == 0.0 && c == 0.0 && a > 0.0 && d > 0.0 {
        return Ok(());
    }
    let turn = Affine::new([a, b, c, d, 0.0, 0.0]);
    let Some(mut looks) = entry_dictionary(document, annotation, b"AP").cloned() else { return Ok(()) };
    let turned = match entry(document, &looks, b"N") {
        Some(Object::Stream(form)) => Object::Reference(turned(document, form.clone(), turn)?),
        Some(Object::Dictionary(states)) => {
            let mut states = states.clone();
            let names: Vec<Vec<u8>> = states.iter().take(100).map(|(name, _)| name.clone()).collect();
            for name in names {
                let Some(Object::Stream(form)) = entry(document, &states, &name) else { continue };
                let form = turned(document, form.clone(), turn)?;
                states.set(name, form);
            }
            states.into()
        }
        _ => return Ok(()),
    };
    looks.set("N", turned);
    annotation.set("AP", looks);
    Ok(())
}

fn turned(document: &mut Document, mut form: Stream, turn: Affine) -> Result<ObjectId, &'static str> {
    if form.content.len() > PATTERN_BYTES_MAX {
        return Err("the appearance of an annotation is too large");
    }
    let own = numbers(document, &form.dict, b"Matrix").map_or(Affine::IDENTITY, Affine::new);
    form.dict.set("Matrix", reals((turn * own).as_coeffs()));
    Ok(document.add_object(form))
}
