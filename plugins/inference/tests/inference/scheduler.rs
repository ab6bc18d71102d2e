//! Clients of one scheduler: whose turn it is, and when a place is free.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak, mpsc};
use std::time::Duration;

use inference::scheduler::{Client, Place, Scheduler, Seat, Terms};
use triton::scripted::Scripted;
use triton::{ModelDescription, Server};

/// A client that sends its number and its place to the test at each turn.
struct Tester {
    number: u32,
    turns: mpsc::Sender<(u32, Place)>,
    changes: AtomicUsize,
}

impl Client for Tester {
    fn turn(self: Arc<Self>, place: Place) {
        place.sent();
        let _ = self.turns.send((self.number, place));
    }

    fn latency_changed(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
    }
}

/// A scheduler and what its clients get.
struct Bench {
    scheduler: Arc<Scheduler>,
    sender: mpsc::Sender<(u32, Place)>,
    turns: mpsc::Receiver<(u32, Place)>,
    clients: Mutex<Vec<Arc<Tester>>>,
}

impl Bench {
    fn new() -> Self {
        let (sender, turns) = mpsc::channel();
        Self {
            scheduler: Scheduler::of(&server()),
            sender,
            turns,
            clients: Mutex::default(),
        }
    }

    /// A client of `model` with `places`; the n-th one is number n.
    fn join(&self, model: &str, places: usize, weight: u32, bytes: usize) -> Seat {
        let mut clients = self.clients.lock().unwrap();
        let client = Arc::new(Tester {
            number: clients.len() as u32,
            turns: self.sender.clone(),
            changes: AtomicUsize::new(0),
        });
        clients.push(client.clone());
        let weak: Weak<dyn Client> = Arc::downgrade(&client) as Weak<dyn Client>;
        let terms = Terms {
            model: model.into(),
            places,
            weight,
            max_in_flight: usize::MAX,
            bytes,
        };
        self.scheduler.join(weak, terms)
    }

    fn next(&self) -> (u32, Place) {
        self.turns
            .recv_timeout(Duration::from_secs(20))
            .expect("nobody gets a turn")
    }

    /// Whether nobody gets a turn: the clients' turns come before this returns, since there is one queue of work.
    fn is_idle(&self, seat: &Seat) -> bool {
        let (sender, done) = mpsc::channel();
        seat.run_after(Duration::from_millis(20), move || sender.send(()).unwrap());
        done.recv().unwrap();
        self.turns.try_recv().is_err()
    }
}

fn server() -> Arc<Server> {
    let description = ModelDescription::from_json(r#"{"name": "m", "versions": ["1"]}"#, "{}").unwrap();
    Server::scripted(Scripted::new(description, |_, _| unreachable!("nothing is sent")))
}

#[test]
fn all_users_of_a_server_have_one_scheduler() {
    let server = server();
    assert!(Arc::ptr_eq(&Scheduler::of(&server), &Scheduler::of(&server)));
    assert!(!Arc::ptr_eq(&Scheduler::of(&server), &Scheduler::of(&self::server())));
}

#[test]
fn a_place_is_free_when_it_is_dropped() {
    let bench = Bench::new();
    let (first, second) = (bench.join("m", 1, 1, 0), bench.join("m", 1, 1, 0));
    let place = first.take(false).unwrap();
    place.sent();
    assert!(first.take(false).is_none() && second.take(false).is_none());
    second.wait(0);
    place.answered();
    assert!(bench.is_idle(&second), "answered, but not released");
    drop(place);
    assert_eq!(bench.next().0, 1);
}

#[test]
fn waiting_clients_are_served_in_turn() {
    let bench = Bench::new();
    let seats: Vec<_> = [1, 1, 2].map(|weight| bench.join("m", 1, weight, 0)).into();
    let mut served = [0_u32; 3];
    let mut place = seats[0].take(false).unwrap();
    for _ in 0..80 {
        seats.iter().for_each(|seat| seat.wait(0));
        drop(place);
        let (client, next) = bench.next();
        served[client as usize] += 1;
        place = next;
    }
    assert!(served[0].abs_diff(20) <= 1 && served[1].abs_diff(20) <= 1, "{served:?}");
}

#[test]
fn a_frame_of_a_later_stage_goes_first() {
    let bench = Bench::new();
    let (early, late) = (bench.join("m", 1, 1, 0), bench.join("m", 1, 1, 0));
    let place = early.take(false).unwrap();
    early.wait(0);
    late.wait(1);
    drop(place);
    let (client, place) = bench.next();
    assert_eq!(client, 1);
    drop(place);
    assert_eq!(bench.next().0, 0);
}

#[test]
fn models_have_places_of_their_own() {
    let bench = Bench::new();
    let (pose, vest) = (bench.join("pose", 2, 1, 0), bench.join("vest", 1, 1, 0));
    let held = [pose.take(false), pose.take(false), vest.take(false)];
    assert!(held.iter().all(Option::is_some));
    assert!(pose.take(false).is_none() && vest.take(false).is_none());
    assert_eq!((pose.in_flight(), vest.in_flight()), (2, 1));
}

#[test]
fn the_bytes_in_flight_at_a_server_are_bounded() {
    const MEBI: usize = 1 << 20;
    let bench = Bench::new();
    let seats: Vec<_> = [100, 100, 100, 1000]
        .map(|size| bench.join(&format!("{size}"), 9, 1, size * MEBI))
        .into();
    let first = [seats[0].take(false).unwrap(), seats[1].take(false).unwrap()];
    assert!(seats[2].take(false).is_none(), "300 MiB");
    seats[2].wait(0);
    assert!(bench.is_idle(&seats[2]));
    drop(first);
    let (client, place) = bench.next();
    assert_eq!(client, 2);
    drop(place);
    assert!(seats[3].take(false).is_some(), "a single larger request is sent alone");
}

#[test]
fn a_turn_without_anything_to_send_is_passed_on() {
    let bench = Bench::new();
    let (first, second) = (bench.join("m", 1, 1, 0), bench.join("m", 1, 1, 0));
    let place = first.take(false).unwrap();
    second.wait(0);
    drop(place); // not sent
    let (client, _place) = bench.next();
    assert_eq!(client, 1);
    assert_eq!(first.latency(), None, "an unused place is no measurement");
}

#[test]
fn a_client_that_leaves_lets_the_next_one_go() {
    let bench = Bench::new();
    let (first, second, third) = (
        bench.join("m", 1, 1, 0),
        bench.join("m", 1, 1, 0),
        bench.join("m", 1, 1, 0),
    );
    let place = first.take(false).unwrap();
    second.wait(0);
    third.wait(0);
    drop(second);
    drop(first);
    assert!(bench.is_idle(&third), "its request is still at the server");
    drop(place);
    assert_eq!(bench.next().0, 2);
}

#[test]
fn the_latency_is_shared_and_a_failure_is_no_measurement() {
    let bench = Bench::new();
    let (first, second) = (bench.join("m", 1, 1, 0), bench.join("m", 1, 1, 0));
    let place = first.take(false).unwrap();
    place.sent();
    place.failed();
    drop(place);
    assert_eq!(second.latency(), None);
    let place = first.take(false).unwrap();
    place.sent();
    drop(place); // late: the server released it without a response in time
    assert!(second.latency().is_some());
    assert!(bench.is_idle(&second));
    let changes = |client: usize| bench.clients.lock().unwrap()[client].changes.load(Ordering::Relaxed);
    assert_eq!((changes(0), changes(1)), (1, 1));
}
