//! When a frame was, as its buffer, its segment and the pipeline's clock say it, for elements that keep a history. What that means
//! for facts is decided in [`people::timeline`].

use std::time::Duration;

use gst_base::prelude::*;
use people::event::StepReason;
use people::timeline::FrameTime;

/// The segment of a stream, and how far the recording had come where it begins.
///
/// Seconds are those of the recording, not of the clock that it is played by: running time × |rate|.
#[derive(Clone, Debug, Default)]
pub struct SegmentTime {
    segment: Option<gst::Segment>,
    /// The recording's time at the segment's base.
    base: Duration,
}

impl SegmentTime {
    /// Takes note of another segment of the same stream.
    pub fn set(&mut self, segment: &gst::Segment) {
        let base = base(segment);
        self.base = match &self.segment {
            Some(before) => self.recorded(before, base),
            None => base,
        };
        self.segment = Some(segment.clone());
    }

    /// Begins anew, as after a flush or with another stream.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// When a frame was. `arrival` is the running time by the clock of a live pipeline.
    pub fn frame(&self, buffer: &gst::BufferRef, arrival: Option<Duration>) -> FrameTime {
        // Raw frames are presented in the order in which they were decoded.
        let stamp = buffer.pts().or_else(|| buffer.dts());
        FrameTime {
            timestamp: stamp
                .ok_or(StepReason::NoTimestamp)
                .and_then(|stamp| self.timestamp(stamp)),
            duration: buffer.duration().map(Duration::from),
            arrival,
        }
    }

    /// The time of a timestamp. Those of a segment that is not in units of time are times themselves.
    pub fn timestamp(&self, stamp: gst::ClockTime) -> Result<Duration, StepReason> {
        let Some(segment) = self.segment.as_ref() else {
            return Ok(stamp.into());
        };
        let Some(in_time) = segment.downcast_ref::<gst::ClockTime>() else {
            return Ok(stamp.into());
        };
        let running = in_time.to_running_time(stamp).ok_or(StepReason::OutsideSegment)?;
        Ok(self.recorded(segment, running.into()))
    }

    /// The position in the recording, from its begin whatever was played before.
    pub fn position(&self, buffer: &gst::BufferRef) -> Option<Duration> {
        let segment = self.segment.as_ref()?.downcast_ref::<gst::ClockTime>()?;
        segment.to_stream_time(buffer.pts()?).map(Duration::from)
    }

    fn recorded(&self, segment: &gst::Segment, running: Duration) -> Duration {
        let since = running.saturating_sub(base(segment));
        let speed = (segment.rate() * segment.applied_rate()).abs();
        // Exact where nothing is to be scaled.
        let recorded = if speed == 1.0 {
            since
        } else {
            Duration::try_from_secs_f64(since.as_secs_f64() * speed).unwrap_or(since)
        };
        self.base.saturating_add(recorded)
    }
}

/// The running time at which a segment begins.
fn base(segment: &gst::Segment) -> Duration {
    let segment = segment.downcast_ref::<gst::ClockTime>();
    segment
        .and_then(gst::FormattedSegment::base)
        .map_or(Duration::ZERO, Duration::from)
}

/// The frame interval that caps state; `None` for a variable or unknown one.
pub fn frame_interval(info: &gst_video::VideoInfo) -> Option<Duration> {
    let (frames, seconds) = (info.fps().numer(), info.fps().denom());
    let (frames, seconds) = (u32::try_from(frames).ok()?, u32::try_from(seconds).ok()?);
    (frames > 0).then(|| Duration::from_secs(1) * seconds / frames)
}

/// The running time by the pipeline's clock.
pub fn running_time(element: &impl IsA<gst::Element>) -> Option<Duration> {
    element.current_running_time().map(Duration::from)
}

/// Whether the stream begins anew with this event, so that history from before it must be dropped; `stream` is the id of the stream
/// so far.
pub fn starts_anew(event: &gst::Event, stream: Option<&str>) -> bool {
    match event.view() {
        gst::EventView::FlushStop(_) => true,
        gst::EventView::StreamStart(start) => stream != Some(start.stream_id()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> gst::ClockTime {
        gst::ClockTime::from_seconds(seconds)
    }

    /// A segment from second `start` to second `stop` of a file.
    fn segment(start: u64, stop: u64, base: u64, rate: f64) -> gst::Segment {
        let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
        segment.set_start(seconds(start));
        segment.set_stop(seconds(stop));
        segment.set_time(seconds(start));
        segment.set_base(seconds(base));
        segment.set_rate(rate);
        segment.upcast()
    }

    #[test]
    fn seconds_are_those_of_the_recording() {
        gst::init().unwrap();
        let outside = Err(StepReason::OutsideSegment);
        for (what, start, stop, base, rate, stamp, expected) in [
            ("plain", 0, 100, 0, 1.0, 7, Ok(7)),
            ("a file from its middle", 10, 100, 0, 1.0, 17, Ok(7)),
            ("after something else", 10, 100, 5, 1.0, 17, Ok(12)),
            ("double speed", 10, 100, 0, 2.0, 16, Ok(6)),
            ("half speed", 10, 100, 0, 0.5, 16, Ok(6)),
            ("backwards", 10, 100, 0, -1.0, 97, Ok(3)),
            ("backwards at double speed", 10, 100, 0, -2.0, 96, Ok(4)),
            ("before the segment", 10, 100, 0, 1.0, 9, outside),
            ("after the segment", 10, 100, 0, 1.0, 101, outside),
        ] {
            let mut time = SegmentTime::default();
            time.set(&segment(start, stop, base, rate));
            let expected: Result<Duration, _> = expected.map(Duration::from_secs);
            assert_eq!(time.timestamp(seconds(stamp)), expected, "{what}");
        }
    }

    #[test]
    fn a_change_of_rate_goes_on_where_the_recording_was() {
        gst::init().unwrap();
        let mut time = SegmentTime::default();
        // ten seconds at double speed are five of running time
        time.set(&segment(0, 100, 0, 2.0));
        time.set(&segment(10, 100, 5, 1.0));
        assert_eq!(time.timestamp(seconds(11)), Ok(Duration::from_secs(11)));
        time.set(&segment(20, 100, 15, 4.0));
        assert_eq!(time.timestamp(seconds(24)), Ok(Duration::from_secs(24)));
        time.reset();
        assert_eq!(time.timestamp(seconds(3)), Ok(Duration::from_secs(3)), "no segment yet");
    }

    #[test]
    fn timestamps_of_segments_without_time_are_taken_as_they_are() {
        gst::init().unwrap();
        let mut time = SegmentTime::default();
        let bytes = gst::FormattedSegment::<gst::format::Bytes>::new();
        time.set(&bytes.upcast());
        assert_eq!(time.timestamp(seconds(3)), Ok(Duration::from_secs(3)));
        let mut buffer = gst::Buffer::new();
        assert_eq!(time.frame(&buffer, None).timestamp, Err(StepReason::NoTimestamp));
        buffer.get_mut().unwrap().set_dts(seconds(4));
        assert_eq!(
            time.frame(&buffer, None).timestamp,
            Ok(Duration::from_secs(4)),
            "DTS only"
        );
    }
}
