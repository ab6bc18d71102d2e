//! An open model: its session, its seat at the server's scheduler, and the settings that are fixed while it is open.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use gst::glib;
use inference::scheduler::{self, Scheduler, Seat};
use inference::{Error, Session};
use triton::{Endpoint, Log, LogLevel, LogRecord, ModelDescription, SecurityOptions, Server, ServerPool, Transfer};
use vision::letterbox::{SampleError, Sampler};

use super::{CAT, regions};
use crate::locate;
use crate::tritoninfer::settings::{FrameSettings, InferenceRegion, Settings, Transport};

/// An open model and how this element uses it.
pub struct OpenModel {
    pub session: Session,
    pub seat: Seat,
    /// Part of the frame to run inference on.
    pub region: InferenceRegion,
    /// Samplers that no thread uses at present.
    samplers: Mutex<Vec<Sampler>>,
}

impl OpenModel {
    /// Connects, loads the model and reads its contract. Takes as long as the server takes to load the model.
    pub fn open(settings: &Settings, server: &Arc<Server>, client: Weak<dyn scheduler::Client>) -> Result<Self, Error> {
        let name = settings.model.as_deref().unwrap_or_default();
        let version = Some(settings.model_version).filter(|version| *version > 0);
        let session = Session::new(server.model(name, version)?)?;
        Self::new(settings.of_frames(), session, client)
    }

    /// The same model, after the server has been asked again what it is.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn reopen(&self, settings: FrameSettings, client: Weak<dyn scheduler::Client>) -> Result<Self, Error> {
        let old = self.session.model();
        let session = Session::new(old.server().reopen(&old.description().model, old.version())?)?;
        Self::new(settings, session, client)
    }

    fn new(settings: FrameSettings, session: Session, client: Weak<dyn scheduler::Client>) -> Result<Self, Error> {
        regions::check_task(session.contract(), settings.inference_region)?;
        session.sampler()?; // fails if the normalisation is not finite
        let server = session.model().server();
        let seat = Scheduler::of(server).join(
            client,
            scheduler::Terms {
                model: session.contract().model.clone(),
                places: useful_places(server, session.model().description(), settings.inference_region),
                weight: settings.weight,
                max_in_flight: settings.most_in_flight(),
                bytes: session.region_size(),
            },
        );
        Ok(Self {
            session,
            seat,
            region: settings.inference_region,
            samplers: Mutex::default(),
        })
    }

    /// Whether a request can be sent now. If not, those in flight say nothing about the latency.
    ///
    /// # Errors
    /// Why no server of the endpoint responds at present.
    pub fn available(&self) -> Result<(), triton::Error> {
        let available = self.session.model().server().available();
        if available.is_err() {
            self.seat.outage();
        }
        available
    }

    /// Corrects the number of places of an ensemble once it is known which of its steps is the slowest. Waits for the server.
    pub fn measure_places(&self) {
        let model = self.session.model();
        if !model.description().steps.is_empty() {
            let places = useful_places(model.server(), model.description(), self.region);
            self.seat.configure_places(places);
        }
    }

    /// Takes a sampler, or makes one if all are in use.
    pub fn with_sampler<T>(&self, sample: impl FnOnce(&mut Sampler) -> T) -> Result<T, SampleError> {
        let lock = || self.samplers.lock().unwrap_or_else(PoisonError::into_inner);
        let free = lock().pop();
        let mut sampler = free.map_or_else(|| self.session.sampler(), Ok)?;
        let result = sample(&mut sampler);
        lock().push(sampler);
        Ok(result)
    }

    /// Whether the model has changed in a way that its outputs or inputs are used.
    pub fn has_changed(&self, other: &Self) -> bool {
        self.session.model().description() != other.session.model().description()
    }
}

/// Number of people of a frame that is assumed where a model classifies each of them.
const PEOPLE: usize = 4;

/// Number of requests that the model works on at a time according to its configuration: instances × preferred batch size;
/// of an ensemble, those of its slowest step, which the others wait for. 0 if the server does not say.
fn useful_places(server: &Server, description: &ModelDescription, region: InferenceRegion) -> usize {
    let entries = match region {
        InferenceRegion::FullFrame => 1,
        _ => PEOPLE,
    };
    let places = |description: &ModelDescription, entries: usize| {
        description.instances as usize * (description.preferred_batch as usize).div_ceil(entries)
    };
    let step = |name: &String| {
        let step = server.describe(name).ok()?;
        let executed = server.statistics(name).unwrap_or_default();
        let time: Duration = executed.iter().map(|version| version.compute_infer.time).sum();
        // A step gets the people of a frame, too. Before the first inference all times are 0; then the step with the most
        // instances is the likeliest.
        Some((
            time / step.instances.max(1),
            step.instances,
            places(&step, PEOPLE.max(entries)),
        ))
    };
    let slowest = description.steps.iter().filter_map(step).max();
    slowest.map_or_else(|| places(description, entries), |(_, _, places)| places)
}

/// The server that the settings or the environment name.
pub fn endpoint(settings: &Settings) -> Result<Endpoint, triton::Error> {
    let server = settings
        .server
        .clone()
        .or_else(|| std::env::var("SHOPFLOOR_SERVER").ok());
    let repository = settings
        .model_repository
        .as_deref()
        .map(|path| Path::new(path).to_owned());
    let repository = repository.or_else(locate::model_repository).unwrap_or_default();
    let install_dir = locate::triton_install_dir().unwrap_or_default();
    let server = server.as_deref().unwrap_or("inprocess:");
    let environment = |name: &str| std::env::var_os(name);
    let endpoint = Endpoint::with_security(server, &repository, &install_dir, &security(settings), environment)?;
    Ok(endpoint.with_transfer(match settings.transport {
        Transport::Auto => Transfer::Auto,
        Transport::Wire => Transfer::Wire,
        Transport::SharedMemory => Transfer::SharedMemory,
    }))
}

fn security(settings: &Settings) -> SecurityOptions {
    let path = |file: &Option<String>| file.as_ref().map(PathBuf::from);
    SecurityOptions {
        tls_ca_file: path(&settings.tls_ca_file),
        tls_certificate_file: path(&settings.tls_certificate_file),
        tls_key_file: path(&settings.tls_key_file),
        tls_server_name: settings.tls_server_name.clone(),
        headers_file: path(&settings.headers_file),
        token_file: path(&settings.token_file),
    }
}

/// The server at `endpoint`, which other elements may use, too.
pub fn server(endpoint: &Endpoint, pool: &ServerPool) -> Result<Arc<Server>, Error> {
    Ok(pool.open_logging(endpoint, Log::to_hook(LogLevel::Info, log_record))?)
}

/// A record of the in-process Triton's log, where its version hands them out.
fn log_record(record: &LogRecord) {
    let level = match record.level {
        LogLevel::Off | LogLevel::Verbose => gst::DebugLevel::Log,
        LogLevel::Errors => gst::DebugLevel::Error,
        LogLevel::Warnings => gst::DebugLevel::Warning,
        LogLevel::Info => gst::DebugLevel::Info,
    };
    let message = format_args!("Triton, {}:{}: {}", record.file, record.line, record.message);
    CAT.log(
        None::<&gst::Object>,
        level,
        glib::gstr!("open_model.rs"),
        "log_record",
        line!(),
        message,
    );
}
