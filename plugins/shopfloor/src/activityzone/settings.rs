//! The settings of `activityzone` and their defaults.

use std::time::Duration;

use people::activity::ActivityOptions;
use vision::Keypoint;

/// The properties' values.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // described by the properties' blurbs
pub struct Settings {
    pub stations: Option<String>,
    pub keypoints: Option<String>,
    pub min_keypoint_confidence: f32,
    pub hold_time: u32,
    /// 0: automatic.
    pub unknown_after: u32,
    pub events_location: Option<String>,
    pub heartbeat_interval: u32,
    pub start_time: Option<String>,
    pub events_append: bool,
    pub draw: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let options = ActivityOptions::default();
        let names: Vec<&str> = options.joints.iter().map(|joint| joint.name()).collect();
        Self {
            stations: None,
            keypoints: Some(names.join(",")),
            min_keypoint_confidence: options.min_keypoint_confidence,
            hold_time: options.hold_time.as_millis() as u32,
            unknown_after: options.unknown_after.map_or(0, |time| time.as_millis() as u32),
            events_location: None,
            heartbeat_interval: 10_000,
            start_time: None,
            events_append: true,
            draw: false,
        }
    }
}

impl Settings {
    /// The time between two heartbeats; zero for none.
    pub fn heartbeat(&self) -> Duration {
        Duration::from_millis(self.heartbeat_interval.into())
    }

    /// The time of day at which the recording begins.
    ///
    /// # Errors
    /// A text that is not in RFC 3339.
    pub fn start_time(&self) -> Result<Option<jiff::Timestamp>, String> {
        let parse = |text: &str| {
            text.parse().map_err(|error| {
                format!(
                    "start-time: expected a time of day in RFC 3339 such as 2026-11-26T06:00:00Z, got '{text}': {error}"
                )
            })
        };
        self.start_time.as_deref().map(parse).transpose()
    }

    /// The options of the tracker.
    ///
    /// # Errors
    /// A keypoint with an unknown name.
    pub fn options(&self) -> Result<ActivityOptions, String> {
        let joints = self
            .keypoints
            .as_deref()
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty());
        let joints = joints.map(|name| {
            Keypoint::from_name(name).ok_or_else(|| {
                format!(
                    "keypoints: expected COCO names such as left_wrist, comma-separated; got '{name}'; known are {}",
                    vision::skeleton::KEYPOINT_NAMES.join(", ")
                )
            })
        });
        Ok(ActivityOptions {
            joints: joints.collect::<Result<_, _>>()?,
            min_keypoint_confidence: self.min_keypoint_confidence,
            hold_time: Duration::from_millis(self.hold_time.into()),
            unknown_after: (self.unknown_after > 0).then(|| Duration::from_millis(self.unknown_after.into())),
        })
    }
}
