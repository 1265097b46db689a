//! Paths of a plain page: built, painted, and used as clips.

use super::{State, Walk, point};
use hayro_interpret::hayro_syntax::object::Number;
use hayro_interpret::kurbo::{Affine, BezPath, Cap, Join, PathEl, Point, Rect, Shape};
use hayro_interpret::util::{Float32Ext, Float64Ext, x_y_advances};
use hayro_interpret::{BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, FillRule, Paint, StrokeProps};

impl<'a, C: Fn(Affine, Rect) -> Context<'a>> Walk<'_, 'a, '_, C> {
    pub(super) fn rectangle(&mut self, [x, y, width, height]: [Number; 4]) {
        let rect = Rect::new(x.as_f64(), y.as_f64(), x.as_f64() + width.as_f64(), y.as_f64() + height.as_f64());
        self.path.extend(rect.path_elements(0.1));
        (self.last, self.start) = (point(x, y), point(x, y));
    }

    pub(super) fn line_to(&mut self, to: Point) {
        if self.path.elements().is_empty() {
            return;
        }
        // A line of no length may still be drawn by a round pen.
        let nudge = if self.last == to { 0.0001 } else { 0.0 };
        self.last = to;
        self.path.line_to((to.x + nudge, to.y));
    }

    pub(super) fn curve_to(&mut self, one: Point, two: Point, to: Point) {
        if !self.path.elements().is_empty() {
            self.last = to;
            self.path.curve_to(one, two, to);
        }
    }

    pub(super) fn close(&mut self) {
        if self.path.elements().last() != Some(&PathEl::ClosePath) && !self.path.is_empty() {
            self.path.close_path();
            self.last = self.start;
        }
    }

    pub(super) fn paint_path(&mut self, fill: Option<FillRule>, stroke: bool) {
        let props = |paint: &Paint<'a>| DrawProps {
            transform: self.state.ctm,
            paint: paint.clone(),
            soft_mask: None,
            blend_mode: BlendMode::Normal,
        };
        let rect = as_rect(&self.path).map(|rect| rect.to_path(0.1));
        if let Some(rule) = fill {
            let props = props(&self.colours[self.state.fill].paint);
            let hull = hull_of(&self.path);
            let (x, y) = x_y_advances(&self.state.ctm);
            if ((hull.width() * x.length()) as f32).is_nearly_zero() || ((hull.height() * y.length()) as f32).is_nearly_zero() {
                // An area of no width is a thin line.
                let line = BezPath::from_vec(vec![PathEl::MoveTo((hull.x0, hull.y0).into()), PathEl::LineTo((hull.x1, hull.y1).into())]);
                let scale = x.length().max(y.length()) as f32;
                let line_width = if scale > 0.0 { 1.0 / scale } else { 0.001 };
                let stroke = StrokeProps { line_width, line_join: Join::Bevel, line_cap: Cap::Butt, ..StrokeProps::default() };
                self.pen.draw_path(&line, props, &DrawMode::Stroke(stroke));
            } else {
                self.pen.draw_path(rect.as_ref().unwrap_or(&self.path), props, &DrawMode::Fill(rule));
            }
        }
        if stroke {
            let props = props(&self.colours[self.state.stroke].paint);
            let State { line_width, line_cap, line_join, miter_limit, .. } = self.state;
            let stroke = StrokeProps { line_width, line_cap, line_join, miter_limit, ..StrokeProps::default() };
            self.pen.draw_path(rect.as_ref().unwrap_or(&self.path), props, &DrawMode::Stroke(stroke));
        }
        self.end_path();
    }

    pub(super) fn end_path(&mut self) {
        if let Some(fill) = self.clip.take()
            && !self.path.elements().is_empty()
        {
            self.push_clip(self.state.ctm * self.path.clone(), fill);
        }
        self.path.truncate(0);
    }

    pub(super) fn box_now(&self) -> Rect {
        self.boxes.last().copied().unwrap_or(Rect::new(0.0, 0.0, 1.0, 1.0))
    }

    pub(super) fn push_clip(&mut self, path: BezPath, fill: FillRule) {
        let now = self.box_now();
        let hull = match as_rect(&path) {
            Some(rect) => {
                let covers = now.min_x().is_nearly_greater_or_equal(rect.min_x())
                    && now.min_y().is_nearly_greater_or_equal(rect.min_y())
                    && now.max_x().is_nearly_less_or_equal(rect.max_x())
                    && now.max_y().is_nearly_less_or_equal(rect.max_y());
                // What takes nothing away is not told.
                if covers {
                    return self.clips.push(false);
                }
                self.pen.push_clip_rect(&rect);
                rect
            }
            None => {
                let hull = path.bounding_box();
                self.pen.push_clip_path(&ClipPath { path, fill });
                hull
            }
        };
        self.boxes.push(now.intersect(hull));
        self.clips.push(true);
    }

    pub(super) fn back_to(&mut self, clips: usize) {
        while self.clips.len() > clips {
            if self.clips.pop() == Some(true) {
                self.pen.pop_clip();
                self.boxes.pop();
            }
        }
    }
}

/// Hull of all points, those that steer curves too.
fn hull_of(path: &BezPath) -> Rect {
    let mut hull: Option<Rect> = None;
    let mut include = |point: Point| hull = Some(hull.map_or(Rect::from_points(point, point), |hull| hull.union_pt(point)));
    for element in path.elements() {
        match *element {
            PathEl::MoveTo(to) | PathEl::LineTo(to) => include(to),
            PathEl::QuadTo(one, to) => [one, to].into_iter().for_each(&mut include),
            PathEl::CurveTo(one, two, to) => [one, two, to].into_iter().for_each(&mut include),
            PathEl::ClosePath => {}
        }
    }
    hull.unwrap_or(Rect::ZERO)
}

/// The rectangle that a path of four straight sides is.
fn as_rect(path: &BezPath) -> Option<Rect> {
    use PathEl::{ClosePath, LineTo, MoveTo};
    let near = |a: f64, b: f64| Float64Ext::is_nearly_zero(&(a - b));
    let points = match *path.elements() {
        [MoveTo(a), LineTo(b), LineTo(c), LineTo(d), ClosePath] => [a, b, c, d, a],
        [MoveTo(a), LineTo(b), LineTo(c), LineTo(d), LineTo(e)] if near(a.x, e.x) && near(a.y, e.y) => [a, b, c, d, e],
        _ => return None,
    };
    let mut before = None;
    for side in points.windows(2) {
        let (level, upright) = (near(side[0].y, side[1].y), near(side[0].x, side[1].x));
        if upright == level || before == Some(upright) {
            return None;
        }
        before = Some(upright);
    }
    Some(hull_of(path))
}
