//! The elements of this plugin that an element is linked to, directly or through others.

use std::collections::HashSet;

use gst::glib;
use gst::prelude::*;

/// An element of this plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `tritoninfer` on frames or regions.
    Inference,
    /// `tritoninfer inference-region=people`.
    PeopleInference,
    /// `poseparse`
    PoseParse,
    /// `vesttrack`
    VestTrack,
    /// `activityzone`
    ActivityZone,
    /// `overlay`
    Overlay,
}

impl Role {
    /// The role of an element; `None` if it is not this plugin's.
    pub fn of(element: &gst::Element) -> Option<Self> {
        // By the type, since a class that was registered twice, as by two applications in a process, points to a freed factory.
        match element.type_().name() {
            "GstShopfloorTritonInfer" => {
                let region = element.property_value("inference-region");
                let on_people =
                    glib::EnumValue::from_value(&region).is_some_and(|(_, region)| region.nick() == "people");
                Some(if on_people {
                    Self::PeopleInference
                } else {
                    Self::Inference
                })
            }
            "GstShopfloorPoseParse" => Some(Self::PoseParse),
            "GstShopfloorVestTrack" => Some(Self::VestTrack),
            "GstShopfloorActivityZone" => Some(Self::ActivityZone),
            "GstShopfloorOverlay" => Some(Self::Overlay),
            _ => None,
        }
    }

    /// The element's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inference | Self::PeopleInference => "tritoninfer",
            Self::PoseParse => "poseparse",
            Self::VestTrack => "vesttrack",
            Self::ActivityZone => "activityzone",
            Self::Overlay => "overlay",
        }
    }

    /// Whether it runs models.
    pub fn infers(self) -> bool {
        matches!(self, Self::Inference | Self::PeopleInference)
    }
}

/// Elements that pass a frame with all that is known about it.
const KEEPS_METAS: [&str; 12] = [
    "capsfilter",
    "identity",
    "input-selector",
    "multiqueue",
    "output-selector",
    "queue",
    "queue2",
    "tee",
    "valve",
    "videoconvert",
    "videorate",
    "videoscale",
];

/// The elements near one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Neighbours {
    /// Those of this plugin whose frames arrive, the nearest first.
    pub upstream: Vec<Role>,
    /// Those of this plugin that its frames reach, the nearest first.
    pub downstream: Vec<Role>,
    /// The factories of elements up to the nearest one of this plugin upstream, or up to the sources, that may remove what is
    /// known about a frame.
    pub between: Vec<String>,
}

impl Neighbours {
    /// The neighbours of an element, through bins, queues and tees, as it is linked now.
    pub fn of(element: &gst::Element) -> Self {
        let upstream = walk(element, gst::PadDirection::Sink);
        let before = upstream.iter().take_while(|element| Role::of(element).is_none());
        Self {
            between: before
                .filter_map(|element| Some(element.factory()?.name().to_string()))
                .filter(|factory| !KEEPS_METAS.contains(&factory.as_str()))
                .collect(),
            upstream: upstream.iter().filter_map(Role::of).collect(),
            downstream: walk(element, gst::PadDirection::Src)
                .iter()
                .filter_map(Role::of)
                .collect(),
        }
    }
}

/// The elements in one direction, breadth first.
fn walk(start: &gst::Element, direction: gst::PadDirection) -> Vec<gst::Element> {
    let mut seen = HashSet::from([start.clone()]);
    let mut found = vec![start.clone()];
    let mut next = 0;
    while let Some(element) = found.get(next) {
        next += 1;
        let pads = match direction {
            gst::PadDirection::Sink => element.sink_pads(),
            _ => element.src_pads(),
        };
        let linked: Vec<_> = pads.iter().filter_map(linked).collect();
        found.extend(linked.into_iter().filter(|element| seen.insert(element.clone())));
    }
    found.split_off(1)
}

/// The element that a pad is linked to. Bins are entered and left, except those that are elements of this plugin.
fn linked(pad: &gst::Pad) -> Option<gst::Element> {
    let mut peer = pad.peer()?;
    loop {
        if let Some(ghost) = peer.downcast_ref::<gst::GhostPad>() {
            let bin = peer.parent_element()?;
            if Role::of(&bin).is_some() {
                return Some(bin);
            }
            peer = ghost.target()?;
        } else if let Some(inside) = peer.downcast_ref::<gst::ProxyPad>() {
            peer = inside.internal()?.peer()?;
        } else {
            return peer.parent_element();
        }
    }
}
