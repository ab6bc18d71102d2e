//! Makes sure that GStreamer knows the elements of shopfloor, wherever they are.

use anyhow::{Context, Result};

/// The plugin's name, as its `plugin_define!` has it.
const NAME: &str = "shopfloor";
const FILE: &str = "libgstshopfloor.so";

/// The end of a complaint, saying what to do when GStreamer does not know one of [`ELEMENTS`].
pub const REMEDY: &str =
    "; build the plugin (cargo build --release), or let GST_PLUGIN_PATH name the folder of libgstshopfloor.so";

/// The plugin's elements, in the order of a line that uses them all.
pub const ELEMENTS: [&str; 5] = ["tritoninfer", "poseparse", "vesttrack", "activityzone", "overlay"];

/// Uses the plugin from `GST_PLUGIN_PATH` or an installed place; else the one built beside this command, if any.
pub fn load() -> Result<()> {
    if gst::Registry::get().find_plugin(NAME).is_some() {
        return Ok(());
    }
    let command = std::env::current_exe().context("cannot tell where this command is")?;
    let file = command.with_file_name(FILE);
    if file.exists() {
        gst::Plugin::load_file(&file).with_context(|| format!("GStreamer cannot load {}", file.display()))?;
    }
    Ok(())
}
