//! Fonts of the pages: in their resources, their forms, patterns and annotations. A font that nothing refers to is no fault.

use super::super::facts::PdfFacts;
use super::program::{Judged, KEYS, PROGRAMS_BYTES_MAX, Unjudgeds};
use super::shown::unshown;
use super::{dictionary_of, entry, entry_array, entry_dictionary, entry_name, follow, told};
use lopdf::{Dictionary, Document, Object, ObjectId};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Resource dictionaries, fonts and the like looked at in one file.
const LOOKED_AT_MAX: usize = 200_000;
/// Steps from one of them to another.
const STEPS_MAX: usize = 1_000_000;
const PARENTS_MAX: usize = 64;
/// Appearances of one annotation.
const STATES_MAX: usize = 1_000;
/// Resources of a page that are drawn, not only named.
const DRAWN: &[&[u8]] = &[b"Font", b"XObject", b"ExtGState", b"Pattern", b"Shading", b"ColorSpace"];
const NAMELESS: &[u8] = b"(without a name)";

struct Walk<'a, 'f> {
    document: &'a Document,
    facts: &'f mut PdfFacts,
    /// By address: a dictionary that stands in another has no number of its own.
    seen: HashSet<*const Dictionary>,
    waiting: Vec<&'a Dictionary>,
    programs: HashMap<*const Dictionary, Judged>,
    unjudged: Unjudgeds,
    programs_bytes_left: usize,
    steps_left: usize,
    missing: BTreeSet<ObjectId>,
    /// Resources of pages themselves, by address.
    of_pages: HashSet<*const Dictionary>,
    /// Fonts in the resources of forms, patterns and the like.
    elsewhere: HashSet<*const Dictionary>,
    /// A form draws with the resources of its page.
    borrowed: bool,
    /// Fonts that are named and never shown.
    unshown: HashSet<*const Dictionary>,
}

/// Fills in the fonts, and returns what the pages' resources refer to and is not there, and the programs still to be judged.
pub(super) fn look(document: &Document, pages: &[ObjectId], facts: &mut PdfFacts) -> (BTreeSet<ObjectId>, Unjudgeds) {
    let mut walk = walked(document, pages, HashSet::new(), facts);
    if walk.facts.fonts_not_embedded.is_empty() || walk.borrowed {
        return (walk.missing, walk.unjudged);
    }
    // Looked at a second time without what is named and never shown, if there is any such font.
    let elsewhere = std::mem::take(&mut walk.elsewhere);
    let unshown: HashSet<_> = unshown(document, pages).into_iter().filter(|font| !elsewhere.contains(font)).collect();
    if unshown.is_empty() {
        return (walk.missing, walk.unjudged);
    }
    let facts = walk.facts;
    facts.fonts_not_embedded.clear();
    let again = walked(document, pages, unshown, facts);
    (again.missing, again.unjudged)
}

fn walked<'a, 'f>(
    document: &'a Document,
    pages: &[ObjectId],
    unshown: HashSet<*const Dictionary>,
    facts: &'f mut PdfFacts,
) -> Walk<'a, 'f> {
    let (seen, programs) = (HashSet::new(), HashMap::new());
    let mut walk = Walk {
        document,
        facts,
        seen,
        waiting: Vec::new(),
        programs,
        unjudged: Unjudgeds::default(),
        programs_bytes_left: PROGRAMS_BYTES_MAX,
        steps_left: STEPS_MAX,
        missing: BTreeSet::new(),
        of_pages: HashSet::new(),
        elsewhere: HashSet::new(),
        borrowed: false,
        unshown,
    };
    for page in pages.iter().filter_map(|id| document.get_dictionary(*id).ok()) {
        walk.page(page);
        while let Some(resources) = walk.waiting.pop() {
            walk.resources(resources);
        }
    }
    walk
}

impl<'a> Walk<'a, '_> {
    /// What a reference leads to; what is not there is noted, and so is nothing where there has to be something.
    fn needed(&mut self, object: &'a Object, something: bool) -> Option<&'a Object> {
        // Many pages may share one list of annotations or fonts: no step is free because it was made before.
        self.steps_left = self.steps_left.checked_sub(1)?;
        let value = follow(self.document, object);
        if let Ok(id) = object.as_reference()
            && (value.is_none() || (something && value.is_some_and(Object::is_null)))
        {
            self.missing.insert(id);
        }
        value
    }

    fn needed_entry(&mut self, dictionary: &'a Dictionary, key: &[u8]) -> Option<&'a Object> {
        self.needed(dictionary.get(key).ok()?, false)
    }

    fn once(&mut self, dictionary: &'a Dictionary) -> bool {
        self.seen.len() < LOOKED_AT_MAX && self.seen.insert(std::ptr::from_ref(dictionary))
    }

    fn page(&mut self, page: &'a Dictionary) {
        let mut node = Some(page);
        for _ in 0..PARENTS_MAX {
            let Some(dictionary) = node else { break };
            if dictionary.has(b"Resources") {
                let resources = self.needed_entry(dictionary, b"Resources").and_then(dictionary_of);
                self.of_pages.extend(resources.map(std::ptr::from_ref));
                self.waiting.extend(resources);
                break;
            }
            node = entry_dictionary(self.document, dictionary, b"Parent");
        }
        let Some(Object::Array(annotations)) = self.needed_entry(page, b"Annots") else { return };
        for annotation in annotations {
            if self.steps_left == 0 {
                return;
            }
            let annotation = self.needed(annotation, false).and_then(dictionary_of);
            // Only the normal appearance is printed.
            let normal = annotation.and_then(|a| entry_dictionary(self.document, a, b"AP")).and_then(|ap| self.needed_entry(ap, b"N"));
            match normal {
                Some(Object::Stream(form)) => self.has_resources(&form.dict),
                Some(Object::Dictionary(states)) => {
                    for (_, state) in states.iter().take(STATES_MAX) {
                        if let Some(Object::Stream(form)) = self.needed(state, false) {
                            self.has_resources(&form.dict);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn has_resources(&mut self, owner: &'a Dictionary) {
        // A form without resources draws with those of its page.
        self.borrowed |= !owner.has(b"Resources") && entry_name(self.document, owner, b"Subtype") == Some(b"Form");
        let resources = self.needed_entry(owner, b"Resources").and_then(dictionary_of);
        self.waiting.extend(resources);
    }

    fn resources(&mut self, resources: &'a Dictionary) {
        if !self.once(resources) {
            return;
        }
        let of_page = self.of_pages.contains(&std::ptr::from_ref(resources));
        for category in DRAWN {
            let Some(members) = self.needed_entry(resources, category).and_then(dictionary_of) else { continue };
            for (_, member) in members {
                if self.steps_left == 0 {
                    return;
                }
                let something = matches!(*category, b"Font" | b"XObject");
                let Some(member) = self.needed(member, something).and_then(dictionary_of) else { continue };
                match *category {
                    b"Font" => {
                        if !of_page {
                            self.elsewhere.insert(std::ptr::from_ref(member));
                        }
                        self.font(member);
                    }
                    b"XObject" | b"Pattern" => self.has_resources(member),
                    b"ExtGState" => self.graphics_state(member),
                    _ => {}
                }
            }
        }
    }

    fn graphics_state(&mut self, state: &'a Dictionary) {
        let font = entry_array(self.document, state, b"Font").and_then(|font| font.first());
        if let Some(font) = font.and_then(|font| self.needed(font, true)).and_then(dictionary_of) {
            self.font(font);
        }
        let mask = entry_dictionary(self.document, state, b"SMask").and_then(|mask| self.needed_entry(mask, b"G"));
        if let Some(group) = mask.and_then(dictionary_of) {
            self.has_resources(group);
        }
    }

    fn font(&mut self, font: &'a Dictionary) {
        if self.unshown.contains(&std::ptr::from_ref(font)) || !self.once(font) {
            return;
        }
        let document = self.document;
        let base = |font: &'a Dictionary| entry_name(document, font, b"BaseFont");
        let name = base(font).or_else(|| entry_name(document, font, b"Name")).unwrap_or(NAMELESS);
        match entry_name(document, font, b"Subtype") {
            Some(b"Type3") => {
                self.facts.structure.type3_fonts.insert(told(name));
                self.has_resources(font);
            }
            Some(b"Type0") => {
                let descendant = self.needed_entry(font, b"DescendantFonts").and_then(|d| d.as_array().ok()).and_then(|d| d.first());
                let descendant = descendant.and_then(|d| self.needed(d, true)).and_then(dictionary_of);
                self.program(descendant, name);
            }
            _ => self.program(Some(font), name),
        }
    }

    /// Judges the program of a font that has a descriptor, or has to have one.
    fn program(&mut self, font: Option<&'a Dictionary>, name: &[u8]) {
        let document = self.document;
        let descriptor = font.and_then(|font| entry_dictionary(document, font, b"FontDescriptor"));
        let program = descriptor.and_then(|d| KEYS.iter().find_map(|key| Some((*key, entry(document, d, key)?.as_stream().ok()?))));
        let Some((key, program)) = program else {
            self.facts.fonts_not_embedded.insert(told(name));
            return;
        };
        let (left, unjudged) = (&mut self.programs_bytes_left, &mut self.unjudged);
        match *self.programs.entry(std::ptr::from_ref(&program.dict)).or_insert_with(|| unjudged.take(key, program, left)) {
            Judged::Usable(true) => {}
            Judged::Usable(false) => drop(self.facts.structure.fonts_unusable.insert(told(name))),
            Judged::Waits(number) => unjudged.name(number, told(name)),
        }
    }
}
