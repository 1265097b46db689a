//! What in a profile is possible and looks wrong all the same: said by `vendor check`, refused nowhere.

use super::VendorProfile;
use crate::domain::Envelope;
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
        if self.delivery.timeout_s < 5 {
            found.push("delivery.timeout_s is below 5: a busy server would be given up".to_owned());
        }
        found
    }

    /// Classes without a price today, and full envelopes that no step pays for.
    fn unpaid(&self, today: Date) -> Vec<String> {
        let mut found = Vec::new();
        let full = [Envelope::C5, Envelope::C4]
            .into_iter()
            .filter_map(|e| Some((e, self.envelope.rules(e)?.sheets_max)))
            .map(|(e, sheets)| (e, sheets, self.weight_g(e, sheets)));
        let full: Vec<(Envelope, u32, u32)> = full.collect();
        for class in self.postage.classes() {
            let word = class.word();
            if self.postage.price_ore(class, 0, today).is_none() {
                found.push(format!("postage.{word} has no price on {today}: its lists begin later"));
                continue;
            }
            for (envelope, sheets, weight_g) in &full {
                if self.postage.price_ore(class, *weight_g, today).is_none() {
                    let envelope = envelope.word();
                    found.push(format!(
                        "postage.{word}: {sheets} sheets in {envelope} weigh {weight_g} g, more than its heaviest step today"
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
        if let Some(last) = own.closed.iter().chain(&own.open).max().filter(|last| **last < today) {
            found.push(format!("calendar: the vendor's own days end on {last}; ask for the new ones"));
        }
        found
    }
}
