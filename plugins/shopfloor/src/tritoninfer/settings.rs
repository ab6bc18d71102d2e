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
    /// Each of these people who may have a hand at a station.
    #[enum_value(
        name = "Each person found by an earlier element whom the model may see at a station",
        nick = "people-at-stations"
    )]
    PeopleAtStations,
    /// Each `GstVideoRegionOfInterestMeta` on the buffer.
    #[enum_value(name = "Each GstVideoRegionOfInterestMeta on the buffer", nick = "roi")]
    Roi,
    /// The same as `Roi`, with DL Streamer's name.
    #[enum_value(name = "Same as roi (name in DL Streamer)", nick = "roi-list")]
    RoiList,
}

impl InferenceRegion {
    /// Whether the regions are people of the frame's scene.
    pub fn is_of_people(self) -> bool {
        matches!(self, Self::People | Self::PeopleAtStations)
    }
}

/// Action on a frame that arrives while no request can be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstShopfloorOnOverload")]
pub enum OnOverload {
    /// `Skip` on a live stream, otherwise `Block`.
    #[default]
    #[enum_value(name = "Skip on a live stream, block otherwise", nick = "auto")]
    Auto,
    /// Block the stream until a request can be sent.
    #[enum_value(name = "Wait, so that every frame is inferred", nick = "block")]
    Block,
    /// The frame passes without inference.
    #[enum_value(name = "Pass the frame on without inference, marked as skipped", nick = "skip")]
    Skip,
}

/// Action on a failed request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstShopfloorOnError")]
pub enum OnError {
    /// Frames of a live stream pass without inference, others wait until the server responds. A contract that is wrong at the
    /// start ends the stream.
    #[default]
    #[enum_value(
        name = "Pass frames of a live stream on without inference, hold others until the server responds",
        nick = "auto"
    )]
    Auto,
    /// Post a warning and pass frames without inference.
    #[enum_value(name = "Warn once and pass frames on without inference", nick = "pass")]
    Pass,
    /// Post an error and end the stream.
    #[enum_value(name = "End the stream with an error", nick = "fail")]
    Fail,
}

/// How tensors are passed to a remote server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstShopfloorTransport")]
pub enum Transport {
    /// `SharedMemory` if the server is on this host and accepts it, otherwise `Wire`.
    #[default]
    #[enum_value(
        name = "Shared memory if the server is on this host and accepts it, messages otherwise",
        nick = "auto"
    )]
    Auto,
    /// In messages.
    #[enum_value(name = "Messages over the network", nick = "wire")]
    Wire,
    /// In system shared memory.
    #[enum_value(
        name = "System shared memory; fail if the server does not accept it",
        nick = "shared-memory"
    )]
    SharedMemory,
}

/// The values of the properties; times in milliseconds.
#[derive(Clone, Debug)]
pub struct Settings {
    pub server: Option<String>,
    pub model_repository: Option<String>,
    pub transport: Transport,
    pub tls_ca_file: Option<String>,
    pub tls_certificate_file: Option<String>,
    pub tls_key_file: Option<String>,
    pub tls_server_name: Option<String>,
    pub headers_file: Option<String>,
    pub token_file: Option<String>,
    pub model: Option<String>,
    pub model_version: u64,
    pub inference_region: InferenceRegion,
    pub stations: Option<String>,
    pub inference_interval: u32,
    pub max_in_flight: u32,
    pub on_overload: OnOverload,
    pub on_error: OnError,
    pub timeout: u32,
    pub priority: u32,
    pub weight: u32,
    pub latency: u32,
    pub stats_interval: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            server: None,
            model_repository: None,
            transport: Transport::default(),
            tls_ca_file: None,
            tls_certificate_file: None,
            tls_key_file: None,
            tls_server_name: None,
            headers_file: None,
            token_file: None,
            model: Some("worker_ensemble".into()),
            model_version: 0,
            inference_region: InferenceRegion::default(),
            stations: None,
            inference_interval: 1,
            max_in_flight: 0,
            on_overload: OnOverload::default(),
            on_error: OnError::default(),
            timeout: 0,
            priority: 0,
            weight: 1,
            latency: 0,
            stats_interval: 0,
        }
    }
}

/// The settings that are read for each frame, without the texts that only opening the model needs.
#[derive(Clone, Copy, Debug)]
pub struct FrameSettings {
    pub inference_region: InferenceRegion,
    pub inference_interval: u32,
    /// As the property; see [`Self::most_in_flight`].
    pub max_in_flight: u32,
    pub on_overload: OnOverload,
    pub on_error: OnError,
    pub timeout: u32,
    pub priority: u32,
    pub weight: u32,
    pub latency: u32,
    pub stats_interval: u32,
}

impl Default for FrameSettings {
    fn default() -> Self {
        Settings::default().of_frames()
    }
}

impl Settings {
    /// Those that are read for each frame.
    pub fn of_frames(&self) -> FrameSettings {
        FrameSettings {
            inference_region: self.inference_region,
            inference_interval: self.inference_interval,
            max_in_flight: self.max_in_flight,
            on_overload: self.on_overload,
            on_error: self.on_error,
            timeout: self.timeout,
            priority: self.priority,
            weight: self.weight,
            latency: self.latency,
            stats_interval: self.stats_interval,
        }
    }
}

impl FrameSettings {
    /// These settings, with those that may change in READY only as they were `opened`.
    pub fn while_open(self, opened: Self) -> Self {
        Self {
            inference_region: opened.inference_region,
            max_in_flight: opened.max_in_flight,
            latency: opened.latency,
            ..self
        }
    }

    /// Maximum number of the element's requests in flight.
    pub fn most_in_flight(&self) -> usize {
        match self.max_in_flight {
            0 => usize::MAX,
            most => most as usize,
        }
    }
}
