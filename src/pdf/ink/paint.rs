//! What a paint leaves on paper: nothing, white, or ink that is grey or coloured.

use super::pen::{Pen, Shared};
use hayro_interpret::color::AlphaColor;
use hayro_interpret::hayro_syntax::object::{Array, Dict, Name, Object, Stream};
use hayro_interpret::kurbo::{Affine, Rect};
use hayro_interpret::pattern::Pattern;
use hayro_interpret::shading::{Shading, ShadingFunction, ShadingType};
use hayro_interpret::{BlendMode, CacheKey, Image, Paint};

/// From this on, in each of red, green and blue, a colour is white.
const WHITE: u8 = 254;
/// Largest difference of red, green and blue that is still grey.
const GREY: u8 = 10;
const SAMPLES: u8 = 8;
/// Pixels of a stencil that is decoded to learn its paint, and bytes that its data may be.
const STENCIL_PIXELS_MAX: u64 = 1 << 20;
const STENCIL_BYTES_MAX: usize = 32 << 10;

/// What a paint leaves on paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    Nothing,
    White,
    Ink { colour: bool, through: bool },
}

impl Look {
    fn of_rgba([red, green, blue, alpha]: [u8; 4]) -> Self {
        let (low, high) = (red.min(green).min(blue), red.max(green).max(blue));
        match alpha {
            0 => Self::Nothing,
            _ if low >= WHITE => Self::White,
            _ => Self::Ink { colour: high - low > GREY, through: alpha < u8::MAX },
        }
    }

    /// Of two paints together: the one that shows more.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Ink { colour: a, through: b }, Self::Ink { colour: c, through: d }) => Self::Ink { colour: a || c, through: b || d },
            (ink @ Self::Ink { .. }, _) | (_, ink @ Self::Ink { .. }) => ink,
            (Self::White, _) | (_, Self::White) => Self::White,
            _ => Self::Nothing,
        }
    }
}

/// What the paint leaves, blended as said.
pub fn look<'a>(paint: &Paint<'a>, blend: BlendMode, stroke: bool, shared: &Shared) -> Look {
    let look = match paint {
        Paint::Color(colour) => Look::of_rgba(colour.to_rgba().to_rgba8()),
        Paint::Pattern(pattern) => pattern_look(pattern, stroke, shared),
    };
    // These turn white on white into black.
    let inverts = matches!(blend, BlendMode::Difference | BlendMode::Exclusion);
    if look == Look::White && inverts { Look::Ink { colour: false, through: true } } else { look }
}

fn pattern_look<'a>(pattern: &Pattern<'a>, stroke: bool, shared: &Shared) -> Look {
    let (key, opacity) = match pattern {
        Pattern::Shading(shading) => return with_opacity(shading_look(&shading.shading), shading.opacity),
        Pattern::Tiling(tiling) => ((pattern.cache_key(), stroke), tiling.opacity),
    };
    let known = shared.patterns.borrow().get(&key).copied();
    let look = known.unwrap_or_else(|| {
        // Known before it is drawn: a pattern that is painted with itself would not end.
        shared.patterns.borrow_mut().insert(key, Look::Nothing);
        let Pattern::Tiling(tiling) = pattern else { return Look::Nothing };
        let look = Pen::try_out(shared, |probe| {
            let _ = tiling.interpret(probe, Affine::IDENTITY, stroke);
        });
        let look = look.map_or(Look::Nothing, |(_, colour)| Look::Ink { colour, through: false });
        shared.patterns.borrow_mut().insert(key, look);
        look
    });
    with_opacity(look, opacity)
}

fn with_opacity(look: Look, opacity: f32) -> Look {
    match look {
        _ if opacity <= 0.0 => Look::Nothing,
        Look::Ink { colour, .. } if opacity < 1.0 => Look::Ink { colour, through: true },
        look => look,
    }
}

/// Samples a shading; colours given at the corners of meshes count as coloured unless they are grey by their colour space.
fn shading_look(shading: &Shading) -> Look {
    let grey = shading.color_space.num_components() == 1;
    let at = |function: &ShadingFunction, input: &[f32]| {
        let mut values = vec![0.0; function.num_outputs().min(64)];
        function.eval(input, &mut values)?;
        Some(Look::of_rgba(shading.color_space.to_rgba(&values, 1.0).to_rgba8()))
    };
    let step = |low: f32, high: f32, i: u8| low + (high - low) * f32::from(i) / f32::from(SAMPLES);
    let samples: Vec<Option<Look>> = match shading.shading_type.as_ref() {
        ShadingType::Dummy => return Look::Nothing,
        ShadingType::RadialAxial { domain, function, .. } => {
            (0..=SAMPLES).map(|i| at(function, &[step(domain[0], domain[1], i)])).collect()
        }
        ShadingType::FunctionBased { domain, function, .. } => (0..=SAMPLES)
            .flat_map(|i| (0..=SAMPLES).map(move |j| (i, j)))
            .map(|(i, j)| at(function, &[step(domain[0], domain[1], i), step(domain[2], domain[3], j)]))
            .collect(),
        _ => vec![Some(Look::Ink { colour: !grey, through: false })],
    };
    samples.into_iter().map(|look| look.unwrap_or(Look::Ink { colour: !grey, through: false })).fold(Look::Nothing, Look::and)
}

/// How far a shading between two circles reaches, where it does not go on beyond them; in the units that are drawn in.
pub fn reach(paint: &Paint<'_>) -> Option<Rect> {
    let Paint::Pattern(pattern) = paint else { return None };
    let Pattern::Shading(pattern) = pattern.as_ref() else { return None };
    let ShadingType::RadialAxial { coords, extend: [false, false], axial: false, .. } = pattern.shading.shading_type.as_ref() else {
        return None;
    };
    let [x0, y0, r0, x1, y1, r1] = coords.map(f64::from);
    let circle = |x: f64, y: f64, r: f64| Rect::new(x - r, y - r, x + r, y + r);
    let both = pattern.matrix.transform_rect_bbox(circle(x0, y0, r0).union(circle(x1, y1, r1)));
    (pattern.shading.background.is_none() && both.is_finite()).then_some(both)
}

/// What is known of an image without looking at its pixels: its look, whether it has one bit a pixel, whether it is masked softly.
pub fn image_look(image: &Image<'_, '_>, shared: &Shared) -> (Look, bool, bool) {
    let stream = match image {
        Image::Stencil(stencil) => stencil.stream(),
        Image::Raster(raster) => raster.stream(),
    };
    let dict = stream.dict();
    let through = dict.contains_key(b"SMask") || dict.get::<u32>(b"SMaskInData").is_some_and(|data| data > 0);
    if let Image::Stencil(stencil) = image {
        let mut look = Look::Ink { colour: false, through };
        let pixels = u64::from(image.width()) * u64::from(image.height());
        // The library tells a stencil's paint only together with its pixels: large ones count as black.
        if pixels <= STENCIL_PIXELS_MAX && stream.raw_data().len() <= STENCIL_BYTES_MAX {
            shared.spend((pixels / 64) as u32);
            stencil.with_stencil(|_, paint| look = self::look(paint, BlendMode::Normal, false, shared), None);
        }
        return (look, true, through);
    }
    let bits = dict.get::<u32>(b"BitsPerComponent").or_else(|| dict.get::<u32>(b"BPC"));
    let bilevel = bits == Some(1);
    let space = dict.get::<Object<'_>>(b"ColorSpace").or_else(|| dict.get::<Object<'_>>(b"CS"));
    let colour = !bilevel && !space.is_some_and(|space| is_grey(&space, 0));
    (Look::Ink { colour, through }, bilevel, through)
}

/// Whether a colour space holds nothing but greys.
fn is_grey(space: &Object<'_>, depth: u8) -> bool {
    if depth > 4 {
        return false;
    }
    let grey_name = |name: &Name<'_>| [&b"DeviceGray"[..], b"G", b"CalGray"].contains(&name.as_ref());
    let array: &Array<'_> = match space {
        Object::Name(name) => return grey_name(name),
        Object::Array(array) => array,
        _ => return false,
    };
    let mut items = array.iter::<Object<'_>>();
    let Some(Object::Name(family)) = items.next() else { return false };
    match family.as_ref() {
        b"ICCBased" => items.next().and_then(Object::into_stream).and_then(|profile| profile.dict().get::<u32>(b"N")) == Some(1),
        b"Indexed" | b"I" => match items.next() {
            Some(base) if is_grey(&base, depth + 1) => true,
            // A palette of three equal parts each: drawn as grey by every device that mixes three colours.
            Some(Object::Name(base)) if [&b"DeviceRGB"[..], b"RGB"].contains(&base.as_ref()) => items.nth(1).is_some_and(palette_is_grey),
            _ => false,
        },
        b"Separation" => {
            items.next().and_then(Object::into_name).is_some_and(|name| [&b"Black"[..], b"All", b"None"].contains(&name.as_ref()))
        }
        _ => grey_name(&family),
    }
}

fn palette_is_grey(palette: Object<'_>) -> bool {
    let grey = |bytes: &[u8]| bytes.chunks_exact(3).all(|rgb| Look::of_rgba([rgb[0], rgb[1], rgb[2], 255]).is_not_coloured());
    match palette {
        Object::String(bytes) => grey(bytes.as_bytes()),
        Object::Stream(stream) => short(&stream).is_some_and(|bytes| grey(&bytes)),
        _ => false,
    }
}

impl Look {
    fn is_not_coloured(self) -> bool {
        !matches!(self, Self::Ink { colour: true, .. })
    }
}

/// A palette's bytes, where so few bytes cannot become many.
fn short(stream: &Stream<'_>) -> Option<Vec<u8>> {
    let small = stream.raw_data().len() <= 4096 && stream.filters().len() <= 1;
    small.then(|| stream.decoded_data().ok().map(|data| data.into_owned())).flatten()
}

/// The colour that tries things out.
pub fn black<'a>() -> Paint<'a> {
    Paint::Color(hayro_interpret::color::Color::from_rgba(AlphaColor::BLACK))
}

/// Whether the dictionary says that this is an image.
pub fn is_image(dict: &Dict<'_>) -> bool {
    dict.get::<Name<'_>>(b"Subtype").is_some_and(|name| name.as_ref() == b"Image")
}
