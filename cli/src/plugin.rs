//! Makes the elements of shopfloor available to GStreamer, wherever they are installed.

use anyhow::{Context, Result};

/// The plugin's name, as its `plugin_define!` has it.
pub const NAME: &str = "shopfloor";
const FILE: &str = "libgstshopfloor.so";

/// The end of an error message: what to do when GStreamer does not find one of [`ELEMENTS`].
pub const REMEDY: &str =
    "; build the plugin (cargo build --release), or let GST_PLUGIN_PATH name the folder of libgstshopfloor.so";

/// The plugin's elements, in the order of a pipeline that uses them all.
pub const ELEMENTS: [&str; 5] = ["tritoninfer", "poseparse", "vesttrack", "activityzone", "overlay"];

/// Loads the plugin beside this command, if GStreamer does not find one in `GST_PLUGIN_PATH` or its own folders.
pub fn load() -> Result<()> {
    if gst::Registry::get().find_plugin(NAME).is_some() {
        return Ok(());
    }
    let command = std::env::current_exe().context("cannot find the path of this command")?;
    let file = command.with_file_name(FILE);
    if file.exists() {
        gst::Plugin::load_file(&file).with_context(|| format!("GStreamer cannot load {}", file.display()))?;
    }
    Ok(())
}
