//! Whose turn it is to send a request to one model: weighted fair queueing over the model's places.
//!
//! Start-time fair queueing (Goyal, Vin, Cheng, 1996): each request gets a start tag, the later of the present virtual
//! time and the end of its client's previous request; the lowest tag is served first, and sets the virtual time. A request
//! lasts `1 / weight` of virtual time, so busy clients are served in proportion to their weights, and a client that was idle
//! gains no credit. Requests of later stages go before others, since they complete frames that already cost an inference.
//!
//! While nobody's frames get old, one request more than places is in flight: it keeps the model busy between two responses, and
//! where an ensemble's requests meet at one of its steps.

use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Virtual time of one request with weight 1.
const REQUEST: u64 = 1 << 20;

/// The clients of one model and its requests in flight.
#[derive(Debug, Default)]
pub struct Turns {
    in_flight: usize,
    virtual_time: u64,
    seats: BTreeMap<u64, Seat>,
    next_order: u64,
}

#[derive(Debug)]
struct Seat {
    weight: u32,
    max_in_flight: usize,
    in_flight: usize,
    /// Whether its frames may wait.
    patient: bool,
    /// End tag of its latest request.
    end: u64,
    waiting: Option<Waiting>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    stage: u32,
    start: u64,
    /// Breaks ties by arrival.
    order: u64,
}

/// The claim of a waiting client; the greatest is served first.
pub type Claim = (u32, Reverse<u64>, Reverse<u64>);

impl Turns {
    /// Adds a client, with the maximum number of its own requests in flight.
    pub fn join(&mut self, client: u64, weight: u32, max_in_flight: usize) {
        let seat = Seat {
            weight,
            max_in_flight,
            in_flight: 0,
            patient: false,
            end: 0,
            waiting: None,
        };
        self.seats.insert(client, seat);
    }

    /// Removes a client. Its requests stay in flight until they are released.
    pub fn leave(&mut self, client: u64) {
        self.seats.remove(&client);
    }

    /// Changes the weight of a client's later requests.
    pub fn set_weight(&mut self, client: u64, weight: u32) {
        if let Some(seat) = self.seats.get_mut(&client) {
            seat.weight = weight;
        }
    }

    /// Takes a place at once if one of `places` is free and nobody waits for it. `patient`: whether the client's frames may wait.
    pub fn take(&mut self, client: u64, places: usize, patient: bool) -> bool {
        if let Some(seat) = self.seats.get_mut(&client) {
            seat.patient = patient;
        }
        let free = self.in_flight < self.limit(places) && self.first().is_none();
        let open = self.seats.get(&client).is_some_and(Seat::is_open);
        if free && open {
            self.start(client);
        }
        free && open
    }

    /// Queues a client for one place; does nothing but raise the stage if it is waiting already.
    pub fn wait(&mut self, client: u64, stage: u32) {
        let Some(seat) = self.seats.get_mut(&client) else {
            return;
        };
        match &mut seat.waiting {
            Some(waiting) => waiting.stage = waiting.stage.max(stage),
            None => {
                seat.waiting = Some(Waiting {
                    stage,
                    start: self.virtual_time.max(seat.end),
                    order: self.next_order,
                });
                self.next_order += 1;
            }
        }
    }

    /// The client to serve next if a place is free, and its claim.
    pub fn next(&self, places: usize) -> Option<(Claim, u64)> {
        (self.in_flight < self.limit(places)).then(|| self.first()).flatten()
    }

    /// Maximum number of requests in flight: the places, and one more unless it would make someone's frames older.
    pub fn limit(&self, places: usize) -> usize {
        places + usize::from(self.seats.values().all(|seat| seat.patient))
    }

    /// Gives a place to a client that [`Self::next`] returned.
    pub fn start(&mut self, client: u64) {
        self.in_flight += 1;
        if let Some(seat) = self.seats.get_mut(&client) {
            let waiting = seat.waiting.take();
            let start = waiting.map_or(self.virtual_time.max(seat.end), |waiting| waiting.start);
            self.virtual_time = self.virtual_time.max(start);
            seat.end = start + REQUEST / u64::from(seat.weight.max(1));
            seat.in_flight += 1;
        }
    }

    /// A request has ended.
    pub fn end(&mut self, client: u64) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(seat) = self.seats.get_mut(&client) {
            seat.in_flight = seat.in_flight.saturating_sub(1);
        }
    }

    /// A place was given and not used: it is not charged to the client.
    pub fn refund(&mut self, client: u64) {
        self.end(client);
        if let Some(seat) = self.seats.get_mut(&client) {
            seat.end = seat.end.saturating_sub(REQUEST / u64::from(seat.weight.max(1)));
        }
    }

    /// Whether any client waits.
    pub fn is_contended(&self) -> bool {
        self.first().is_some()
    }

    /// Number of a client's requests in flight.
    pub fn in_flight(&self, client: u64) -> usize {
        self.seats.get(&client).map_or(0, |seat| seat.in_flight)
    }

    fn first(&self) -> Option<(Claim, u64)> {
        let open = self.seats.iter().filter(|(_, seat)| seat.is_open());
        let claims = open.filter_map(|(client, seat)| {
            let Waiting { stage, start, order } = seat.waiting?;
            Some(((stage, Reverse(start), Reverse(order)), *client))
        });
        claims.max()
    }
}

impl Seat {
    fn is_open(&self) -> bool {
        self.in_flight < self.max_in_flight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: usize = usize::MAX;

    /// Serves `rounds` requests one after the other to clients that always wait again; returns how often each was served.
    fn serve(turns: &mut Turns, clients: &[(u64, u32)], rounds: usize) -> BTreeMap<u64, usize> {
        let mut served = BTreeMap::new();
        for _ in 0..rounds {
            for &(client, stage) in clients {
                turns.wait(client, stage);
            }
            let (_, client) = turns.next(1).unwrap();
            turns.start(client);
            turns.end(client);
            *served.entry(client).or_default() += 1;
        }
        served
    }

    fn turns(weights: &[u32]) -> Turns {
        let mut turns = Turns::default();
        for (client, weight) in (0..).zip(weights) {
            turns.join(client, *weight, ANY);
        }
        turns
    }

    #[test]
    fn places_are_shared_in_proportion_to_the_weights() {
        for (weights, shares) in [
            (&[1, 1, 1][..], &[40, 40, 40][..]),
            (&[1, 2, 3], &[20, 40, 60]),
            (&[10, 1, 1], &[100, 10, 10]),
        ] {
            let clients: Vec<(u64, u32)> = (0..weights.len() as u64).map(|client| (client, 0)).collect();
            let served = serve(&mut turns(weights), &clients, 120);
            for (client, share) in (0..).zip(shares) {
                assert!(served[&client].abs_diff(*share) <= 1, "{weights:?}: {served:?}");
            }
        }
    }

    #[test]
    fn a_client_that_was_idle_gets_its_share_and_no_more() {
        let mut turns = turns(&[1, 1]);
        serve(&mut turns, &[(0, 0)], 100);
        let served = serve(&mut turns, &[(0, 0), (1, 0)], 10);
        assert_eq!((served[&0], served[&1]), (5, 5));
    }

    #[test]
    fn a_later_stage_goes_first() {
        let mut turns = turns(&[1, 1, 1]);
        turns.wait(0, 0);
        turns.wait(1, 0);
        turns.wait(2, 1);
        assert_eq!(turns.next(1).map(|(_, client)| client), Some(2));
        turns.wait(1, 2);
        assert_eq!(turns.next(1).map(|(_, client)| client), Some(1));
    }

    #[test]
    fn a_place_is_taken_at_once_only_if_it_is_free_and_nobody_waits() {
        let mut turns = turns(&[1, 1]);
        assert!(turns.take(0, 2, false));
        turns.wait(1, 0);
        assert!(!turns.take(0, 2, false), "the other waits");
        turns.start(1);
        assert!(!turns.take(0, 2, false), "no place is free");
        turns.end(1);
        assert!(turns.take(0, 2, false));
    }

    #[test]
    fn one_more_is_in_flight_while_nobody_is_impatient() {
        let mut turns = turns(&[1, 1]);
        assert!(
            turns.take(0, 1, true) && !turns.take(0, 1, true),
            "the other may be a camera"
        );
        turns.end(0);
        assert!(turns.take(1, 1, true) && turns.take(0, 1, true) && !turns.take(0, 1, true));
        turns.end(0);
        assert!(
            !turns.take(1, 1, false),
            "a camera's request would wait behind a file's"
        );
        turns.leave(1);
        assert!(turns.take(0, 1, true), "the camera is gone, its request is not");
        assert!(!turns.take(0, 1, true));
    }

    #[test]
    fn a_client_keeps_its_own_maximum() {
        let mut turns = Turns::default();
        turns.join(0, 1, 1);
        turns.join(1, 1, ANY);
        assert!(turns.take(0, 4, false) && !turns.take(0, 4, false));
        turns.wait(0, 5);
        turns.wait(1, 0);
        assert_eq!(turns.next(4).map(|(_, client)| client), Some(1), "0 has its one place");
        turns.end(0);
        assert_eq!(turns.next(4).map(|(_, client)| client), Some(0));
    }

    #[test]
    fn a_place_that_was_not_used_is_not_charged() {
        let mut turns = turns(&[1, 1]);
        for _ in 0..10 {
            turns.wait(0, 0);
            turns.start(0);
            turns.refund(0);
        }
        let served = serve(&mut turns, &[(0, 0), (1, 0)], 10);
        assert_eq!((served[&0], served[&1]), (5, 5));
    }

    #[test]
    fn requests_of_a_client_that_left_stay_in_flight() {
        let mut turns = turns(&[1, 1]);
        assert!(turns.take(0, 1, false));
        turns.leave(0);
        assert!(!turns.take(1, 1, false));
        turns.end(0);
        assert!(turns.take(1, 1, false));
    }
}
