//! Chooses a frame worth showing while a tenant plays, and writes it as a PNG.

use std::path::Path;

use anyhow::{Context, Result};

/// Frames for which an equally good successor still replaces the best one: the first frame with something to
/// see is often the very edge of it.
const SETTLE: u32 = 10;

/// How much there is to see in a frame; a greater one is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Worth {
    /// Stations at work.
    pub active: usize,
    /// People in the picture.
    pub people: u32,
}

/// Decides frame by frame whether this one is the best so far.
#[derive(Debug, Default)]
struct Chooser {
    best: Option<Worth>,
    settling: u32,
}

impl Chooser {
    fn takes(&mut self, worth: Worth) -> bool {
        if self.best.is_none_or(|best| worth > best) {
            self.best = Some(worth);
            self.settling = SETTLE;
            return true;
        }
        self.settling = if self.best == Some(worth) {
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
    pub fn offer(&mut self, worth: Worth, buffer: &gst::BufferRef, caps: &gst::Caps) {
        let raw = caps.structure(0).is_some_and(|caps| caps.name() == "video/x-raw");
        if !raw || !self.chooser.takes(worth) {
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
            .context("no raw video frame came by to make a picture of")?;
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
    fn work_beats_company_and_the_run_settles() {
        let worth = |active: usize, people: u32| Worth { active, people };
        let check = |frames: &[Worth], expected: usize| {
            let mut chooser = Chooser::default();
            let taken = frames
                .iter()
                .enumerate()
                .filter(|(_, worth)| chooser.takes(**worth))
                .last();
            assert_eq!(taken.map(|(i, _)| i), Some(expected), "{frames:?}");
        };
        check(&[worth(0, 0)], 0);
        check(&[worth(0, 3), worth(1, 1), worth(0, 4)], 1);
        check(&[worth(1, 2), worth(2, 1), worth(1, 2)], 1);
        check(&[worth(1, 2); 30], SETTLE as usize - 1);
        check(&[worth(1, 2), worth(0, 0), worth(1, 2)], 0);
    }
}
