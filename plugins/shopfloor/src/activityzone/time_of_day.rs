//! What a frame tells about the time of day.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use people::wall_clock::TimeOfDay;

/// From 1 January 1900, the origin of NTP's time, to that of Unix (RFC 5905, figure 4).
const NTP_TO_UNIX: SignedDuration = SignedDuration::from_secs(2_208_988_800);

/// The time of day at a frame: by the camera that put it on the buffer; else by the begin of a recording and the position in it;
/// else by the computer's clock, where the frame is of a live stream and arrived at a running time.
pub fn time_of_day(
    buffer: &gst::BufferRef,
    recorded: Option<(Timestamp, Duration)>,
    arrival: Option<Duration>,
) -> Option<TimeOfDay> {
    let recorded = || {
        let (start, position) = recorded?;
        start.checked_add(position).ok().map(TimeOfDay::StartTime)
    };
    let host = || {
        let now = Timestamp::now();
        arrival.map(|arrival| TimeOfDay::Host { now, arrival })
    };
    camera(buffer).map(TimeOfDay::Camera).or_else(recorded).or_else(host)
}

/// The time that the buffer's camera has put on it, by NTP as RTP has it, or by Unix time.
fn camera(buffer: &gst::BufferRef) -> Option<Timestamp> {
    let metas = buffer.iter_meta::<gst::ReferenceTimestampMeta>();
    let mut times = metas.filter_map(|meta| {
        let since = SignedDuration::try_from(Duration::from(meta.timestamp())).ok()?;
        let unix = match meta.reference().structure(0)?.name().as_str() {
            "timestamp/x-ntp" => since.checked_sub(NTP_TO_UNIX)?,
            "timestamp/x-unix" => since,
            _ => return None,
        };
        Timestamp::from_duration(unix).ok()
    });
    times.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The seconds of Unix time that a buffer with a reference timestamp tells.
    fn told(reference: &str, seconds: u64) -> Option<i64> {
        let mut buffer = gst::Buffer::new();
        let reference = gst::Caps::new_empty_simple(reference);
        let time = gst::ClockTime::from_seconds(seconds);
        gst::ReferenceTimestampMeta::add(buffer.get_mut().unwrap(), &reference, time, None);
        camera(&buffer).map(|time| time.as_second())
    }

    #[test]
    fn reference_timestamps_of_known_origin_are_read() {
        gst::init().unwrap();
        assert_eq!(
            told("timestamp/x-ntp", 2_208_988_800 + 1_800_000_000),
            Some(1_800_000_000)
        );
        assert_eq!(told("timestamp/x-unix", 1_800_000_000), Some(1_800_000_000));
        // since the start of a device, and by TAI
        assert_eq!(told("timestamp/x-drivername-stream", 7), None);
        assert_eq!(told("timestamp/x-ptp", 1_800_000_000), None);
    }

    #[test]
    fn the_camera_precedes_the_recording_and_that_the_computer() {
        gst::init().unwrap();
        let second = |second| Timestamp::from_second(second).unwrap();
        let (recorded, arrival) = ((second(5), Duration::from_secs(2)), Duration::from_secs(9));
        let mut buffer = gst::Buffer::new();
        assert_eq!(time_of_day(&buffer, None, None), None);
        let host = time_of_day(&buffer, None, Some(arrival));
        assert!(matches!(host, Some(TimeOfDay::Host { arrival: at, .. }) if at == arrival));
        let told = time_of_day(&buffer, Some(recorded), Some(arrival));
        assert_eq!(told, Some(TimeOfDay::StartTime(second(7))));
        let unix = gst::Caps::new_empty_simple("timestamp/x-unix");
        gst::ReferenceTimestampMeta::add(buffer.get_mut().unwrap(), &unix, gst::ClockTime::from_seconds(3), None);
        let told = time_of_day(&buffer, Some(recorded), Some(arrival));
        assert_eq!(told, Some(TimeOfDay::Camera(second(3))));
    }
}
