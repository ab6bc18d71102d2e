//! Times of day in a time zone: reading them, and writing them for people.

use anyhow::{Context, Result, anyhow};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{TimeZone, db};

use super::record::Millis;

/// A time zone and its name.
#[derive(Clone, Debug)]
pub struct Zone {
    zone: TimeZone,
    name: String,
}

impl Zone {
    /// The zone with this name of the IANA database, in upper or lower case.
    ///
    /// # Errors
    /// No such zone; the message has the nearest names.
    pub fn named(name: &str) -> Result<Self> {
        let zone = TimeZone::get(name).map_err(|_| {
            let known: Vec<String> = db().available().map(|name| name.to_string()).collect();
            anyhow!("unknown time zone `{name}`: {}", suggestion(name, &known))
        })?;
        Ok(Self::of(zone))
    }

    /// The zone of this machine, UTC where it has none.
    pub fn of_this_machine() -> Self {
        Self::of(TimeZone::try_system().unwrap_or(TimeZone::UTC))
    }

    fn of(zone: TimeZone) -> Self {
        let name = zone.iana_name().unwrap_or("local time").to_owned();
        Self { zone, name }
    }

    /// Its name in the IANA database.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The time of day at that moment.
    pub fn civil(&self, at: Millis) -> DateTime {
        self.zone.to_datetime(timestamp(at))
    }

    /// The moment of a time of day. One that a change of the clock skips is moved by the change, and of two equal ones the
    /// first counts.
    ///
    /// # Errors
    /// A time beyond the year 9999.
    pub fn moment(&self, civil: DateTime) -> Result<Millis> {
        let moment = self
            .zone
            .to_timestamp(civil)
            .with_context(|| format!("{civil} is no time"))?;
        Ok(moment.as_millisecond())
    }

    /// A moment as text, by one of strftime's formats.
    pub fn format(&self, format: &str, at: Millis) -> String {
        timestamp(at)
            .to_zoned_datetime(self.zone.clone())
            .strftime(format)
            .to_string()
    }

    /// The offset from UTC, as in +01:00.
    pub fn offset(&self, at: Millis) -> String {
        self.format("%:z", at)
    }

    /// A moment as people type it: `2026-11-26T06:00`, `2026-11-26 06:00:30`, with an offset or `Z` for another zone than
    /// this one, or a date alone, which is its beginning, or its end if `at_end`.
    ///
    /// # Errors
    /// Another text.
    pub fn parse(&self, text: &str, at_end: bool) -> Result<Millis> {
        if let Ok(moment) = text.parse::<Timestamp>() {
            return Ok(moment.as_millisecond());
        }
        let is_date = text.len() <= "2026-11-26".len();
        if let (true, Ok(date)) = (is_date, text.parse::<Date>()) {
            let date = if at_end { date.tomorrow()? } else { date };
            return self.moment(date.at(0, 0, 0, 0));
        }
        let civil = text.parse::<DateTime>();
        let civil = civil
            .map_err(|_| anyhow!("expected a time like 2026-11-26T06:00 or a date like 2026-11-26, got `{text}`"))?;
        self.moment(civil)
    }
}

/// Times beyond the years that a calendar has are cut.
fn timestamp(at: Millis) -> Timestamp {
    Timestamp::from_millisecond(at).unwrap_or(if at < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// A moment in UTC, as RFC 3339 with milliseconds.
pub fn rfc3339(at: Millis) -> String {
    format!("{:.3}", timestamp(at))
}

/// The names most like the one that is not known.
fn suggestion(name: &str, known: &[String]) -> String {
    const LEAST: f64 = 0.8;
    let name = name.to_lowercase().replace(' ', "_");
    let likeness = |known: &String| {
        let known = known.to_lowercase();
        let city = known.rsplit('/').next().unwrap_or(&known);
        strsim::jaro_winkler(&name, &known).max(strsim::jaro_winkler(name.rsplit('/').next().unwrap_or(&name), city))
    };
    let mut near: Vec<(f64, &String)> = known.iter().map(|known| (likeness(known), known)).collect();
    near.retain(|(likeness, _)| *likeness >= LEAST);
    near.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(other.1)));
    near.dedup_by(|one, other| one.1 == other.1);
    match near
        .iter()
        .take(3)
        .map(|(_, name)| format!("`{name}`"))
        .collect::<Vec<_>>()
    {
        names if names.is_empty() => "give a name of the IANA database, such as Europe/Berlin or UTC".to_owned(),
        names => format!("did you mean {}?", names.join(" or ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_type_them() {
        let berlin = Zone::named("europe/berlin").unwrap();
        let table = [
            ("2026-11-26T06:00", false, "2026-11-26T05:00:00.000Z"),
            ("2026-11-26 06:00:30.5", false, "2026-11-26T05:00:30.500Z"),
            ("2026-11-26T06:00:00Z", false, "2026-11-26T06:00:00.000Z"),
            ("2026-11-26T06:00+09:00", false, "2026-11-25T21:00:00.000Z"),
            ("2026-11-26", false, "2026-11-25T23:00:00.000Z"),
            ("2026-11-26", true, "2026-11-26T23:00:00.000Z"),
            // The clock goes from 2:00 to 3:00, and back from 3:00 to 2:00.
            ("2026-03-29T02:30", false, "2026-03-29T01:30:00.000Z"),
            ("2026-10-25T02:30", false, "2026-10-25T00:30:00.000Z"),
        ];
        for (text, at_end, expected) in table {
            assert_eq!(rfc3339(berlin.parse(text, at_end).unwrap()), expected, "{text}");
        }
        for text in ["", "06:00", "yesterday", "2026-13-01", "2026-11-26T25:00"] {
            let error = berlin.parse(text, false).unwrap_err().to_string();
            assert!(error.contains(&format!("got `{text}`")), "{error}");
        }
    }

    #[test]
    fn an_unknown_zone_is_answered_with_the_nearest() {
        for (name, expected) in [
            ("Berlin", "did you mean `Europe/Berlin`"),
            ("Europe/Berln", "did you mean `Europe/Berlin`"),
            ("new york", "did you mean `America/New_York`"),
            ("qqq", "give a name of the IANA database"),
        ] {
            let error = Zone::named(name).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
