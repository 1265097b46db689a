//! What in a profile is possible and looks wrong all the same: said by `vendor check`, refused nowhere.

use super::VendorProfile;
use crate::domain::{Envelope, counted};
use jiff::civil::{Date, Time};

/// A point in mm.
const MM_A_POINT: f32 = 25.4 / 72.0;

impl VendorProfile {
    /// Sentences about the profile as it stands on this day; empty when nothing looks wrong.
    pub fn warnings(&self, today: Date) -> Vec<String> {
        let mut warnings = self.postage.odd_prices();
        warnings.extend(self.carriage.unsaid(&self.postage));
        warnings.extend(self.odd_sizes());
        warnings.extend(self.unpaid(today));
        warnings.extend(self.odd_days(today));
        let cutoff = self.calendar.cutoff;
        if cutoff.hour() == 2 {
            warnings.push("calendar.cutoff lies between 02:00 and 03:00, which one night of the year skips and one has twice".to_owned());
        }
        let hour_before = cutoff.saturating_sub(jiff::SignedDuration::from_mins(1));
        if !self.delivery.window.contains(hour_before) && cutoff != Time::midnight() {
            warnings.push(format!("delivery.window {} is shut just before the cut-off at {cutoff}", self.delivery.window));
        }
        // Weekends and holidays lie between days of work.
        if self.answers.kept_days < 2 * self.answers.receipt_within_workdays + 4 {
            warnings.push("answers.kept_days is so short that receipts may be deleted before they are fetched".to_owned());
        }
        if !self.delivery.rename_into_place && !self.delivery.sweeps {
            warnings.push("delivery.rename_into_place = false: half a file lies there under its final name while it goes up".to_owned());
        }
        if let Some(zones) = &self.zones
            && !self.has_window(Envelope::C5)
            && !self.has_window(Envelope::C4)
        {
            warnings.push(format!("no envelope has a window, and zones.keepout ({}) is where one would be", zones.keepout));
        }
        warnings
    }

    /// Limits that contradict each other without being impossible.
    fn odd_sizes(&self) -> Vec<String> {
        let mut found = Vec::new();
        let (pages_max, sheets_max) = (self.page.pages_max, self.envelope.sheets_max());
        if pages_max > 2 * sheets_max {
            found.push(format!(
                "page.pages_max is {pages_max}, and no envelope takes more than {sheets_max} sheets: letters between pass the page's rule and are rejected for that"
            ));
        }
        let a = &self.address_box;
        let lines_mm = a.lines_max as f32 * a.font_size_min_pt * MM_A_POINT;
        if lines_mm > a.height_mm {
            found.push(format!(
                "address_box: {} lines of {} pt are {lines_mm:.1} mm high, and the box is {} mm",
                a.lines_max, a.font_size_min_pt, a.height_mm
            ));
        }
        if a.lines_max < 3 {
            found.push(format!("address_box.lines_max is {}: name, street and postcode are three lines", a.lines_max));
        }
        if let (Some(c5), Some(c4)) = (&self.envelope.c5, &self.envelope.c4)
            && c5.sheets_max == c4.sheets_max
        {
            found.push(format!(
                "envelope.c5.sheets_max and envelope.c4.sheets_max are both {}: no letter goes into c4 because it is too thick for c5",
                c5.sheets_max
            ));
        }
        if self.delivery.timeout_s < 5 {
            found.push("delivery.timeout_s is below 5: a busy server would be given up".to_owned());
        }
        found
    }

    /// Classes without a price today; and of each list that is valid today or later, full envelopes that no step pays for and
    /// steps that pay for no letter.
    fn unpaid(&self, today: Date) -> Vec<String> {
        let mut found = Vec::new();
        let envelopes = || [Envelope::C5, Envelope::C4].into_iter().filter_map(|e| Some((e, self.envelope.rules(e)?.sheets_max)));
        let full: Vec<(Envelope, u32, u32)> = envelopes().map(|(e, sheets)| (e, sheets, self.weight_g(e, sheets))).collect();
        let lightest = envelopes().map(|(e, _)| (self.weight_g(e, 1), e)).min_by_key(|(weight_g, _)| *weight_g);
        for class in self.postage.classes() {
            let word = class.word();
            let lists = self.postage.lists_from(class, today);
            if lists.keys().next().is_none_or(|from| *from > today) {
                found.push(format!("postage.{word} has no price on {today}: its lists begin later"));
            }
            for (from, steps) in &lists {
                let heaviest_g = steps.iter().map(|step| step.weight_max_g).max().unwrap_or(0);
                for (envelope, sheets, weight_g) in full.iter().filter(|(_, _, weight_g)| *weight_g > heaviest_g) {
                    let envelope = envelope.word();
                    found.push(format!(
                        "postage.{word} of {from}: {} in {envelope} weigh {weight_g} g, and its heaviest step is {heaviest_g} g",
                        counted((*sheets).into(), "sheet")
                    ));
                }
                let Some((weight_g, envelope)) = lightest else { continue };
                for step in steps.iter().filter(|step| step.weight_max_g < weight_g) {
                    let (envelope, max_g) = (envelope.word(), step.weight_max_g);
                    found.push(format!(
                        "postage.{word} of {from}: the step of {max_g} g pays for no letter, for one sheet in {envelope} weighs {weight_g} g"
                    ));
                }
            }
        }
        found
    }

    /// Days of its own that change nothing, most likely a wrong year, and a list that has run out.
    fn odd_days(&self, today: Date) -> Vec<String> {
        let own = &self.calendar;
        let mut bare = own.calendar();
        bare.closed.clear();
        bare.open.clear();
        let idle_closed = own.closed.iter().filter(|day| !bare.is_workday(**day));
        let idle_open = own.open.iter().filter(|day| bare.is_workday(**day));
        let mut found: Vec<String> = idle_closed
            .map(|day| format!("calendar.closed names {day}, on which the vendor does not work anyway"))
            .chain(idle_open.map(|day| format!("calendar.open names {day}, on which the vendor works anyway")))
            .collect();
        if let Ok(year_ago) = today.checked_sub(jiff::Span::new().years(1)) {
            for (key, days) in [("closed", &own.closed), ("open", &own.open)] {
                let past: Vec<&Date> = days.iter().filter(|day| **day < year_ago).collect();
                if let Some(first) = past.first() {
                    let past = counted(past.len() as u64, "day");
                    found.push(format!("calendar.{key} still names {past} of more than a year ago, from {first} on: take them out"));
                }
            }
        }
        if let Some(last) = own.closed.iter().chain(&own.open).max().filter(|last| **last < today) {
            found.push(format!("calendar: the vendor's own days end on {last}; ask for the new ones"));
        }
        found
    }
}
