//! Where ink stands on each page, what is written there, and how it is drawn: boxes only, no pixels.
//!
//! Takes the bytes of a PDF that another reader has opened and measured, and fills in [`PageFacts::ink`]. Everything comes
//! from outside: what is drawn without end is given up and said so, what makes the interpreter panic stays unknown. The
//! result depends on the bytes alone, since work is counted and not timed.

mod bare;
mod bounds;
mod faces;
mod glyphs;
mod known;
mod lines;
mod marks;
mod outline;
mod paint;
mod pen;
mod plain;

pub(super) use faces::DrawnProgram;

use super::facts::{MarkKind, PageFacts, PageInk};
pub(super) use bounds::decodes_within;
use bounds::{Runs, decoded_within_bounds};
use faces::Faces;
use hayro_interpret::hayro_syntax::Pdf;
use hayro_interpret::hayro_syntax::content::TypedIter;
use hayro_interpret::hayro_syntax::object::{Array, Dict, Name, Object, Rect as Corners, Stream};
use hayro_interpret::hayro_syntax::page::{Page, Resources};
use hayro_interpret::kurbo::{Affine, Rect};
use hayro_interpret::{Context, InterpreterCache, InterpreterSettings, RectExt, RenderContent, TransformExt, interpret, interpret_page};
use lines::Reader;
use pen::{GivenUp, Pen, Seen, Shared, UNITS_PER_MM};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Pages drawn; more than any envelope takes.
const PAGES_MAX: usize = 200;
/// Shortest and longest side of a page that is drawn: from A5 and its like to A3, which can be scaled to A4, mm.
const SIDE_MIN_MM: f32 = 140.0;
const SIDE_MAX_MM: f32 = 430.0;
/// The two readers must measure a page alike, mm; or ink would stand in another place than the page's borders.
const SIZES_DIFFER_MM: f32 = 1.0;
const MM_PER_POINT: f64 = 25.4 / 72.0;
/// Annotations drawn of one page, and what one costs beside its content.
const ANNOTATIONS_MAX: usize = 5_000;
const ANNOTATION_COST: u32 = 50;
/// Flags of an annotation.
const HIDDEN: u32 = 1 << 1;
const PRINT: u32 = 1 << 2;

/// Fills in what is drawn on each page. Never panics, never hangs: a page that cannot be drawn keeps `ink: None`, one that
/// draws without end gets `too_much`. The places of the `markers` are told. `plain` says whether pages of plain text may be
/// followed without the interpreter. Returns the font programs that it was done with, as far as it knows them.
pub(super) fn add_ink<'a>(pdf: &'a Pdf, facts: &mut [PageFacts], markers: &[String], plain: bool) -> Vec<DrawnProgram<'a>> {
    // What a panic leaves behind is a page without ink; nothing else is written before the end.
    catch_unwind(AssertUnwindSafe(|| draw_pages(pdf, facts, markers, plain))).unwrap_or_default()
}

fn draw_pages<'a>(pdf: &'a Pdf, facts: &mut [PageFacts], markers: &[String], plain: bool) -> Vec<DrawnProgram<'a>> {
    let pages = pdf.pages();
    if pages.len() != facts.len() {
        return Vec::new();
    }
    let mut wanted: Vec<(&Page<'_>, &mut PageFacts)> =
        pages.iter().zip(facts).take(PAGES_MAX).filter(|(page, facts)| worth_drawing(facts) && measured_alike(page, facts)).collect();
    let too_much = || Some(PageInk { too_much: true, ..PageInk::default() });
    if !decoded_within_bounds(&wanted.iter().map(|(page, _)| *page).collect::<Vec<_>>()) {
        wanted.iter_mut().for_each(|(_, facts)| facts.ink = too_much());
        return Vec::new();
    }
    let (shared, mut runs, mut reader) = (Shared::new(), Runs::default(), Reader::new(markers));
    let (mut cache, mut faces) = (InterpreterCache::new(), Faces::default());
    let settings = InterpreterSettings { render_content: RenderContent::PAGE, ..InterpreterSettings::default() };
    for (page, facts) in wanted {
        if shared.is_spent() || !runs.allow(page) {
            facts.ink = too_much();
            continue;
        }
        let sheet = Rect::new(0.0, 0.0, f64::from(facts.width_mm), f64::from(facts.height_mm));
        let mut pen = Pen::new(&shared, sheet);
        let place = Affine::scale(MM_PER_POINT * f64::from(facts.user_unit) * UNITS_PER_MM) * page.initial_transform(true).to_kurbo();
        let drawn = catch_unwind(AssertUnwindSafe(|| {
            let context = |place, sheet| Context::new(place, sheet, &cache, page.xref(), settings.clone());
            let left = shared.left();
            if !plain || !plain::draw_page(page, place, scaled(sheet), &mut faces, &settings, &context, &mut pen) {
                pen = Pen::new(&shared, sheet);
                shared.has_left(left);
                interpret_page(page, &mut context(place, scaled(sheet)), &mut pen);
            }
            draw_annotations(page, place, |place| context(place, scaled(sheet)), &mut pen, &shared, &mut runs);
        }));
        let given_up = drawn.as_ref().is_err_and(|payload| payload.is::<GivenUp>());
        if drawn.is_ok() || given_up {
            facts.ink = Some(ink(pen.seen, sheet.area(), given_up, &mut reader));
        } else {
            // A lock that was held when the interpreter panicked stays shut.
            cache = InterpreterCache::new();
            shared.start_anew();
        }
    }
    faces.drawn
}

/// Whether running this page alone, with its annotations, would end. Nothing is drawn; the caller catches panics.
pub(super) fn ends(page: &Page<'_>) -> bool {
    let mut runs = Runs::default();
    if !decoded_within_bounds(&[page]) || !runs.allow(page) {
        return false;
    }
    let Some(annotations) = page.raw().get::<Array<'_>>(b"Annots") else { return true };
    let appearances = annotations.iter::<Dict<'_>>().take(ANNOTATIONS_MAX).filter_map(|one| Appearance::of(&one, page.resources()));
    appearances.into_iter().all(|look| runs.allow_form(&look.form, &look.resources))
}

fn scaled(sheet: Rect) -> Rect {
    Affine::scale(UNITS_PER_MM).transform_rect_bbox(sheet)
}

/// Whether the page could become a letter: any other is refused for its size, whatever stands on it.
fn worth_drawing(page: &PageFacts) -> bool {
    [page.width_mm, page.height_mm].iter().all(|side| (SIDE_MIN_MM..=SIDE_MAX_MM).contains(side))
}

fn measured_alike(page: &Page<'_>, facts: &PageFacts) -> bool {
    let (width, height) = page.render_dimensions();
    let mm = MM_PER_POINT as f32 * facts.user_unit;
    (width * mm - facts.width_mm).abs() <= SIZES_DIFFER_MM && (height * mm - facts.height_mm).abs() <= SIZES_DIFFER_MM
}

fn ink(seen: Seen, page_mm2: f64, too_much: bool, reader: &mut Reader<'_>) -> PageInk {
    let coverage = (seen.marks.covered_mm2 / page_mm2).clamp(0.0, 1.0) as f32;
    let (marks, more) = seen.marks.finish();
    let reading = seen.letters.read(reader);
    PageInk {
        marks,
        more,
        window_text: reading.window,
        cpr_numbers: reading.cpr_numbers,
        markers: reading.markers,
        transparency: seen.transparency,
        colour: seen.colour,
        images: seen.images,
        coverage,
        hidden_text: reading.hidden,
        text_outside: seen.text_outside,
        too_much,
    }
}

/// Draws the annotations that are printed. Not left to the interpreter, which draws those for the screen.
fn draw_annotations<'a>(
    page: &Page<'a>,
    place: Affine,
    context: impl Fn(Affine) -> Context<'a>,
    pen: &mut Pen<'_>,
    shared: &Shared,
    runs: &mut Runs,
) {
    let Some(annotations) = page.raw().get::<Array<'_>>(b"Annots") else { return };
    for annotation in annotations.iter::<Dict<'a>>().take(ANNOTATIONS_MAX) {
        shared.spend(ANNOTATION_COST);
        let flags = annotation.get::<u32>(b"F").unwrap_or(0);
        if flags & (HIDDEN | PRINT) != PRINT {
            continue;
        }
        let Some(drawing) = Appearance::of(&annotation, page.resources()) else {
            bare::draw(&annotation, place, pen);
            continue;
        };
        if !runs.allow_form(&drawing.form, &drawing.resources) {
            shared.spend(u32::MAX);
        }
        let field = annotation.get::<Name<'_>>(b"Subtype").is_some_and(|kind| kind.as_ref() == b"Widget");
        pen.owner = Some(if field { MarkKind::Field } else { MarkKind::Annotation });
        interpret(TypedIter::new(&drawing.call), &drawing.resources, &mut context(place * drawing.place), pen);
    }
    pen.owner = None;
}

/// How an annotation looks on paper: a form, called by name.
struct Appearance<'a> {
    form: Stream<'a>,
    resources: Resources<'a>,
    /// Content that draws the form.
    call: Vec<u8>,
    /// From the form's space to the page's (ISO 32000-1, 12.5.5).
    place: Affine,
}

impl<'a> Appearance<'a> {
    fn of(annotation: &Dict<'a>, page: &Resources<'a>) -> Option<Self> {
        let looks = annotation.get::<Dict<'a>>(b"AP")?;
        let (named, name) = match looks.get::<Object<'a>>(b"N")? {
            Object::Stream(_) => (looks, b"N".to_vec()),
            Object::Dict(states) => {
                let state = annotation.get::<Name<'_>>(b"AS").filter(|state| states.contains_key(state));
                (states, state.map_or(b"Off".to_vec(), |state| state.as_ref().to_vec()))
            }
            _ => return None,
        };
        let form = named.get::<Stream<'a>>(&name)?;
        let corners = |dict: &Dict<'_>, key: &[u8]| dict.get::<Corners>(key).map(|corners| corners.to_kurbo().abs());
        let (target, bbox) = (corners(annotation, b"Rect")?, corners(form.dict(), b"BBox")?);
        let matrix = form.dict().get::<[f64; 6]>(b"Matrix").map_or(Affine::IDENTITY, Affine::new);
        let source = matrix.transform_rect_bbox(bbox);
        if !(source.width() > 0.0 && source.height() > 0.0 && target.is_finite() && source.is_finite()) {
            return None;
        }
        let (x, y) = (target.width() / source.width(), target.height() / source.height());
        let place = Affine::new([x, 0.0, 0.0, y, target.x0 - x * source.x0, target.y0 - y * source.y0]);
        let mut call = b"/".to_vec();
        name.iter().for_each(|byte| call.extend(format!("#{byte:02X}").bytes()));
        call.extend(b" Do");
        Some(Self { form, resources: Resources { x_objects: named, ..page.clone() }, call, place })
    }
}
