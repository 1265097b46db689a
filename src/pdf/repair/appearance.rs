//! Draws form fields that have a value and do not say how they look: text, choices, check marks. What cannot be drawn as
//! its author meant is refused; nothing is cut off. No text of a field stands in a message.

use super::faces::{self, Book, Face};
use super::flatten::{field_value, form_entry};
use super::objects::{entry, entry_array, entry_dictionary, entry_name, entry_number, follow, number, plain, reals, rect};
use hayro_interpret::kurbo::{Affine, Rect};
use lopdf::{Dictionary, Document, Object, ObjectId, Stream, StringFormat, decode_text_string, dictionary};

/// Characters of one field.
const CHARS_MAX: usize = 20_000;
const LINES_MAX: usize = 1_000;
/// Options of a choice.
const OPTIONS_MAX: usize = 10_000;
/// Space between a field's border and its text, points; as common programs leave it.
const PADDING_PT: f64 = 2.0;
/// Sizes for text that shall fill its field, points.
const AUTO_MAX_PT: f64 = 12.0;
const AUTO_MIN_PT: f64 = 4.0;
/// Share of a line's height that is its font's size, where the field's height decides.
const AUTO_SHARE: f64 = 0.7;
const LEADING: f64 = 1.15;
/// Text may be that much wider than its field before it is refused, points: widths are rounded.
const TIGHT_PT: f64 = 0.5;
/// Flags of fields (ISO 32000-1, tables 226, 228 and 230).
const MULTILINE: i64 = 1 << 12;
const PASSWORD: i64 = 1 << 13;
const COMB: i64 = 1 << 24;
const RADIO: i64 = 1 << 15;
const PUSH_BUTTON: i64 = 1 << 16;
const COMBO: i64 = 1 << 17;
/// Share of a check box's side that its mark takes.
const MARK_SHARE: f64 = 0.7;

/// A field with a value whose looks are missing, or shall be made anew by whoever shows the file.
pub(super) fn is_wanted(document: &Document, widget: &Dictionary, redrawn: bool) -> bool {
    let kind = field_value(document, widget, b"FT").and_then(|t| t.as_name().ok()).unwrap_or_default();
    let looks = entry_dictionary(document, widget, b"AP").and_then(|ap| entry(document, ap, b"N"));
    let state = entry_name(document, widget, b"AS");
    let has_looks = match looks {
        Some(Object::Stream(_)) => true,
        // A state without a drawing is off; who draws anew, draws the box around it.
        Some(Object::Dictionary(states)) => state.is_some_and(|s| states.has(s) || (s == b"Off" && !redrawn)),
        _ => false,
    };
    match kind {
        b"Tx" | b"Ch" => redrawn || !has_looks,
        b"Btn" => !has_looks,
        _ => false,
    }
}

/// The field's looks as a form; `None` when it has no value to show.
pub(super) fn draw(document: &mut Document, book: &mut Book, widget: &Dictionary) -> Result<Option<ObjectId>, String> {
    let kind = field_value(document, widget, b"FT").and_then(|t| t.as_name().ok()).unwrap_or_default().to_vec();
    let flags = field_value(document, widget, b"Ff").and_then(|f| f.as_i64().ok()).unwrap_or(0);
    let Some(frame) = Frame::of(document, widget) else { return Ok(None) };
    match kind.as_slice() {
        b"Btn" if flags & PUSH_BUTTON != 0 => Ok(None),
        b"Btn" => mark(document, widget, &frame, flags & RADIO != 0),
        b"Tx" | b"Ch" => {
            let Some(value) = value(document, widget, flags, kind == b"Ch")? else {
                // An empty field has its border and ground all the same.
                return Ok((!frame.before.is_empty()).then(|| frame.form(document, "", Dictionary::new())));
            };
            let style = Style::of(document, widget)?;
            let set =
                Setting { flags, is_text: kind == b"Tx", quadding: field_value(document, widget, b"Q").and_then(|q| q.as_i64().ok()) };
            let longest = field_value(document, widget, b"MaxLen").and_then(|n| n.as_i64().ok()).and_then(|n| usize::try_from(n).ok());
            let content = set.text(&value, &style, &frame, longest)?;
            let font = book.font(document, style.face);
            Ok(Some(frame.form(document, &content, faces::resources(font))))
        }
        _ => Ok(None),
    }
}

/// What a text or choice shows; `None` when it is empty.
fn value(document: &Document, widget: &Dictionary, flags: i64, is_choice: bool) -> Result<Option<String>, String> {
    let Some(object) = field_value(document, widget, b"V") else { return Ok(None) };
    let told = match object {
        Object::String(..) => decode_text_string(object).map_err(|_| "the text of a form field cannot be read")?,
        Object::Stream(stream) => {
            let bytes = stream.decompressed_content_with_limit(4 * CHARS_MAX).map_err(|_| "the text of a form field is too long")?;
            decode_text_string(&Object::String(bytes, StringFormat::Literal)).map_err(|_| "the text of a form field cannot be read")?
        }
        Object::Null => return Ok(None),
        Object::Array(chosen) if chosen.is_empty() => return Ok(None),
        _ if is_choice => return Err("a form field with several choices does not say how it looks".to_owned()),
        _ => return Err("the value of a form field is of no kind that can be drawn".to_owned()),
    };
    if told.is_empty() {
        return Ok(None);
    }
    if told.chars().count() > CHARS_MAX {
        return Err("the text of a form field is too long".to_owned());
    }
    if is_choice && flags & COMBO == 0 {
        return Err("a list in a form does not say how it looks".to_owned());
    }
    if flags & PASSWORD != 0 && !is_choice {
        return Ok(Some("*".repeat(told.chars().count())));
    }
    Ok(Some(if is_choice { shown_choice(document, widget, told) } else { told }))
}

/// A choice may be kept under another text than it is shown with.
fn shown_choice(document: &Document, widget: &Dictionary, told: String) -> String {
    let options = field_value(document, widget, b"Opt").and_then(|o| o.as_array().ok());
    let mut pairs = options.into_iter().flatten().take(OPTIONS_MAX).filter_map(|o| follow(document, o)?.as_array().ok());
    let text = |object: Option<&Object>| decode_text_string(follow(document, object?)?).ok();
    pairs.find(|pair| text(pair.first()).as_ref() == Some(&told)).and_then(|pair| text(pair.get(1))).unwrap_or(told)
}

/// Font, size and colour from the default appearance: its operators are read, and only numbers are written again.
struct Style {
    face: Face,
    /// 0 where the field decides.
    size_pt: f64,
    colour: String,
}

impl Style {
    fn of(document: &Document, widget: &Dictionary) -> Result<Self, String> {
        let told = field_value(document, widget, b"DA").or_else(|| form_entry(document, b"DA"));
        let told = told.and_then(|da| da.as_str().ok()).map(|da| String::from_utf8_lossy(&da[..da.len().min(1_000)]).into_owned());
        let told = told.unwrap_or_default();
        let (mut font, mut size_pt, mut colour) = (None, 0.0, "0 g".to_owned());
        let mut operands: Vec<&str> = Vec::new();
        for word in told.split_whitespace() {
            let last =
                |n: usize| operands[operands.len().saturating_sub(n)..].iter().map(|v| v.parse::<f64>().ok().filter(|v| v.is_finite()));
            let parts = match word {
                "g" => 1,
                "rg" => 3,
                "k" => 4,
                _ => 0,
            };
            if word == "Tf" && operands.len() >= 2 {
                font = operands[operands.len() - 2].strip_prefix('/').map(str::to_owned);
                size_pt = last(1).next().flatten().unwrap_or(0.0).abs();
            } else if parts > 0 && operands.len() >= parts {
                let values: Option<Vec<String>> = last(parts).map(|v| v.map(plain)).collect();
                colour = values.map_or(colour, |values| format!("{} {word}", values.join(" ")));
            } else {
                operands.push(word);
                continue;
            }
            operands.clear();
        }
        let face = face(document, font.as_deref())?;
        Ok(Self { face, size_pt: size_pt.min(400.0), colour })
    }
}

/// The standard font that a resource name of the form stands for.
fn face(document: &Document, name: Option<&str>) -> Result<Face, String> {
    let Some(name) = name else { return Face::named(b"Helvetica").ok_or_else(|| "no font".to_owned()) };
    let fonts = form_entry(document, b"DR").and_then(|dr| dr.as_dict().ok()).and_then(|dr| entry_dictionary(document, dr, b"Font"));
    let base =
        fonts.and_then(|fonts| entry_dictionary(document, fonts, name.as_bytes())).and_then(|f| entry_name(document, f, b"BaseFont"));
    // Names that Adobe's programs give to standard fonts, which the form may leave out.
    let base = base.unwrap_or(match name {
        "HeBo" => b"Helvetica-Bold",
        "TiRo" => b"Times-Roman",
        "TiBo" => b"Times-Bold",
        "Cour" => b"Courier",
        other => other.as_bytes(),
    });
    let told = || crate::domain::redact::redact(&String::from_utf8_lossy(base));
    Face::named(base).ok_or_else(|| format!("a form field without looks is set in {}, which is none of the standard fonts", told()))
}

/// The widget's own space: its corner at 0, 0, turned as its author turned it.
struct Frame {
    width: f64,
    height: f64,
    turn: Affine,
    border: f64,
    before: String,
}

impl Frame {
    fn of(document: &Document, widget: &Dictionary) -> Option<Self> {
        let place = rect(document, widget, b"Rect")?;
        let looks = entry_dictionary(document, widget, b"MK");
        let turned = looks.and_then(|mk| entry_number(document, mk, b"R")).map_or(0, |r| (r as i64).rem_euclid(360));
        let (turn, swap) = match turned {
            90 => (Affine::new([0.0, 1.0, -1.0, 0.0, 0.0, 0.0]), true),
            180 => (Affine::new([-1.0, 0.0, 0.0, -1.0, 0.0, 0.0]), false),
            270 => (Affine::new([0.0, -1.0, 1.0, 0.0, 0.0, 0.0]), true),
            _ => (Affine::IDENTITY, false),
        };
        let (width, height) = if swap { (place.height(), place.width()) } else { (place.width(), place.height()) };
        if !(width > 0.5 && height > 0.5 && width < 20_000.0 && height < 20_000.0) {
            return None;
        }
        let colour = |key: &[u8], operators: [&str; 3]| {
            let parts = entry_array(document, looks?, key)?;
            let operator = operators[match parts.len() {
                1 => 0,
                3 => 1,
                4 => 2,
                _ => return None,
            }];
            let values: Option<Vec<String>> = parts.iter().map(|part| number(document, part).map(plain)).collect();
            Some(format!("{} {operator}\n", values?.join(" ")))
        };
        let mut before = String::new();
        if let Some(colour) = colour(b"BG", ["g", "rg", "k"]) {
            before += &format!("q\n{colour}0 0 {} {} re f\nQ\n", plain(width), plain(height));
        }
        let style = entry_dictionary(document, widget, b"BS");
        let mut border = style.and_then(|bs| entry_number(document, bs, b"W")).unwrap_or(1.0).clamp(0.0, width.min(height) / 4.0);
        match colour(b"BC", ["G", "RG", "K"]) {
            Some(colour) if border > 0.0 => {
                let [x, w, h] = [border / 2.0, width - border, height - border].map(plain);
                before += &format!("q\n{colour}{} w\n{x} {x} {w} {h} re S\nQ\n", plain(border));
            }
            _ => border = 0.0,
        }
        Some(Self { width, height, turn, border, before })
    }

    fn form(&self, document: &mut Document, content: &str, resources: Dictionary) -> ObjectId {
        let dict = dictionary! {
            "Type" => "XObject",
            "Subtype" => "Form",
            "BBox" => super::objects::corners(Rect::new(0.0, 0.0, self.width, self.height)),
            "Matrix" => reals(self.turn.as_coeffs()),
            "Resources" => resources,
        };
        document.add_object(Stream::new(dict, format!("{}{content}", self.before).into_bytes()))
    }

    /// Width that is free for text.
    fn text_width(&self) -> f64 {
        self.width - 2.0 * (self.border + PADDING_PT)
    }
}

/// How a text stands in its field.
struct Setting {
    flags: i64,
    is_text: bool,
    quadding: Option<i64>,
}

impl Setting {
    fn text(&self, value: &str, style: &Style, frame: &Frame, longest: Option<usize>) -> Result<String, String> {
        let value = value.replace("\r\n", "\n").replace('\r', "\n").replace('\t', " ");
        let strange = value.chars().find(|c| *c != '\n' && (faces::encoded(*c).is_none() || style.face.metrics().width(*c).is_none()));
        if let Some(c) = strange {
            return Err(format!("a form field without looks has the character U+{:04X}, which the font has not", c as u32));
        }
        let multiline = self.is_text && self.flags & MULTILINE != 0;
        let comb = longest.filter(|n| *n > 0 && self.is_text && self.flags & (COMB | MULTILINE | PASSWORD) == COMB);
        match comb {
            Some(cells) => combed(&value.replace('\n', " "), style, frame, cells),
            None if multiline => self.paragraphs(&value, style, frame),
            None => self.line(value.trim_end_matches('\n'), style, frame),
        }
    }

    fn line(&self, value: &str, style: &Style, frame: &Frame) -> Result<String, String> {
        let value = value.replace('\n', " ");
        let (width, room) = (width(&value, style.face), frame.text_width());
        let size = match style.size_pt {
            0.0 => (frame.height * AUTO_SHARE).min(if width > 0.0 { room / width } else { f64::MAX }),
            size => size,
        };
        if width * size > room + TIGHT_PT || size < AUTO_MIN_PT.min(frame.height * AUTO_SHARE) {
            return Err("the text of a form field is wider than the field".to_owned());
        }
        let x = self.start(width * size, frame);
        Ok(shown(style, size, &[(x, middle(style.face, size, frame), value)]))
    }

    fn paragraphs(&self, value: &str, style: &Style, frame: &Frame) -> Result<String, String> {
        let room = frame.height - 2.0 * (frame.border + PADDING_PT);
        let fits = |size: f64| {
            let lines = wrapped(value, style.face, frame.text_width() / size)?;
            (lines.len() as f64 * size * LEADING <= room + TIGHT_PT).then_some(lines)
        };
        let sizes = match style.size_pt {
            0.0 => (0..=16).map(|half| AUTO_MAX_PT - f64::from(half) / 2.0).filter(|size| *size >= AUTO_MIN_PT).collect(),
            size => vec![size],
        };
        let found = sizes.into_iter().find_map(|size| Some((size, fits(size)?)));
        let (size, lines) = found.ok_or("the text of a form field is longer than the field")?;
        let top = frame.height - frame.border - PADDING_PT - size * style.face.metrics().ascent / 1000.0;
        let lines: Vec<(f64, f64, String)> = lines
            .into_iter()
            .enumerate()
            .map(|(at, line)| (self.start(width(&line, style.face) * size, frame), top - at as f64 * size * LEADING, line))
            .collect();
        Ok(shown(style, size, &lines))
    }

    /// Where a line of this width begins.
    fn start(&self, width: f64, frame: &Frame) -> f64 {
        match self.quadding {
            Some(1) => (frame.width - width) / 2.0,
            Some(2) => frame.width - frame.border - PADDING_PT - width,
            _ => frame.border + PADDING_PT,
        }
    }
}

/// One character in the middle of each cell.
fn combed(value: &str, style: &Style, frame: &Frame, cells: usize) -> Result<String, String> {
    if value.chars().count() > cells {
        return Err("the text of a form field has more characters than the field has cells".to_owned());
    }
    let cell = frame.width / cells as f64;
    let size = if style.size_pt > 0.0 { style.size_pt } else { (frame.height * AUTO_SHARE).min(cell) };
    let y = middle(style.face, size, frame);
    let place = |(at, c): (usize, char)| {
        let text = c.to_string();
        ((at as f64 + 0.5) * cell - width(&text, style.face) * size / 2.0, y, text)
    };
    Ok(shown(style, size, &value.chars().enumerate().map(place).collect::<Vec<_>>()))
}

/// Width in units of the font's size.
fn width(text: &str, face: Face) -> f64 {
    text.chars().map(|c| f64::from(face.metrics().width(c).unwrap_or(0))).sum::<f64>() / 1000.0
}

/// Baseline that puts a line in the middle of the field's height.
fn middle(face: Face, size: f64, frame: &Frame) -> f64 {
    let metrics = face.metrics();
    (frame.height - size * (metrics.ascent + metrics.descent) / 1000.0) / 2.0
}

/// Lines no wider than `room`, in units of the font's size; `None` when a word is wider.
fn wrapped(value: &str, face: Face, room: f64) -> Option<Vec<String>> {
    let mut lines = Vec::new();
    for paragraph in value.split('\n') {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if width(&longer, face) <= room {
                line = longer;
                continue;
            }
            if width(word, face) > room || lines.len() > LINES_MAX {
                return None;
            }
            lines.push(std::mem::replace(&mut line, word.to_owned()));
        }
        lines.push(line);
    }
    Some(lines)
}

/// Content that shows lines, each at its place.
fn shown(style: &Style, size: f64, lines: &[(f64, f64, String)]) -> String {
    let mut content = format!("/Tx BMC\nq\nBT\n{}\n/F {} Tf\n", style.colour, plain(size));
    for (x, y, line) in lines {
        let hex: String = line.chars().filter_map(faces::encoded).map(|code| format!("{code:02X}")).collect();
        content += &format!("1 0 0 1 {} {} Tm\n<{hex}> Tj\n", plain(*x), plain(*y));
    }
    content + "ET\nQ\nEMC\n"
}

/// The mark of a check box or radio button that is on, drawn by lines: no font is needed for it.
fn mark(document: &mut Document, widget: &Dictionary, frame: &Frame, radio: bool) -> Result<Option<ObjectId>, String> {
    let on = match (entry_name(document, widget, b"AS"), field_value(document, widget, b"V").and_then(|v| v.as_name().ok())) {
        (Some(state), _) => state != b"Off",
        (None, None | Some(b"Off" | b"")) => false,
        (None, Some(_)) if radio => return Err("a radio button does not say whether it is the one that is on".to_owned()),
        (None, Some(_)) => true,
    };
    let caption =
        entry_dictionary(document, widget, b"MK").and_then(|mk| entry(document, mk, b"CA")?.as_str().ok()).and_then(|ca| ca.first());
    let side = frame.width.min(frame.height) * MARK_SHARE;
    let at = |x: f64, y: f64| format!("{} {}", plain(frame.width / 2.0 + (x - 0.5) * side), plain(frame.height / 2.0 + (y - 0.5) * side));
    let lines = |points: &[(f64, f64)], end: &str| {
        let steps = points.iter().enumerate().map(|(i, (x, y))| format!("{} {}", at(*x, *y), if i == 0 { "m" } else { "l" }));
        format!("{} {end}\n", steps.collect::<Vec<_>>().join(" "))
    };
    // Letters of ZapfDingbats that common programs offer: tick, dot, cross, square, diamond; a star is drawn as a tick.
    let drawn = match caption {
        Some(b'l') => format!("1 J {} w {} m {} l S\n", plain(side), at(0.5, 0.5), at(0.5, 0.5)),
        None if radio => format!("1 J {} w {} m {} l S\n", plain(side), at(0.5, 0.5), at(0.5, 0.5)),
        Some(b'8') => lines(&[(0.0, 0.0), (1.0, 1.0)], "S") + &lines(&[(0.0, 1.0), (1.0, 0.0)], "S"),
        Some(b'n') => lines(&[(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)], "f"),
        Some(b'u') => lines(&[(0.5, 0.0), (1.0, 0.5), (0.5, 1.0), (0.0, 0.5)], "f"),
        _ => lines(&[(0.0, 0.45), (0.35, 0.05), (1.0, 0.95)], "S"),
    };
    let content = if on { format!("q\n0 g 0 G {} w\n{drawn}Q\n", plain(side / 8.0)) } else { String::new() };
    Ok((on || !frame.before.is_empty()).then(|| frame.form(document, &content, Dictionary::new())))
}
