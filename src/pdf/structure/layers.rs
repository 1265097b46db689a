//! Optional content: whether a layer is printed otherwise than it is shown.
//!
//! A membership dictionary (OCMD) only joins states of groups, so it cannot differ where no group does.

use super::super::facts::Structure;
use super::{entry, entry_array, entry_dictionary, entry_name, follow};
use lopdf::{Dictionary, Document, Object, ObjectId};
use std::collections::{BTreeMap, BTreeSet};

/// Groups and usages looked at.
const GROUPS_MAX: usize = 10_000;
const USAGES_MAX: usize = 64;

pub(super) fn look(document: &Document, structure: &mut Structure) {
    let properties = document.catalog().ok().and_then(|catalog| entry_dictionary(document, catalog, b"OCProperties"));
    let Some(properties) = properties else { return };
    let groups = groups(document, properties);
    structure.optional_content = !groups.is_empty();
    let default = entry_dictionary(document, properties, b"D");
    structure.print_differs_from_view = differs(document, &groups, default);
}

type Groups<'a> = BTreeMap<ObjectId, Option<&'a Dictionary>>;

fn references(document: &Document, from: Option<&Dictionary>, key: &[u8]) -> Vec<ObjectId> {
    let items = from.and_then(|from| entry_array(document, from, key)).unwrap_or_default();
    items.iter().filter_map(|item| item.as_reference().ok()).take(GROUPS_MAX).collect()
}

/// Every group with its usage. Groups that the list forgets are there too.
fn groups<'a>(document: &'a Document, properties: &'a Dictionary) -> Groups<'a> {
    let listed = references(document, Some(properties), b"OCGs").into_iter();
    let is_group = |object: &Object| object.as_dict().is_ok_and(|d| entry_name(document, d, b"Type") == Some(b"OCG"));
    let all = document.objects.iter().filter(|(_, object)| is_group(object)).map(|(id, _)| *id);
    let usage = |id| document.get_dictionary(id).ok().and_then(|group| entry_dictionary(document, group, b"Usage"));
    listed.chain(all).take(GROUPS_MAX).map(|id| (id, usage(id))).collect()
}

fn differs(document: &Document, groups: &Groups<'_>, default: Option<&Dictionary>) -> bool {
    let base_off = default.and_then(|d| entry_name(document, d, b"BaseState")) == Some(b"OFF");
    let on: BTreeSet<ObjectId> = references(document, default, b"ON").into_iter().collect();
    let off: BTreeSet<ObjectId> = references(document, default, b"OFF").into_iter().collect();
    let first = |id: &ObjectId| if base_off { on.contains(id) } else { !off.contains(id) };
    let (mut view, mut print): (BTreeMap<_, _>, BTreeMap<_, _>) = groups.keys().map(|id| ((*id, first(id)), (*id, first(id)))).unzip();
    let usages = default.and_then(|d| entry_array(document, d, b"AS")).unwrap_or_default();
    for usage in usages.iter().take(USAGES_MAX).filter_map(|usage| follow(document, usage)?.as_dict().ok()) {
        let states = match entry_name(document, usage, b"Event") {
            Some(b"View") => &mut view,
            Some(b"Print") => &mut print,
            _ => continue,
        };
        let categories = entry_array(document, usage, b"Category").unwrap_or_default();
        for id in references(document, Some(usage), b"OCGs") {
            let Some(group) = groups.get(&id).copied().flatten() else { continue };
            let wanted = categories.iter().take(USAGES_MAX).filter_map(|c| follow(document, c)?.as_name().ok());
            let wanted: Vec<Option<bool>> = wanted.map(|category| wanted_state(document, group, category)).collect();
            if wanted.contains(&None) {
                return true;
            }
            if !wanted.is_empty() {
                states.insert(id, !wanted.contains(&Some(false)));
            }
        }
    }
    // Some programs follow a group's usage without being told to: where they would differ from the screen, the file does.
    let by_usage_alone = |usage: &Dictionary| {
        let view = usage_state(document, usage, b"View", b"ViewState");
        let print = usage_state(document, usage, b"Print", b"PrintState");
        view.unwrap_or(true) != print.unwrap_or(true)
    };
    view != print || groups.iter().any(|(id, usage)| first(id) && usage.is_some_and(by_usage_alone))
}

fn usage_state(document: &Document, usage: &Dictionary, category: &[u8], key: &[u8]) -> Option<bool> {
    let state = entry_dictionary(document, usage, category).and_then(|d| entry_name(document, d, key))?;
    Some(state != b"OFF")
}

/// The state a group's usage asks for; `None` where it depends on how large the page is shown, which paper does not know.
fn wanted_state(document: &Document, usage: &Dictionary, category: &[u8]) -> Option<bool> {
    let key: &[u8] = match category {
        b"View" => b"ViewState",
        b"Print" => b"PrintState",
        b"Export" => b"ExportState",
        b"Zoom" => return (entry(document, usage, b"Zoom").is_none()).then_some(true),
        _ => return Some(true),
    };
    Some(usage_state(document, usage, category, key).unwrap_or(true))
}
