//! What the settings mean for a live stream and for others: pure functions.

use std::time::{Duration, Instant};

use inference::RequestOptions;
use inference::failure::OnFailure;

use super::frame_queue::Limits;
use crate::tritoninfer::settings::{FrameSettings, OnError, OnOverload};

/// Latency of a response before the first one has been measured.
const UNMEASURED: Duration = Duration::from_millis(200);

/// Time between frames if neither the caps nor the timestamps tell it.
pub const UNKNOWN_INTERVAL: Duration = Duration::from_millis(40);

/// Change of the interval that is worth a new distribution of the pipeline's latency, as a part of it.
const CHANGE: f64 = 0.25;

/// Longest time that a frame waits for its turn because the next frame is late.
const LONGEST_INTERVAL: Duration = Duration::from_secs(1);

/// Timeout of a request whose frame does not wait for it, unless the user has set one.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Time without a response, as a multiple of the expected one, before the server is asked whether it is alive, and least time
/// for frames that wait for the response and for those that do not.
const PATIENCE: u32 = 10;
const LEAST_PATIENCE_HELD: Duration = Duration::from_secs(5);
const LEAST_PATIENCE: Duration = Duration::from_secs(1);

/// Time after which the server may drop a live frame's request that it has not begun to execute, as a multiple of the latency.
/// Above 1, so that responses that are late tell how much.
const QUEUE_PATIENCE: u32 = 4;

/// Time in the queue beyond the latency after which downstream, not the server, holds a frame back.
const JITTER: Duration = Duration::from_millis(200);

/// Maximum size of all frames in the queue of a live stream.
const MAX_BYTES: usize = 512 << 20;

/// How the stream treats failures.
pub fn on_failure(settings: &FrameSettings, live: bool) -> OnFailure {
    match (settings.on_error, live) {
        (OnError::Auto, true) => OnFailure::Pass,
        (OnError::Auto, false) => OnFailure::Hold,
        (OnError::Pass, _) => OnFailure::PassAlways,
        (OnError::Fail, _) => OnFailure::Fail,
    }
}

/// Whether only the newest frame waits for a turn, so that the stream never waits for the server.
pub fn newest_only(settings: &FrameSettings, live: bool) -> bool {
    match settings.on_overload {
        OnOverload::Auto => live,
        OnOverload::Block => false,
        OnOverload::Skip => true,
    }
}

/// The latency that the element adds to a live stream: the time to a response, and one frame interval of waiting for a turn,
/// after which the next frame takes it.
pub fn latency(settings: &FrameSettings, response: Option<Duration>, interval: Duration) -> Duration {
    match settings.latency {
        0 => response.unwrap_or(UNMEASURED).min(timeout(settings)) + interval,
        latency => Duration::from_millis(latency.into()),
    }
}

/// The time between frames: measured, or declared in the caps.
pub fn interval(measured: Option<Duration>, declared: gst::Fraction) -> Duration {
    let declared = || {
        let (numer, denom) = (
            u64::try_from(declared.numer()).ok()?,
            u64::try_from(declared.denom()).ok()?,
        );
        (numer > 0).then(|| Duration::from_secs(denom) / u32::try_from(numer).unwrap_or(1))
    };
    measured
        .or_else(declared)
        .unwrap_or(UNKNOWN_INTERVAL)
        .min(LONGEST_INTERVAL)
}

/// Whether an interval differs enough from the reported one to be reported.
pub fn is_new_interval(reported: Duration, interval: Duration) -> bool {
    interval.abs_diff(reported) > reported.mul_f64(CHANGE)
}

/// When a frame that arrived at `arrived` leaves without its response; `None`: it waits for it.
pub fn deadline(newest_only: bool, arrived: Instant, latency: Duration) -> Option<Instant> {
    newest_only.then(|| arrived + latency)
}

/// When a frame has to wait before it enters. `places`: requests that are useful at a time.
pub fn limits(settings: &FrameSettings, newest_only: bool, latency: Duration, places: usize) -> Limits {
    match newest_only {
        true => Limits::Age {
            longest: latency + JITTER,
            bytes: MAX_BYTES,
        },
        // One more frame than places, so that it is there when a place is free.
        false => Limits::Frames(places.min(settings.most_in_flight()) + 1),
    }
}

/// Time without a response after which something may be wrong with the server. `response`: the expected time to it.
pub fn patience(response: Option<Duration>) -> Duration {
    (response.unwrap_or_default() * PATIENCE).max(LEAST_PATIENCE)
}

/// The options of a frame's requests. `response`: the expected time to the response.
pub fn options(settings: &FrameSettings, policy: OnFailure, response: Option<Duration>) -> RequestOptions {
    let queue_timeout = response.unwrap_or(UNMEASURED) * QUEUE_PATIENCE;
    let expected = response.unwrap_or_default() * PATIENCE;
    let held = policy == OnFailure::Hold;
    let limit = (!held || settings.timeout > 0).then(|| timeout(settings));
    let probe_after = match held {
        true => expected.max(LEAST_PATIENCE_HELD),
        false => patience(response).min(timeout(settings)),
    };
    RequestOptions {
        timeout: limit,
        queue_timeout: (!held).then(|| queue_timeout.min(timeout(settings))),
        probe_after: Some(probe_after),
        priority: settings.priority.into(),
    }
}

fn timeout(settings: &FrameSettings) -> Duration {
    match settings.timeout {
        0 => TIMEOUT,
        timeout => Duration::from_millis(timeout.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn settings(on_error: OnError, on_overload: OnOverload, timeout: u32, latency: u32) -> FrameSettings {
        FrameSettings {
            on_error,
            on_overload,
            timeout,
            latency,
            ..FrameSettings::default()
        }
    }

    #[test]
    fn failures_hold_a_file_and_pass_on_a_live_stream() {
        for (on_error, live, expected) in [
            (OnError::Auto, true, OnFailure::Pass),
            (OnError::Auto, false, OnFailure::Hold),
            (OnError::Pass, true, OnFailure::PassAlways),
            (OnError::Pass, false, OnFailure::PassAlways),
            (OnError::Fail, true, OnFailure::Fail),
            (OnError::Fail, false, OnFailure::Fail),
        ] {
            let settings = settings(on_error, OnOverload::Auto, 0, 0);
            assert_eq!(on_failure(&settings, live), expected, "{on_error:?} {live}");
        }
    }

    #[test]
    fn a_live_stream_never_waits_unless_it_is_told_to() {
        for (on_overload, live, expected) in [
            (OnOverload::Auto, true, true),
            (OnOverload::Auto, false, false),
            (OnOverload::Block, true, false),
            (OnOverload::Skip, false, true),
        ] {
            let settings = settings(OnError::Auto, on_overload, 0, 0);
            assert_eq!(newest_only(&settings, live), expected, "{on_overload:?} {live}");
        }
    }

    #[test]
    fn the_latency_is_one_response_and_one_interval() {
        for (set, timeout, response, expected) in [
            (0, 0, Some(100), 140),
            (0, 0, None, 240),
            (0, 50, Some(100), 90),
            (0, 0, Some(60_000), 5040),
            (500, 0, Some(100), 500),
        ] {
            let settings = settings(OnError::Auto, OnOverload::Auto, timeout, set);
            assert_eq!(latency(&settings, response.map(ms), ms(40)), ms(expected));
        }
    }

    #[test]
    fn the_interval_is_measured_then_declared_then_assumed() {
        for (measured, declared, expected) in [
            (Some(33), gst::Fraction::new(10, 1), 33),
            (None, gst::Fraction::new(10, 1), 100),
            (None, gst::Fraction::new(0, 1), 40),
            (None, gst::Fraction::new(1, 60), 1000),
            (Some(90_000), gst::Fraction::new(0, 1), 1000),
        ] {
            assert_eq!(
                interval(measured.map(ms), declared),
                ms(expected),
                "{measured:?} {declared}"
            );
        }
    }

    #[test]
    fn a_file_waits_as_long_as_the_server_is_alive() {
        use OnFailure::{Hold, Pass, PassAlways};
        for (policy, timeout, response, limit, probe) in [
            (Hold, 0, None, None, 5000),
            (Hold, 0, Some(2000), None, 20_000),
            (Hold, 300, Some(10), Some(300), 5000),
            (Pass, 0, None, Some(5000), 1000),
            (Pass, 0, Some(200), Some(5000), 2000),
            (Pass, 0, Some(2000), Some(5000), 5000),
            (PassAlways, 300, Some(10), Some(300), 300),
        ] {
            let settings = settings(OnError::Auto, OnOverload::Auto, timeout, 0);
            let options = options(&settings, policy, response.map(ms));
            assert_eq!(
                (options.timeout, options.probe_after),
                (limit.map(ms), Some(ms(probe))),
                "{policy:?} {timeout} {response:?}"
            );
        }
    }
}
