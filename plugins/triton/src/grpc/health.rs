//! Which address of an endpoint a call goes to, by what was seen of each. Pure: the time is an argument; the probes that
//! bring an address back are made by `prober.rs`.
//!
//! An address is away from a failure until ServerReady says that it is ready. Beside this, each model has a breaker at each
//! address: a server may respond to ServerReady and not to inferences, or have come back without the model. The breaker of
//! a model makes the next address preferred; it never makes a request fail, since a server that responds is just slow if
//! there is no other.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use super::breaker::{Breaker, Pace, State};
use super::status::Cause;

/// Why no calls, or only those without another choice, go to an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Away {
    /// What was seen.
    pub(super) cause: Cause,
    pub(super) kind: AwayKind,
}

/// What is left of an address that is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AwayKind {
    /// Nothing: there is no connection, or it is left.
    Gone,
    /// The server responds, and only says that it is not ready. Triton says so while it loads a model, and for as long as
    /// one of its models fails to load; the others can be used.
    NotReady,
    /// The server responds, and refuses the client's token or other headers. The connection is good for the next ones.
    Denied,
}

/// What is known of the addresses, in the order of preference.
#[derive(Debug)]
pub(super) struct Health {
    addresses: Vec<AddressHealth>,
}

#[derive(Debug)]
struct AddressHealth {
    /// Open or half-open while the address is away.
    breaker: Breaker,
    /// Why it is away.
    away: Option<Away>,
    /// Time of the last response of any kind.
    heard: Option<Instant>,
    models: HashMap<Arc<str>, ModelHealth>,
}

#[derive(Debug)]
struct ModelHealth {
    breaker: Breaker,
    /// Time of the last response in time.
    answered: Option<Instant>,
}

impl Health {
    /// Nothing is known of `count` addresses, so all are used.
    pub(super) fn new(count: usize) -> Self {
        let address = || AddressHealth {
            breaker: Breaker::new(),
            away: None,
            heard: None,
            models: HashMap::new(),
        };
        Self {
            addresses: std::iter::repeat_with(address).take(count).collect(),
        }
    }

    /// The address for a call about `model`, or for a call of another kind: the first that is not away and whose model
    /// answers; else one that is not ready; else one whose model does not answer. `None`: all that are not `tried` are away.
    ///
    /// A model that does not answer is tried again, by one request, once the delay of its breaker has passed.
    pub(super) fn choose(&mut self, model: Option<&str>, tried: &[usize], now: Instant) -> Option<usize> {
        let untried = |index: &usize| !tried.contains(index);
        let mut indices = (0..self.addresses.len()).filter(untried);
        if let Some(best) = indices.find(|&index| self.addresses[index].is_first_choice(model, now)) {
            return Some(best);
        }
        let indices = || (0..self.addresses.len()).filter(untried);
        let not_ready = |index: &usize| {
            let address = &self.addresses[*index];
            address.is_not_ready() && address.model_is_closed(model)
        };
        let any = |index: &usize| self.addresses[*index].is_usable();
        indices().find(not_ready).or_else(|| indices().find(any))
    }

    /// Whether a call can be sent to any address.
    pub(super) fn is_available(&self) -> bool {
        self.addresses.iter().any(AddressHealth::is_usable)
    }

    /// Why an address is away.
    pub(super) fn away(&self, index: usize) -> Option<&Away> {
        self.addresses[index].away.as_ref()
    }

    /// The address has failed, or does not respond to an attempt to bring it back.
    pub(super) fn failed(&mut self, index: usize, away: Away, now: Instant) {
        let address = &mut self.addresses[index];
        address.away = Some(away);
        if address.breaker.is_closed() {
            address.breaker.open(Pace::Probe, now);
        }
        for model in address.models.values_mut() {
            model.breaker.forget_attempt(now);
        }
    }

    /// Time of the next attempt to bring an address back; `None` if it is not away.
    pub(super) fn next_attempt(&self, index: usize) -> Option<Instant> {
        match self.addresses[index].breaker.state() {
            State::Open { until } => Some(until),
            State::Closed | State::HalfOpen => None,
        }
    }

    /// An attempt to bring the address back begins. It may take longer than the delay until the next one: a new connection
    /// may succeed where an earlier one waits for a lost packet.
    pub(super) fn attempted(&mut self, index: usize, now: Instant) {
        self.addresses[index].breaker.open(Pace::Probe, now);
    }

    /// ServerReady says that the address is ready.
    ///
    /// If it was away since it had refused the client's headers, it may accept ServerReady without them and refuse the
    /// next request again, so that the delays go on until a request is accepted.
    pub(super) fn is_back(&mut self, index: usize, now: Instant) {
        let address = &mut self.addresses[index];
        match address.away.take() {
            Some(away) if away.kind == AwayKind::Denied => address.breaker.close_for_now(),
            _ if address.breaker.is_closed() => {}
            _ => address.breaker.close(),
        }
        address.heard = Some(now);
    }

    /// The server responded to something.
    pub(super) fn heard(&mut self, index: usize, now: Instant) {
        self.addresses[index].heard = Some(now);
    }

    /// Whether the address has ever responded to a call, other than by refusing the client's certificate or headers.
    pub(super) fn has_responded(&self, index: usize) -> bool {
        self.addresses[index].heard.is_some()
    }

    /// Whether the server has not responded to anything since `since`.
    pub(super) fn is_silent(&self, index: usize, since: Instant) -> bool {
        self.addresses[index].heard.is_none_or(|heard| heard < since)
    }

    /// The model responded to a request. Late responses do not count as its success: nobody waits for them.
    pub(super) fn responded(&mut self, index: usize, model: &Arc<str>, in_time: bool, now: Instant) {
        self.heard(index, now);
        let address = &mut self.addresses[index];
        if address.away.is_none() {
            address.breaker.close();
        }
        if in_time {
            let model = self.model(index, model);
            model.answered = Some(now);
            model.breaker.close();
        }
    }

    /// The server does not have the model, or not yet: the next address is preferred until it has.
    pub(super) fn lacks(&mut self, index: usize, model: &Arc<str>, now: Instant) {
        self.model(index, model).breaker.open(Pace::Probe, now);
        self.heard(index, now);
    }

    /// A request sent at `sent` got no response within its timeout. If the model has answered no other request in time
    /// since then, and there is another address, that one is preferred; if the model has, the server is just busy.
    pub(super) fn was_late(&mut self, index: usize, model: &Arc<str>, sent: Instant, now: Instant) {
        let others = self.addresses.iter().enumerate();
        let another = others.filter(|(other, _)| *other != index);
        if !another.map(|(_, address)| address).any(AddressHealth::is_usable) {
            return;
        }
        let model = self.model(index, model);
        if model.answered.is_none_or(|answered| answered < sent) {
            let failed = !matches!(model.breaker.state(), State::Open { until } if until > now);
            if failed {
                model.breaker.open(Pace::Trial, now);
            }
        }
    }

    fn model(&mut self, index: usize, model: &Arc<str>) -> &mut ModelHealth {
        let known = self.addresses[index].models.entry(Arc::clone(model));
        known.or_insert_with(|| ModelHealth {
            breaker: Breaker::new(),
            answered: None,
        })
    }
}

impl AddressHealth {
    /// Whether it is not away, and the model answers or may be tried.
    fn is_first_choice(&mut self, model: Option<&str>, now: Instant) -> bool {
        let model = model.and_then(|model| self.models.get_mut(model));
        self.away.is_none() && model.is_none_or(|model| model.breaker.is_closed() || model.breaker.attempt(now))
    }

    fn model_is_closed(&self, model: Option<&str>) -> bool {
        let model = model.and_then(|model| self.models.get(model));
        model.is_none_or(|model| model.breaker.is_closed())
    }

    /// Whether the server responds and says that it is not ready.
    fn is_not_ready(&self) -> bool {
        self.away.as_ref().is_some_and(|away| away.kind == AwayKind::NotReady)
    }

    fn is_usable(&self) -> bool {
        self.away.is_none() || self.is_not_ready()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Two addresses at a time that the test sets.
    struct Endpoint {
        health: Health,
        now: Instant,
        model: Arc<str>,
    }

    impl Endpoint {
        fn of(addresses: usize) -> Self {
            Self {
                health: Health::new(addresses),
                now: Instant::now(),
                model: "m".into(),
            }
        }

        fn chosen(&mut self) -> Option<usize> {
            self.health.choose(Some("m"), &[], self.now)
        }

        fn pass(&mut self, seconds: u64) {
            self.now += Duration::from_secs(seconds);
        }

        fn fail(&mut self, index: usize, kind: AwayKind) {
            let cause = Cause::temporary("why");
            self.health.failed(index, Away { cause, kind }, self.now);
        }

        /// A request to `index` gets no response within a second.
        fn is_late(&mut self, index: usize) {
            let sent = self.now;
            self.pass(1);
            let model = Arc::clone(&self.model);
            self.health.was_late(index, &model, sent, self.now);
        }

        fn responds(&mut self, index: usize, in_time: bool) {
            let model = Arc::clone(&self.model);
            self.health.responded(index, &model, in_time, self.now);
        }
    }

    #[test]
    fn the_first_address_that_is_not_away_is_chosen() {
        let mut endpoint = Endpoint::of(3);
        assert_eq!(endpoint.chosen(), Some(0), "nothing is known yet");
        endpoint.fail(0, AwayKind::Gone);
        assert_eq!(endpoint.chosen(), Some(1));
        assert_eq!(endpoint.health.choose(Some("m"), &[1], endpoint.now), Some(2));
        assert_eq!(endpoint.health.choose(None, &[1, 2], endpoint.now), None);
        endpoint.fail(1, AwayKind::Gone);
        endpoint.pass(3600);
        assert_eq!(endpoint.chosen(), Some(2), "time alone does not bring an address back");
        endpoint.fail(2, AwayKind::Gone);
        assert_eq!((endpoint.chosen(), endpoint.health.is_available()), (None, false));
        endpoint.health.is_back(1, endpoint.now);
        assert_eq!((endpoint.chosen(), endpoint.health.is_available()), (Some(1), true));
        endpoint.health.is_back(0, endpoint.now);
        assert_eq!(endpoint.chosen(), Some(0), "the first is preferred again");
        assert_eq!(endpoint.health.away(0), None);
    }

    #[test]
    fn an_address_that_is_not_ready_is_better_than_none() {
        let mut endpoint = Endpoint::of(2);
        endpoint.fail(0, AwayKind::NotReady);
        assert_eq!(endpoint.chosen(), Some(1));
        endpoint.fail(1, AwayKind::Gone);
        assert_eq!((endpoint.chosen(), endpoint.health.is_available()), (Some(0), true));
        endpoint.fail(0, AwayKind::Gone);
        assert_eq!(endpoint.chosen(), None);
    }

    #[test]
    fn an_address_that_is_away_is_probed_with_growing_delays() {
        let mut endpoint = Endpoint::of(1);
        assert_eq!(endpoint.health.next_attempt(0), None);
        endpoint.fail(0, AwayKind::Gone);
        let first = endpoint.health.next_attempt(0).unwrap();
        assert!(first > endpoint.now);
        endpoint.fail(0, AwayKind::Gone); // by another of its calls
        assert_eq!(endpoint.health.next_attempt(0), Some(first));
        for _ in 0..20 {
            endpoint.now = endpoint.health.next_attempt(0).unwrap();
            endpoint.health.attempted(0, endpoint.now);
            endpoint.fail(0, AwayKind::Gone);
            let delay = endpoint.health.next_attempt(0).unwrap() - endpoint.now;
            assert!(delay < Duration::from_secs(1), "{delay:?}");
        }
        endpoint.health.is_back(0, endpoint.now);
        assert_eq!(endpoint.health.next_attempt(0), None);
    }

    #[test]
    fn an_address_that_refuses_headers_is_not_used_until_it_accepts_them() {
        let mut endpoint = Endpoint::of(1);
        endpoint.fail(0, AwayKind::Denied);
        assert_eq!((endpoint.chosen(), endpoint.health.is_available()), (None, false));
        // ServerReady is accepted each time, and the request refused: the delays go on.
        let delay = |endpoint: &Endpoint| endpoint.health.next_attempt(0).unwrap() - endpoint.now;
        for _ in 0..5 {
            endpoint.health.is_back(0, endpoint.now);
            assert_eq!(endpoint.chosen(), Some(0));
            endpoint.fail(0, AwayKind::Denied);
        }
        assert!(delay(&endpoint) >= Duration::from_millis(450), "{:?}", delay(&endpoint));
        endpoint.health.is_back(0, endpoint.now);
        endpoint.responds(0, true);
        endpoint.fail(0, AwayKind::Denied);
        assert!(delay(&endpoint) < Duration::from_millis(200), "{:?}", delay(&endpoint));
    }

    #[test]
    fn a_model_that_does_not_answer_makes_the_next_address_preferred() {
        let mut endpoint = Endpoint::of(2);
        endpoint.is_late(0);
        assert_eq!(endpoint.chosen(), Some(1));
        assert_eq!(endpoint.health.choose(Some("other"), &[], endpoint.now), Some(0));
        assert_eq!(endpoint.health.choose(None, &[], endpoint.now), Some(0));
        // One request tries it again; the others do not wait for its result.
        endpoint.pass(2);
        assert_eq!(endpoint.chosen(), Some(0));
        assert_eq!(endpoint.chosen(), Some(1));
        endpoint.is_late(0);
        endpoint.responds(0, false); // too late
        assert_eq!(endpoint.chosen(), Some(1));
        endpoint.pass(1);
        assert_eq!(endpoint.chosen(), Some(1), "the delay is longer now");
        endpoint.pass(3);
        assert_eq!(endpoint.chosen(), Some(0));
        endpoint.responds(0, true);
        assert_eq!([endpoint.chosen(), endpoint.chosen()], [Some(0); 2]);
    }

    #[test]
    fn a_slow_model_is_waited_for_without_another_choice() {
        let mut alone = Endpoint::of(1);
        alone.is_late(0);
        assert_eq!(alone.chosen(), Some(0));
        let mut endpoint = Endpoint::of(2);
        endpoint.is_late(0);
        endpoint.fail(1, AwayKind::Gone);
        assert_eq!(endpoint.chosen(), Some(0));
        assert!(endpoint.health.is_available());
        // Both are slow: neither is left for a server that does not respond at all.
        endpoint.health.is_back(1, endpoint.now);
        endpoint.is_late(1);
        assert_eq!(endpoint.chosen(), Some(0));
    }

    #[test]
    fn a_busy_model_is_not_one_that_does_not_answer() {
        let mut endpoint = Endpoint::of(2);
        let sent = endpoint.now;
        endpoint.pass(1);
        endpoint.responds(0, true); // to an earlier request
        endpoint.pass(1);
        let model = Arc::clone(&endpoint.model);
        endpoint.health.was_late(0, &model, sent, endpoint.now);
        assert_eq!(endpoint.chosen(), Some(0));
    }

    #[test]
    fn late_requests_of_one_moment_are_one_failure() {
        let mut endpoint = Endpoint::of(2);
        let (sent, model) = (endpoint.now, Arc::clone(&endpoint.model));
        endpoint.pass(1);
        for _ in 0..10 {
            endpoint.health.was_late(0, &model, sent, endpoint.now);
        }
        endpoint.pass(2);
        assert_eq!(endpoint.chosen(), Some(0), "the first delay has passed");
    }

    #[test]
    fn an_address_without_the_model_is_tried_again_soon() {
        let mut endpoint = Endpoint::of(2);
        let model = Arc::clone(&endpoint.model);
        for _ in 0..10 {
            assert_eq!(endpoint.chosen(), Some(0));
            endpoint.health.lacks(0, &model, endpoint.now);
            assert_eq!(endpoint.chosen(), Some(1));
            endpoint.pass(1);
        }
    }

    #[test]
    fn a_trial_that_ends_with_its_server_is_made_again() {
        let mut endpoint = Endpoint::of(2);
        endpoint.is_late(0);
        endpoint.pass(2);
        assert_eq!(endpoint.chosen(), Some(0), "the trial");
        endpoint.fail(0, AwayKind::Gone);
        assert_eq!(endpoint.chosen(), Some(1));
        endpoint.health.is_back(0, endpoint.now);
        assert_eq!(endpoint.chosen(), Some(0), "the next trial");
        assert_eq!(endpoint.chosen(), Some(1));
    }

    #[test]
    fn any_response_ends_a_silence() {
        let mut endpoint = Endpoint::of(1);
        let begin = endpoint.now;
        assert!(endpoint.health.is_silent(0, begin));
        endpoint.pass(1);
        endpoint.health.heard(0, endpoint.now);
        assert!(!endpoint.health.is_silent(0, begin));
        assert!(endpoint.health.is_silent(0, begin + Duration::from_secs(2)));
    }
}
