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
    #[enum_value(
        name = "YOLOv7-w6-pose exported without flags: four [1,3,H,W,57]",
        nick = "yolov7-pose-heads"
    )]
    Yolov7PoseHeads,
    #[enum_value(name = "Exported for DeepStream-Yolo-Pose: [1,N,56]", nick = "deepstream-pose")]
    DeepstreamPose,
    #[enum_value(
        name = "Exported for earlier DeepStream-Yolo-Pose: boxes, scores, kpts",
        nick = "deepstream-pose-split"
    )]
    DeepstreamPoseSplit,
    #[enum_value(name = "YOLOv8/11-pose: [1,56,N]", nick = "yolov8-pose")]
    Yolov8Pose,
    #[enum_value(name = "YOLO26-pose, end to end: [1,300,57]", nick = "yolo26-pose")]
    Yolo26Pose,
    #[enum_value(name = "RTMO: dets [1,N,5], keypoints [1,N,17,3]", nick = "rtmo")]
    Rtmo,
    #[enum_value(name = "RF-DETR keypoints: dets [1,N,4], labels, keypoints", nick = "rfdetr-pose")]
    RfdetrPose,
    #[enum_value(name = "DETRPose: scores [1,N], keypoints [1,N,17,2]", nick = "detrpose")]
    Detrpose,
    #[enum_value(name = "MoveNet MultiPose: [1,6,56]", nick = "movenet-multipose")]
    MovenetMultipose,
    #[enum_value(name = "MoveNet SinglePose: [1,1,17,3]", nick = "movenet-singlepose")]
    MovenetSinglepose,
}

impl Layout {
    /// The layout of the decoder; `None` for [`Layout::Auto`].
    pub fn pose_layout(self) -> Option<PoseLayout> {
        match self {
            Self::Auto => None,
            Self::Yolov7Pose => Some(PoseLayout::Yolov7Pose),
            Self::Yolov7PoseNms => Some(PoseLayout::Yolov7PoseNms),
            Self::Yolov7PoseHeads => Some(PoseLayout::Yolov7PoseHeads),
            Self::DeepstreamPose => Some(PoseLayout::DeepstreamPose),
            Self::DeepstreamPoseSplit => Some(PoseLayout::DeepstreamPoseSplit),
            Self::Yolov8Pose => Some(PoseLayout::Yolov8Pose),
            Self::Yolo26Pose => Some(PoseLayout::Yolo26Pose),
            Self::Rtmo => Some(PoseLayout::Rtmo),
            Self::RfdetrPose => Some(PoseLayout::RfdetrPose),
            Self::Detrpose => Some(PoseLayout::Detrpose),
            Self::MovenetMultipose => Some(PoseLayout::MovenetMultipose),
            Self::MovenetSinglepose => Some(PoseLayout::MovenetSinglepose),
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
