//! The element: properties, caps, one scene for each frame with model outputs. Decoding is in [`inference::scene`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::prelude::*;
use people::{Inference, Person, Scene};
use vision::ModelOutput;
use vision::decode::{DecodeError, DecodeOptions, MAX_PEOPLE};

use super::layout::Layout;
use super::select::check_pose;
use crate::qos::Liveness;
use crate::video;
use crate::wiring::{Role, Wiring};

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "poseparse",
        gst::DebugColorFlags::empty(),
        Some("Decoding of pose model outputs"),
    )
});

/// The score threshold if neither the property nor the model's contract has one; the default of YOLO's tools.
const DEFAULT_SCORE_THRESHOLD: f32 = 0.25;

#[derive(Clone, Debug)]
struct Settings {
    layout: Layout,
    /// 0: the model's.
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
        blurb = "Lowest score of a person, from 0 to 1 (0 = the value in the model's contract, or 0.25 without one)")]
    #[property(name = "iou-threshold", type = f32, get, set, member = iou_threshold, mutable_playing,
        minimum = 0.0, maximum = 1.0, default = Settings::default().iou_threshold,
        blurb = "Overlap of two boxes, as intersection over union from 0 to 1, above which only the one with the higher score is kept")]
    #[property(name = "max-people", type = u32, get, set, member = max_people, mutable_playing, minimum = 1,
        maximum = MAX_PEOPLE as u32, default = Settings::default().max_people,
        blurb = "Maximum number of people in an inferred region, those with the highest scores")]
    settings: Mutex<Settings>,
    /// Whether outputs without a pose were reported.
    warned: AtomicBool,
    live: Liveness,
    wiring: Wiring,
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
                "Tensordecoder/Video",
                "Decoder from the outputs of a pose model to people with boxes and keypoints",
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

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        self.warned.store(false, Ordering::Relaxed);
        self.live.reset();
        self.wiring.reset();
        Ok(())
    }

    fn sink_event(&self, event: gst::Event) -> bool {
        self.live.sink_event(self.obj().sink_pad(), &event);
        self.wiring.sink_event(self.obj().upcast_ref(), Role::PoseParse, &event);
        self.parent_sink_event(event)
    }

    fn src_event(&self, event: gst::Event) -> bool {
        self.live.stops(self.obj().sink_pad(), &event) || self.parent_src_event(event)
    }

    fn transform_ip(&self, buffer: &mut gst::BufferRef) -> Result<gst::FlowSuccess, gst::FlowError> {
        self.wiring
            .frame(self.obj().upcast_ref(), Role::PoseParse, false, buffer);
        let settings = self.settings.lock().unwrap().clone();
        let layout = settings.layout.pose_layout();
        let outputs = people_meta::take_model_outputs(buffer, |output| check_pose(output, layout).is_ok());
        if outputs.is_empty() {
            return self.without_pose(buffer, &settings);
        }
        let mut people = Vec::new();
        for output in &outputs {
            let decoded = decode(output, &settings).map_err(|error| self.refuse(output, &error, &settings))?;
            people.extend(decoded);
        }
        gst::log!(CAT, imp = self, "{} people", people.len());
        people_meta::set_scene(
            buffer,
            Scene {
                inference: Inference::Done,
                inference_period: outputs.iter().find_map(|output| output.inference_period),
                orientation: outputs[0].letterbox.orientation(),
                people,
                ..Scene::default()
            },
        );
        Ok(gst::FlowSuccess::Ok)
    }
}

impl PoseParse {
    /// Handles a frame without outputs of a pose model. If it has others and no scene, which it would have if the pose
    /// model had skipped it, then no pose model is upstream.
    fn without_pose(&self, buffer: &gst::BufferRef, settings: &Settings) -> Result<gst::FlowSuccess, gst::FlowError> {
        let outputs = people_meta::model_outputs(buffer);
        if outputs.is_empty() || people_meta::scene(buffer).is_some() {
            return Ok(gst::FlowSuccess::Ok);
        }
        let layout = settings.layout.pose_layout();
        let reasons: Vec<(&Arc<ModelOutput>, DecodeError)> = outputs
            .iter()
            .filter_map(|output| Some((output, check_pose(output, layout).err()?)))
            .collect();
        match &*reasons {
            // The property names a layout that no output has.
            [(output, error), ..] if layout.is_some() => Err(self.refuse(output, error, settings)),
            [(output, error), ..] if !self.warned.swap(true, Ordering::Relaxed) => {
                gst::element_imp_warning!(
                    self,
                    gst::StreamError::Decode,
                    (
                        "The frames have model outputs and no pose, so no people are found. Model '{}': {error}. Put a pose \
                         model before poseparse, or set shopfloor.output.layout in its configuration, or layout=",
                        output.model
                    )
                );
                Ok(gst::FlowSuccess::Ok)
            }
            _ => Ok(gst::FlowSuccess::Ok),
        }
    }

    /// Posts why the outputs of a pose model cannot be decoded, which ends the stream.
    fn refuse(&self, output: &ModelOutput, error: &DecodeError, settings: &Settings) -> gst::FlowError {
        gst::element_imp_error!(
            self,
            gst::StreamError::Decode,
            (
                "Cannot decode people from the outputs of model '{}': {error}; check the property layout={}",
                output.model,
                settings.layout.nick()
            )
        );
        gst::FlowError::Error
    }
}

/// The people in one region's outputs, in frame pixels.
fn decode(output: &ModelOutput, settings: &Settings) -> Result<Vec<Person>, DecodeError> {
    let options = DecodeOptions {
        score_threshold: match settings.score_threshold {
            0.0 => output.score_threshold.unwrap_or(DEFAULT_SCORE_THRESHOLD),
            threshold => threshold,
        },
        iou_threshold: settings.iou_threshold,
        max_people: settings.max_people as usize,
    };
    inference::scene::poses(output, settings.layout.pose_layout(), &options)
}
