//! How a page writes times and durations, and where the marks of its time axis are.

use super::super::record::Millis;
use super::super::spans::Range;
use super::super::zone::Zone;

const SECOND: Millis = 1000;
const MINUTE: Millis = 60 * SECOND;
const HOUR: Millis = 60 * MINUTE;
const DAY: Millis = 24 * HOUR;

/// Pages up to this long have tenths of seconds.
const SHORT: Millis = 10 * MINUTE;

/// The steps between the marks of an axis.
const STEPS: [Millis; 17] = [
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    4 * HOUR,
    12 * HOUR,
    DAY,
];

/// Longer axes have marks at equal distances, whatever time that is.
const LONG: Millis = 1000 * DAY;

/// At most this many marks on an axis.
const MARKS: usize = 12;

/// The time axis of a page.
#[derive(Clone, Copy, Debug)]
pub struct Scale<'a> {
    /// From its left to its right end.
    pub range: Range,
    /// The time zone; none for running time.
    pub zone: Option<&'a Zone>,
}

impl Scale<'_> {
    /// A moment: `14:03:07`, with the day if the page is longer than one.
    pub fn time(self, at: Millis) -> String {
        match self.zone {
            Some(zone) if self.range.length() > DAY => zone.format("%a %-d %b %H:%M:%S", at),
            Some(zone) => zone.format("%H:%M:%S", at),
            None => self.duration(at),
        }
    }

    /// A duration: `1:02:03`, on short pages `62.3 s`.
    pub fn duration(self, length: Millis) -> String {
        if self.range.length() <= SHORT {
            return format!("{:.1} s", length as f64 / SECOND as f64);
        }
        hours(length)
    }

    /// Where a moment is, from 0 at the left to 1 at the right end.
    pub fn place(self, at: Millis) -> f64 {
        (at - self.range.from) as f64 / self.range.length() as f64
    }

    /// The marks of the axis and what is written there.
    pub fn marks(self) -> Vec<(Millis, String)> {
        let length = self.range.length();
        if length > LONG {
            let marks = (0..MARKS as Millis).map(|number| self.range.from + length / MARKS as Millis * number);
            return marks.map(|at| (at, self.mark(at, LONG))).collect();
        }
        let fits = |step: &&Millis| length / **step < MARKS as Millis;
        let step = STEPS.iter().find(fits).copied().unwrap_or(DAY);
        // Offsets of time zones are multiples of a quarter of an hour.
        let unit = step.min(15 * MINUTE);
        let first = self.range.from.div_euclid(unit) + i64::from(self.range.from.rem_euclid(unit) > 0);
        let moments = (first..)
            .map(|number| number * unit)
            .take_while(|at| *at <= self.range.to);
        let marks: Vec<Millis> = moments.filter(|at| self.of_day(*at).rem_euclid(step) == 0).collect();
        let each = marks.len().div_ceil(MARKS).max(1);
        let marks = marks.into_iter().step_by(each);
        marks.map(|at| (at, self.mark(at, step))).collect()
    }

    /// The time since midnight, or running time.
    fn of_day(self, at: Millis) -> Millis {
        self.zone.map_or(at, |zone| {
            let civil = zone.civil(at);
            let seconds = i64::from(civil.hour()) * 3600 + i64::from(civil.minute()) * 60 + i64::from(civil.second());
            seconds * SECOND + i64::from(civil.millisecond())
        })
    }

    fn mark(self, at: Millis, step: Millis) -> String {
        match self.zone {
            Some(zone) if step >= LONG => zone.format("%Y", at),
            Some(zone) if step >= DAY => zone.format("%-d %b", at),
            Some(zone) if step >= MINUTE => zone.format("%H:%M", at),
            Some(zone) => zone.format("%H:%M:%S", at),
            None if self.range.to <= SHORT => format!("{} s", at / SECOND),
            None => hours(at),
        }
    }
}

/// Hours, minutes and seconds, rounded.
pub fn hours(length: Millis) -> String {
    let seconds = (length + SECOND / 2).div_euclid(SECOND);
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(zone: &str, from: &str, to: &str) -> String {
        let zone = Zone::named(zone).unwrap();
        let range = Range::new(zone.parse(from, false).unwrap(), zone.parse(to, false).unwrap()).unwrap();
        let scale = Scale {
            range,
            zone: Some(&zone),
        };
        let marks = scale.marks().into_iter().map(|(_, text)| text);
        marks.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn marks_are_at_full_hours_of_the_zone() {
        let berlin = "Europe/Berlin";
        assert_eq!(
            marks(berlin, "2026-11-26T06:00", "2026-11-26T14:00"),
            "06:00 07:00 08:00 09:00 10:00 11:00 12:00 13:00 14:00"
        );
        assert_eq!(
            marks("Asia/Kathmandu", "2026-11-26T06:10", "2026-11-26T09:00"),
            "06:15 06:30 06:45 07:00 07:15 07:30 07:45 08:00 08:15 08:30 08:45 09:00"
        );
        // The night has an hour twice, or lacks one.
        assert_eq!(
            marks(berlin, "2026-10-24T22:00", "2026-10-25T06:00"),
            "22:00 23:00 00:00 01:00 02:00 02:00 03:00 04:00 05:00 06:00"
        );
        assert_eq!(
            marks(berlin, "2026-03-28T22:00", "2026-03-29T06:00"),
            "22:00 23:00 00:00 01:00 03:00 04:00 05:00 06:00"
        );
        assert_eq!(marks(berlin, "2026-11-01", "2026-11-29").split(' ').count(), 20);
    }

    #[test]
    fn running_time_is_written_as_durations() {
        let scale = |to| Scale {
            range: Range { from: 0, to },
            zone: None,
        };
        assert_eq!(scale(14_100).duration(3_460), "3.5 s");
        assert_eq!(scale(14_100).marks().last().unwrap().1, "14 s");
        assert_eq!(scale(8 * HOUR).time(HOUR + 62_499), "1:01:02");
        assert_eq!(
            scale(8 * HOUR).marks().last().unwrap(),
            &(8 * HOUR, "8:00:00".to_owned())
        );
    }
}
