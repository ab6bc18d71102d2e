//! What was odd about a stream's time.

use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::seconds::{Seconds, SignedSeconds};

/// A step of the clock of the computer or of a stream's timestamps. It is reported once for each reason, so that facts around it
/// can be judged; the facts themselves are right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename = "clock")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ClockStep {
    /// When it happened, in running time.
    #[serde(with = "Seconds")]
    pub time: Duration,
    /// By how much the clock or the timestamp differs from what was expected, ahead if positive; 0 where there is no
    /// timestamp.
    #[serde(with = "SignedSeconds")]
    pub step: SignedDuration,
    /// What happened.
    pub reason: StepReason,
}

impl ClockStep {
    /// The value of `kind` of its lines.
    pub(super) const KIND: &str = "clock";
}

/// What is odd about a stream's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum StepReason {
    /// Frames have no timestamp, or none that can be used: they are timed by their duration, by the frame rate or, on a live
    /// stream, by the clock.
    NoTimestamp,
    /// A frame's timestamp is outside its segment: it is timed as one without.
    OutsideSegment,
    /// A frame's timestamp is before that of the frame before: time stands still until it is passed.
    Backward,
    /// The timestamp of single frames is far from those around: the frames are left out.
    Glitch,
    /// Timestamps went ahead and stay there: the time between is unknown.
    Ahead,
    /// Timestamps are those of another clock from now on: the stations begin anew.
    NewClock,
    /// The clock of the computer was set: `utc` follows it from now on.
    HostClock,
    /// The clock of the camera was set: `utc` follows it from now on.
    CameraClock,
    /// A reason that this version does not know.
    #[serde(other)]
    #[cfg_attr(test, schemars(skip))]
    Other,
}

impl StepReason {
    /// All reasons that are written.
    pub const ALL: [Self; 8] = [
        Self::NoTimestamp,
        Self::OutsideSegment,
        Self::Backward,
        Self::Glitch,
        Self::Ahead,
        Self::NewClock,
        Self::HostClock,
        Self::CameraClock,
    ];

    /// The reason as in the log, for example `no-timestamp`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoTimestamp => "no-timestamp",
            Self::OutsideSegment => "outside-segment",
            Self::Backward => "backward",
            Self::Glitch => "glitch",
            Self::Ahead => "ahead",
            Self::NewClock => "new-clock",
            Self::HostClock => "host-clock",
            Self::CameraClock => "camera-clock",
            Self::Other => "other",
        }
    }

    /// The reason of that name; [`Other`](Self::Other) if it is unknown.
    pub fn from_name(name: &str) -> Self {
        let known = Self::ALL.into_iter().find(|reason| reason.name() == name);
        known.unwrap_or(Self::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_have_the_names_of_the_log() {
        for reason in StepReason::ALL {
            let written = serde_json::to_value(reason).unwrap();
            assert_eq!(written, reason.name());
            assert_eq!(serde_json::from_value::<StepReason>(written).unwrap(), reason);
            assert_eq!(StepReason::from_name(reason.name()), reason);
        }
        let newer = serde_json::from_value::<StepReason>("leap-second".into()).unwrap();
        assert_eq!(newer, StepReason::Other);
        assert_eq!(StepReason::from_name("leap-second"), StepReason::Other);
    }
}
