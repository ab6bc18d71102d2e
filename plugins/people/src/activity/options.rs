//! Settings of activity detection and their measured defaults.

use std::time::Duration;

use vision::Keypoint;

use crate::period;

/// The conditions for a station to be active, and times.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivityOptions {
    /// The keypoints that count as hands. Default: wrists and elbows.
    pub joints: Vec<Keypoint>,
    /// The smallest confidence of such a keypoint, 0..1. Default: 0.3, see [`ActivityOptions::default`].
    pub min_keypoint_confidence: f32,
    /// Time for which a station stays active without a hand inside, and idle without a person in view. Default: 1 s.
    pub hold_time: Duration,
    /// Time after the last frame with inference at which a state becomes unknown. Default: `None`, which is 2 s or three
    /// inference periods, whichever is longer.
    pub unknown_after: Option<Duration>,
}

/// The least time until a state becomes unknown, unless another is set: twice the default hold time, so that a short
/// overload of a live stream changes no state.
const MIN_UNKNOWN_AFTER: Duration = Duration::from_secs(2);

impl ActivityOptions {
    /// Time after the last frame with inference at which a state becomes unknown, given the stream's inference period.
    pub(super) fn unknown_after(&self, inference_period: Option<Duration>) -> Duration {
        let automatic = || MIN_UNKNOWN_AFTER.max(period::three(inference_period).unwrap_or_default());
        self.unknown_after.unwrap_or_else(automatic)
    }
}

impl Default for ActivityOptions {
    /// The confidence was chosen by the facts about eight stations of the demo video with people 60 to 130 pixels tall, found by
    /// MoveNet Lightning (`tests/pipelines/facts`): the worst station's seconds are 6.7, 6.5, 5.9, 5.3, 4.7 and 14.1 % off at 0.1,
    /// 0.2, 0.25, 0.3, 0.35 and 0.4, and 91.6, 93.7, 93.7, 92.1, 89.5 and 87.4 % of the edges are within 0.2 s. MoveNet MultiPose
    /// is less sure: 0.3 leaves 56 % of its wrists and 79 % of its elbows, 0.2 leaves 79 and 92 %.
    ///
    /// The hold time bridges ten missed frames at 10 fps, and a hand that reaches for a tool.
    fn default() -> Self {
        Self {
            joints: vec![
                Keypoint::LeftElbow,
                Keypoint::RightElbow,
                Keypoint::LeftWrist,
                Keypoint::RightWrist,
            ],
            min_keypoint_confidence: 0.3,
            hold_time: Duration::from_secs(1),
            unknown_after: None,
        }
    }
}
