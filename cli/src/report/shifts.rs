//! Shifts: the file that describes them, and the stretches of time that they are in a range.

use anyhow::{Result, anyhow, bail};
use jiff::civil::{Date, Time, Weekday};
use serde::Deserialize;

use super::record::Millis;
use super::spans::Range;
use super::zone::Zone;

/// The shifts of a week.
#[derive(Debug)]
pub struct Shifts {
    /// The time zone that the file names.
    pub zone: Option<Zone>,
    shifts: Vec<Shift>,
}

#[derive(Debug)]
struct Shift {
    name: String,
    from: Time,
    /// On the next day unless it is after `from`.
    to: Time,
    /// The days on which it begins.
    days: Vec<Weekday>,
}

/// A shift of one day.
#[derive(Clone, Debug, PartialEq)]
pub struct Period {
    /// The shift's name.
    pub name: String,
    /// From its beginning to its end.
    pub range: Range,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    time_zone: Option<toml::Spanned<String>>,
    shift: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: toml::Spanned<String>,
    from: toml::Spanned<Clock>,
    to: toml::Spanned<Clock>,
    days: Option<Vec<toml::Spanned<String>>>,
}

/// A time of day, with quotation marks or without.
#[derive(Deserialize)]
#[serde(untagged)]
enum Clock {
    Text(String),
    Time(toml::value::Datetime),
}

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

impl Shifts {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// The first mistake, with its line.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let place = |at: usize| format!("line {}", text[..at.min(text.len())].matches('\n').count() + 1);
        let file: File = toml::from_str(text).map_err(|error| {
            let message = error.message().trim_end().replace('\n', ", ");
            match error.span() {
                Some(span) => anyhow!("{}: {message}; {EXAMPLE}", place(span.start)),
                None => anyhow!("{message}; {EXAMPLE}"),
            }
        })?;
        if file.shift.is_empty() {
            bail!("no shift in it; {EXAMPLE}");
        }
        let zone = file
            .time_zone
            .map(|name| Zone::named(name.get_ref()).map_err(|error| anyhow!("{}: {error}", place(name.span().start))));
        let mut shifts: Vec<Shift> = Vec::new();
        for entry in file.shift {
            let at = entry.name.span().start;
            let shift = entry.shift(&place)?;
            if shifts
                .iter()
                .any(|other| other.name == shift.name && other.days.iter().any(|day| shift.days.contains(day)))
            {
                bail!("{}: a second shift `{}` on the same day", place(at), shift.name);
            }
            shifts.push(shift);
        }
        Ok(Self {
            zone: zone.transpose()?,
            shifts,
        })
    }

    /// The shifts that have a part in `range`, in order.
    ///
    /// # Errors
    /// Times beyond the calendar.
    pub fn periods(&self, range: Range, zone: &Zone) -> Result<Vec<Period>> {
        let last = zone.civil(range.to).date();
        let mut day = zone.civil(range.from).date().yesterday()?;
        let mut periods = Vec::new();
        while day <= last {
            let shifts = self.shifts.iter().filter(|shift| shift.days.contains(&day.weekday()));
            for shift in shifts {
                let period = shift.on(day, zone)?;
                periods.extend(period.filter(|period| period.range.overlap(range).is_some()));
            }
            day = day.tomorrow()?;
        }
        periods.sort_by_key(|period| period.range);
        Ok(periods)
    }
}

/// What a file looks like, for messages.
const EXAMPLE: &str = "expected [[shift]] with name = \"early\", from = \"06:00\", to = \"14:00\"";

impl Entry {
    fn shift(self, place: &impl Fn(usize) -> String) -> Result<Shift> {
        let time = |clock: &toml::Spanned<Clock>| {
            clock
                .get_ref()
                .time()
                .map_err(|error| anyhow!("{}: {error}", place(clock.span().start)))
        };
        let day = |day: toml::Spanned<String>| {
            let text = day.get_ref().to_lowercase();
            let known = DAYS
                .iter()
                .find(|(name, _)| text.starts_with(name) && text.len() <= "wednesday".len());
            let names = || DAYS.map(|(name, _)| name).join(", ");
            let known =
                known.ok_or_else(|| anyhow!("{}: expected one of {}, got `{text}`", place(day.span().start), names()));
            known.map(|(_, day)| *day)
        };
        Ok(Shift {
            from: time(&self.from)?,
            to: time(&self.to)?,
            days: match self.days {
                Some(days) => days.into_iter().map(day).collect::<Result<_>>()?,
                None => DAYS.map(|(_, day)| day).to_vec(),
            },
            name: self.name.into_inner(),
        })
    }
}

impl Clock {
    fn time(&self) -> Result<Time> {
        let text = match self {
            Clock::Text(text) => text.clone(),
            Clock::Time(time) => time.to_string(),
        };
        // The end of a day is the beginning of the next one.
        let text = if text == "24:00" { "00:00" } else { &text };
        let padded = if text.find(':') == Some(1) {
            format!("0{text}")
        } else {
            text.to_owned()
        };
        let is_time = padded.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
        let time = Some(padded).filter(|_| is_time).and_then(|text| text.parse().ok());
        time.ok_or_else(|| anyhow!("expected a time of day like \"06:00\", got `{text}`"))
    }
}

impl Shift {
    /// The shift that begins on this day; none if a change of the clock leaves nothing of it.
    fn on(&self, day: Date, zone: &Zone) -> Result<Option<Period>> {
        let end = if self.to > self.from { day } else { day.tomorrow()? };
        let moment = |day: Date, time: Time| -> Result<Millis> { zone.moment(day.to_datetime(time)) };
        let range = Range::new(moment(day, self.from)?, moment(end, self.to)?);
        Ok(range.map(|range| Period {
            name: self.name.clone(),
            range,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = r#"
        time-zone = "Europe/Berlin"
        [[shift]]
        name = "early"
        from = "6:00"
        to = "14:00"
        days = ["Mon", "tuesday", "wed", "thu", "fri"]
        [[shift]]
        name = "night"
        from = 22:00:00
        to = 06:00:00
    "#;

    /// The shifts from one day to another, both included, as they are called and in hours.
    fn check(text: &str, from: &str, to: &str, expected: &[&str]) {
        let shifts = Shifts::parse(text).unwrap();
        let zone = shifts.zone.clone().unwrap();
        let range = Range::new(zone.parse(from, false).unwrap(), zone.parse(to, true).unwrap()).unwrap();
        let periods = shifts.periods(range, &zone).unwrap();
        let got = periods.iter().map(|period| {
            let Range { from, to } = period.range;
            let hours = period.range.length() as f64 / 3_600_000.0;
            format!(
                "{} {}-{} {hours} h",
                period.name,
                zone.format("%d.%m. %H:%M", from),
                zone.format("%H:%M", to)
            )
        });
        assert_eq!(got.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn shifts_follow_the_clock_of_the_zone() {
        // Thursday: the night before it reaches into it.
        check(
            TWO,
            "2026-11-26",
            "2026-11-26",
            &[
                "night 25.11. 22:00-06:00 8 h",
                "early 26.11. 06:00-14:00 8 h",
                "night 26.11. 22:00-06:00 8 h",
            ],
        );
        // No early shift on Sunday; the clock goes ahead in the night before it, and back.
        check(
            TWO,
            "2026-03-29",
            "2026-03-29",
            &["night 28.03. 22:00-06:00 7 h", "night 29.03. 22:00-06:00 8 h"],
        );
        check(
            TWO,
            "2026-10-25",
            "2026-10-25",
            &["night 24.10. 22:00-06:00 9 h", "night 25.10. 22:00-06:00 8 h"],
        );
    }

    #[test]
    fn a_shift_may_last_a_day_or_end_with_it() {
        let text = "time-zone = \"UTC\"\n[[shift]]\nname = \"day\"\nfrom = \"06:00\"\nto = \"06:00\"\n[[shift]]\nname = \"late\"\nfrom = \"18:00\"\nto = \"24:00\"";
        check(
            text,
            "2026-11-26T07:00",
            "2026-11-26",
            &["day 26.11. 06:00-06:00 24 h", "late 26.11. 18:00-00:00 6 h"],
        );
    }

    #[test]
    fn mistakes_are_named_by_line() {
        let table = [
            ("", "line 1: missing field `shift`"),
            ("shift = []", "no shift in it"),
            ("[[shift]]\nname = \"a\"\nfrom = 6\nto = \"14:00\"", "line 3: "),
            (
                "[[shift]]\nname = \"a\"\nfrom = \"06:00\"\nto = \"25:00\"",
                "line 4: expected a time of day like \"06:00\", got `25:00`",
            ),
            (
                "[[shift]]\nname = \"a\"\nfrom = \"06:00\"\nto = 2026-11-26",
                "line 4: expected a time of day",
            ),
            (
                "[[shift]]\nname = \"a\"\nfrom = \"06:00\"\n",
                "line 1: missing field `to`",
            ),
            (
                "[[shift]]\nname = \"a\"\nfrom = \"06:00\"\nuntil = \"14:00\"",
                "line 4: unknown field `until`",
            ),
            ("[[shift]\nname = \"a\"", "line 1: "),
            (
                "[[shift]]\nname = \"a\"\nfrom = \"06:00\"\nto = \"14:00\"\ndays = [\n\"mon\",\n\"day\"]",
                "line 7: expected one of mon",
            ),
            (
                "time-zone = \"Berlin\"\n[[shift]]\nname = \"a\"\nfrom = \"06:00\"\nto = \"14:00\"",
                "line 1: unknown time zone `Berlin`: did you mean `Europe/Berlin`",
            ),
            (
                "[[shift]]\nname = \"a\"\nfrom = \"06:00\"\nto = \"14:00\"\n[[shift]]\nname = \"a\"\nfrom = \"14:00\"\nto = \"22:00\"",
                "line 6: a second shift `a`",
            ),
        ];
        for (text, expected) in table {
            let error = Shifts::parse(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }
}
