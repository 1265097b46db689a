//! Says before anything is drawn whether drawing would end: how large the streams become and how often they are run.
//!
//! The interpreter decodes and runs whatever is asked for, without a limit of its own.

use super::paint::is_image;
use hayro_interpret::hayro_syntax::content::TypedIter;
use hayro_interpret::hayro_syntax::content::ops::TypedInstruction;
use hayro_interpret::hayro_syntax::object::{Array, Dict, MaybeRef, Name, Object, ObjectIdentifier, Stream};
use hayro_interpret::hayro_syntax::page::{Page, Resources};
use hayro_interpret::hayro_syntax::xref::XRef;
use lopdf::Stream as PlainStream;
use std::collections::{HashMap, HashSet};

/// All streams that the pages need, images aside, decoded, bytes.
const DECODED_MAX: u64 = 64 << 20;
/// All content that is run, each stream as often as it is called for, bytes.
const RUN_MAX: u64 = 64 << 20;
/// Objects looked at to find those streams.
const OBJECTS_MAX: usize = 200_000;
const DEPTH_MAX: usize = 40;
const NUMBERS_BYTES_MAX: usize = 64 << 10;
/// What deflate and the other codings expand to at most, as a factor.
const DEFLATE_MAX: u64 = 1032;
const LZW_MAX: u64 = 2730;
const RUN_LENGTH_MAX: u64 = 64;
const ASCII_MAX: u64 = 4;
/// What calling anything costs, beside what it is.
const CALL_COST: u64 = 16;
/// Operators that call: they are counted where they stand, in a text too, when nothing they call costs more than the call
/// and the content is so short that this decides nothing.
const CALLS: [&[u8]; 4] = [b"Do", b"gs", b"scn", b"SCN"];
const CALLS_COUNTED_MAX: usize = 1 << 20;
const NAMES_MAX: usize = 64;
/// Keys that lead away from the page.
const ELSEWHERE: [&[u8]; 11] = [b"Parent", b"P", b"Dest", b"A", b"AA", b"B", b"Popup", b"StructParents", b"PieceInfo", b"Metadata", b"IRT"];

/// Whether all that these pages need stays within bounds once it is decoded.
pub fn decoded_within_bounds<'a>(pages: &[&Page<'a>]) -> bool {
    let Some(first) = pages.first() else { return true };
    let mut walk = Walk { xref: first.xref(), seen: HashSet::new(), most: 0, compressed: Vec::new(), heap: Vec::new() };
    for page in pages {
        walk.dict(page.raw());
        let resources = page.resources();
        for dict in [
            &resources.ext_g_states,
            &resources.fonts,
            &resources.color_spaces,
            &resources.x_objects,
            &resources.patterns,
            &resources.shadings,
            &resources.properties,
        ] {
            walk.dict(dict);
        }
        if !walk.drain() {
            return false;
        }
    }
    walk.most <= DECODED_MAX || walk.really_decoded()
}

struct Walk<'a> {
    xref: &'a XRef,
    seen: HashSet<(ObjectIdentifier, bool)>,
    /// Upper bound of what was found so far, bytes.
    most: u64,
    compressed: Vec<Stream<'a>>,
    /// Still to be looked at, and whether an image there is one that is never decoded.
    heap: Vec<(MaybeRef<Object<'a>>, bool)>,
}

impl<'a> Walk<'a> {
    fn dict(&mut self, dict: &Dict<'a>) {
        for (key, value) in dict.entries() {
            // What calls itself an image is never decoded, save where content or a font is expected.
            let drawn = key.as_ref() != b"Contents" && !key.as_ref().starts_with(b"FontFile");
            if !ELSEWHERE.contains(&key.as_ref()) {
                self.heap.push((value, drawn));
            }
        }
    }

    fn drain(&mut self) -> bool {
        while let Some((value, drawn)) = self.heap.pop() {
            let object = match value {
                MaybeRef::Ref(id) => {
                    let id: ObjectIdentifier = id.into();
                    if !self.seen.insert((id, drawn)) {
                        continue;
                    }
                    self.xref.get::<Object<'a>>(id)
                }
                MaybeRef::NotRef(object) => Some(object),
            };
            match object {
                Some(Object::Dict(dict)) => self.dict(&dict),
                // A short list of numbers, as of widths, leads nowhere.
                Some(Object::Array(array)) if array.data().len() < NUMBERS_BYTES_MAX && !leads_on(array.data()) => {}
                Some(Object::Array(array)) => self.heap.extend(array.raw_iter().map(|item| (item, drawn))),
                Some(Object::Stream(stream)) => {
                    self.dict(stream.dict());
                    if !(drawn && is_image(stream.dict())) {
                        self.most = self.most.saturating_add(most(&stream));
                        self.compressed.push(stream);
                    }
                }
                _ => {}
            }
            if self.seen.len() > OBJECTS_MAX || self.heap.len() > OBJECTS_MAX * 4 {
                return false;
            }
        }
        true
    }

    /// Decodes for good, stopping at the limit.
    fn really_decoded(&self) -> bool {
        let mut left = DECODED_MAX;
        for stream in &self.compressed {
            let bound = most(stream);
            let size = if bound <= 64 << 10 { Some(bound) } else { decoded_size(stream, left) };
            match size.and_then(|size| left.checked_sub(size)) {
                Some(rest) => left = rest,
                None => return false,
            }
        }
        true
    }
}

/// Whether there may be a reference or a dictionary among these values.
fn leads_on(values: &[u8]) -> bool {
    memchr::memchr2(b'R', b'<', values).is_some()
}

/// What a stream can become at most, bytes.
fn most(stream: &Stream<'_>) -> u64 {
    let raw = stream.raw_data().len() as u64;
    let factor = |name: &[u8]| match name {
        b"FlateDecode" | b"Fl" => DEFLATE_MAX,
        b"LZWDecode" | b"LZW" => LZW_MAX,
        b"RunLengthDecode" | b"RL" => RUN_LENGTH_MAX,
        b"ASCII85Decode" | b"A85" => ASCII_MAX,
        _ => 1,
    };
    let filters = stream.dict().get::<Object<'_>>(b"Filter").or_else(|| stream.dict().get::<Object<'_>>(b"F"));
    let factor = match filters {
        Some(Object::Name(name)) => factor(&name),
        Some(Object::Array(names)) => names.iter::<Name<'_>>().fold(1, |all: u64, name| all.saturating_mul(factor(&name))),
        _ => 1,
    };
    raw.saturating_mul(factor)
}

/// Whether an image's data stays within so many bytes when it is decoded; what holds pixels of a coding of their own counts
/// as it is.
pub fn decodes_within(stream: &Stream<'_>, bytes: u64) -> bool {
    most(stream) <= bytes || decoded_size(stream, bytes).is_some_and(|size| size <= bytes)
}

/// Size of the decoded stream; `None` when it is above `limit` or cannot be decoded with one.
fn decoded_size(stream: &Stream<'_>, limit: u64) -> Option<u64> {
    let dict = stream.dict();
    let mut plain = lopdf::Dictionary::new();
    let names = match dict.get::<Object<'_>>(b"Filter").or_else(|| dict.get::<Object<'_>>(b"F"))? {
        Object::Name(name) => vec![name],
        Object::Array(names) => names.iter::<Name<'_>>().collect(),
        _ => return None,
    };
    // These hold pixels, and as anything else the interpreter refuses them.
    const PICTURES: [&[u8]; 6] = [b"DCTDecode", b"DCT", b"JPXDecode", b"JBIG2Decode", b"CCITTFaxDecode", b"CCF"];
    if names.iter().any(|name| PICTURES.contains(&name.as_ref())) {
        return Some(stream.raw_data().len() as u64);
    }
    let full = |name: &[u8]| match name {
        b"Fl" => b"FlateDecode".to_vec(),
        b"LZW" => b"LZWDecode".to_vec(),
        b"A85" => b"ASCII85Decode".to_vec(),
        b"AHx" => b"ASCIIHexDecode".to_vec(),
        b"RL" => b"RunLengthDecode".to_vec(),
        other => other.to_vec(),
    };
    plain.set("Filter", names.iter().map(|name| lopdf::Object::Name(full(name))).collect::<Vec<_>>());
    // Without its predictor a stream is only longer, and what is asked here is whether it is too long.
    let decoded = PlainStream::new(plain, stream.raw_data().into_owned()).decompressed_content_with_limit(limit as usize).ok()?;
    Some(decoded.len() as u64)
}

/// Sums up what running a page's content costs, each form once for each call.
#[derive(Default)]
pub struct Runs {
    known: HashMap<(ObjectIdentifier, usize), u64>,
    /// Fonts of little programs that were counted: a glyph is drawn once in a document.
    fonts: HashSet<usize>,
    spent: u64,
}

impl Runs {
    /// Whether the page, with all it calls, can still be run.
    pub fn allow(&mut self, page: &Page<'_>) -> bool {
        let content = page.page_stream().unwrap_or_default();
        let cost = self.content(content, page.resources(), 0);
        self.spent = self.spent.saturating_add(cost);
        self.spent <= RUN_MAX
    }

    /// The same for the appearance of an annotation.
    pub fn allow_form(&mut self, form: &Stream<'_>, resources: &Resources<'_>) -> bool {
        let cost = self.form(form, resources, 0);
        self.spent = self.spent.saturating_add(cost);
        self.spent <= RUN_MAX
    }

    fn content(&mut self, content: &[u8], resources: &Resources<'_>, depth: usize) -> u64 {
        let mut cost = content.len() as u64;
        let forms = resources.x_objects.len() + resources.shadings.len() + resources.patterns.len() + resources.ext_g_states.len();
        let fonts = self.drawn_fonts(resources, depth);
        cost = cost.saturating_add(fonts);
        if forms == 0 {
            return cost;
        }
        if content.len() < CALLS_COUNTED_MAX && nothing_costs(resources) && memchr::memchr(b'#', content).is_none() {
            let calls: usize = CALLS.iter().map(|call| memchr::memmem::find_iter(content, *call).count()).sum();
            return cost.saturating_add(CALL_COST * calls as u64);
        }
        // Names are looked up once: a content calls the same few again and again.
        let mut names: HashMap<(u8, Vec<u8>), u64> = HashMap::new();
        let mut operations = TypedIter::new(content);
        while let Some(operation) = operations.next() {
            let (what, name) = match &operation {
                TypedInstruction::XObject(x) => (0, x.0),
                TypedInstruction::SetGraphicsState(state) => (1, state.0),
                TypedInstruction::Shading(shading) => (2, shading.0),
                TypedInstruction::NonStrokeColorNamed(_) | TypedInstruction::StrokeColorNamed(_) => {
                    cost = cost.saturating_add(CALL_COST + self.patterns(resources, depth));
                    continue;
                }
                _ => continue,
            };
            let key = (what, name.as_ref().to_vec());
            let one = match names.get(&key) {
                Some(one) => *one,
                None => {
                    let one = match what {
                        0 => resources.get_x_object(name).map_or(0, |stream| self.form(&stream, resources, depth)),
                        1 => resources.get_ext_g_state(name).map_or(0, |state| self.mask(&state, resources, depth)),
                        _ => resources.get_shading(name).and_then(Object::into_stream).map_or(0, |stream| decoded_len(&stream)),
                    };
                    names.insert(key, one);
                    one
                }
            };
            cost = cost.saturating_add(CALL_COST + one);
            if cost > RUN_MAX {
                return cost;
            }
        }
        cost
    }

    fn form(&mut self, stream: &Stream<'_>, parent: &Resources<'_>, depth: usize) -> u64 {
        if is_image(stream.dict()) {
            return palette(stream).map_or(0, |palette| decoded_len(&palette));
        }
        let own = stream.dict().get::<Dict<'_>>(b"Resources").map(Resources::new);
        let inherits = if own.is_none() { parent.x_objects.data().as_ptr() as usize } else { 0 };
        let key = (stream.obj_id(), inherits);
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        if depth > DEPTH_MAX {
            return RUN_MAX + 1;
        }
        // A form that calls itself finds this, and never ends.
        self.known.insert(key, RUN_MAX + 1);
        let cost = match stream.decoded_data() {
            Ok(content) => self.content(&content, own.as_ref().unwrap_or(parent), depth + 1),
            Err(_) => 0,
        };
        self.known.insert(key, cost);
        cost
    }

    fn mask(&mut self, state: &Dict<'_>, resources: &Resources<'_>, depth: usize) -> u64 {
        mask_group(state).map_or(0, |group| self.form(&group, resources, depth))
    }

    /// The largest pattern of these resources: which one is meant does not matter for a bound.
    fn patterns(&mut self, resources: &Resources<'_>, depth: usize) -> u64 {
        let mut most = 0;
        for name in resources.patterns.keys().take(64) {
            let shading = |dict: Dict<'_>| dict.get::<Stream<'_>>(b"Shading").map_or(0, |stream| decoded_len(&stream));
            most = most.max(match resources.get_pattern(&name) {
                Some(Object::Stream(stream)) => self.form(&stream, resources, depth),
                Some(Object::Dict(dict)) => shading(dict),
                _ => 0,
            });
        }
        most
    }

    /// Glyphs that are little programs: each is run once in a document.
    fn drawn_fonts(&mut self, resources: &Resources<'_>, depth: usize) -> u64 {
        let mut cost: u64 = 0;
        for name in resources.fonts.keys() {
            let Some(font) = resources.get_font(&name) else { continue };
            let Some(programs) = font.get::<Dict<'_>>(b"CharProcs") else { continue };
            if !self.fonts.insert(programs.data().as_ptr() as usize) {
                continue;
            }
            let own = font.get::<Dict<'_>>(b"Resources").map(Resources::new);
            for glyph in programs.keys() {
                if let Some(program) = programs.get::<Stream<'_>>(&glyph) {
                    cost = cost.saturating_add(self.form(&program, own.as_ref().unwrap_or(resources), depth));
                }
            }
        }
        cost
    }
}

/// Whether all that these resources hold to be called is pictures without a palette and states without a mask.
fn nothing_costs(resources: &Resources<'_>) -> bool {
    let (objects, states) = (&resources.x_objects, &resources.ext_g_states);
    let picture = |stream: Stream<'_>| is_image(stream.dict()) && palette(&stream).is_none();
    objects.len() <= NAMES_MAX
        && states.len() <= NAMES_MAX
        && resources.shadings.len() + resources.patterns.len() == 0
        && objects.keys().all(|name| resources.get_x_object(&name).is_none_or(picture))
        && states.keys().all(|name| resources.get_ext_g_state(&name).is_none_or(|state| mask_group(&state).is_none()))
}

fn palette<'a>(image: &Stream<'a>) -> Option<Stream<'a>> {
    image.dict().get::<Array<'a>>(b"ColorSpace")?.iter::<Object<'a>>().nth(3)?.into_stream()
}

fn mask_group<'a>(state: &Dict<'a>) -> Option<Stream<'a>> {
    state.get::<Dict<'a>>(b"SMask")?.get::<Stream<'a>>(b"G")
}

fn decoded_len(stream: &Stream<'_>) -> u64 {
    stream.decoded_data().map_or(0, |data| data.len() as u64)
}
