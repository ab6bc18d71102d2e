//! Relative paths in launch files.
//!
//! Files that a pipeline reads are relative to the folder of its launch file, so a launch file plays from any folder.
//! Files that it writes are relative to the current folder, which GStreamer does by itself.

use std::path::Path;

use gst::glib;
use gst::prelude::*;
use shopfloor::launch::{PATH_PROPERTIES, is_relative_path};

/// Makes relative paths to read absolute: those of `folder`, which is absolute.
pub fn resolve(pipeline: &gst::Pipeline, folder: &Path) {
    for element in pipeline.iterate_recurse().into_iter().flatten() {
        for name in PATH_PROPERTIES {
            if !is_written(&element, name)
                && let Some(path) = path_of(&element, name)
            {
                element.set_property(name, folder.join(path).to_string_lossy().as_ref());
            }
        }
    }
}

/// Whether the property names a file that the element writes.
fn is_written(element: &gst::Element, property: &str) -> bool {
    property == "events-location" || element.element_flags().contains(gst::ElementFlags::SINK)
}

/// The property's value, if it is a relative path.
fn path_of(element: &gst::Element, property: &str) -> Option<String> {
    let spec = element.find_property(property)?;
    let is_text = spec.value_type() == glib::Type::STRING && spec.flags().contains(glib::ParamFlags::READWRITE);
    let value: Option<String> = is_text.then(|| element.property(property))?;
    value.filter(|value| is_relative_path(value))
}
