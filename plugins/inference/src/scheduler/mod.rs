//! The scheduler of one server: who sends the next request, and when.
//!
//! A model works usefully on a few requests at a time, its *places* ([`places`]). A place is free again when the server has
//! released the request, not when its frame stopped waiting for the response. Places go to the model's clients in turn
//! ([`turns`]), and a client decides what to send only when its turn comes, so that nothing stale waits at the server.
//! Turns run on a few threads of the scheduler ([`workers`]).

mod places;
mod turns;
mod workers;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use triton::Server;

use crate::LatencyEstimate;
use places::Places;
use turns::Turns;
use workers::Workers;

/// Maximum size of all inputs in flight at a server, in bytes; a single larger request is sent alone.
const MAX_BYTES_IN_FLIGHT: usize = 256 << 20;

/// A user of one model. Called on threads of the scheduler.
pub trait Client: Send + Sync {
    /// The client's turn: it sends with `place`, or drops it if it has nothing to send.
    fn turn(self: Arc<Self>, place: Place);

    /// The latency estimate of the model has changed.
    fn latency_changed(&self);
}

/// The scheduler of a server's requests, shared by all users of the server.
#[derive(Default)]
pub struct Scheduler {
    state: Mutex<State>,
    workers: Workers,
}

#[derive(Default)]
struct State {
    models: HashMap<Arc<str>, Model>,
    clients: HashMap<u64, Registered>,
    next_client: u64,
    bytes_in_flight: usize,
}

struct Model {
    places: Places,
    turns: Turns,
    estimate: LatencyEstimate,
}

struct Registered {
    client: Weak<dyn Client>,
    model: Arc<str>,
    /// Size of its requests' inputs.
    bytes: usize,
}

/// A place that has been given to a client.
struct Grant {
    client: Weak<dyn Client>,
    id: u64,
    model: Arc<str>,
    bytes: usize,
}

/// What a client asks for when it joins.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The model.
    pub model: Arc<str>,
    /// Number of places that the model's configuration suggests, 0 if it does not say; used if this is the model's first client.
    pub places: usize,
    /// Share of the model's places relative to other clients'.
    pub weight: u32,
    /// Maximum number of the client's own requests in flight.
    pub max_in_flight: usize,
    /// Size of a request's inputs, in bytes.
    pub bytes: usize,
}

impl Scheduler {
    /// The scheduler of `server`.
    pub fn of(server: &Server) -> Arc<Self> {
        server.attachment(Self::default)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a client, until its seat is dropped.
    pub fn join(self: &Arc<Self>, client: Weak<dyn Client>, terms: Terms) -> Seat {
        let mut state = self.lock();
        let id = state.next_client;
        state.next_client += 1;
        let model = state.models.entry(terms.model.clone()).or_insert_with(|| Model {
            places: Places::new(terms.places),
            turns: Turns::default(),
            estimate: LatencyEstimate::default(),
        });
        model.turns.join(id, terms.weight, terms.max_in_flight);
        let Terms { model, bytes, .. } = terms;
        let registered = Registered {
            client,
            model: model.clone(),
            bytes,
        };
        state.clients.insert(id, registered);
        Seat {
            scheduler: Arc::clone(self),
            client: id,
            model,
            bytes,
        }
    }

    /// Gives free places to waiting clients, on the scheduler's threads.
    fn dispatch(self: &Arc<Self>) {
        loop {
            let mut state = self.lock();
            let Some(Grant {
                client,
                id,
                model,
                bytes,
            }) = state.next()
            else {
                return;
            };
            drop(state);
            let place = Place::new(self, id, model, bytes);
            self.workers.run(move || {
                if let Some(client) = client.upgrade() {
                    client.turn(place);
                }
            });
        }
    }

    fn release(self: &Arc<Self>, place: &Place) {
        let mut state = self.lock();
        state.bytes_in_flight = state.bytes_in_flight.saturating_sub(place.bytes);
        if let Some(model) = state.models.get_mut(&place.model) {
            if place.sent.load(Ordering::Relaxed) {
                model.turns.end(place.client);
                let contended = model.turns.is_contended();
                model.places.completed(Instant::now(), contended);
            } else {
                model.turns.refund(place.client);
            }
        }
        drop(state);
        self.dispatch();
    }

    /// Records a response time and notifies the model's clients if it changes the estimate.
    fn observe(&self, model: &Arc<str>, sent: Instant, took: Duration) {
        let mut state = self.lock();
        let known = state.models.get_mut(model);
        let changed = known.is_some_and(|model| model.estimate.observe(sent, took));
        if changed {
            self.notify(&state, model);
        }
    }

    fn notify(&self, state: &State, model: &Arc<str>) {
        let users = state.clients.values().filter(|registered| registered.model == *model);
        for client in users.map(|registered| registered.client.clone()) {
            self.workers.run(move || {
                if let Some(client) = client.upgrade() {
                    client.latency_changed();
                }
            });
        }
    }
}

impl State {
    /// Gives one free place away.
    fn next(&mut self) -> Option<Grant> {
        let claims = self
            .models
            .values()
            .filter_map(|model| model.turns.next(model.places.number()));
        let (_, id) = claims.max()?;
        let Registered { client, model, bytes } = self.clients.get(&id)?;
        let (client, model, bytes) = (client.clone(), model.clone(), *bytes);
        if !self.has_memory(bytes) {
            return None;
        }
        self.bytes_in_flight += bytes;
        self.models.get_mut(&model)?.turns.start(id);
        Some(Grant {
            client,
            id,
            model,
            bytes,
        })
    }

    fn has_memory(&self, bytes: usize) -> bool {
        self.bytes_in_flight == 0 || self.bytes_in_flight.saturating_add(bytes) <= MAX_BYTES_IN_FLIGHT
    }
}

/// A client's seat at the scheduler of its server.
pub struct Seat {
    scheduler: Arc<Scheduler>,
    client: u64,
    model: Arc<str>,
    bytes: usize,
}

impl Seat {
    /// A place at once, if one is free and no client waits for one. `patient`: whether the client's frames may wait, so that they do
    /// not get older by one more request in flight.
    pub fn take(&self, patient: bool) -> Option<Place> {
        let mut state = self.scheduler.lock();
        if !state.has_memory(self.bytes) {
            return None;
        }
        let model = state.models.get_mut(&self.model)?;
        if !model.turns.take(self.client, model.places.number(), patient) {
            return None;
        }
        state.bytes_in_flight += self.bytes;
        drop(state);
        Some(self.place())
    }

    /// Asks for one turn. `stage`: the number of inferences that the frame to send has had already.
    pub fn wait(&self, stage: u32) {
        self.with_model(|model| model.turns.wait(self.client, stage));
        self.scheduler.dispatch();
    }

    /// Changes the client's weight.
    pub fn set_weight(&self, weight: u32) {
        self.with_model(|model| model.turns.set_weight(self.client, weight));
    }

    /// Maximum number of requests of all clients in flight: as many as the model works on usefully at a time, and one more while all
    /// clients are patient.
    pub fn places(&self) -> usize {
        self.with_model(|model| model.turns.limit(model.places.number()))
            .unwrap_or(1)
    }

    /// Corrects the number of places that the model's configuration suggests, unless measurements have changed it.
    pub fn configure_places(&self, places: usize) {
        self.with_model(|model| model.places.configure(places));
        self.scheduler.dispatch();
    }

    /// Number of the client's requests that the server has not released.
    pub fn in_flight(&self) -> usize {
        self.with_model(|model| model.turns.in_flight(self.client))
            .unwrap_or_default()
    }

    /// The time from a turn to its response, with all places taken; `None` before the first response.
    pub fn latency(&self) -> Option<Duration> {
        self.with_model(|model| model.estimate.latency()).flatten()
    }

    /// The server is away: requests in flight say nothing about the latency.
    pub fn outage(&self) {
        self.with_model(|model| model.estimate.outage(Instant::now()));
    }

    /// Does `work` on one of the scheduler's threads.
    pub fn run(&self, work: impl FnOnce() + Send + 'static) {
        self.scheduler.workers.run(work);
    }

    /// Does `work` on one of the scheduler's threads after `delay`, unless the scheduler has ended.
    pub fn run_after(&self, delay: Duration, work: impl FnOnce() + Send + 'static) {
        self.scheduler.workers.run_after(delay, work);
    }

    fn with_model<T>(&self, change: impl FnOnce(&mut Model) -> T) -> Option<T> {
        self.scheduler.lock().models.get_mut(&self.model).map(change)
    }

    fn place(&self) -> Place {
        Place::new(&self.scheduler, self.client, self.model.clone(), self.bytes)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.scheduler.lock();
        state.clients.remove(&self.client);
        if let Some(model) = state.models.get_mut(&self.model) {
            model.turns.leave(self.client);
        }
        drop(state);
        self.scheduler.dispatch(); // it may have been the first in the queue
    }
}

/// The right to have one frame's requests at the server. Dropped when the server has released them.
pub struct Place {
    scheduler: Arc<Scheduler>,
    client: u64,
    model: Arc<str>,
    bytes: usize,
    taken: Instant,
    sent: AtomicBool,
    answered: AtomicBool,
}

impl Place {
    fn new(scheduler: &Arc<Scheduler>, client: u64, model: Arc<str>, bytes: usize) -> Self {
        Self {
            scheduler: Arc::clone(scheduler),
            client,
            model,
            bytes,
            taken: Instant::now(),
            sent: AtomicBool::new(false),
            answered: AtomicBool::new(false),
        }
    }

    /// A request is being sent. A place that is dropped without it is not charged.
    pub fn sent(&self) {
        self.sent.store(true, Ordering::Relaxed);
    }

    /// The server has responded; the time since the turn is one sample of the latency. Without it, the time until the
    /// server has released the request is.
    pub fn answered(&self) {
        if !self.answered.swap(true, Ordering::Relaxed) {
            self.scheduler.observe(&self.model, self.taken, self.taken.elapsed());
        }
    }

    /// The request failed, so its time says nothing about the latency.
    pub fn failed(&self) {
        self.answered.store(true, Ordering::Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.sent.load(Ordering::Relaxed) {
            self.answered();
        }
        self.scheduler.release(self);
    }
}
