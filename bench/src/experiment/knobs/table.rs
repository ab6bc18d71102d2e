//! The knobs of Triton that are turned, and those that are not.

/// Where the models run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    /// All applications and Triton in one process.
    OneProcess,
    /// All applications in one process, Triton in another with further options.
    Server(&'static [&'static str]),
    /// Each application in a process with a Triton of its own.
    Isolated,
    /// Each application in a process, one Triton in another.
    SharedServer,
}

/// A knob.
pub struct Knob {
    /// Its name and value.
    pub name: &'static str,
    /// The changes of configurations.
    pub settings: &'static [&'static str],
    /// Where the models run.
    pub way: Way,
    /// Triton's priority of the first application's requests.
    pub priority: u32,
}

const DETECTOR: &str = "person_detector:count: 2=>count: 1";
const POSE: &str = "movenet_lightning:count: 2=>count: 1";
/// The detector does not batch, so its queue has to be asked for.
const PRIORITIES: &str = "person_detector:+dynamic_batching { priority_levels: 2 default_priority_level: 2 }";
const LIMITER: &str =
    "instance_group [ { count: 2 kind: KIND_CPU rate_limiter { resources [ { name: \"cpu\" count: 1 } ] } } ]";

impl Knob {
    /// All applications and Triton in one process.
    const fn here(name: &'static str, settings: &'static [&'static str]) -> Self {
        Self::with(name, settings, Way::OneProcess)
    }

    const fn with(name: &'static str, settings: &'static [&'static str], way: Way) -> Self {
        Self {
            name,
            settings,
            way,
            priority: 0,
        }
    }

    /// Its settings, to be parsed.
    pub fn settings(&self) -> impl Iterator<Item = String> {
        self.settings.iter().map(|text| text.replace("LIMITER", LIMITER))
    }
}

/// What is compared with knobs in the process.
pub const BASELINE: &str = "shipped configuration, one process";
/// What is compared with knobs of a server.
pub const SERVER: &str = "shipped configuration, Triton in a process of its own";

const ONE_DETECTOR_OF_TWO_THREADS: &str = "person_detector:\"intra_op_thread_count\" value { string_value: \"1\"=>\
                                           \"intra_op_thread_count\" value { string_value: \"2\"";
const ONE_POSE_OF_TWO_THREADS: &str = "movenet_lightning:\"intra_op_thread_count\" value { string_value: \"1\"=>\
                                       \"intra_op_thread_count\" value { string_value: \"2\"";
const WARM_UP: &str = "person_detector:+model_warmup [ { name: \"zeros\" batch_size: 1 inputs { key: \"images\" \
                       value { data_type: TYPE_FP32 dims: [ 1, 3, 480, 640 ] zero_data: true } } } ]";

/// All that are turned.
pub const KNOBS: [Knob; 13] = [
    Knob::here(BASELINE, &[]),
    Knob::here(
        "instance groups: 1 instance of detector and pose instead of 2",
        &[DETECTOR, POSE],
    ),
    Knob::here(
        "instance groups: 4 instances of detector and pose",
        &[
            "person_detector:count: 2=>count: 4",
            "movenet_lightning:count: 2=>count: 4",
        ],
    ),
    Knob::here(
        "threads: 1 instance of 2 threads of detector and pose",
        &[DETECTOR, POSE, ONE_DETECTOR_OF_TWO_THREADS, ONE_POSE_OF_TWO_THREADS],
    ),
    Knob::here(
        "dynamic batching: off",
        &[
            "movenet_lightning:dynamic_batching { }=>",
            "vest_resnet18:dynamic_batching { }=>",
        ],
    ),
    Knob::here(
        "dynamic batching: waits 5 ms for a batch",
        &[
            "movenet_lightning:dynamic_batching { }=>dynamic_batching { max_queue_delay_microseconds: 5000 }",
            "vest_resnet18:dynamic_batching { }=>dynamic_batching { max_queue_delay_microseconds: 5000 }",
        ],
    ),
    Knob {
        priority: 1,
        ..Knob::here("priority levels: the first application's requests first", &[PRIORITIES])
    },
    Knob::here("model warm-up of the detector", &[WARM_UP]),
    Knob::with(
        "isolation: a process and a Triton for each application",
        &[],
        Way::Isolated,
    ),
    Knob::with(SERVER, &[], Way::Server(&[])),
    Knob::with(
        "rate limiter: one execution of detector or pose at a time",
        &[
            "person_detector:instance_group [ { count: 2 kind: KIND_CPU } ]=>LIMITER",
            "movenet_lightning:instance_group [ { count: 2 kind: KIND_CPU } ]=>LIMITER",
        ],
        Way::Server(&["--rate-limit=execution_count", "--rate-limit-resource=cpu:1"]),
    ),
    Knob::with(
        "pinned memory pool: 0 bytes instead of 256 MiB",
        &[],
        Way::Server(&["--pinned-memory-pool-byte-size=0"]),
    ),
    Knob::with(
        "isolation: a process for each application, one Triton",
        &[],
        Way::SharedServer,
    ),
];

/// What was not run, and why.
pub const NOT_RUN: [(&str, &str); 5] = [
    ("CUDA memory pool size", "needs a GPU"),
    ("MPS", "needs a GPU"),
    ("MIG", "needs a GPU that can be divided"),
    (
        "response cache on",
        "frames of a camera are never the same; the applications of this measurement play the same video, so that a cache would \
         only seem to help. It is off, which is Triton's default",
    ),
    (
        "priority levels of an ensemble's other steps",
        "the detector takes most of the time, so its queue is the one that grows",
    ),
];
