//! Fonts that a worker has opened before: letters of one sender often carry the very same one.
//!
//! A font is known by the hash of all that its dictionary leads to, and what is kept is what follows from that alone: the
//! facts of a document are the same whatever was looked at before it.

use super::faces::Letter;
use hayro_interpret::font::OutlineGlyph;
use hayro_interpret::hayro_syntax::object::{Dict, MaybeRef, Name, Object, Stream};
use openssl::sha::Sha256;
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

/// Fonts kept, and the memory they take together by an upper estimate, bytes.
const FONTS_MAX: usize = 64;
const BYTES_MAX: usize = 24 << 20;
/// Memory of one font: one that takes more is not kept.
const FONT_BYTES_MAX: usize = 4 << 20;
/// Memory of its letters.
const LETTERS_BYTES: usize = 256 << 10;
const LETTERS_MAX: usize = 1_000;
/// Memory that a byte of a table becomes, where tables are kept as maps.
const TABLE_FACTOR: usize = 8;
/// Objects that a font leads to, their bytes as they stand in the file, and how deep; one that leads further is not kept.
const OBJECTS_MAX: usize = 1_000;
const HASHED_BYTES_MAX: usize = 4 << 20;
const DEPTH_MAX: usize = 8;

/// What a font shows, as far as it was asked.
pub struct Known {
    /// Of code 0: the way to the program.
    pub outline: OutlineGlyph,
    pub horizontal: bool,
    pub codes: RefCell<Codes>,
    letters: RefCell<HashMap<u32, Letter>>,
}

/// Bytes that are known to be a code of their own, and pairs of bytes that are, a bit for each.
#[derive(Clone)]
pub struct Codes {
    pub single: [bool; 256],
    pub pairs: Vec<u64>,
}

impl Default for Codes {
    fn default() -> Self {
        Self { single: [false; 256], pairs: vec![0; 1 << 10] }
    }
}

impl Known {
    pub fn new(outline: OutlineGlyph, horizontal: bool) -> Self {
        Self { outline, horizontal, codes: RefCell::default(), letters: RefCell::default() }
    }

    pub fn letter(&self, code: u32) -> Option<Letter> {
        self.letters.borrow().get(&code).cloned()
    }

    pub fn keep(&self, code: u32, letter: &Letter) {
        let mut letters = self.letters.borrow_mut();
        if letters.len() < LETTERS_MAX {
            letters.insert(code, letter.clone());
        }
    }
}

/// The one that was used last stands last.
#[derive(Default)]
struct Shelf {
    fonts: VecDeque<Kept>,
    bytes: usize,
}

struct Kept {
    hash: [u8; 32],
    known: Rc<Known>,
    bytes: usize,
}

thread_local! {
    static SHELF: RefCell<Shelf> = RefCell::default();
}

/// All that a font's dictionary leads to.
pub struct Found<'a> {
    hash: [u8; 32],
    /// Streams that are not its program.
    tables: Vec<Stream<'a>>,
    hashed_bytes: usize,
}

impl<'a> Found<'a> {
    /// `None` for a font that leads too far.
    pub fn from(font: &Dict<'a>) -> Option<Self> {
        // Little programs are not kept, and lead to whole pages.
        if font.get::<Name<'_>>(b"Subtype").is_some_and(|kind| kind.as_ref() == b"Type3") {
            return None;
        }
        let mut walk = Walk { hash: Sha256::new(), tables: Vec::new(), objects_left: OBJECTS_MAX, bytes_left: HASHED_BYTES_MAX };
        walk.dictionary(font, DEPTH_MAX)?;
        Some(Self { hash: walk.hash.finish(), tables: walk.tables, hashed_bytes: HASHED_BYTES_MAX - walk.bytes_left })
    }

    /// The font, if it was opened before.
    pub fn known(&self) -> Option<Rc<Known>> {
        SHELF.with_borrow_mut(|shelf| {
            let at = shelf.fonts.iter().rposition(|kept| kept.hash == self.hash)?;
            let kept = shelf.fonts.remove(at)?;
            let known = kept.known.clone();
            shelf.fonts.push_back(kept);
            Some(known)
        })
    }

    /// Keeps the font for later documents, in place of those that were used longest ago.
    pub fn keep(self, known: &Rc<Known>) {
        let Some(bytes) = self.memory_bytes(known).filter(|bytes| *bytes <= FONT_BYTES_MAX) else { return };
        SHELF.with_borrow_mut(|shelf| {
            shelf.fonts.push_back(Kept { hash: self.hash, known: known.clone(), bytes });
            shelf.bytes += bytes;
            while shelf.fonts.len() > FONTS_MAX || shelf.bytes > BYTES_MAX {
                let Some(oldest) = shelf.fonts.pop_front() else { break };
                shelf.bytes -= oldest.bytes;
            }
        });
    }

    /// What the open font takes; `None` where that cannot be told.
    fn memory_bytes(&self, known: &Known) -> Option<usize> {
        let program = known.outline.font_data()?.data.as_ref().as_ref().len();
        let tables: usize = self.tables.iter().map(|table| table.decoded_data().map_or(0, |data| data.len())).sum();
        Some(LETTERS_BYTES + program + (tables + self.hashed_bytes) * TABLE_FACTOR)
    }
}

struct Walk<'a> {
    hash: Sha256,
    tables: Vec<Stream<'a>>,
    objects_left: usize,
    bytes_left: usize,
}

impl<'a> Walk<'a> {
    /// Every part with its kind and length in front: two values are hashed alike only when they are alike.
    fn part(&mut self, tag: u8, bytes: &[u8]) -> Option<()> {
        self.bytes_left = self.bytes_left.checked_sub(bytes.len())?;
        self.hash.update(&[tag]);
        self.hash.update(&(bytes.len() as u64).to_le_bytes());
        self.hash.update(bytes);
        Some(())
    }

    fn dictionary(&mut self, dictionary: &Dict<'a>, depth: usize) -> Option<()> {
        let mut entries: Vec<_> = dictionary.entries().collect();
        entries.sort_by(|(a, _), (b, _)| a.as_ref().cmp(b.as_ref()));
        self.part(b'<', &entries.len().to_le_bytes())?;
        for (key, value) in entries {
            self.part(b'k', key.as_ref())?;
            // References are followed by the dictionary, which knows the document.
            let object = match value {
                MaybeRef::NotRef(object) => Some(object),
                MaybeRef::Ref(_) => dictionary.get::<Object<'a>>(key.as_ref()),
            };
            let program = key.as_ref().starts_with(b"FontFile");
            self.object(object, program, depth)?;
        }
        Some(())
    }

    fn object(&mut self, object: Option<Object<'a>>, program: bool, depth: usize) -> Option<()> {
        self.objects_left = self.objects_left.checked_sub(1)?;
        let depth = depth.checked_sub(1)?;
        match object {
            None => self.part(b'-', &[]),
            Some(Object::Null(_)) => self.part(b'0', &[]),
            Some(Object::Boolean(value)) => self.part(b'b', &[u8::from(value)]),
            Some(Object::Number(number)) => self.part(b'n', format!("{number:?}").as_bytes()),
            Some(Object::String(text)) => self.part(b's', text.as_bytes()),
            Some(Object::Name(name)) => self.part(b'/', name.as_ref()),
            Some(Object::Dict(dictionary)) => self.dictionary(&dictionary, depth),
            Some(Object::Array(array)) => {
                // Numbers, mostly: what stands there says all, save what it refers to.
                self.part(b'[', array.data())?;
                if memchr::memchr(b'R', array.data()).is_none() {
                    return Some(());
                }
                let items: Vec<Object<'a>> = array.iter::<Object<'a>>().take(self.objects_left + 1).collect();
                self.part(b']', &items.len().to_le_bytes())?;
                items.into_iter().try_for_each(|item| self.object(Some(item), program, depth))
            }
            Some(Object::Stream(stream)) => {
                self.dictionary(stream.dict(), depth)?;
                let data = stream.raw_data();
                if !program {
                    self.tables.push(stream);
                }
                self.part(b'~', &data)
            }
        }
    }
}
