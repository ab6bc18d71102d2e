//! The GObject of `poseparse`; decoding is `vision::decode`'s.

use std::sync::{LazyLock, Mutex};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::subclass::prelude::*;
use people::{Inference, Person, Scene};
use vision::ModelOutput;
use vision::decode::{DecodeError, DecodeOptions, PoseLayout};

use crate::video;

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "poseparse",
        gst::DebugColorFlags::empty(),
        Some("Pose tensors to people"),
    )
});

/// The threshold where neither the user nor the model's contract names one: YOLO's usual.
const SCORE_THRESHOLD: f32 = 0.25;

/// How a pose model lays out its output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstShopfloorPoseLayout")]
pub enum Layout {
    #[default]
    #[enum_value(name = "As the model's contract says, else by names and shapes", nick = "auto")]
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
    fn chosen(self) -> Option<PoseLayout> {
        match self {
            Self::Auto => None,
            Self::Yolov7Pose => Some(PoseLayout::Yolov7Pose),
            Self::Yolov7PoseNms => Some(PoseLayout::Yolov7PoseNms),
            Self::Yolov8Pose => Some(PoseLayout::Yolov8Pose),
            Self::MovenetMultipose => Some(PoseLayout::MovenetMultipose),
        }
    }
}

#[derive(Clone, Debug)]
struct Settings {
    layout: Layout,
    score_threshold: f32,
    iou_threshold: f32,
    max_people: u32,
}

impl Default for Settings {
    fn default() -> Self {
        let options = DecodeOptions::default();
        Self {
            layout: Layout::default(),
            score_threshold: 0.0,
            iou_threshold: options.iou_threshold,
            max_people: options.max_people as u32,
        }
    }
}

/// The element.
#[derive(Default, glib::Properties)]
#[properties(wrapper_type = super::PoseParse)]
pub struct PoseParse {
    #[property(name = "layout", type = Layout, get, set, member = layout, mutable_playing,
        builder(Layout::default()).blurb("Layout of the pose model's output"))]
    #[property(name = "score-threshold", type = f32, get, set, member = score_threshold, mutable_playing,
        minimum = 0.0, maximum = 1.0, default = Settings::default().score_threshold,
        blurb = "Least score of a person (0 = what the model's contract recommends, else 0.25)")]
    #[property(name = "iou-threshold", type = f32, get, set, member = iou_threshold, mutable_playing,
        minimum = 0.0, maximum = 1.0, default = Settings::default().iou_threshold,
        blurb = "Of two boxes that overlap more (intersection over union) the one with the lower score goes")]
    #[property(name = "max-people", type = u32, get, set, member = max_people, mutable_playing, minimum = 1,
        default = Settings::default().max_people, blurb = "Most people a frame, the highest scores first")]
    settings: Mutex<Settings>,
}

#[glib::object_subclass]
impl ObjectSubclass for PoseParse {
    const NAME: &'static str = "GstShopfloorPoseParse";
    type Type = super::PoseParse;
    type ParentType = gst_base::BaseTransform;
}

#[glib::derived_properties]
impl ObjectImpl for PoseParse {}

impl GstObjectImpl for PoseParse {}

impl ElementImpl for PoseParse {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Pose parser",
                "Filter/Analyzer/Video",
                "Turns the tensors of a pose model into people with boxes and keypoints",
                "The shopfloor developers",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(video::filter_templates);
        &TEMPLATES
    }
}

impl BaseTransformImpl for PoseParse {
    const MODE: gst_base::subclass::BaseTransformMode = gst_base::subclass::BaseTransformMode::AlwaysInPlace;
    const PASSTHROUGH_ON_SAME_CAPS: bool = false;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = false;

    fn transform_ip(&self, buffer: &mut gst::BufferRef) -> Result<gst::FlowSuccess, gst::FlowError> {
        let settings = self.settings.lock().unwrap().clone();
        let answers = people_meta::take_model_outputs(buffer);
        if answers.is_empty() {
            return Ok(gst::FlowSuccess::Ok);
        }
        let mut people = Vec::new();
        for tensors in &answers {
            people.extend(parse(tensors, &settings).map_err(|error| {
                gst::element_imp_error!(
                    self,
                    gst::StreamError::Decode,
                    ("The outputs of model {} are no people: {error}", tensors.model)
                );
                gst::FlowError::Error
            })?);
        }
        gst::log!(CAT, imp = self, "{} people", people.len());
        people_meta::set_scene(
            buffer,
            Scene {
                inference: Inference::Done,
                people,
                stations: Vec::new(),
            },
        );
        Ok(gst::FlowSuccess::Ok)
    }
}

/// The people in one region's tensors, in frame pixels.
fn parse(tensors: &ModelOutput, settings: &Settings) -> Result<Vec<Person>, DecodeError> {
    let options = DecodeOptions {
        score_threshold: match settings.score_threshold {
            0.0 => tensors.score_threshold.unwrap_or(SCORE_THRESHOLD),
            threshold => threshold,
        },
        iou_threshold: settings.iou_threshold,
        max_people: settings.max_people as usize,
    };
    inference::scene::poses(tensors, settings.layout.chosen(), &options)
}
