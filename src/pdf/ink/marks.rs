//! Gathers boxes of ink and keeps them few: neighbours become one mark only where hardly anything but ink lies between.

use crate::pdf::facts::{BoxMm, Mark, MarkKind};
use hayro_interpret::kurbo::Rect;
use std::collections::BTreeMap;

/// Marks kept of one page.
const MARKS_MAX: usize = 400;
/// Boxes held while a page is drawn; more are put on a grid.
const HELD_MAX: usize = 20_000;
/// So many boxes before the newest are tried for a neighbour.
const LOOK_BACK: usize = 8;
const LOOK_BACK_CROWDED: usize = 60;
/// Boxes that touch and whose sides are this even are one area, mm.
const TOUCHING_MM: f64 = 0.1;
/// On a crowded page: gap that is bridged and raggedness of sides that is filled; together less than 3 mm from ink.
const CROWDED_GAP_MM: f64 = 3.0;
const CROWDED_RAGGED_MM: f64 = 2.5;
/// Cells of the grid that small boxes on a crowded page are put on; larger ones stay as they are.
const CELL_MM: f64 = 2.0;
const SMALL_MM: f64 = 10.0;
/// Widest gap between two words that one mark covers: no point of it is further than half of that from ink.
const WORD_GAP_MM: f64 = 5.0;

/// One mark in the making. Each side is kept as the range in which the sides of its parts lie.
#[derive(Clone, Copy)]
struct Held {
    kind: MarkKind,
    hull: Rect,
    left: (f64, f64),
    top: (f64, f64),
    right: (f64, f64),
    bottom: (f64, f64),
}

impl Held {
    fn new(kind: MarkKind, hull: Rect) -> Self {
        let [left, top, right, bottom] = [hull.x0, hull.y0, hull.x1, hull.y1].map(|v| (v, v));
        Self { kind, hull, left, top, right, bottom }
    }

    /// Takes the other one in where the hull of both is nearly all ink.
    fn merge(&mut self, other: &Self, gap_mm: f64, ragged_mm: f64) -> bool {
        if self.kind != other.kind {
            return false;
        }
        if holds(&self.hull, &other.hull) {
            return true;
        }
        if holds(&other.hull, &self.hull) {
            *self = *other;
            return true;
        }
        let both = |a: (f64, f64), b: (f64, f64)| (a.0.min(b.0), a.1.max(b.1));
        let even = |range: (f64, f64)| range.1 - range.0 <= ragged_mm;
        let apart = |a: (f64, f64), b: (f64, f64)| a.0.max(b.0) - a.1.min(b.1);
        let low = |a: (f64, f64), b: (f64, f64)| if a.0 <= b.0 { a } else { b };
        let high = |a: (f64, f64), b: (f64, f64)| if a.1 >= b.1 { a } else { b };
        let (a, b) = (self.hull, other.hull);
        let (left, right) = (both(self.left, other.left), both(self.right, other.right));
        let (top, bottom) = (both(self.top, other.top), both(self.bottom, other.bottom));
        if even(left) && even(right) && apart((a.y0, a.y1), (b.y0, b.y1)) <= gap_mm {
            (self.left, self.right) = (left, right);
            (self.top, self.bottom) = (low(self.top, other.top), high(self.bottom, other.bottom));
        } else if even(top) && even(bottom) && apart((a.x0, a.x1), (b.x0, b.x1)) <= gap_mm {
            (self.top, self.bottom) = (top, bottom);
            (self.left, self.right) = (low(self.left, other.left), high(self.right, other.right));
        } else {
            return false;
        }
        self.hull = a.union(b);
        true
    }
}

pub fn holds(outer: &Rect, inner: &Rect) -> bool {
    outer.x0 <= inner.x0 && outer.y0 <= inner.y0 && outer.x1 >= inner.x1 && outer.y1 >= inner.y1
}

/// Line of text that may go on: which mark it is, and where it stands.
#[derive(Clone, Copy)]
struct OpenLine {
    at: usize,
    place: LinePlace,
}

/// Where a glyph stands: quarter turns of its writing direction, distance of its baseline, size; mm.
#[derive(Clone, Copy, PartialEq)]
pub struct LinePlace {
    pub turn: u8,
    pub baseline_mm: f64,
    pub size_mm: f64,
}

/// All ink of one page, in the order it is drawn.
#[derive(Default)]
pub struct Marks {
    held: Vec<Held>,
    open: Vec<OpenLine>,
    /// Hull of what found no room, once there is none.
    rest: Option<Held>,
    full: bool,
    /// Sum of what is covered, mm2: an upper estimate.
    pub covered_mm2: f64,
}

impl Marks {
    /// Adds a box of ink, already clipped.
    pub fn add(&mut self, kind: MarkKind, hull: Rect) {
        let new = Held::new(kind, hull);
        let from = self.held.len().saturating_sub(LOOK_BACK);
        if !self.held[from..].iter_mut().rev().any(|held| held.merge(&new, TOUCHING_MM, TOUCHING_MM)) {
            self.push(new);
        }
    }

    /// Adds a glyph: it joins the line it stands on, where that ends near.
    pub fn add_glyph(&mut self, kind: MarkKind, hull: Rect, place: LinePlace) {
        let gap = |a: (f64, f64), b: (f64, f64)| a.0.max(b.0) - a.1.min(b.1);
        for line in self.open.iter().rev() {
            let Some(held) = self.held.get_mut(line.at).filter(|held| held.kind == kind) else { continue };
            let (a, b) = (held.hull, hull);
            let apart = if place.turn.is_multiple_of(2) { gap((a.x0, a.x1), (b.x0, b.x1)) } else { gap((a.y0, a.y1), (b.y0, b.y1)) };
            let same = line.place.turn == place.turn
                && (line.place.baseline_mm - place.baseline_mm).abs() < 0.3
                && line.place.size_mm < place.size_mm * 1.5
                && place.size_mm < line.place.size_mm * 1.5;
            if same && apart <= WORD_GAP_MM {
                *held = Held::new(kind, held.hull.union(hull));
                return;
            }
        }
        self.push(Held::new(kind, hull));
        if self.open.len() >= LOOK_BACK {
            self.open.remove(0);
        }
        self.open.push(OpenLine { at: self.held.len().saturating_sub(1), place });
    }

    /// Whether a point lies on something that is not text: white on it can be seen.
    pub fn covers(&self, x_mm: f64, y_mm: f64) -> bool {
        self.held.iter().rev().take(MARKS_MAX).any(|held| held.kind != MarkKind::Text && held.hull.contains((x_mm, y_mm)))
    }

    /// Hull of everything; for what is drawn once to see how large it is.
    pub fn hull(&self) -> Option<Rect> {
        self.held.iter().chain(&self.rest).map(|held| held.hull).reduce(|a, b| a.union(b))
    }

    fn push(&mut self, new: Held) {
        if self.full {
            return self.set_aside(new);
        }
        if self.held.len() >= HELD_MAX {
            self.open.clear();
            self.put_on_grid();
            // Where the grid makes no room it would be made again and again.
            self.full = self.held.len() > HELD_MAX / 2;
        }
        self.held.push(new);
    }

    fn set_aside(&mut self, new: Held) {
        self.rest = Some(self.rest.map_or(new, |rest| Held::new(rest.kind, rest.hull.union(new.hull))));
    }

    /// The marks, and whether the last is the hull of what found no room.
    pub fn finish(mut self) -> (Vec<Mark>, bool) {
        if self.held.len() > MARKS_MAX {
            self.join_neighbours();
        }
        if self.held.len() > MARKS_MAX {
            self.put_on_grid();
            self.join_neighbours();
        }
        if self.held.len() + usize::from(self.rest.is_some()) > MARKS_MAX {
            self.held.split_off(MARKS_MAX - 1).into_iter().for_each(|held| self.set_aside(held));
        }
        let more = self.rest.is_some();
        (self.held.iter().chain(&self.rest).map(|held| Mark { kind: held.kind, box_mm: box_mm(held.hull) }).collect(), more)
    }

    fn join_neighbours(&mut self) {
        let mut joined: Vec<Held> = Vec::with_capacity(self.held.len());
        for new in self.held.drain(..) {
            let from = joined.len().saturating_sub(LOOK_BACK_CROWDED);
            if !joined[from..].iter_mut().rev().any(|held| held.merge(&new, CROWDED_GAP_MM, CROWDED_RAGGED_MM)) {
                joined.push(new);
            }
        }
        self.held = joined;
    }

    /// Small lines and areas become runs of grid cells, each as large as the ink in it.
    fn put_on_grid(&mut self) {
        let mut cells: BTreeMap<(MarkKind, i64, i64), Rect> = BTreeMap::new();
        let small = |held: &Held| held.hull.width().max(held.hull.height()) <= SMALL_MM;
        let cell = |v: f64| (v / CELL_MM).floor() as i64;
        for held in self.held.iter().filter(|held| small(held)) {
            for row in cell(held.hull.y0)..=cell(held.hull.y1) {
                for column in cell(held.hull.x0)..=cell(held.hull.x1) {
                    let (x, y) = (column as f64 * CELL_MM, row as f64 * CELL_MM);
                    let part = held.hull.intersect(Rect::new(x, y, x + CELL_MM, y + CELL_MM));
                    cells.entry((held.kind, row, column)).and_modify(|hull| *hull = hull.union(part)).or_insert(part);
                }
            }
        }
        self.held.retain(|held| !small(held));
        let mut last = None;
        for ((kind, row, column), hull) in cells {
            match self.held.last_mut().filter(|_| last == Some((kind, row, column - 1))) {
                Some(held) => *held = Held::new(kind, held.hull.union(hull)),
                None => self.held.push(Held::new(kind, hull)),
            }
            last = Some((kind, row, column));
        }
    }
}

/// The box as it stands in the facts.
pub fn box_mm(rect: Rect) -> BoxMm {
    [rect.x0 as f32, rect.y0 as f32, rect.width() as f32, rect.height() as f32]
}
