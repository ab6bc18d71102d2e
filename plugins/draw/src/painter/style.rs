//! What is drawn.

/// What of the video is obscured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redaction {
    /// Nothing.
    #[default]
    None,
    /// Faces.
    Faces,
    /// People as a whole.
    People,
    /// The whole frame; only what is drawn can be seen.
    Frame,
}

/// The parts of a scene to draw.
#[derive(Clone, Debug, PartialEq)]
pub struct Style {
    /// People's boxes.
    pub boxes: bool,
    /// People's skeletons.
    pub skeletons: bool,
    /// People's names, and the stations' names and times.
    pub labels: bool,
    /// The stations' outlines.
    pub stations: bool,
    /// What of the video is obscured, before anything is drawn.
    pub redact: Redaction,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            boxes: true,
            skeletons: true,
            labels: true,
            stations: true,
            redact: Redaction::None,
        }
    }
}

/// Keypoints below this confidence (0..1) are not drawn. MoveNet's confidences are low: half of all wrists are below 0.33.
pub(super) const KEYPOINT_THRESHOLD: f32 = 0.15;
