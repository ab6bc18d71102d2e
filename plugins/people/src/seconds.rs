//! How a duration is written into JSON, and read from it.

use std::time::Duration;

use jiff::SignedDuration;
use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::Serializer;

/// A duration as a number of seconds, rounded to milliseconds: as fine as the clocks of video, and short to read.
/// For `#[serde(with = "Seconds")]`.
pub(crate) struct Seconds;

impl Seconds {
    pub(crate) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        let milliseconds = (time.as_nanos() + 500_000) / 1_000_000;
        serializer.serialize_f64(milliseconds as f64 / 1000.0)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        Duration::try_from_secs_f64(seconds)
            .map_err(|error| D::Error::custom(format!("expected seconds, got {seconds}: {error}")))
    }
}

/// The same for a duration that may be negative.
pub(crate) struct SignedSeconds;

impl SignedSeconds {
    pub(crate) fn serialize<S: Serializer>(time: &SignedDuration, serializer: S) -> Result<S::Ok, S::Error> {
        let milliseconds = (time.as_nanos() as f64 / 1e6).round();
        serializer.serialize_f64(milliseconds / 1000.0)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SignedDuration, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        SignedDuration::try_from_secs_f64(seconds)
            .map_err(|error| D::Error::custom(format!("expected seconds, got {seconds}: {error}")))
    }
}

#[cfg(test)]
impl schemars::JsonSchema for Seconds {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "seconds".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "number", "minimum": 0})
    }
}

#[cfg(test)]
impl schemars::JsonSchema for SignedSeconds {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "signed-seconds".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "number"})
    }
}
