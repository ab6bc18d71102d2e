//! Which pages a report has: one a shift, or one for all that has times of day; and one for each stream that has none.

use anyhow::Result;

use super::ledger::{Book, Ledger};
use super::record::Millis;
use super::shifts::{Period, Shifts};
use super::spans::Range;
use super::sums::{Tally, tally};
use super::zone::Zone;

/// A page.
#[derive(Debug, PartialEq)]
pub struct Page {
    /// What it is about.
    pub subject: Subject,
    /// Its facts.
    pub tally: Tally,
    /// How many cameras it is about.
    pub cameras: usize,
}

/// What a page is about.
#[derive(Debug, PartialEq)]
pub enum Subject {
    /// A shift, from its beginning to its end.
    Shift(Period),
    /// All that has times of day.
    Clock,
    /// A stream without times of day.
    Running(String),
}

/// The pages, and what they leave out.
#[derive(Debug, Default)]
pub struct Pages {
    /// The pages, in the order of time, those by running time last.
    pub pages: Vec<Page>,
    /// Shifts without any record.
    pub empty_shifts: Vec<Period>,
    /// Streams that were left out because they have no times of day to select by.
    pub without_clock: Vec<String>,
}

/// Which times are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Window {
    /// From then on.
    pub from: Option<Millis>,
    /// Until then.
    pub to: Option<Millis>,
}

impl Window {
    fn is_all(self) -> bool {
        self.from.is_none() && self.to.is_none()
    }

    fn within(self, range: Range) -> Option<Range> {
        Range::new(self.from.unwrap_or(range.from), self.to.unwrap_or(range.to))
    }
}

/// Makes the pages. What has not ended counts until `now`.
///
/// # Errors
/// Times beyond the calendar.
pub fn pages(book: &Book, shifts: Option<&Shifts>, zone: &Zone, window: Window, now: Millis) -> Result<Pages> {
    let mut pages = Pages::default();
    if let Some((ledger, recorded)) = book.clock.as_ref().and_then(|ledger| Some((ledger, ledger.range()?))) {
        match shifts {
            Some(shifts) => pages.shifts(ledger, &shifts.periods(recorded, zone)?, window, now.max(recorded.to)),
            None => {
                let has_records = |range: &Range| range.overlap(recorded).is_some();
                let until_now = |range: Range| Range::new(range.from, range.to.min(now.max(recorded.to)));
                let range = window.within(recorded).and_then(until_now).filter(has_records);
                pages
                    .pages
                    .extend(range.map(|range| page(Subject::Clock, ledger, range)));
            }
        }
    }
    for ledger in &book.running {
        let name = ledger.cameras[0].name.clone();
        if window.is_all() {
            let range = ledger.range();
            pages
                .pages
                .extend(range.map(|range| page(Subject::Running(name), ledger, range)));
        } else {
            pages.without_clock.push(name);
        }
    }
    Ok(pages)
}

impl Pages {
    fn shifts(&mut self, ledger: &Ledger, periods: &[Period], window: Window, now: Millis) {
        let recorded = || ledger.cameras.iter().flat_map(|camera| &camera.recorded);
        for period in periods {
            let until_now = Range {
                to: period.range.to.min(now),
                ..period.range
            };
            let wanted = window.within(until_now).and_then(|window| window.overlap(until_now));
            let Some(range) = wanted else { continue };
            if recorded().any(|recorded| recorded.overlap(range).is_some()) {
                self.pages.push(page(Subject::Shift(period.clone()), ledger, range));
            } else {
                self.empty_shifts.push(period.clone());
            }
        }
    }
}

fn page(subject: Subject, ledger: &Ledger, range: Range) -> Page {
    Page {
        subject,
        tally: tally(ledger, range),
        cameras: ledger.cameras.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::ledger::join;
    use super::super::testing::part;
    use super::*;

    const SHIFTS: &str = "[[shift]]\nname = \"early\"\nfrom = \"06:00\"\nto = \"14:00\"\n[[shift]]\nname = \"late\"\nfrom = \"14:00\"\nto = \"22:00\"";

    /// 06:00 on 26 November 2026 in UTC, in seconds.
    const SIX: Millis = 1_795_672_800;
    const HOUR: Millis = 3600;

    /// A stream of that many hours from six o'clock on.
    fn from_six(hours: Millis) -> String {
        let (length, end) = (HOUR * hours, SIX + HOUR * hours);
        format!("r#0 0@{SIX} bench red start\n r#1 {length}@{end} bench red o.")
    }

    /// The pages as `subject from-to` in hours after six o'clock, then the shifts without a page, then streams left out.
    fn check(log: &str, with_shifts: bool, window: (Option<Millis>, Option<Millis>), now: Millis, expected: &str) {
        let zone = Zone::named("UTC").unwrap();
        let shifts = Shifts::parse(SHIFTS).unwrap();
        let of_six = |hours: Millis| (SIX + HOUR * hours) * 1000;
        let window = Window {
            from: window.0.map(of_six),
            to: window.1.map(of_six),
        };
        let book = join(vec![part("yard.jsonl", log)]);
        let shifts = Some(&shifts).filter(|_| with_shifts);
        let made = pages(&book, shifts, &zone, window, of_six(now)).unwrap();
        let hours = |at: Millis| (at - of_six(0)) / (HOUR * 1000);
        let page = |page: &Page| match (&page.subject, page.tally.range) {
            (Subject::Shift(shift), range) => format!("{} {}-{}", shift.name, hours(range.from), hours(range.to)),
            (Subject::Clock, range) => format!("all {}-{}", hours(range.from), hours(range.to)),
            (Subject::Running(name), range) => format!("{name} {} ms", range.length()),
        };
        let empty = made.empty_shifts.iter().map(|shift| format!("no {}", shift.name));
        let left_out = made.without_clock.iter().map(|name| format!("without {name}"));
        let text: Vec<String> = made.pages.iter().map(page).chain(empty).chain(left_out).collect();
        assert_eq!(text.join(", "), expected);
    }

    #[test]
    fn each_shift_with_records_has_a_page() {
        let all = (None, None);
        check(&from_six(16), true, all, 100, "early 0-8, late 8-16");
        // the one that goes on ends now
        check(&from_six(9), true, all, 10, "early 0-8, late 8-10");
        check(&from_six(2), true, all, 100, "early 0-8");
        check(&from_six(16), false, all, 100, "all 0-16");
    }

    #[test]
    fn a_window_cuts_pages() {
        check(&from_six(16), true, (Some(4), Some(10)), 100, "early 4-8, late 8-10");
        check(&from_six(16), true, (Some(9), None), 100, "late 9-16");
        check(&from_six(16), false, (Some(4), Some(10)), 100, "all 4-10");
        // nothing was recorded then
        check(&from_six(16), false, (Some(100), Some(110)), 200, "");
    }

    #[test]
    fn a_shift_without_records_is_named() {
        let (day, next) = (SIX + HOUR * 24, HOUR);
        let log = format!(
            "{}\n s#0 0@{day} bench red start\n s#1 {next}@{} bench red o.",
            from_six(1),
            day + next
        );
        check(&log, true, (None, None), 1_000, "early 0-8, early 24-32, no late");
    }

    #[test]
    fn streams_without_times_of_day_are_left_out_of_a_window() {
        let log = "0 bench red start\n 5 bench red o.";
        check(log, true, (None, None), 100, "yard 5000 ms");
        check(log, true, (Some(0), None), 100, "without yard");
    }
}
