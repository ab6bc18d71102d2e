//! When something happened by the clock.

use jiff::{Timestamp, Unit};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A time of day, and the clock that it is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Utc {
    /// When it happened by `clock`: RFC 3339 in UTC with milliseconds.
    #[serde(rename = "utc", serialize_with = "write", deserialize_with = "read")]
    #[cfg_attr(test, schemars(with = "String", extend("format" = "date-time")))]
    pub time: Timestamp,
    /// Where `utc` is from.
    pub clock: UtcClock,
}

impl Utc {
    /// The time as in a line of a log: RFC 3339 in UTC, rounded to milliseconds.
    pub fn to_rfc3339(&self) -> String {
        let rounded = self.time.round(Unit::Millisecond).unwrap_or(self.time);
        format!("{rounded:.3}")
    }
}

/// The clock of a time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum UtcClock {
    /// The camera's, which is on its frames as GstReferenceTimestampMeta.
    Camera,
    /// That of the computer that runs shopfloor, as it was when the stream began.
    Host,
    /// The property `start-time` of activityzone, and the position in the recording.
    StartTime,
}

impl UtcClock {
    /// All clocks.
    pub const ALL: [Self; 3] = [Self::Camera, Self::Host, Self::StartTime];

    /// `camera`, `host` or `start-time`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Host => "host",
            Self::StartTime => "start-time",
        }
    }

    /// The clock of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|clock| clock.name() == name)
    }
}

fn write<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    let utc = Utc {
        time: *time,
        clock: UtcClock::Host,
    };
    serializer.serialize_str(&utc.to_rfc3339())
}

fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse()
        .map_err(|error| serde::de::Error::custom(format!("expected an RFC 3339 time, got {text}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_with_milliseconds() {
        for (given, written) in [
            ("2026-11-26T18:59:59.9996Z", "2026-11-26T19:00:00.000Z"),
            ("2026-11-26T18:59:59Z", "2026-11-26T18:59:59.000Z"),
            ("2026-11-26T19:59:59.5+01:00", "2026-11-26T18:59:59.500Z"),
        ] {
            let utc = Utc {
                time: given.parse().unwrap(),
                clock: UtcClock::Host,
            };
            assert_eq!(utc.to_rfc3339(), written, "{given}");
        }
    }

    #[test]
    fn clocks_have_the_names_of_the_log() {
        for clock in UtcClock::ALL {
            assert_eq!(serde_json::to_value(clock).unwrap(), clock.name());
            assert_eq!(UtcClock::from_name(clock.name()), Some(clock));
        }
    }
}
