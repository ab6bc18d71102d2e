//! Messages of elements, for people.

use gst::prelude::*;

use crate::plugin;

/// An element's message for a user: the element's name and kind, and the text.
///
/// The texts of our own elements are complete. GStreamer's elements often have a general text, such as "Resource not
/// found.", and the particulars in the debug details, so these follow on lines of their own.
pub fn describe(
    kind: &str,
    source: Option<&gst::Object>,
    error: &gst::glib::Error,
    debug: Option<gst::glib::GString>,
) -> String {
    let name = source.map_or_else(String::new, |source| match factory_of(source) {
        Some(factory) => format!("{} ({factory}): ", source.name()),
        None => format!("{}: ", source.name()),
    });
    // The first line is the place in the element's source code.
    let details = debug
        .as_deref()
        .filter(|_| !source.is_some_and(is_ours))
        .and_then(|debug| debug.split_once('\n'))
        .map_or("", |(_, details)| details.trim());
    let details: String = details.lines().map(|line| format!("\n    {line}")).collect();
    format!("{kind}: {name}{error}{details}")
}

fn factory_of(object: &gst::Object) -> Option<gst::glib::GString> {
    let factory = object.downcast_ref::<gst::Element>()?.factory()?;
    Some(factory.name())
}

/// Whether it is an element of the plugin, or a part of one.
fn is_ours(source: &gst::Object) -> bool {
    std::iter::successors(Some(source.clone()), GstObjectExt::parent)
        .any(|object| factory_of(&object).is_some_and(|name| plugin::ELEMENTS.contains(&name.as_str())))
}
