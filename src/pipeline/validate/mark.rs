//! What a vendor's rules put on a page's picture: its margins and zones, and the findings that belong there.

use crate::domain::Finding;
use crate::pdf::facts::BoxMm;
use crate::pdf::overlay::{Marking, Zone, ZoneKind};
use crate::vendor::VendorProfile;
use crate::vendor::profile::Area;

/// The marking of one page, counted from 1, out of all findings of a letter. The window is on the first page only.
pub fn marking(page: u32, findings: &[Finding], profile: &VendorProfile) -> Marking {
    let mut zones = Vec::new();
    if let Some(found) = &profile.zones {
        zones.push(Zone { kind: ZoneKind::Machine, box_mm: box_of(found.machine) });
        if page == 1 {
            zones.push(Zone { kind: ZoneKind::WindowVisible, box_mm: box_of(found.visible) });
            zones.push(Zone { kind: ZoneKind::WindowKeepout, box_mm: box_of(found.keepout) });
        }
    }
    Marking {
        page,
        paper_mm: (profile.page.width_mm, profile.page.height_mm),
        margins_mm: profile.margins.map(|m| [m.left_mm, m.top_mm, m.right_mm, m.bottom_mm]),
        zones,
        faults: Marking::faults_of(page, findings),
        vendor: profile.name.clone(),
    }
}

fn box_of(area: Area) -> BoxMm {
    [area.x_mm, area.y_mm, area.width_mm, area.height_mm]
}
