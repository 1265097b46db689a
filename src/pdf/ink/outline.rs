//! Boxes that together cover a filled or stroked path, and little else.

use hayro_interpret::FillRule;
use hayro_interpret::kurbo::{BezPath, PathEl, Point, Rect, Shape, Vec2, flatten};

/// How far a chord may lie from its curve, mm.
const FLAT_MM: f64 = 0.05;
/// A filled path that is lower or narrower than this is its box: nothing of that is far from ink.
const PLAIN_MM: f64 = 5.0;
/// Height of the strips that a larger one is cut into, and width of the gaps in a strip that are filled.
const STRIP_MM: f64 = 2.0;
const STRIP_GAP_MM: f64 = 1.0;
/// An edge that rises less is level, and so many of them are cut at.
const LEVEL_MM: f64 = 0.005;
const LEVELS_MAX: usize = 500;
/// A slanting stroke is cut into pieces of this.
const PIECE_MM: f64 = 3.0;
/// A pointed corner is cut into no more of them.
const MITRE_PIECES_MAX: f64 = 200.0;

/// Straight pieces of a path that lie within `clip` or cross it; with `close`, each part of the path ends where it began.
/// The flag says whether the piece has a neighbour, so that its ends are corners.
fn segments(path: &BezPath, clip: Rect, close: bool) -> Vec<(Point, Point, bool)> {
    let mut found: Vec<(Point, Point, bool)> = Vec::new();
    let (mut start, mut at, mut of_part) = (Point::ORIGIN, Point::ORIGIN, 0);
    let end_part = |found: &mut Vec<(Point, Point, bool)>, at: Point, start: Point, of_part: &mut usize, closed: bool| {
        if closed && *of_part > 0 && at != start {
            found.push((at, start, true));
            *of_part += 1;
        }
        *of_part = 0;
    };
    flatten(path, FLAT_MM, |element| match element {
        PathEl::MoveTo(to) => {
            end_part(&mut found, at, start, &mut of_part, close);
            (start, at) = (to, to);
        }
        PathEl::ClosePath => {
            end_part(&mut found, at, start, &mut of_part, true);
            at = start;
        }
        PathEl::LineTo(to) | PathEl::QuadTo(_, to) | PathEl::CurveTo(_, _, to) => {
            if of_part == 1 {
                found.iter_mut().rev().take(1).for_each(|piece| piece.2 = true);
            }
            found.push((at, to, of_part > 0));
            of_part += 1;
            at = to;
        }
    });
    end_part(&mut found, at, start, &mut of_part, close);
    found.retain(|(a, b, _)| a.y.max(b.y) >= clip.y0 && a.y.min(b.y) <= clip.y1 && a.is_finite() && b.is_finite());
    found
}

/// A level strip of a filled path: what its edges cover, and where they cross its middle, downwards or upwards.
#[derive(Clone, Default)]
struct Strip {
    edges: Vec<Rect>,
    crossings: Vec<(f64, i32)>,
}

/// Boxes of a filled path, in mm.
pub fn fill(path: &BezPath, rule: FillRule, clip: Rect, mut emit: impl FnMut(Rect)) {
    let hull = path.bounding_box();
    let seen = hull.intersect(clip);
    if seen.width().min(seen.height()) <= PLAIN_MM {
        return emit(hull);
    }
    let edges = segments(path, seen, true);
    let level = |a: Point, b: Point| (a.y - b.y).abs() < LEVEL_MM && (a.x - b.x).abs() > PLAIN_MM;
    let cuts = cuts(seen, edges.iter().filter(|(a, b, _)| level(*a, *b)).map(|(a, _, _)| a.y));
    let mut strips = vec![Strip::default(); cuts.len() - 1];
    for (a, b, _) in edges {
        // A long level edge is a cut: the area that it ends is found between the others.
        if level(a, b) {
            continue;
        }
        let (upper, lower) = if a.y <= b.y { (a, b) } else { (b, a) };
        let x_at = |y: f64| if upper.y == lower.y { upper.x } else { upper.x + (lower.x - upper.x) * (y - upper.y) / (lower.y - upper.y) };
        let strip_of = |y: f64| cuts.partition_point(|cut| *cut <= y).clamp(1, cuts.len() - 1) - 1;
        for index in strip_of(upper.y)..=strip_of(lower.y) {
            let (top, bottom) = (cuts[index], cuts[index + 1]);
            let (y0, y1) = (upper.y.max(top), lower.y.min(bottom));
            if y0 > y1 || y0 == y1 && upper.y < lower.y {
                continue;
            }
            let (x0, x1) = if upper.y == lower.y { (upper.x, lower.x) } else { (x_at(y0), x_at(y1)) };
            strips[index].edges.push(Rect::from_points((x0, y0), (x1, y1)));
            let middle = (top + bottom) / 2.0;
            if upper.y <= middle && middle < lower.y {
                strips[index].crossings.push((x_at(middle), if a.y <= b.y { 1 } else { -1 }));
            }
        }
    }
    for Strip { edges: mut parts, mut crossings } in strips {
        crossings.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut winding = 0;
        for pair in crossings.windows(2) {
            winding += if rule == FillRule::EvenOdd { 1 } else { pair[0].1 };
            let inside = if rule == FillRule::EvenOdd { winding % 2 == 1 } else { winding != 0 };
            if inside {
                let near = |x: f64| parts.iter().filter(move |part| part.x0 - 0.01 <= x && x <= part.x1 + 0.01);
                let (y0, y1) =
                    near(pair[0].0).chain(near(pair[1].0)).fold((f64::MAX, f64::MIN), |y, part| (y.0.min(part.y0), y.1.max(part.y1)));
                if y0 <= y1 {
                    parts.push(Rect::new(pair[0].0, y0, pair[1].0, y1));
                }
            }
        }
        parts.sort_by(|a, b| a.x0.total_cmp(&b.x0));
        let mut run: Option<Rect> = None;
        for part in parts {
            run = Some(match run {
                Some(so_far) if part.x0 <= so_far.x1 + STRIP_GAP_MM => so_far.union(part),
                Some(so_far) => {
                    emit(so_far);
                    part
                }
                None => part,
            });
        }
        run.into_iter().for_each(&mut emit);
    }
}

/// Where the strips begin and end: at even distances, and at each of the levels unless they are very many.
fn cuts(seen: Rect, levels: impl Iterator<Item = f64>) -> Vec<f64> {
    let even = (0..=(seen.height() / STRIP_MM) as usize).map(|i| seen.y0 + i as f64 * STRIP_MM);
    let mut cuts: Vec<f64> = levels.filter(|y| *y > seen.y0 && *y < seen.y1).take(LEVELS_MAX).chain(even).collect();
    cuts.push(seen.y1);
    cuts.sort_by(f64::total_cmp);
    cuts.dedup_by(|a, b| (*a - *b).abs() < LEVEL_MM);
    if cuts.len() < 2 { vec![seen.y0, seen.y1] } else { cuts }
}

/// Boxes of a stroked path, in mm: those of its pieces, never what they surround. `half_mm` is half the pen's width and
/// height on paper, `flat_ends` says that a stroke ends where its path ends.
pub fn stroke(path: &BezPath, half_mm: Vec2, flat_ends: bool, clip: Rect, mut emit: impl FnMut(Rect)) {
    let clip = clip.inflate(half_mm.x, half_mm.y);
    for (a, b, joined) in segments(path, clip, false) {
        let Some((a, b)) = within(a, b, clip) else { continue };
        let hull = Rect::from_points(a, b);
        if a == b && flat_ends {
            continue;
        }
        let (mut x, mut y) = (half_mm.x, half_mm.y);
        if flat_ends && !joined {
            let length = (b - a).hypot();
            (x, y) = (x * (b.y - a.y).abs() / length, y * (b.x - a.x).abs() / length);
        }
        let pieces = (hull.width().min(hull.height()) / PIECE_MM).ceil().max(1.0) as usize;
        for piece in 0..pieces {
            let (from, to) = (a.lerp(b, piece as f64 / pieces as f64), a.lerp(b, (piece + 1) as f64 / pieces as f64));
            emit(Rect::from_points(from, to).inflate(x, y));
        }
    }
}

/// Boxes of what sticks out of a stroked path where two pieces meet in a pointed corner, in mm: a mitre reaches further than
/// the pen is wide, up to `limit` times half its width, and is cut off where it would reach further (ISO 32000-1, 8.4.3.5).
pub fn mitres(path: &BezPath, half_mm: Vec2, limit: f64, mut emit: impl FnMut(Rect)) {
    // Measured in pens, which are round there whatever they are on paper.
    let in_pens = |way: Vec2| Vec2::new(way.x / half_mm.x, way.y / half_mm.y).normalize();
    let mut corner = |at: Point, before: Vec2, after: Vec2| {
        let (before, after) = (in_pens(before), in_pens(after));
        let reach = 1.0 / ((1.0 + before.dot(after)) / 2.0).sqrt();
        let outside = (before - after).normalize();
        // Neither straight on, nor back on itself.
        if !outside.is_finite() || !reach.is_finite() || reach > limit {
            return;
        }
        let on_paper = |way: Vec2| at + Vec2::new(way.x * half_mm.x, way.y * half_mm.y);
        let tip = on_paper(outside * reach);
        if Rect::from_points(at, at).inflate(half_mm.x + FLAT_MM, half_mm.y + FLAT_MM).contains(tip) {
            return;
        }
        // The two sides of the pen that the tip lies between.
        let side = |way: Vec2| {
            let side = Vec2::new(-way.y, way.x);
            on_paper(if side.dot(outside) < 0.0 { -side } else { side })
        };
        let (one, two) = (side(before), side(after));
        let hull = Rect::from_points(one, two).union_pt(tip);
        let pieces = (hull.width().min(hull.height()) / PIECE_MM).ceil().clamp(1.0, MITRE_PIECES_MAX) as usize;
        let across = |piece: usize| {
            let t = piece as f64 / pieces as f64;
            Rect::from_points(one.lerp(tip, t), two.lerp(tip, t))
        };
        (0..pieces).for_each(|piece| emit(across(piece).union(across(piece + 1))));
    };
    // Where this part began, which way it set out, where it is, and which way it came there.
    let (mut start, mut first, mut at, mut last) = (Point::ORIGIN, None, Point::ORIGIN, None);
    for element in path.elements() {
        let (leaves, arrives, to) = match *element {
            PathEl::MoveTo(to) => {
                (start, first, at, last) = (to, None, to, None);
                continue;
            }
            PathEl::LineTo(to) => (to - at, to - at, to),
            PathEl::QuadTo(one, to) => (some([one - at, to - at]), some([to - one, to - at]), to),
            PathEl::CurveTo(one, two, to) => (some([one - at, two - at, to - at]), some([to - two, to - one, to - at]), to),
            PathEl::ClosePath => (start - at, start - at, start),
        };
        // A piece of no length has no direction.
        if leaves != Vec2::ZERO && arrives != Vec2::ZERO {
            if let Some(before) = last.replace(arrives) {
                corner(at, before, leaves);
            }
            first.get_or_insert(leaves);
        }
        at = to;
        if *element == PathEl::ClosePath
            && let (Some(before), Some(after)) = (last.take(), first.take())
        {
            corner(start, before, after);
        }
    }
}

/// The first that is a direction: a curve may be steered by its own end.
fn some<const N: usize>(ways: [Vec2; N]) -> Vec2 {
    ways.into_iter().find(|way| *way != Vec2::ZERO).unwrap_or(Vec2::ZERO)
}

/// The part of a line that lies in the rectangle.
fn within(a: Point, b: Point, clip: Rect) -> Option<(Point, Point)> {
    let (mut from, mut to) = (0.0_f64, 1.0_f64);
    for (at, step, low, high) in [(a.x, b.x - a.x, clip.x0, clip.x1), (a.y, b.y - a.y, clip.y0, clip.y1)] {
        if step == 0.0 {
            if at < low || at > high {
                return None;
            }
            continue;
        }
        let (one, two) = ((low - at) / step, (high - at) / step);
        (from, to) = (from.max(one.min(two)), to.min(one.max(two)));
    }
    (from <= to).then(|| (a.lerp(b, from), a.lerp(b, to)))
}
