//! The number of requests that a model works on usefully at a time: from its configuration, corrected by measurement.

use std::time::{Duration, Instant};

/// Completions and time over which the rate of one number of places is measured.
const WINDOW: (u32, Duration) = (16, Duration::from_secs(1));

/// Gain in completions per second that justifies one more place, which makes each response later.
const WORTHWHILE: f64 = 1.08;

/// Loss in completions per second that is accepted for one place less, which makes each response sooner.
const NEGLIGIBLE: f64 = 0.97;

/// Maximum number of places, as a multiple of the configured one.
const MOST: usize = 4;

/// Maximum number of places where the configuration says fewer or nothing: a batcher may take many although it prefers no size.
const MOST_UNSTATED: usize = 16;

/// Time before the first experiment, and between one that failed and the next, which doubles up to the second value.
const PAUSE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(600));

/// Gain that the load of the machine does not explain: it needs no second measurement with the number before.
const PLAIN: f64 = 1.5;

/// Time between an experiment that succeeded and the next, where a configuration was the start.
const PAUSE_AFTER_GAIN: Duration = Duration::from_secs(3);

/// Places of one model. While requests wait for places, one place more or less is tried now and then, between two
/// measurements with the present number.
#[derive(Clone, Debug)]
pub struct Places {
    /// The number that the configuration suggests; 0 if it does not say.
    configured: usize,
    /// The present number, without the experiment.
    number: usize,
    phase: Phase,
    window: Window,
    next_experiment: Option<Instant>,
    pause: Duration,
    /// Whether the next experiment is with one place less.
    fewer_next: bool,
    /// Completions since the last one at which others waited.
    uncontended: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// The present number.
    Present,
    /// The number of the experiment; the rate before it.
    Experiment { number: usize, before: f64 },
    /// The present number again; the rates before and during the experiment.
    Control { number: usize, before: f64, during: f64 },
}

/// Completions of one measurement.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    /// Completions to leave out: their requests were sent before the measurement.
    ignored: usize,
    first: Option<Instant>,
    completions: u32,
}

impl Window {
    /// Whether a completion is to be left out.
    fn ignores(&mut self) -> bool {
        let ignores = self.ignored > 0;
        self.ignored = self.ignored.saturating_sub(1);
        ignores
    }

    /// The completions per second, once there are enough of them.
    fn add(&mut self, now: Instant) -> Option<f64> {
        let Some(first) = self.first else {
            self.first = Some(now);
            return None;
        };
        self.completions += 1;
        let span = now.saturating_duration_since(first);
        let complete = self.completions >= WINDOW.0 && span >= WINDOW.1;
        complete.then(|| f64::from(self.completions) / span.as_secs_f64())
    }
}

impl Places {
    /// Starts with the number that the configuration suggests; with one, and at once with experiments, if that is 0: the
    /// server does not say.
    pub fn new(configured: usize) -> Self {
        let pause = if configured == 0 { Duration::ZERO } else { PAUSE.0 };
        Self {
            configured,
            number: configured.max(1),
            phase: Phase::Present,
            window: Window::default(),
            next_experiment: None,
            pause,
            fewer_next: false,
            uncontended: 0,
        }
    }

    /// Starts again from another configuration, unless measurements have led away from the present one.
    pub fn configure(&mut self, configured: usize) {
        let untouched = self.number == self.configured.max(1) && self.phase == Phase::Present;
        if untouched && configured != self.configured {
            *self = Self::new(configured);
        }
    }

    /// The number of requests that may be in flight now.
    pub fn number(&self) -> usize {
        match self.phase {
            Phase::Experiment { number, .. } => number,
            Phase::Present | Phase::Control { .. } => self.number,
        }
    }

    /// Records that a request ended. `contended`: others waited for its place, so the rate shows what the model can do. Requests
    /// that were sent together end together, and of these the first has what waited: so there is contention unless nobody has
    /// waited at as many completions as there are places.
    pub fn completed(&mut self, now: Instant, contended: bool) {
        let next_experiment = *self.next_experiment.get_or_insert(now + self.pause);
        if self.window.ignores() {
            return;
        }
        self.uncontended = if contended {
            0
        } else {
            self.uncontended.saturating_add(1)
        };
        if self.uncontended >= self.number() {
            self.enter(Phase::Present);
            return;
        }
        let Some(rate) = self.window.add(now) else {
            return;
        };
        match self.phase {
            Phase::Present if now >= next_experiment => {
                let number = self.candidate();
                self.enter(Phase::Experiment { number, before: rate });
            }
            Phase::Present => self.enter(Phase::Present),
            Phase::Experiment { number, before } if rate >= PLAIN * before => {
                self.decide(now, number, rate / before);
                self.enter(Phase::Present);
            }
            Phase::Experiment { number, before } => self.enter(Phase::Control {
                number,
                before,
                during: rate,
            }),
            Phase::Control { number, before, during } => {
                // Compared with the better of the two, since the load of the machine changes, too.
                self.decide(now, number, during / before.max(rate));
                self.enter(Phase::Present);
            }
        }
    }

    fn enter(&mut self, phase: Phase) {
        if self.phase == phase && self.window.completions == 0 {
            return;
        }
        self.phase = phase;
        self.window = Window {
            ignored: self.number.max(self.number()),
            ..Window::default()
        };
    }

    /// The number to try: one more and one less in turn, within the limits.
    fn candidate(&mut self) -> usize {
        let max = self.configured.saturating_mul(MOST).max(MOST_UNSTATED);
        let fewer = (self.fewer_next && self.number > 1) || self.number >= max;
        self.fewer_next = !fewer;
        if fewer {
            (self.number - 1).max(1)
        } else {
            self.number + 1
        }
    }

    /// Adopts the number of an experiment whose rate was `gain` times that of the present number, if it is better.
    fn decide(&mut self, now: Instant, number: usize, gain: f64) {
        let needed = if number > self.number { WORTHWHILE } else { NEGLIGIBLE };
        let better = number != self.number && gain >= needed;
        self.pause = match better {
            true => PAUSE.0,
            false => (self.pause * 2).clamp(PAUSE.0, PAUSE.1),
        };
        if better {
            self.fewer_next = number < self.number;
            self.number = number;
        }
        let pause = match (better, self.configured) {
            (true, 0) => Duration::ZERO,
            (true, _) => PAUSE_AFTER_GAIN,
            (false, _) => self.pause,
        };
        self.next_experiment = Some(now + pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays `seconds` of a model that completes `rate(places)` requests a second, contended or not.
    fn play(
        places: &mut Places,
        start: Instant,
        seconds: f64,
        contended: bool,
        rate: impl Fn(usize) -> f64,
    ) -> Instant {
        let (mut now, end) = (start, start + Duration::from_secs_f64(seconds));
        while now < end {
            now += Duration::from_secs_f64(1.0 / rate(places.number()));
            places.completed(now, contended);
        }
        now
    }

    /// The rate of a model with `instances`, each of `rate` requests a second.
    fn instances(instances: usize, rate: f64) -> impl Fn(usize) -> f64 {
        move |places| places.min(instances) as f64 * rate
    }

    #[test]
    fn the_number_of_useful_places_is_found_from_any_configuration() {
        for (configured, useful) in [(1, 1), (1, 2), (2, 2), (2, 5), (3, 2), (4, 2), (8, 6)] {
            let mut places = Places::new(configured);
            play(&mut places, Instant::now(), 3600.0, true, instances(useful, 20.0));
            assert_eq!(places.number, useful, "from {configured}");
        }
    }

    #[test]
    fn a_number_that_the_server_does_not_say_is_found_within_seconds() {
        for (useful, seconds) in [(1, 60.0), (2, 6.0), (4, 20.0), (12, 80.0)] {
            let mut places = Places::new(0);
            play(&mut places, Instant::now(), seconds, true, instances(useful, 6.7));
            assert_eq!(places.number, useful);
        }
    }

    #[test]
    fn a_second_place_is_found_useful_although_its_requests_end_with_the_first_ones() {
        let (mut places, start) = (Places::new(0), Instant::now());
        let mut now = start;
        while now < start + Duration::from_secs(10) {
            now += Duration::from_millis(150);
            // One frame waits for the first place that is free.
            (0..places.number().min(2)).for_each(|place| places.completed(now, place == 0));
        }
        assert_eq!(places.number, 2);
    }

    #[test]
    fn nothing_is_tried_while_no_request_waits() {
        let mut places = Places::new(2);
        play(&mut places, Instant::now(), 600.0, false, |places| {
            assert_eq!(places, 2);
            50.0
        });
    }

    #[test]
    fn an_experiment_without_gain_is_repeated_ever_more_rarely() {
        let (mut places, start) = (Places::new(2), Instant::now());
        let mut during = 0;
        let mut all = 0;
        let mut now = start;
        while now < start + Duration::from_secs(3600) {
            let number = places.number();
            now += Duration::from_secs_f64(1.0 / (number.min(2) as f64 * 20.0));
            places.completed(now, true);
            all += 1;
            during += u32::from(number != 2);
        }
        assert!(during > 0 && during * 50 < all, "{during} of {all} completions");
    }

    #[test]
    fn another_configuration_counts_until_measurements_have_shown_better() {
        let mut places = Places::new(1);
        places.configure(2);
        assert_eq!(places.number(), 2);
        play(&mut places, Instant::now(), 600.0, true, instances(3, 20.0));
        places.configure(1);
        assert_eq!(places.number, 3);
    }

    #[test]
    fn it_stays_between_one_and_a_limit() {
        // The next place is never worth less than another, but from the twelfth on too little.
        for (configured, most, reached) in [(1, MOST_UNSTATED, 13), (8, 4 * 8, 13)] {
            let mut places = Places::new(configured);
            play(&mut places, Instant::now(), 3600.0, true, |places| {
                assert!((1..=most).contains(&places), "{places} from {configured}");
                places as f64 * 10.0
            });
            assert_eq!(places.number, reached, "from {configured}");
        }
        let mut places = Places::new(8);
        play(&mut places, Instant::now(), 3600.0, true, |places| {
            assert!(places <= 4 * 8, "{places}");
            1.2_f64.powi(places as i32)
        });
        assert_eq!(places.number, 4 * 8);
        let mut places = Places::new(3);
        play(&mut places, Instant::now(), 3600.0, true, |_| 10.0);
        assert_eq!(places.number, 1);
    }
}
