//! The settings of `tritoninfer` and their defaults.

use gst::glib;

/// Part of a frame to run inference on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstShopfloorInferenceRegion")]
pub enum InferenceRegion {
    /// The frame.
    #[default]
    #[enum_value(name = "The whole frame", nick = "full-frame")]
    FullFrame,
    /// Each person that an earlier element has found.
    #[enum_value(name = "Each person found by an earlier element", nick = "people")]
    People,
    /// Each region of interest on the buffer.
    #[enum_value(name = "Each GstVideoRegionOfInterestMeta on the buffer", nick = "roi")]
    Roi,
    /// The same, by the name that DL Streamer has for it.
    #[enum_value(name = "The same as roi, as DL Streamer spells it", nick = "roi-list")]
    RoiList,
}

/// What happens to a frame when as many requests as allowed are in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstShopfloorOnOverload")]
pub enum OnOverload {
    /// By the kind of stream.
    #[default]
    #[enum_value(name = "Skip on a live stream, block otherwise", nick = "auto")]
    Auto,
    /// Back-pressure.
    #[enum_value(name = "Wait, so that every frame is inferred", nick = "block")]
    Block,
    /// The frame passes without inference.
    #[enum_value(name = "Pass the frame on without inference, marked as skipped", nick = "skip")]
    Skip,
}

/// What happens when a request fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstShopfloorOnError")]
pub enum OnError {
    /// By the kind of error.
    #[default]
    #[enum_value(name = "Pass on server failures, fail on a broken contract", nick = "auto")]
    Auto,
    /// The stream matters most.
    #[enum_value(name = "Warn once and pass frames on without inference", nick = "pass")]
    Pass,
    /// The facts matter most.
    #[enum_value(name = "End the stream with an error", nick = "fail")]
    Fail,
}

/// The values of the properties; times in milliseconds.
#[derive(Clone, Debug)]
pub struct Settings {
    pub server: Option<String>,
    pub model_repository: Option<String>,
    pub model: Option<String>,
    pub model_version: u64,
    pub inference_region: InferenceRegion,
    pub inference_interval: u32,
    pub max_in_flight: u32,
    pub on_overload: OnOverload,
    pub on_error: OnError,
    pub timeout: u32,
    pub priority: u32,
    pub latency: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            server: None,
            model_repository: None,
            model: Some("worker_ensemble".into()),
            model_version: 0,
            inference_region: InferenceRegion::default(),
            inference_interval: 1,
            max_in_flight: 4,
            on_overload: OnOverload::default(),
            on_error: OnError::default(),
            timeout: 5000,
            priority: 0,
            latency: 0,
        }
    }
}
