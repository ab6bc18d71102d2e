//! Opening the model, in the background if the server is remote, and reading its contract again after it has changed.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use inference::failure::OnFailure;
use inference::scheduler::Client;
use inference::{Contract, Error};
use triton::{Endpoint, FailureKind, ServerPool};

use super::CAT;
use super::background::in_background;
use super::dispatcher::Dispatcher;
use super::open_model::{self, OpenModel};
use super::stats;
use crate::tritoninfer::settings::{FrameSettings, Settings};

/// Time between attempts to open a model, or to read its contract: it doubles up to the second value.
const DELAYS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// Number of attempts after which a failure is reported although it is not known yet whether the stream waits: about 0.7 s.
const DECIDED_AFTER: usize = 3;

/// Time after which the server's statistics tell which step of an ensemble is the slowest.
const MEASURED_AFTER: Duration = Duration::from_secs(3);

/// Opens the model: at once if the server is in this process, otherwise in the background, since the network must not hold a
/// change of state.
///
/// # Errors
/// If the settings are invalid or, for a server in this process, the model cannot be opened.
pub fn open(dispatcher: &Arc<Dispatcher>, pool: ServerPool) -> Result<(), Error> {
    let settings = dispatcher.properties();
    let endpoint = open_model::endpoint(&settings)?;
    let opening = Opening {
        dispatcher: Arc::downgrade(dispatcher),
        generation: dispatcher.connection.begin(),
        settings,
        pool,
    };
    match endpoint {
        Endpoint::Grpc(_) => {
            in_background("triton-open", move || opening.retry(&endpoint));
            Ok(())
        }
        _ => opening.attempt(&endpoint),
    }
}

/// Reads the model's contract again in the background, until the server has it: after the model has refused a request or was
/// not there.
pub fn reread(dispatcher: &Arc<Dispatcher>, open: &Arc<OpenModel>) {
    if !dispatcher.connection.begin_rereading() {
        return;
    }
    let rereading = Rereading {
        dispatcher: Arc::downgrade(dispatcher),
        generation: dispatcher.connection.generation(),
        settings: dispatcher.settings(),
        old: Arc::downgrade(open),
    };
    in_background("triton-reread", move || rereading.retry());
}

/// Delays between attempts, with jitter, without end.
fn delays() -> impl Iterator<Item = Duration> {
    let delays = ExponentialBuilder::default()
        .with_min_delay(DELAYS.0)
        .with_max_delay(DELAYS.1)
        .with_jitter()
        .without_max_times();
    delays.build()
}

/// A model that is being opened.
struct Opening {
    dispatcher: Weak<Dispatcher>,
    generation: u64,
    settings: Settings,
    pool: ServerPool,
}

impl Opening {
    /// Attempts to open the model until it is open, cannot be used, or is no longer needed.
    fn retry(&self, endpoint: &Endpoint) {
        for (attempts, delay) in delays().enumerate() {
            let Err(error) = self.attempt(endpoint) else {
                return;
            };
            let Some(dispatcher) = self.current() else {
                return;
            };
            let (policy, element) = (dispatcher.policy(), dispatcher.element());
            let waits = error.failure_kind() == FailureKind::ServerAway && policy != OnFailure::Fail;
            let Some(element) = element else { return };
            if !waits {
                dispatcher.reporter.end(&element, &error);
                dispatcher.queue.fail(gst::FlowError::Error);
                return;
            }
            // What becomes of frames is stated, too, and known once there are caps.
            let is_decided = attempts >= DECIDED_AFTER || dispatcher.liveness.known().is_some();
            if is_decided && dispatcher.reporter.failed(&error, policy) {
                dispatcher.reporter.post(&element);
            }
            drop((dispatcher, element)); // they are not kept alive by a server that is away
            thread::sleep(delay);
        }
    }

    fn attempt(&self, endpoint: &Endpoint) -> Result<(), Error> {
        let server = open_model::server(endpoint, &self.pool)?;
        let model = OpenModel::open(&self.settings, &server, client(&self.dispatcher))?;
        if let Some(dispatcher) = self.current() {
            opened(&dispatcher, self.generation, model);
        }
        Ok(())
    }

    /// The element, if it still needs the model.
    fn current(&self) -> Option<Arc<Dispatcher>> {
        let dispatcher = self.dispatcher.upgrade()?;
        dispatcher.connection.is_current(self.generation).then_some(dispatcher)
    }
}

/// A model whose contract is being read again.
struct Rereading {
    dispatcher: Weak<Dispatcher>,
    generation: u64,
    settings: FrameSettings,
    old: Weak<OpenModel>,
}

impl Rereading {
    fn retry(&self) {
        for delay in delays() {
            if self.attempt() {
                break;
            }
            thread::sleep(delay);
        }
        if let Some(dispatcher) = self.dispatcher.upgrade() {
            dispatcher.connection.end_rereading();
        }
    }

    /// True if there is nothing more to do.
    fn attempt(&self) -> bool {
        let (Some(dispatcher), Some(old)) = (self.dispatcher.upgrade(), self.old.upgrade()) else {
            return true;
        };
        if !dispatcher.connection.is_current(self.generation) {
            return true;
        }
        match old.reopen(self.settings, client(&self.dispatcher)) {
            Ok(new) if !old.has_changed(&new) => true,
            Ok(new) if is_same_task(old.session.contract(), new.session.contract()) => {
                gst::info!(CAT, "{}: the model has changed", new.session.contract().model);
                opened(&dispatcher, self.generation, new);
                true
            }
            Ok(new) => {
                let (old_contract, contract) = (old.session.contract(), new.session.contract());
                let error = Error::ModelChanged {
                    model: contract.model.clone(),
                    before: old_contract.to_string(),
                    now: contract.to_string(),
                };
                unusable(&dispatcher, &old, error);
                true
            }
            Err(error) => {
                // What has worked once may fail in any way while its server stops or starts. Only what cannot be used is an end.
                let is_unusable = matches!(error.failure_kind(), FailureKind::SetUp | FailureKind::Refused);
                if is_unusable {
                    unusable(&dispatcher, &old, error);
                }
                is_unusable
            }
        }
    }
}

/// The model is not what the stream needs any more.
fn unusable(dispatcher: &Arc<Dispatcher>, old: &OpenModel, error: Error) {
    if dispatcher.policy() != OnFailure::PassAlways {
        dispatcher.end(old, error);
    }
}

/// Whether elements downstream can use the outputs of both.
fn is_same_task(old: &Contract, new: &Contract) -> bool {
    std::mem::discriminant(&old.task) == std::mem::discriminant(&new.task)
}

fn client(dispatcher: &Weak<Dispatcher>) -> Weak<dyn Client> {
    dispatcher.clone()
}

/// Frames go to `model` from now on.
fn opened(dispatcher: &Arc<Dispatcher>, generation: u64, model: OpenModel) {
    let model = Arc::new(model);
    if !dispatcher.connection.set(generation, Arc::clone(&model)) {
        return;
    }
    let weak = Arc::downgrade(&model);
    model.seat.run_after(MEASURED_AFTER, move || {
        in_background("triton-statistics", move || {
            if let Some(model) = weak.upgrade() {
                model.measure_places();
            }
        });
    });
    dispatcher.notify(&model, dispatcher.reporter.succeeded());
    stats::post_at_intervals(dispatcher, &model);
    dispatcher.offer(&model); // frames that have waited for it
}
