//! DropActive and DropFiles: what has no place on paper goes, wherever in the file it stands. Also what every repair takes
//! with it: a claim and a signature that are no longer true.

use super::flatten::{Taken, has_signature};
use super::objects::{dictionary_of, each_dictionary, entry_dictionary, entry_name, follow};
use super::{Remedy, RepairFault, Work};
use lopdf::{Dictionary, Document, Object};

/// Annotations of a file that may be taken off.
const ANNOTATIONS_MAX: usize = 50_000;

impl Work<'_> {
    pub(super) fn drop_active(&mut self) -> Result<(), RepairFault> {
        let found = &self.facts.structure;
        let (media, script, launch) = (!found.rich_media.is_empty(), found.javascript, found.launch);
        let actions: Vec<String> = found.actions.iter().cloned().collect();
        if !self.asked(Remedy::DropActive) || !(media || script || launch || !actions.is_empty()) {
            return Ok(());
        }
        if self.take_off_all(Taken::Media)? {
            self.drop_tags();
        }
        each_dictionary(&mut self.document, &mut strip_active);
        if let Ok(catalog) = self.document.catalog_mut() {
            for key in [&b"OpenAction"[..], b"AA", b"URI"] {
                catalog.remove(key);
            }
        }
        for (there, what) in
            [(script, "JavaScript dropped"), (launch, "the start of other programs dropped"), (media, "sound, film or 3D dropped")]
        {
            if there {
                self.did(Remedy::DropActive, None, what);
            }
        }
        if !actions.is_empty() {
            self.did(Remedy::DropActive, None, format!("actions dropped: {}", actions.join(", ")));
        }
        Ok(())
    }

    pub(super) fn drop_files(&mut self) -> Result<(), RepairFault> {
        let found = self.facts.structure.clone();
        let older = found.revisions.saturating_sub(1);
        let behind = found.trailing_bytes > 0 || found.also.is_some();
        if !self.asked(Remedy::DropFiles) || !(found.embedded_files || older > 0 || behind) {
            return Ok(());
        }
        if found.embedded_files {
            if self.take_off_all(Taken::Files)? {
                self.drop_tags();
            }
            each_dictionary(&mut self.document, &mut strip_files);
            if let Ok(catalog) = self.document.catalog_mut() {
                catalog.remove(b"Collection");
            }
            self.did(Remedy::DropFiles, None, "other files in the file dropped");
        }
        if older > 0 {
            self.did(Remedy::DropFiles, None, format!("{older} older {} left behind", if older == 1 { "save" } else { "saves" }));
        }
        if found.trailing_bytes > 0 {
            self.did(Remedy::DropFiles, None, format!("{} bytes behind the end of the file left behind", found.trailing_bytes));
        }
        if let Some(also) = found.also {
            self.did(Remedy::DropFiles, None, format!("what made the file one of another format ({also}) left behind"));
        }
        Ok(())
    }

    fn take_off_all(&mut self, taken: Taken) -> Result<bool, RepairFault> {
        let (mut left, mut any) = (ANNOTATIONS_MAX, false);
        for (number, id) in self.each_page_once() {
            any |= self.take_off(number, id, taken, false, &mut left).map_err(|why| RepairFault::on_page(number, why))?;
        }
        Ok(any)
    }

    /// The tags of a document whose pages got other content describe it no longer.
    pub(super) fn drop_tags(&mut self) {
        if let Ok(catalog) = self.document.catalog_mut() {
            catalog.remove(b"StructTreeRoot");
            catalog.remove(b"MarkInfo");
        }
    }

    /// What a document that was changed cannot say of itself any more; told with the first remedy.
    pub(super) fn drop_claims(&mut self, with: Remedy) {
        if let Some(claim) = self.facts.structure.pdfa_claim.clone() {
            if let Ok(catalog) = self.document.catalog_mut() {
                catalog.remove(b"Metadata");
            }
            self.did(with, None, format!("the metadata with the claim {claim} dropped: nobody proved it of the repaired file"));
        }
        if !has_signature(&self.document) {
            return;
        }
        each_dictionary(&mut self.document, &mut |document, dictionary| {
            let signed = |value: &Object| follow(document, value).and_then(dictionary_of).is_some_and(|value| value.has(b"ByteRange"));
            dictionary.as_hashmap_mut().retain(|_, value| !signed(value));
        });
        if let Ok(catalog) = self.document.catalog_mut() {
            catalog.remove(b"Perms");
            catalog.remove(b"DSS");
        }
        if !self.done.iter().any(|done| done.what.contains("signature")) {
            self.did(with, None, "a digital signature does not hold any more");
        }
    }
}

/// Takes out of a dictionary what makes a reader act.
fn strip_active(document: &Document, dictionary: &mut Dictionary) {
    let outside = |value: &Object| follow(document, value).is_some_and(|v| matches!(v, Object::String(..) | Object::Dictionary(_)));
    // Only a stream has a length of its own: its data may stand in another file.
    if dictionary.has(b"Length") && dictionary.get(b"F").is_ok_and(outside) {
        for key in [&b"F"[..], b"FFilter", b"FDecodeParms"] {
            dictionary.remove(key);
        }
    }
    if entry_dictionary(document, dictionary, b"Ref").is_some_and(|reference| reference.has(b"F")) {
        dictionary.remove(b"Ref");
    }
    dictionary.as_hashmap_mut().retain(|key, value| {
        let goes = match key.as_slice() {
            b"JS" | b"JavaScript" | b"AA" | b"PA" | b"Renditions" | b"AlternatePresentations" => true,
            _ => acts(document, value),
        };
        !goes
    });
    for (_, value) in dictionary.iter_mut() {
        if let Object::Array(items) = value {
            blank(document, items, 0);
        }
    }
}

/// Items of an array that act become null: names in trees stand in pairs.
fn blank(document: &Document, items: &mut [Object], depth: usize) {
    for item in items {
        match item {
            Object::Array(inner) if depth < 100 => blank(document, inner, depth + 1),
            item if acts(document, item) => *item = Object::Null,
            _ => {}
        }
    }
}

/// An action of any kind, or sound, film and 3D.
fn acts(document: &Document, value: &Object) -> bool {
    let Some(value) = follow(document, value).and_then(dictionary_of) else { return false };
    let name = |key: &[u8]| entry_name(document, value, key).unwrap_or_default();
    let action = matches!(
        name(b"S"),
        b"GoTo"
            | b"GoToR"
            | b"GoToE"
            | b"GoToDp"
            | b"Launch"
            | b"Thread"
            | b"URI"
            | b"Sound"
            | b"Movie"
            | b"Hide"
            | b"Named"
            | b"SubmitForm"
            | b"ResetForm"
            | b"ImportData"
            | b"JavaScript"
            | b"SetOCGState"
            | b"Rendition"
            | b"Trans"
            | b"GoTo3DView"
            | b"RichMediaExecute"
    );
    let media = matches!(name(b"Subtype"), b"RichMedia" | b"3D" | b"Movie" | b"Sound" | b"Screen" | b"U3D" | b"PRC")
        || matches!(name(b"Type"), b"Rendition" | b"Sound" | b"3D");
    action || media
}

/// Takes other files out of a dictionary.
fn strip_files(document: &Document, dictionary: &mut Dictionary) {
    let is_file = |value: &Object| {
        let value = follow(document, value).and_then(dictionary_of);
        let name = |key: &[u8]| value.and_then(|v| entry_name(document, v, key));
        name(b"Type") == Some(b"EmbeddedFile") || name(b"Subtype") == Some(b"FileAttachment")
    };
    dictionary.as_hashmap_mut().retain(|key, value| !matches!(key.as_slice(), b"EmbeddedFiles" | b"EF" | b"AF") && !is_file(value));
    for (_, value) in dictionary.iter_mut() {
        if let Object::Array(items) = value {
            items.iter_mut().filter(|item| is_file(item)).for_each(|item| *item = Object::Null);
        }
    }
}
