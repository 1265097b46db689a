//! The address in the window of the envelope: set as large as the window lets it, or refused with the line that is too long.

use super::draw::DrawFault;
use super::face::{self, Face};
use super::paper::{POINTS_PER_MM, Sheet};

/// From baseline to baseline, in font sizes.
const LEADING: f32 = 1.2;
const SIZE_STEP_PT: f32 = 0.5;
const SENDER_PT: f32 = 6.5;
/// Between the sender's line and the address.
const SENDER_GAP_MM: f32 = 1.5;

/// Where the address must stand, mm from the sheet's top left corner, and how it may be set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    pub x_mm: f32,
    pub y_mm: f32,
    pub width_mm: f32,
    pub height_mm: f32,
    pub font_size_max_pt: f32,
    pub font_size_min_pt: f32,
    pub lines_max: u32,
}

pub(super) fn check_lines(face: &Face, lines: &[String], what: &str) -> Result<(), DrawFault> {
    lines.iter().enumerate().try_for_each(|(index, line)| face.check(line, || format!("{what} {}", index + 1)))
}

/// Sets the address from the top of the window, below the sender's line where both fit.
pub(super) fn set_address(sheet: &mut Sheet, lines: &[String], window: &Window, sender: Option<&str>) -> Result<(), DrawFault> {
    let face = face::regular();
    check_lines(face, lines, "address line")?;
    let size_pt = address_size_pt(face, lines, window)?;
    let ascent_mm = |size_pt: f32| face.ascent as f32 / 1000.0 * size_pt / POINTS_PER_MM;
    let mut top_mm = window.y_mm;
    if let Some(sender) = sender.filter(|line| !line.is_empty()) {
        let taken_mm = block_pt(face, 1, SENDER_PT) / POINTS_PER_MM + SENDER_GAP_MM;
        let high_mm = block_pt(face, lines.len(), size_pt) / POINTS_PER_MM + taken_mm;
        if high_mm <= window.height_mm && face.width_pt(sender, SENDER_PT) <= window.width_mm * POINTS_PER_MM {
            sheet.text(face, SENDER_PT, window.x_mm, top_mm + ascent_mm(SENDER_PT), sender);
            top_mm += taken_mm;
        }
    }
    for (index, line) in lines.iter().enumerate() {
        let down_mm = index as f32 * LEADING * size_pt / POINTS_PER_MM;
        sheet.text(face, size_pt, window.x_mm, top_mm + ascent_mm(size_pt) + down_mm, line);
    }
    Ok(())
}

/// Height in points of so many lines, from the top of the first to the depth of the last.
fn block_pt(face: &Face, lines: usize, size_pt: f32) -> f32 {
    ((lines.saturating_sub(1)) as f32 * LEADING + (face.ascent + face.descent) as f32 / 1000.0) * size_pt
}

/// Largest size at which the address fits the window (FP-D002 when none does).
fn address_size_pt(face: &Face, lines: &[String], window: &Window) -> Result<f32, DrawFault> {
    let fault = |message: String| Err(DrawFault::new("FP-D002", message));
    if lines.is_empty() {
        return fault("the address has no line".to_owned());
    }
    if lines.len() > window.lines_max as usize {
        return fault(format!("the address has {} lines, the window takes {}", lines.len(), window.lines_max));
    }
    let widest = lines.iter().map(|line| face.width(line)).max().unwrap_or_default() as f32 / 1000.0;
    let fits = |size_pt: f32| {
        widest * size_pt <= window.width_mm * POINTS_PER_MM && block_pt(face, lines.len(), size_pt) <= window.height_mm * POINTS_PER_MM
    };
    let mut size_pt = window.font_size_max_pt;
    while size_pt >= window.font_size_min_pt {
        if fits(size_pt) {
            return Ok(size_pt);
        }
        size_pt -= SIZE_STEP_PT;
    }
    let smallest_pt = window.font_size_min_pt;
    if fits(smallest_pt) {
        return Ok(smallest_pt);
    }
    for (index, line) in lines.iter().enumerate() {
        let long_mm = face.width_pt(line, smallest_pt) / POINTS_PER_MM;
        if long_mm > window.width_mm {
            let number = index + 1;
            return fault(format!(
                "address line {number} is {long_mm:.1} mm long at {smallest_pt} pt, the window takes {} mm",
                window.width_mm
            ));
        }
    }
    let high_mm = block_pt(face, lines.len(), smallest_pt) / POINTS_PER_MM;
    fault(format!(
        "the address of {} lines is {high_mm:.1} mm high at {smallest_pt} pt, the window takes {} mm",
        lines.len(),
        window.height_mm
    ))
}
