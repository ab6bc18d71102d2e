//! The property `stats` as a structure.

use std::time::Duration;

use inference::Timings;
use triton::memory::MemoryUse;

/// The fields of `stats`; durations in nanoseconds, sizes in bytes.
pub fn structure(
    timings: &Timings,
    latency: Duration,
    in_flight: usize,
    late: u64,
    memory: MemoryUse,
    model_memory: u64,
) -> gst::Structure {
    let nanoseconds = |duration: Duration| duration.as_nanos() as u64;
    gst::Structure::builder("tritoninfer-stats")
        .field("frames", timings.frames)
        .field("inferred", timings.inferred)
        .field("skipped-interval", timings.skipped_interval)
        .field("skipped-overload", timings.skipped_overload)
        .field("failed", timings.failed)
        .field("late", late)
        .field("in-flight", in_flight as u64)
        .field("inference-latency-mean", nanoseconds(timings.inference.mean()))
        .field("inference-latency-max", nanoseconds(timings.inference.max))
        .field("preprocess-mean", nanoseconds(timings.preprocess.mean()))
        .field("latency", nanoseconds(latency))
        .field("memory-in-flight", (memory.in_flight + memory.answered) as u64)
        .field("memory-quarantined", memory.quarantined as u64)
        .field("memory-models", model_memory)
        .build()
}
