//! Chooses a frame with much to see while a tenant plays, and writes it as a PNG.

use std::path::Path;

use anyhow::{Context, Result};

/// Number of frames during which an equally good successor still replaces the best one: in the first good frame
/// people are often only just entering.
const SETTLE: u32 = 10;

/// How much there is to see in a frame; the greater, the better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FrameScore {
    /// Active stations.
    pub active: usize,
    /// People in view.
    pub people: u32,
}

/// Decides for each frame whether it is the best so far.
#[derive(Debug, Default)]
struct Chooser {
    best: Option<FrameScore>,
    settling: u32,
}

impl Chooser {
    fn takes(&mut self, score: FrameScore) -> bool {
        if self.best.is_none_or(|best| score > best) {
            self.best = Some(score);
            self.settling = SETTLE;
            return true;
        }
        self.settling = if self.best == Some(score) {
            self.settling.saturating_sub(1)
        } else {
            0
        };
        self.settling > 0
    }
}

/// The best frame so far.
#[derive(Default)]
pub struct Picture {
    chooser: Chooser,
    sample: Option<gst::Sample>,
}

impl Picture {
    /// Keeps a copy of the frame if it is raw video and the best so far.
    pub fn offer(&mut self, score: FrameScore, buffer: &gst::BufferRef, caps: &gst::Caps) {
        let raw = caps.structure(0).is_some_and(|caps| caps.name() == "video/x-raw");
        if !raw || !self.chooser.takes(score) {
            return;
        }
        // A copy: a reference would keep the buffer from its pool and from elements that work in place.
        if let Ok(copy) = buffer.copy_deep() {
            self.sample = Some(gst::Sample::builder().buffer(&copy).caps(caps).build());
        }
    }

    /// Writes the best frame to `path`.
    pub fn save(&self, path: &Path) -> Result<()> {
        let sample = self
            .sample
            .as_ref()
            .context("no raw video frame was played, so there is none to write")?;
        let png = gst::Caps::new_empty_simple("image/png");
        let sample = gst_video::convert_sample(sample, &png, Some(gst::ClockTime::from_seconds(10)))
            .context("GStreamer cannot make a PNG of the frame")?;
        let buffer = sample.buffer().context("GStreamer made an empty PNG")?;
        let bytes = buffer.map_readable().context("the PNG cannot be read")?;
        std::fs::write(path, bytes.as_slice()).with_context(|| format!("cannot write {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn active_stations_count_more_than_people_and_the_choice_settles() {
        let score = |active: usize, people: u32| FrameScore { active, people };
        let check = |frames: &[FrameScore], expected: usize| {
            let mut chooser = Chooser::default();
            let taken = frames
                .iter()
                .enumerate()
                .filter(|(_, score)| chooser.takes(**score))
                .last();
            assert_eq!(taken.map(|(i, _)| i), Some(expected), "{frames:?}");
        };
        check(&[score(0, 0)], 0);
        check(&[score(0, 3), score(1, 1), score(0, 4)], 1);
        check(&[score(1, 2), score(2, 1), score(1, 2)], 1);
        check(&[score(1, 2); 30], SETTLE as usize - 1);
        check(&[score(1, 2), score(0, 0), score(1, 2)], 0);
    }
}
