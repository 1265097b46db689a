//! Reads what was written as a stranger would: a fault that is still there or a new one is no repair.

use super::{Remedy, RepairFault, Work};
use crate::pdf::inspect;
use lopdf::{Dictionary, Object, ObjectId, Stream, dictionary};

const POINTS_PER_MM: f64 = 72.0 / 25.4;

impl Work<'_> {
    /// A blank page at the end, where the number of pages is odd.
    pub(super) fn blank_back(&mut self) -> Result<(), RepairFault> {
        if !self.asked(Remedy::BlankBack) || self.pages.len().is_multiple_of(2) {
            return Ok(());
        }
        let fault = || RepairFault::new("a blank page cannot be added: the file has no list of pages");
        let root = self.document.catalog().and_then(|catalog| catalog.get(b"Pages")).and_then(Object::as_reference).map_err(|_| fault())?;
        let (width, height) = self.order.paper_mm;
        let sheet = hayro_interpret::kurbo::Rect::new(0.0, 0.0, f64::from(width) * POINTS_PER_MM, f64::from(height) * POINTS_PER_MM);
        let content = self.document.add_object(Stream::new(Dictionary::new(), Vec::new()));
        let page: ObjectId = self.document.add_object(dictionary! {
            "Type" => "Page",
            "Parent" => root,
            "MediaBox" => super::objects::corners(sheet),
            "CropBox" => super::objects::corners(sheet),
            "Rotate" => 0,
            "Resources" => Dictionary::new(),
            "Contents" => content,
        });
        let tree = self.document.get_dictionary(root).map_err(|_| fault())?;
        let mut kids = super::objects::entry_array(&self.document, tree, b"Kids").ok_or_else(fault)?.to_vec();
        kids.push(page.into());
        let tree = self.document.get_dictionary_mut(root).map_err(|_| fault())?;
        tree.set("Kids", kids);
        tree.set("Count", self.pages.len() as i64 + 1);
        self.pages.push(page);
        self.did(Remedy::BlankBack, Some(self.pages.len() as u32), "a blank page added");
        Ok(())
    }

    pub(super) fn verify(&self, bytes: &[u8]) -> Result<(), RepairFault> {
        let (before, after) = (&self.facts, inspect::structure_only(bytes));
        if let Some(why) = &after.unreadable {
            return Err(RepairFault::new(format!("the repaired file could not be read again: {}", crate::domain::redact::redact(why))));
        }
        let (was, is) = (&before.structure, &after.structure);
        let asked = |remedy| self.asked(remedy);
        let left = [
            (after.pages.len() != self.pages.len(), "another number of pages"),
            (is.revisions != 1 || is.trailing_bytes > 0 || is.also.is_some(), "more than itself"),
            (is.missing_objects > was.missing_objects, "new gaps"),
            (is.fonts_unusable.iter().any(|font| !was.fonts_unusable.contains(font)), "a font that cannot be used"),
            (after.fonts_not_embedded.iter().any(|font| !before.fonts_not_embedded.contains(font)), "a new font without a program"),
            (is.fields_without_appearance > was.fields_without_appearance, "more form fields without looks"),
            (is.changed_after_signing, "a signature that does not hold"),
            (asked(Remedy::EmbedFonts) && !after.fonts_not_embedded.is_empty(), "a font without a program"),
            (asked(Remedy::Flatten) && (is.xfa || is.fields_without_appearance > 0), "form fields"),
            (asked(Remedy::DropActive) && (is.javascript || is.launch), "programs"),
            (asked(Remedy::DropActive) && !(is.actions.is_empty() && is.rich_media.is_empty()), "actions or media"),
            (asked(Remedy::DropFiles) && is.embedded_files, "other files"),
        ];
        match left.into_iter().find(|(there, _)| *there) {
            None => Ok(()),
            Some((_, what)) => Err(RepairFault::new(format!("the repaired file would still hold or newly hold {what}"))),
        }
    }
}
