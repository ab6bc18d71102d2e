//! The plugin: whether its elements are there and of this command's version.

use super::finding::Finding;
use crate::plugin;

const SUBJECT: &str = "shopfloor";

/// Looks for the elements.
pub fn check() -> Vec<Finding> {
    if let Err(error) = plugin::load() {
        return vec![Finding::error(
            SUBJECT,
            &format!("{error:#}"),
            plugin::REMEDY.trim_start_matches("; "),
        )];
    }
    let missing = plugin::ELEMENTS
        .iter()
        .filter(|name| gst::ElementFactory::find(name).is_none());
    let missing: Vec<_> = missing.copied().collect();
    let found = gst::Registry::get().find_plugin(plugin::NAME);
    let version = found.as_ref().map(|plugin| plugin.version().to_string());
    let file = found.and_then(|plugin| plugin.filename());
    let file = file.map_or_else(|| "the application".to_owned(), |file| file.display().to_string());
    vec![judge(&missing, version.as_deref(), &file, env!("CARGO_PKG_VERSION"))]
}

/// What the elements and their version mean for a command of the version `ours`.
fn judge(missing: &[&str], version: Option<&str>, file: &str, ours: &str) -> Finding {
    let Some(version) = version else {
        let remedy = plugin::REMEDY.trim_start_matches("; ");
        return Finding::failed(SUBJECT, "GStreamer has no plugin shopfloor", remedy);
    };
    if !missing.is_empty() {
        let text = format!("{file} has no element {}", missing.join(", "));
        let remedy = "install the plugin of this command's version; if it is there, remove GStreamer's registry (~/.cache/gstreamer-1.0)";
        return Finding::failed(SUBJECT, text, remedy);
    }
    // The commit follows the version.
    if version.split('-').next() != Some(ours) {
        let text = format!("{file} has version {version}, and this command {ours}");
        return Finding::failed(
            SUBJECT,
            text,
            "install both from one build, and look at GST_PLUGIN_PATH",
        );
    }
    let text = format!(
        "{} of version {ours} in {file}, {}",
        plugin::ELEMENTS.join(", "),
        gst::version_string()
    );
    Finding::ok(SUBJECT, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::finding::Verdict;

    #[test]
    fn elements_are_there_in_this_version() {
        for (what, missing, version, verdict, part) in [
            (
                "as it should be",
                &[][..],
                Some("0.1.0"),
                Verdict::Ok,
                "tritoninfer, poseparse",
            ),
            (
                "with a commit",
                &[],
                Some("0.1.0-c6228a1"),
                Verdict::Ok,
                "0.1.0 in /x.so",
            ),
            ("no plugin", &plugin::ELEMENTS, None, Verdict::Failed, "no plugin"),
            (
                "an older one",
                &["overlay"],
                Some("0.1.0"),
                Verdict::Failed,
                "no element overlay",
            ),
            (
                "another version",
                &[],
                Some("0.2.0"),
                Verdict::Failed,
                "0.2.0, and this command 0.1.0",
            ),
        ] {
            let finding = judge(missing, version, "/x.so", "0.1.0");
            assert_eq!(finding.verdict, verdict, "{what}");
            assert!(finding.text.contains(part), "{what}: {}", finding.text);
            assert_eq!(finding.remedy.is_none(), verdict == Verdict::Ok, "{what}");
        }
    }
}
