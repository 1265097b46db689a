//! What stands beside the sheet, in Danish: the vendor, the verdict, what the colours mean, and each fault by its number.

use super::brush::{Brush, Colour, width};
use super::danish::{measure, tenth};
use super::marks::{self, Numbered, severity_colour, zone_colours};
use super::{Fault, Marking, ZoneKind};
use crate::domain::Severity;
use crate::domain::codes;
use crate::pdf::face::{self, Face};
use hayro::kurbo::{Point, Rect};

pub const WIDTH_PX: f64 = 600.0;
/// Lines that one text of a fault may take.
const LINES_MAX: usize = 6;
/// Where text beside a disc or a swatch begins.
const INDENT: f64 = 40.0;

const BLACK: Colour = [25, 25, 25, 255];
const SOFT: Colour = [90, 90, 90, 255];
const RULE: Colour = [205, 205, 200, 255];
const WHITE: Colour = [255, 255, 255, 255];
const CLEAN: Colour = [0, 125, 60, 255];

/// What a line of the colour key explains.
#[derive(Clone, Copy)]
enum Look {
    Paper,
    Margin,
    Zone(ZoneKind),
}

/// One thing drawn, from the legend's top left corner.
enum Item {
    Text { bold: bool, size: f64, x: f64, y: f64, text: String, colour: Colour },
    Pill { x: f64, y: f64, text: &'static str, colour: Colour },
    Disc { y: f64, number: u32, colour: Colour },
    Swatch { y: f64, look: Look },
    Rule { y: f64 },
}

pub struct Legend {
    items: Vec<Item>,
    pub height_px: f64,
}

impl Legend {
    pub fn of(marking: &Marking, numbered: &Numbered<'_>, other_paper: Option<(f32, f32)>, not_drawn: Option<&str>) -> Self {
        let mut legend = Self { items: Vec::new(), height_px: 0.0 };
        legend.head(marking, numbered);
        if let Some(why) = not_drawn {
            legend.gap(6.0);
            legend.text(false, 16.0, 0.0, &format!("Siden er ikke tegnet, fordi {why}."), BLACK);
        }
        legend.key(marking, other_paper);
        for group in &numbered.groups {
            legend.group(group);
        }
        if !numbered.more.is_empty() {
            legend.rule();
            let more = numbered.more.len();
            legend.text(true, 16.0, 0.0, &format!("og {more} flere, som er vist uden nummer"), BLACK);
        }
        legend.rule();
        legend.text(false, 14.0, 0.0, "Mål i mm fra sidens øverste venstre hjørne: x mod højre, y nedad, bredde × højde.", SOFT);
        legend
    }

    fn head(&mut self, marking: &Marking, numbered: &Numbered<'_>) {
        let vendor: String = marking.vendor.chars().take(60).collect();
        self.text(true, 26.0, 0.0, &format!("{vendor} · side {}", marking.page), BLACK);
        self.gap(6.0);
        let count = |severity| {
            let listed = numbered.groups.iter().flatten().map(|(_, fault)| *fault);
            listed.chain(numbered.more.iter().copied()).filter(|fault| fault.severity == severity).count()
        };
        let (rejects, repairs) = (count(Severity::Reject), count(Severity::Repair));
        let (warns, infos) = (count(Severity::Warn), count(Severity::Info));
        let said = |n: usize, one: &str, many: &str| (n > 0).then(|| format!("{n} {}", if n == 1 { one } else { many }));
        let parts = [
            said(rejects, "fejl, der stopper brevet", "fejl, der stopper brevet"),
            said(repairs, "fejl, der rettes før print", "fejl, der rettes før print"),
            said(warns, "advarsel", "advarsler"),
            said(infos, "oplysning", "oplysninger"),
        ];
        let verdict = parts.into_iter().flatten().collect::<Vec<_>>().join(" · ");
        match (rejects, repairs + warns) {
            _ if verdict.is_empty() => self.text(true, 18.0, 0.0, "Ingen fejl på denne side", CLEAN),
            (0, 0) => self.text(true, 18.0, 0.0, &verdict, severity_colour(Severity::Info)),
            (0, _) => self.text(true, 18.0, 0.0, &verdict, severity_colour(Severity::Warn)),
            _ => self.text(true, 18.0, 0.0, &verdict, severity_colour(Severity::Reject)),
        }
    }

    fn key(&mut self, marking: &Marking, other_paper: Option<(f32, f32)>) {
        let margins = marking.margins_mm.map(|[left, top, right, bottom]| {
            let [left, top, right, bottom] = [left, top, right, bottom].map(short);
            format!("Papirets kant: intet tryk. Venstre {left}, top {top}, højre {right}, bund {bottom} mm.")
        });
        let has = |kind| marking.zones.iter().any(|zone| zone.kind == kind);
        if margins.is_none() && marking.zones.is_empty() && other_paper.is_none() {
            return;
        }
        self.rule();
        if let Some((width, height)) = other_paper {
            let text = format!("Leverandørens papir: {} × {} mm. Siden har et andet format.", short(width), short(height));
            self.swatch(Look::Paper, &text);
        }
        if let Some(text) = margins {
            self.swatch(Look::Margin, &text);
        }
        let zones = [
            (ZoneKind::Machine, "Maskinernes felt: her står leverandørens egne mærker, og intet andet."),
            (ZoneKind::WindowVisible, "Kuvertens rude, altid synlig: hele adressen skal stå her."),
            (ZoneKind::WindowKeepout, "Hvad ruden kan vise, når arket glider i kuverten: kun adressen må stå her."),
        ];
        for (kind, text) in zones.into_iter().filter(|(kind, _)| has(*kind)) {
            self.swatch(Look::Zone(kind), text);
        }
    }

    fn swatch(&mut self, look: Look, text: &str) {
        let y = self.height_px;
        self.items.push(Item::Swatch { y, look });
        self.text(false, 15.0, INDENT, text, BLACK);
        self.height_px = self.height_px.max(y + 22.0);
        self.gap(5.0);
    }

    /// Faults of one code: what it means and what to do once, then each place.
    fn group(&mut self, group: &[(Option<u32>, &Fault)]) {
        let Some((_, first)) = group.first() else { return };
        self.rule();
        let word = match first.severity {
            Severity::Reject => "STOPPER BREVET",
            Severity::Repair => "RETTES",
            Severity::Warn => "ADVARSEL",
            Severity::Info | Severity::Off => "OPLYSNING",
        };
        let colour = severity_colour(first.severity);
        self.items.push(Item::Pill { x: 0.0, y: self.height_px, text: word, colour });
        let x = pill_width(word) + 10.0;
        let code: String = first.code.chars().take(12).collect();
        self.items.push(Item::Text { bold: true, size: 15.0, x, y: self.height_px + 16.0, text: code.clone(), colour: BLACK });
        let x = x + width(face::bold(), 15.0, &code) + 10.0;
        let rule: String = first.rule.chars().take(30).collect();
        self.items.push(Item::Text { bold: false, size: 13.0, x, y: self.height_px + 15.5, text: rule, colour: SOFT });
        self.height_px += 28.0;
        if let Some(known) = codes::find(&first.code) {
            self.text(true, 16.0, 0.0, known.cause_da, BLACK);
            self.text(false, 16.0, 0.0, &format!("Løsning: {}", known.fix_da), BLACK);
        }
        // A limit that all places share is told once.
        let shared = group.iter().all(|(_, fault)| fault.limit == first.limit);
        if let Some(limit) = limit(&first.limit).filter(|_| shared) {
            self.text(false, 15.0, 0.0, &limit, BLACK);
        }
        self.gap(4.0);
        for (number, fault) in group {
            self.fault(*number, fault, shared, colour);
        }
    }

    fn fault(&mut self, number: Option<u32>, fault: &Fault, limit_told: bool, colour: Colour) {
        let y = self.height_px;
        if let Some(number) = number {
            self.items.push(Item::Disc { y, number, colour });
        }
        let indent = if number.is_some() { INDENT } else { 0.0 };
        let found = format!("Fundet: {}", measure(&fault.measured));
        let found = match limit(&fault.limit).filter(|_| !limit_told) {
            Some(limit) => format!("{found} · {limit}"),
            None => found,
        };
        self.text(false, 15.0, indent, &found, BLACK);
        match (number, fault.box_mm, fault.page) {
            (Some(_), Some([x, y, width, height]), _) => {
                let place = format!("Sted: x {}, y {} · {} × {} mm", tenth(x), tenth(y), tenth(width), tenth(height));
                self.text(false, 14.0, indent, &place, SOFT);
            }
            (_, _, None) => self.text(false, 14.0, indent, "Gælder hele filen", SOFT),
            _ => {}
        }
        self.height_px = self.height_px.max(y + if number.is_some() { 32.0 } else { 0.0 });
        self.gap(7.0);
    }

    fn gap(&mut self, px: f64) {
        self.height_px += px;
    }

    fn rule(&mut self) {
        self.gap(9.0);
        self.items.push(Item::Rule { y: self.height_px });
        self.gap(13.0);
    }

    /// Sets a text below what is there, in as many lines as it needs.
    fn text(&mut self, bold: bool, size: f64, x: f64, text: &str, colour: Colour) {
        let shown = shown(text);
        let mut lines = face(bold).wrap(&shown, size as f32, (WIDTH_PX - x) as f32);
        if lines.len() > LINES_MAX {
            lines.truncate(LINES_MAX);
            if let Some(last) = lines.last_mut() {
                last.push_str(" …");
            }
        }
        for line in lines {
            self.height_px += size * 1.3;
            let y = self.height_px - size * 0.34;
            self.items.push(Item::Text { bold, size, x, y, text: line, colour });
        }
    }

    /// Draws the legend with its top left corner here.
    pub fn draw(&self, brush: &mut Brush, left: f64, top: f64) {
        for item in &self.items {
            match item {
                Item::Text { bold, size, x, y, text, colour } => {
                    brush.text(face(*bold), *size, Point::new(left + x, top + y), text, *colour);
                }
                Item::Pill { x, y, text, colour } => {
                    let (x, y) = (left + x, top + y);
                    brush.rounded(Rect::new(x, y, x + pill_width(text), y + 22.0), 4.0, *colour);
                    brush.text(face::bold(), 13.0, Point::new(x + 8.0, y + 15.7), text, WHITE);
                }
                Item::Disc { y, number, colour } => {
                    marks::disc(brush, Point::new(left + 16.0, top + y + 18.0), &number.to_string(), *colour)
                }
                Item::Swatch { y, look } => swatch(brush, Point::new(left, top + y), *look),
                Item::Rule { y } => brush.area(Rect::new(left, top + y, left + WIDTH_PX, top + y + 1.0), RULE),
            }
        }
    }
}

/// The limit as a sentence; `None` where a rule has none. An area is told by its borders.
fn limit(text: &str) -> Option<String> {
    match text {
        "-" | "" => None,
        area if area.starts_with("x ") => Some(format!("Feltet: {}", measure(area))),
        other => Some(format!("Grænse: {}", measure(other))),
    }
}

/// A piece of a zone as it looks on the sheet.
fn swatch(brush: &mut Brush, at: Point, look: Look) {
    let area = Rect::new(at.x + 1.0, at.y + 2.0, at.x + 29.0, at.y + 20.0);
    let (tint, line) = match look {
        Look::Paper => (WHITE, marks::PAPER_EDGE),
        Look::Margin => marks::MARGIN,
        Look::Zone(kind) => zone_colours(kind),
    };
    brush.area(area, WHITE);
    brush.area(area, tint);
    match look {
        Look::Margin => brush.hatch(area, 8.0, true, line),
        Look::Zone(ZoneKind::Machine) => brush.hatch(area, 6.0, false, line),
        _ => {}
    }
    let (wide, dash) = match look {
        Look::Paper | Look::Zone(ZoneKind::WindowKeepout) => (2.0, Some(5.0)),
        Look::Zone(ZoneKind::WindowVisible) => (2.5, None),
        _ => (1.0, None),
    };
    brush.border(area, wide, line, dash);
}

/// A length without a decimal that is nought.
fn short(mm: f32) -> String {
    tenth(mm).trim_end_matches(",0").to_owned()
}

fn pill_width(text: &str) -> f64 {
    width(face::bold(), 13.0, text) + 16.0
}

fn face(bold: bool) -> &'static Face {
    if bold { face::bold() } else { face::regular() }
}

/// A text with what no face can show left as a question mark: measured values come from files of others.
fn shown(text: &str) -> String {
    let fits = |c: char| face::regular().check(c.encode_utf8(&mut [0; 4]), String::new).is_ok();
    text.chars().take(600).map(|c| if fits(c) { c } else { '?' }).collect()
}
