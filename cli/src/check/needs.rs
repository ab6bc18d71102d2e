//! What a pipeline needs to play, read from the properties of its elements, without a change of any state.

use std::path::{Path, PathBuf};

use gst::prelude::*;
use triton::{Endpoint, Error, SecurityOptions, locate};

use super::access::Access;
use crate::plugin;

/// What a pipeline needs.
#[derive(Debug, Default)]
pub struct Needs {
    /// The models of each `tritoninfer`.
    pub models: Vec<Model>,
    /// The vests that each `vesttrack` lists.
    pub vests: Vec<Vests>,
    /// The stations of each `activityzone`.
    pub stations: Vec<StationSource>,
    /// Files that are read and written.
    pub files: Vec<Access>,
}

/// A model of a server.
#[derive(Clone, Debug)]
pub struct Model {
    /// The element that uses it.
    pub element: String,
    /// The server, or what is wrong with the properties that name it.
    pub endpoint: Result<Endpoint, Error>,
    /// Its name.
    pub name: String,
    /// A version, or the server's choice.
    pub version: Option<u64>,
    /// Whether it works on regions of a frame, which an earlier element finds.
    pub on_regions: bool,
}

/// Vests that an element lists.
#[derive(Clone, Debug)]
pub struct Vests {
    /// The element.
    pub element: String,
    /// The names as written.
    pub names: Vec<String>,
}

/// Where an element's stations are from.
#[derive(Clone, Debug)]
pub struct StationSource {
    /// The element.
    pub element: String,
    /// A path or JSON; empty if it has to be set.
    pub text: String,
    /// Whether stations are drawn with the mouse, and saved.
    pub draw: bool,
}

impl Needs {
    /// Reads the properties of all elements.
    pub fn of(pipeline: &gst::Pipeline) -> Self {
        let mut needs = Self::default();
        for element in pipeline.iterate_recurse().into_iter().flatten() {
            let Some(factory) = element.factory() else { continue };
            match factory.name().as_str() {
                "tritoninfer" => needs.add_inference(&element),
                "vesttrack" => needs.vests.extend(vests(&element)),
                "activityzone" => needs.add_zone(&element),
                _ => needs.add_file(&element, &factory),
            }
        }
        // Elements are found from the sinks on.
        needs.models.reverse();
        needs
    }

    /// The elements of shopfloor, for people.
    pub fn describe(&self) -> String {
        let models: Vec<_> = self.models.iter().map(|model| &*model.name).collect();
        match models.is_empty() {
            true => " without tritoninfer".to_owned(),
            false => format!(" with {}", models.join(" and ")),
        }
    }

    fn add_inference(&mut self, element: &gst::Element) {
        let region = region(element);
        if region == "people-at-stations" {
            self.stations.push(StationSource {
                element: element.name().into(),
                text: text(element, "stations").unwrap_or_default(),
                draw: false,
            });
        }
        self.models.push(model(element, region != "full-frame"));
    }

    fn add_zone(&mut self, zone: &gst::Element) {
        let text = |property| text(zone, property);
        if let Some(stations) = text("stations") {
            self.stations.push(StationSource {
                element: zone.name().into(),
                text: stations,
                draw: zone.property("draw"),
            });
        }
        if let Some(log) = text("events-location") {
            self.files.push(Access::write(Path::new(&log), "the log of events"));
        }
    }

    /// The file of a source or sink of files.
    fn add_file(&mut self, element: &gst::Element, factory: &gst::ElementFactory) {
        let klass = factory.metadata("klass").unwrap_or_default();
        let is_file = klass.split('/').any(|part| part == "File") || factory.name().starts_with("splitmux");
        let path = is_file
            .then(|| text(element, "location"))
            .flatten()
            .filter(|path| !path.contains("://"));
        let Some(path) = path.map(PathBuf::from) else { return };
        let is_pattern = path.to_string_lossy().contains(['%', '*', '?']);
        let is_sink = klass.split('/').any(|part| part == "Sink") || factory.name().ends_with("sink");
        match (is_sink, is_pattern) {
            (true, false) => self
                .files
                .push(Access::write(&path, &format!("the file of {}", element.name()))),
            (true, true) => {
                let folder = path.parent().unwrap_or(Path::new("."));
                self.files
                    .push(Access::write_into(folder, &format!("the files of {}", element.name())));
            }
            (false, false) => self
                .files
                .push(Access::read(&path, &format!("the file of {}", element.name()))),
            // Which files they are is known when it plays.
            (false, true) => {}
        }
    }
}

/// The part of a frame that a `tritoninfer` works on.
fn region(element: &gst::Element) -> String {
    let region = element.property_value("inference-region");
    gst::glib::EnumValue::from_value(&region).map_or_else(String::new, |(_, value)| value.nick().to_owned())
}

fn model(element: &gst::Element, on_regions: bool) -> Model {
    let version: u64 = element.property("model-version");
    Model {
        element: element.name().into(),
        endpoint: endpoint(element),
        name: text(element, "model").unwrap_or_default(),
        version: Some(version).filter(|version| *version > 0),
        on_regions,
    }
}

/// The server that an element's properties and the environment name, as the element reads them.
fn endpoint(element: &gst::Element) -> Result<Endpoint, Error> {
    let files = files();
    let path = |property| text(element, property).map(PathBuf::from);
    let server = text(element, "server").or_else(|| std::env::var("SHOPFLOOR_SERVER").ok());
    let repository = path("model-repository").or_else(|| locate::model_repository(&files));
    let options = SecurityOptions {
        tls_ca_file: path("tls-ca-file"),
        tls_certificate_file: path("tls-certificate-file"),
        tls_key_file: path("tls-key-file"),
        tls_server_name: text(element, "tls-server-name"),
        headers_file: path("headers-file"),
        token_file: path("token-file"),
    };
    Endpoint::with_security(
        server.as_deref().unwrap_or("inprocess:"),
        &repository.unwrap_or_default(),
        &locate::triton_install_dir(&files).unwrap_or_default(),
        &options,
        |name| std::env::var_os(name),
    )
}

/// The files from which an installation is found: the plugin's, and this command's.
fn files() -> Vec<PathBuf> {
    let found = gst::Registry::get().find_plugin(plugin::NAME);
    let plugin = found.and_then(|plugin| plugin.filename());
    plugin.into_iter().chain(std::env::current_exe().ok()).collect()
}

fn vests(tracker: &gst::Element) -> Option<Vests> {
    let names = text(tracker, "vests")?;
    Some(Vests {
        element: tracker.name().into(),
        names: names.split(',').map(|name| name.trim().to_owned()).collect(),
    })
}

/// A property that is a text, and set.
fn text(element: &gst::Element, property: &str) -> Option<String> {
    let spec = element.find_property(property)?;
    let is_text = spec.value_type() == gst::glib::Type::STRING;
    let text = is_text.then(|| element.property::<Option<String>>(property))??;
    Some(text).filter(|text| !text.is_empty())
}
