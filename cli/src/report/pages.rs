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
