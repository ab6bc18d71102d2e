//! The motion of a box: a Kalman filter for centre, width and height, one filter per axis.
//!
//! The centre moves at nearly constant velocity (white noise acceleration: Bar-Shalom, Li and Kirubarajan,
//! *Estimation with Applications to Tracking and Navigation*, 2001, §6.2.2), the size is a random walk. As in DeepSORT (Wojke,
//! Bewley and Paulus, *Simple Online and Realtime Tracking with a Deep Association Metric*, ICIP 2017) all noise is
//! relative to the box's height, so that near and far people are treated alike; unlike there it is per second,
//! so that the filter does not depend on the frame rate.

use std::f64::consts::TAU;
use std::time::Duration;

use vision::Rect;

/// 0.999 quantile of the chi-square distribution with 4 degrees of freedom (NIST/SEMATECH e-Handbook of Statistical
/// Methods, table 1.3.6.7.4): a person's own detection lies farther off once in a thousand frames.
pub const GATE: f64 = 18.467;

/// Standard deviation of a detected centre, width and height, in heights: DeepSORT's 1/20.
const DETECTION_NOISE: f64 = 1.0 / 20.0;
/// Spectral density of the acceleration, heights² per second³: velocities wander by 1 height/s in a second, about what
/// DeepSORT's 1/160 of a height a frame comes to at 30 fps.
const ACCELERATION_NOISE: f64 = 1.0;
/// Spectral density of the sizes' random walk, heights² per second: boxes breathe with every step and shrink when half
/// of the person is hidden.
const SIZE_NOISE: f64 = 0.1;
/// Standard deviation of a new person's velocity, heights per second: walking is 0.8, running 2.
const INITIAL_VELOCITY: f64 = 1.0;
/// Smallest height that scales the noise, in pixels, so that degenerate boxes leave the filter well-conditioned.
const LEAST_HEIGHT: f64 = 1.0;

/// The estimate of a person's box, with its covariance.
#[derive(Clone, Debug, PartialEq)]
pub struct BoxFilter {
    /// Centre x, centre y, width, height, in pixels.
    axes: [Axis; 4],
}

/// How well a detection matches a prediction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// Squared Mahalanobis distance, 4 degrees of freedom; compare with [`GATE`].
    pub distance: f64,
    /// Logarithm of the detection's probability density under the prediction, lengths in heights.
    pub log_density: f64,
}

impl BoxFilter {
    /// A person first detected at `detection`, standing or moving either way. The box must be finite.
    pub fn new(detection: &Rect) -> Self {
        let [cx, cy, width, height] = coordinates(detection);
        let scale = height.max(LEAST_HEIGHT);
        let noise = (DETECTION_NOISE * scale).powi(2);
        let velocity = (INITIAL_VELOCITY * scale).powi(2);
        Self {
            axes: [
                Axis::new(cx, noise, velocity),
                Axis::new(cy, noise, velocity),
                Axis::new(width, noise, 0.0),
                Axis::new(height, noise, 0.0),
            ],
        }
    }

    /// Moves the prediction `elapsed` ahead.
    pub fn predict(&mut self, elapsed: Duration) {
        let dt = elapsed.as_secs_f64();
        let scale = self.scale().powi(2);
        let [cx, cy, width, height] = &mut self.axes;
        for axis in [cx, cy] {
            axis.predict(dt, 0.0, ACCELERATION_NOISE * scale);
        }
        for axis in [width, height] {
            axis.predict(dt, SIZE_NOISE * scale, 0.0);
        }
    }

    /// Moves the estimate to frames of another size, by the factors of width and height.
    pub fn resize(&mut self, x: f64, y: f64) {
        for (axis, factor) in self.axes.iter_mut().zip([x, y, x, y]) {
            axis.scale(factor);
        }
    }

    /// Corrects the prediction by a detection. The box must be finite.
    pub fn update(&mut self, detection: &Rect) {
        let noise = self.detection_noise();
        for (axis, seen) in self.axes.iter_mut().zip(coordinates(detection)) {
            axis.update(seen, noise);
        }
    }

    /// How well a detection matches the prediction.
    pub fn fit(&self, detection: &Rect) -> Fit {
        let (noise, scale) = (self.detection_noise(), self.scale().powi(2));
        let mut fit = Fit {
            distance: 0.0,
            log_density: 0.0,
        };
        for (axis, seen) in self.axes.iter().zip(coordinates(detection)) {
            let variance = axis.variance + noise;
            let distance = (seen - axis.value).powi(2) / variance;
            fit.distance += distance;
            fit.log_density -= 0.5 * (distance + (TAU * variance / scale).ln());
        }
        fit
    }

    /// The box as predicted, in pixels.
    pub fn bbox(&self) -> Rect {
        let [cx, cy, width, height] = self.axes.each_ref().map(|axis| axis.value as f32);
        Rect::from_center(cx, cy, width.max(0.0), height.max(0.0))
    }

    fn scale(&self) -> f64 {
        self.axes[3].value.max(LEAST_HEIGHT)
    }

    fn detection_noise(&self) -> f64 {
        (DETECTION_NOISE * self.scale()).powi(2)
    }
}

/// Centre x, centre y, width, height.
fn coordinates(rect: &Rect) -> [f64; 4] {
    let center = rect.center();
    [center.x, center.y, rect.width(), rect.height()].map(f64::from)
}

/// A value with its rate of change, and their covariance.
#[derive(Clone, Debug, PartialEq)]
struct Axis {
    value: f64,
    rate: f64,
    variance: f64,
    covariance: f64,
    rate_variance: f64,
}

impl Axis {
    fn new(value: f64, variance: f64, rate_variance: f64) -> Self {
        Self {
            value,
            rate: 0.0,
            variance,
            covariance: 0.0,
            rate_variance,
        }
    }

    /// `dt` in seconds; `walk` and `acceleration` are spectral densities of noise on the value and on its rate.
    fn predict(&mut self, dt: f64, walk: f64, acceleration: f64) {
        self.value += self.rate * dt;
        self.variance +=
            dt * (2.0 * self.covariance + dt * self.rate_variance) + walk * dt + acceleration * dt.powi(3) / 3.0;
        self.covariance += dt * self.rate_variance + acceleration * dt.powi(2) / 2.0;
        self.rate_variance += acceleration * dt;
    }

    fn scale(&mut self, factor: f64) {
        self.value *= factor;
        self.rate *= factor;
        self.variance *= factor.powi(2);
        self.covariance *= factor.powi(2);
        self.rate_variance *= factor.powi(2);
    }

    /// `noise` is the variance of `seen`, more than 0.
    fn update(&mut self, seen: f64, noise: f64) {
        let innovation = seen - self.value;
        let total = self.variance + noise;
        let (gain, rate_gain) = (self.variance / total, self.covariance / total);
        self.value += gain * innovation;
        self.rate += rate_gain * innovation;
        self.rate_variance = (self.rate_variance - rate_gain * self.covariance).max(0.0);
        self.covariance *= noise / total;
        self.variance *= noise / total;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn after(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    fn standing() -> Rect {
        Rect::from_center(100.0, 200.0, 40.0, 100.0)
    }

    #[test]
    fn one_axis_follows_the_textbook_equations() {
        // F = [1 dt; 0 1], P' = F P Fᵀ + q [dt³/3 dt²/2; dt²/2 dt], K = P' Hᵀ / (H P' Hᵀ + r), P = (I - K H) P'
        let mut axis = Axis::new(10.0, 4.0, 1.0);
        axis.predict(3.0, 0.0, 2.0);
        assert_eq!(
            (axis.variance, axis.covariance, axis.rate_variance),
            (4.0 + 9.0 + 18.0, 3.0 + 9.0, 7.0)
        );
        axis.update(43.0, 2.0);
        let want = Axis {
            value: 10.0 + 33.0 * 31.0 / 33.0,
            rate: 33.0 * 12.0 / 33.0,
            variance: 31.0 * 2.0 / 33.0,
            covariance: 12.0 * 2.0 / 33.0,
            rate_variance: 7.0 - 12.0 * 12.0 / 33.0,
        };
        for (got, want) in [
            (axis.value, want.value),
            (axis.rate, want.rate),
            (axis.variance, want.variance),
            (axis.covariance, want.covariance),
            (axis.rate_variance, want.rate_variance),
        ] {
            assert!((got - want).abs() < 1e-12, "{axis:?}");
        }
    }

    #[test]
    fn a_walk_is_learned_and_extrapolated() {
        let walk = |seconds: f32| Rect::from_center(100.0 + 80.0 * seconds, 200.0, 40.0, 100.0);
        for fps in [1.0, 10.0, 60.0] {
            let mut filter = BoxFilter::new(&walk(0.0));
            let frames = (3.0 * fps) as u32;
            for frame in 1..=frames {
                filter.predict(after(1.0 / fps));
                filter.update(&walk((f64::from(frame) / fps) as f32));
            }
            filter.predict(after(1.0));
            let overlap = filter.bbox().iou(&walk(4.0));
            assert!(overlap > 0.75, "{fps} fps: {overlap}");
        }
    }

    #[test]
    fn the_gate_accepts_a_step_and_rejects_a_jump() {
        let mut filter = BoxFilter::new(&standing());
        for _ in 0..10 {
            filter.predict(after(0.1));
            filter.update(&standing());
        }
        filter.predict(after(0.1));
        let distance = |dx: f32| filter.fit(&Rect::from_center(100.0 + dx, 200.0, 40.0, 100.0)).distance;
        assert!(distance(10.0) < GATE && distance(60.0) > GATE);
        filter.predict(after(2.0));
        let later = filter.fit(&Rect::from_center(160.0, 200.0, 40.0, 100.0)).distance;
        assert!(later < GATE, "the gate opens with time: {later}");
    }

    #[test]
    fn density_does_not_depend_on_scale() {
        let near = BoxFilter::new(&standing());
        let far = BoxFilter::new(&standing().scaled(0.1, 0.1));
        let seen = Rect::from_center(105.0, 202.0, 42.0, 104.0);
        let (near, far) = (near.fit(&seen), far.fit(&seen.scaled(0.1, 0.1)));
        assert!((near.log_density - far.log_density).abs() < 1e-4);
        assert!((near.distance - far.distance).abs() < 1e-4);
    }

    proptest! {
        #[test]
        fn two_predictions_equal_one_over_the_same_time(first in 0.0..5.0f64, second in 0.0..5.0f64) {
            let (mut once, mut twice) = (BoxFilter::new(&standing()), BoxFilter::new(&standing()));
            once.predict(after(first) + after(second));
            twice.predict(after(first));
            twice.predict(after(second));
            let seen = Rect::from_center(130.0, 190.0, 44.0, 95.0);
            prop_assert!((once.fit(&seen).distance - twice.fit(&seen).distance).abs() < 1e-6);
            prop_assert!((once.fit(&seen).log_density - twice.fit(&seen).log_density).abs() < 1e-6);
        }
    }
}
