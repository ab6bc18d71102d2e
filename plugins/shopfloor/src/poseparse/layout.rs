//! The property `layout` and its relation to [`PoseLayout`].

use gst::glib;
use vision::decode::PoseLayout;

/// How a pose model lays out its output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstShopfloorPoseLayout")]
pub enum Layout {
    #[default]
    #[enum_value(
        name = "Layout in the model's contract, otherwise detected from names and shapes",
        nick = "auto"
    )]
    Auto,
    #[enum_value(name = "YOLOv7-Pose exported with --grid: [1,N,57]", nick = "yolov7-pose")]
    Yolov7Pose,
    #[enum_value(
        name = "YOLOv7-Pose exported with --grid --export-nms: [n,57]",
        nick = "yolov7-pose-nms"
    )]
    Yolov7PoseNms,
    #[enum_value(name = "YOLOv8/11-pose: [1,56,N]", nick = "yolov8-pose")]
    Yolov8Pose,
    #[enum_value(name = "MoveNet MultiPose: [1,6,56]", nick = "movenet-multipose")]
    MovenetMultipose,
}

impl Layout {
    /// The layout of the decoder; `None` for [`Layout::Auto`].
    pub fn pose_layout(self) -> Option<PoseLayout> {
        match self {
            Self::Auto => None,
            Self::Yolov7Pose => Some(PoseLayout::Yolov7Pose),
            Self::Yolov7PoseNms => Some(PoseLayout::Yolov7PoseNms),
            Self::Yolov8Pose => Some(PoseLayout::Yolov8Pose),
            Self::MovenetMultipose => Some(PoseLayout::MovenetMultipose),
        }
    }

    /// The value's name in properties, e.g. `yolov7-pose`.
    pub fn nick(self) -> &'static str {
        self.pose_layout().map_or("auto", PoseLayout::name)
    }
}

#[cfg(test)]
mod tests {
    use gst::prelude::*;

    use super::*;

    #[test]
    fn every_pose_layout_is_an_enum_value_by_its_name() {
        let class = glib::EnumClass::with_type(Layout::static_type()).unwrap();
        let layout = |value: &glib::EnumValue| value.to_value(&class).get::<Layout>().unwrap();
        for value in class.values() {
            assert_eq!(value.nick(), layout(value).nick());
        }
        let layouts: Vec<_> = class
            .values()
            .iter()
            .filter_map(|value| layout(value).pose_layout())
            .collect();
        assert_eq!(layouts, PoseLayout::ALL);
    }
}
