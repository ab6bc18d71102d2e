//! What a user can set on `tritoninfer`, and the defaults.

use gst::glib;

/// Which part of a frame goes to the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstShopfloorInferenceRegion")]
pub enum InferenceRegion {
    /// The frame.
    #[default]
    #[enum_value(name = "The whole frame", nick = "full-frame")]
    FullFrame,
    /// Each person that an element before has found.
    #[enum_value(name = "Each person found by an element before", nick = "people")]
    People,
    /// Each region of interest on the buffer.
    #[enum_value(name = "Each GstVideoRegionOfInterestMeta on the buffer", nick = "roi")]
    Roi,
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
    #[enum_value(name = "Wait: every frame is inferred", nick = "block")]
    Block,
    /// The frame goes on uninferred.
    #[enum_value(name = "Let the frame go on without inference, marked so", nick = "skip")]
    Skip,
}

/// What happens when a request fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstShopfloorOnError")]
pub enum OnError {
    /// By the kind of error.
    #[default]
    #[enum_value(name = "Pass on server trouble, fail on a broken contract", nick = "auto")]
    Auto,
    /// The stream matters most.
    #[enum_value(name = "Warn once and let frames go on without inference", nick = "pass")]
    Pass,
    /// The facts matter most.
    #[enum_value(name = "End the stream with an error", nick = "fail")]
    Fail,
}

/// What a user has set; times in milliseconds as the properties have them.
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
