//! What `gst-inspect-1.0` prints of the elements.

use gst::glib;
use gst::prelude::*;

use crate::common::init;

const ELEMENTS: [&str; 5] = ["tritoninfer", "poseparse", "vesttrack", "activityzone", "overlay"];

/// The properties that the element does not inherit from GStreamer.
fn own_properties(element: &gst::Element) -> Vec<glib::ParamSpec> {
    let properties = element.list_properties();
    let own = |pspec: &&glib::ParamSpec| pspec.owner_type().name().starts_with("GstShopfloor");
    properties.iter().filter(own).cloned().collect()
}

#[test]
fn elements_and_properties_are_described_by_phrases() {
    init();
    for name in ELEMENTS {
        let element = gst::ElementFactory::make(name).build().unwrap();
        let factory = element.factory().unwrap();
        let mut texts: Vec<_> = [gst::ELEMENT_METADATA_LONGNAME, gst::ELEMENT_METADATA_DESCRIPTION]
            .map(|key| (key.to_string(), factory.metadata(key).unwrap_or_default().to_owned()))
            .into();
        let properties = own_properties(&element);
        assert!(!properties.is_empty(), "{name}");
        texts.extend(properties.iter().map(|pspec| {
            let blurb = pspec.blurb().unwrap_or_default();
            (pspec.name().to_owned(), blurb.to_owned())
        }));
        for (key, text) in texts {
            assert!(!text.is_empty() && !text.ends_with('.'), "{name}, {key}: {text:?}");
        }
    }
}

#[test]
fn klasses_are_those_of_gstreamers_elements_of_the_same_kind() {
    init();
    for (name, klass) in [
        ("tritoninfer", "Filter/Analyzer/Video"),
        ("poseparse", "Tensordecoder/Video"),
        ("vesttrack", "Filter/Analyzer/Video"),
        ("activityzone", "Filter/Analyzer/Video"),
        ("overlay", "Filter/Effect/Video"),
    ] {
        let factory = gst::ElementFactory::find(name).unwrap();
        assert_eq!(factory.metadata(gst::ELEMENT_METADATA_KLASS), Some(klass), "{name}");
    }
}
