//! Charts as inline SVG: stacked columns over time, and stacked bars by name. Sizes are in the units of the view box, which a
//! browser fits to the page.

use maud::{Markup, html};

/// Colours that are told apart in print and by most of those who see few colours.
pub const COLOURS: [&str; 6] = ["#2f6db5", "#e08a2e", "#3c9a6c", "#8a5fb0", "#b8485a", "#7a828c"];

const WIDTH: f64 = 760.0;
const LEFT: f64 = 56.0;
const COLUMNS_HEIGHT: f64 = 200.0;
const TOP: f64 = 10.0;
/// Room for slanted dates below the columns.
const LABELS_HEIGHT: f64 = 62.0;
/// Dates below the columns at most; more would touch.
const LABELS_MAX: usize = 31;
const ROW_HEIGHT: f64 = 26.0;
const NAMES_WIDTH: f64 = 150.0;
const NUMBERS_WIDTH: f64 = 70.0;

/// What each colour stands for.
pub fn legend(names: &[&str]) -> Markup {
    html! {
        p class="legend" {
            @for (name, colour) in names.iter().zip(COLOURS) {
                span class="key" {
                    svg width="12" height="12" aria-hidden="true" { rect width="12" height="12" rx="2" fill=(colour) {} }
                    " " (name)
                }
            }
        }
    }
}

/// Columns over time, each of parts in the order of the colours.
pub fn columns(title: &str, columns: &[(&str, &[u64])]) -> Markup {
    let largest = columns.iter().map(|(_, parts)| parts.iter().sum::<u64>()).max().unwrap_or(0);
    let (step, top) = scale(largest);
    let slot = (WIDTH - LEFT - 4.0) / columns.len().max(1) as f64;
    let wide = (slot * 0.72).min(36.0);
    let y = |letters: u64| TOP + COLUMNS_HEIGHT * (1.0 - letters as f64 / top as f64);
    let every = columns.len().div_ceil(LABELS_MAX).max(1);
    html! {
        svg class="chart" viewBox=(format!("0 0 {WIDTH} {}", TOP + COLUMNS_HEIGHT + LABELS_HEIGHT)) role="img" aria-label=(title) {
            @for tick in (0..=top).step_by(step as usize) {
                line x1=(LEFT) x2=(WIDTH) y1=(short(y(tick))) y2=(short(y(tick))) class=@if tick == 0 { "axis" } @else { "grid" } {}
                text x=(LEFT - 6.0) y=(short(y(tick) + 4.0)) class="number" { (grouped(tick)) }
            }
            @for (index, (label, parts)) in columns.iter().enumerate() {
                @let x = LEFT + slot * index as f64 + (slot - wide) / 2.0;
                @for (part, letters) in parts.iter().enumerate().filter(|(_, letters)| **letters > 0) {
                    @let below: u64 = parts[..part].iter().sum();
                    rect x=(short(x)) y=(short(y(below + letters))) width=(short(wide)) height=(short(y(below) - y(below + letters))) fill=(COLOURS[part % COLOURS.len()]) {
                        title { (label) ": " (grouped(*letters)) }
                    }
                }
                @if index % every == 0 {
                    @let (x, y) = (short(x + wide / 2.0 + 3.0), short(TOP + COLUMNS_HEIGHT + 12.0));
                    text x=(x) y=(y) class="date" transform=(format!("rotate(-45 {x} {y})")) { (label) }
                }
            }
        }
    }
}

/// A bar for each name, of parts in the order of the colours, with the sum behind it.
pub fn rows(title: &str, rows: &[(&str, Vec<u64>)]) -> Markup {
    let largest = rows.iter().map(|(_, parts)| parts.iter().sum::<u64>()).max().unwrap_or(0).max(1);
    let room = WIDTH - NAMES_WIDTH - NUMBERS_WIDTH;
    let wide = |letters: u64| letters as f64 / largest as f64 * room;
    html! {
        svg class="chart" viewBox=(format!("0 0 {WIDTH} {}", rows.len() as f64 * ROW_HEIGHT)) role="img" aria-label=(title) {
            @for (index, (name, parts)) in rows.iter().enumerate() {
                @let y = index as f64 * ROW_HEIGHT;
                text x=(NAMES_WIDTH - 8.0) y=(y + 17.0) class="name" { (name) }
                @for (part, letters) in parts.iter().enumerate().filter(|(_, letters)| **letters > 0) {
                    @let before: u64 = parts[..part].iter().sum();
                    rect x=(short(NAMES_WIDTH + wide(before))) y=(y + 4.0) width=(short(wide(*letters).max(1.0))) height=(ROW_HEIGHT - 8.0) fill=(COLOURS[part % COLOURS.len()]) {
                        title { (name) ": " (grouped(*letters)) }
                    }
                }
                @let sum: u64 = parts.iter().sum();
                text x=(short(NAMES_WIDTH + wide(sum) + 6.0)) y=(y + 17.0) class="sum" { (grouped(sum)) }
            }
        }
    }
}

/// Distance of the lines and the highest of them: 1, 2 or 5 times a power of ten, at most five lines above the axis.
fn scale(largest: u64) -> (u64, u64) {
    let mut power = 1_u64;
    loop {
        for step in [power, power.saturating_mul(2), power.saturating_mul(5)] {
            if step.saturating_mul(5) >= largest {
                return (step, largest.div_ceil(step).max(1) * step);
            }
        }
        power = power.saturating_mul(10);
    }
}

/// A tenth of a unit is enough.
fn short(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

/// Thousands apart, by a space that does not break.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{a0}');
        }
        text.push(digit);
    }
    text
}
