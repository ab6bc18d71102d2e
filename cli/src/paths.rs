//! Relative paths in launch files: relative to the folder of the file, so that it plays, and writes, the same from any folder.
//!
//! They are set on the elements once the pipeline is parsed; the process stays in its current folder. Elements that appear
//! while it plays, as inside `decodebin`, have no path from the file.

use std::path::Path;

use gst::glib;
use gst::prelude::*;
use shopfloor::launch::{is_path_property, is_relative_path};

/// Elements that put numbers into the path in the manner of `printf`.
const PATTERNS: [&str; 7] = [
    "hlssink",
    "hlssink2",
    "hlssink3",
    "imagesequencesrc",
    "multifilesink",
    "multifilesrc",
    "splitmuxsink",
];

/// Makes the relative paths of the pipeline's elements absolute: those of `folder`, which is absolute.
pub fn resolve(pipeline: &gst::Pipeline, folder: &Path) {
    for element in pipeline.iterate_recurse().into_iter().flatten() {
        if is_remote(&element) {
            continue;
        }
        let properties = element.list_properties();
        for spec in properties.iter().filter(|spec| is_path_property(spec.name())) {
            if let Some(path) = relative_path(&element, spec) {
                element.set_property(spec.name(), absolute(&element, folder, &path));
            }
        }
    }
}

/// Whether elements of the pipeline write into files, as far as properties tell: each path that is not one of a source, of `tritoninfer`,
/// or of a station file, is taken for a file that is written.
pub fn writes_files(pipeline: &gst::Pipeline) -> bool {
    let elements = pipeline.iterate_recurse().into_iter().flatten();
    let mut writers = elements.filter(|element| {
        let factory = element.factory();
        let is_source = element.element_flags().contains(gst::ElementFlags::SOURCE);
        !is_source && factory.is_some_and(|factory| factory.name() != "tritoninfer")
    });
    writers.any(|element| {
        let properties = element.list_properties();
        let mut values = properties.iter().filter_map(|spec| path(&element, spec));
        values.any(|(name, path)| name != "stations" && !path.is_empty())
    })
}

/// The name and value of a path property. A function of a plain reference: of others, `value_type` is another method.
fn path<'a>(element: &gst::Element, spec: &'a glib::ParamSpec) -> Option<(&'a str, String)> {
    let is_text = spec.value_type() == glib::Type::STRING && spec.flags().contains(glib::ParamFlags::READABLE);
    let is_path = is_text && is_path_property(spec.name());
    Some((
        spec.name(),
        is_path.then(|| element.property::<Option<String>>(spec.name()))??,
    ))
}

/// Whether the element's location is an address, even without a scheme: it handles URIs, and not those of files.
fn is_remote(element: &gst::Element) -> bool {
    let protocols = element
        .dynamic_cast_ref::<gst::URIHandler>()
        .map(|handler| handler.protocols());
    let is_of_files = |protocol: &str| protocol.ends_with("file") || protocol.starts_with("splitmux");
    protocols.is_some_and(|protocols| !protocols.iter().any(|protocol| is_of_files(protocol)))
}

/// The property's value, if it is a relative path that the launch file has set.
fn relative_path(element: &gst::Element, spec: &glib::ParamSpec) -> Option<String> {
    let is_text = spec.value_type() == glib::Type::STRING && spec.flags().contains(glib::ParamFlags::READWRITE);
    let value: String = is_text.then(|| element.property::<Option<String>>(spec.name()))??;
    (is_relative_path(&value) && !is_initial(element, spec.name(), &value)).then_some(value)
}

/// Whether a new element has this value: that of the specification may be another one.
fn is_initial(element: &gst::Element, property: &str, value: &str) -> bool {
    let new = element.factory().and_then(|factory| factory.create().build().ok());
    new.is_some_and(|new| new.property::<Option<String>>(property).as_deref() == Some(value))
}

fn absolute(element: &gst::Element, folder: &Path, path: &str) -> String {
    let is_pattern = element
        .factory()
        .is_some_and(|factory| PATTERNS.contains(&factory.name().as_str()));
    let folder = folder.to_string_lossy();
    let folder = if is_pattern {
        folder.replace('%', "%%")
    } else {
        folder.into_owned()
    };
    Path::new(&folder).join(path).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOLDER: &str = "/srv/50% done";

    /// The value of `property` of the element `e` after its launch file was read.
    fn resolved(line: &str, property: &str) -> Option<String> {
        gst::init().unwrap();
        let element = gst::parse::launch_full(line, None, gst::ParseFlags::FATAL_ERRORS).unwrap();
        let pipeline = element.downcast::<gst::Pipeline>().unwrap_or_else(|element| {
            let pipeline = gst::Pipeline::new();
            pipeline.add(&element).unwrap();
            pipeline
        });
        resolve(&pipeline, Path::new(FOLDER));
        pipeline.by_name("e").unwrap().property(property)
    }

    #[track_caller]
    fn check(line: &str, property: &str, expected: &str) {
        assert_eq!(
            resolved(line, property).as_deref().unwrap_or("NULL"),
            expected,
            "{line}"
        );
    }

    #[test]
    fn files_that_are_written_are_known() {
        gst::init().unwrap();
        for (line, expected) in [
            ("fakesrc ! filesink location=/tmp/a", true),
            ("fakesrc ! filesink", false),
            ("filesrc location=/tmp/a ! fakesink", false),
            ("fakesrc ! multifilesink location=a%d", true),
            ("fakesrc ! shmsink socket-path=/tmp/a fakesrc ! fakesink", true),
            ("videotestsrc ! identity sleep-time=1 ! fakesink", false),
        ] {
            let pipeline = gst::parse::launch(line).unwrap().downcast::<gst::Pipeline>().unwrap();
            assert_eq!(writes_files(&pipeline), expected, "{line}");
        }
    }

    #[test]
    fn relative_paths_are_the_folders() {
        for (line, expected) in [
            ("filesrc name=e location=a.mp4 ! fakesink", "/srv/50% done/a.mp4"),
            (
                "filesrc name=e location=\"../a b/Küche.mp4\" ! fakesink",
                "/srv/50% done/../a b/Küche.mp4",
            ),
            ("fakesrc ! filesink name=e location=out.mp4", "/srv/50% done/out.mp4"),
            (
                "fakesrc ! ( queue ! filesink name=e location=in-a-bin.mp4 )",
                "/srv/50% done/in-a-bin.mp4",
            ),
            (
                "multifilesrc name=e location=f%03d.png ! fakesink",
                "/srv/50%% done/f%03d.png",
            ),
            (
                "fakesrc ! multifilesink name=e location=f%03d.png",
                "/srv/50%% done/f%03d.png",
            ),
            (
                "videotestsrc ! x264enc ! splitmuxsink name=e location=seg%05d.mp4",
                "/srv/50%% done/seg%05d.mp4",
            ),
            (
                "splitmuxsrc name=e location=seg*.mp4 ! fakesink",
                "/srv/50% done/seg*.mp4",
            ),
            (
                "splitfilesrc name=e location=seg*.ts ! fakesink",
                "/srv/50% done/seg*.ts",
            ),
        ] {
            check(line, "location", expected);
        }
        check(
            "shmsrc name=e socket-path=a.sock ! fakesink",
            "socket-path",
            "/srv/50% done/a.sock",
        );
    }

    #[test]
    fn everything_else_stays() {
        for (line, property, expected) in [
            (
                "filesrc name=e location=/srv/a.mp4 ! fakesink",
                "location",
                "/srv/a.mp4",
            ),
            ("filesrc name=e location=\"\" ! fakesink", "location", ""),
            ("filesrc name=e ! fakesink", "location", "NULL"),
            ("fakesrc ! multifilesink name=e", "location", "%05d"),
            ("rtspsrc name=e location=rtsp://camera/1", "location", "rtsp://camera/1"),
            (
                "souphttpsrc name=e location=camera/video.mp4 ! fakesink",
                "location",
                "camera/video.mp4",
            ),
            (
                "uridecodebin name=e uri=file:///srv/a.mp4 ! fakesink",
                "uri",
                "file:///srv/a.mp4",
            ),
            ("filesrc name=e location=a.mp4 ! fakesink", "name", "e"),
            (
                "videotestsrc ! textoverlay name=e text=a/b.json ! fakesink",
                "text",
                "a/b.json",
            ),
        ] {
            check(line, property, expected);
        }
    }

    #[test]
    fn elements_of_the_running_pipeline_are_not_touched() {
        gst::init().unwrap();
        let pipeline = gst::parse::launch("filesrc location=a.mp4 ! decodebin ! fakesink").unwrap();
        let pipeline = pipeline.downcast::<gst::Pipeline>().unwrap();
        resolve(&pipeline, Path::new(FOLDER));
        let late = gst::ElementFactory::make("filesink")
            .property("location", "late.mp4")
            .build()
            .unwrap();
        pipeline.add(&late).unwrap();
        assert_eq!(late.property::<String>("location"), "late.mp4");
    }
}
