//! Settings of activity detection and their measured defaults.

use std::time::Duration;

use vision::Keypoint;

/// The conditions for a station to be active, and times.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivityOptions {
    /// The keypoints that count as hands. Default: wrists and elbows.
    pub joints: Vec<Keypoint>,
    /// The smallest confidence of such a keypoint, 0..1. Default: 0.2, see [`ActivityOptions::default`].
    pub min_keypoint_confidence: f32,
    /// Time for which a station stays active without a hand inside, and idle without a person in view. Default: 1 s.
    pub hold_time: Duration,
    /// Time after the last frame with inference at which a state becomes unknown. Default: 2 s.
    pub unknown_after: Duration,
}

impl Default for ActivityOptions {
    /// The confidence was measured on MoveNet MultiPose with people 60 to 130 pixels tall (the demo video), as the
    /// share of keypoints more than a tenth of the person's height off the mean of the frames before and after: 11 %
    /// of the wrists and 8 % of the elbows at a confidence of 0.20 to 0.25, against 17 to 21 % at 0.05 to 0.15.
    /// 0.2 still keeps 79 % of the wrists and 92 % of the elbows; 0.3 would keep 56 % and 79 %.
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
            min_keypoint_confidence: 0.2,
            hold_time: Duration::from_secs(1),
            unknown_after: Duration::from_secs(2),
        }
    }
}
