//! The COCO-17 skeleton: keypoints, their names and the bones between them.
//!
//! Order and names are those of the COCO keypoint task (cocodataset.org, `person_keypoints`).

use crate::Point;

/// A kind of keypoint; its discriminant is its index in a [`Pose`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs)] // the names are descriptive
pub enum Keypoint {
    Nose,
    LeftEye,
    RightEye,
    LeftEar,
    RightEar,
    LeftShoulder,
    RightShoulder,
    LeftElbow,
    RightElbow,
    LeftWrist,
    RightWrist,
    LeftHip,
    RightHip,
    LeftKnee,
    RightKnee,
    LeftAnkle,
    RightAnkle,
}

impl Keypoint {
    /// Number of keypoints of a pose.
    pub const COUNT: usize = 17;

    /// All keypoints in COCO's order.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Nose,
        Self::LeftEye,
        Self::RightEye,
        Self::LeftEar,
        Self::RightEar,
        Self::LeftShoulder,
        Self::RightShoulder,
        Self::LeftElbow,
        Self::RightElbow,
        Self::LeftWrist,
        Self::RightWrist,
        Self::LeftHip,
        Self::RightHip,
        Self::LeftKnee,
        Self::RightKnee,
        Self::LeftAnkle,
        Self::RightAnkle,
    ];

    /// COCO's name, e.g. `left_wrist`.
    pub const fn name(self) -> &'static str {
        KEYPOINT_NAMES[self as usize]
    }

    /// The keypoint with that COCO name.
    pub fn from_name(name: &str) -> Option<Self> {
        KEYPOINT_NAMES.iter().position(|n| *n == name).map(|i| Self::ALL[i])
    }
}

/// COCO's keypoint names, in order.
pub const KEYPOINT_NAMES: [&str; Keypoint::COUNT] = [
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
];

/// The bones to draw, as pairs of keypoints.
pub const SKELETON: [(Keypoint, Keypoint); 16] = {
    use Keypoint::*;
    [
        (Nose, LeftEye),
        (Nose, RightEye),
        (LeftEye, LeftEar),
        (RightEye, RightEar),
        (LeftShoulder, RightShoulder),
        (LeftShoulder, LeftElbow),
        (LeftElbow, LeftWrist),
        (RightShoulder, RightElbow),
        (RightElbow, RightWrist),
        (LeftShoulder, LeftHip),
        (RightShoulder, RightHip),
        (LeftHip, RightHip),
        (LeftHip, LeftKnee),
        (LeftKnee, LeftAnkle),
        (RightHip, RightKnee),
        (RightKnee, RightAnkle),
    ]
};

/// One detected keypoint.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct KeypointDetection {
    /// The place, in frame pixels.
    pub point: Point,
    /// The network's confidence, 0..1.
    pub confidence: f32,
}

/// A person's keypoints, indexed by [`Keypoint`] in COCO's order.
pub type Pose = [KeypointDetection; Keypoint::COUNT];
