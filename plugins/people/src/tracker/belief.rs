//! The distribution of the vest that a tracked person wears.

/// Rate at which the vest model is wrong about a frame without any sign of doubt.
const ERROR_RATE: f64 = 0.03;
/// Probability, per observation, that the track has switched to someone in another vest.
const SWITCH_RATE: f64 = 1e-3;

/// A distribution over the vest labels: a hidden Markov filter whose hidden state is the label.
///
/// The error rate and the switch rate bound it both ways: one wrong observation cannot reverse a settled belief, a few in a
/// row reverse any.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Belief(Vec<f64>);

/// One observation: likelihoods of the labels with sum 1, from the vest model's probabilities and its error rate.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Evidence(Vec<f64>);

impl Evidence {
    /// From the model's probabilities, one per label; `None` if they are not a distribution.
    ///
    /// `hidden` is the part of the person's box covered by someone nearer, 0..1. The larger it is, the likelier the model has
    /// seen the other person's vest; from one half on the observation has no weight.
    pub(super) fn new(probabilities: &[f32], hidden: f32) -> Option<Self> {
        let sum: f64 = probabilities.iter().map(|p| f64::from(*p)).sum();
        let sound = sum.is_finite() && sum > 0.0 && probabilities.iter().all(|p| *p >= 0.0);
        let wrong = (2.0 * f64::from(hidden)).clamp(ERROR_RATE, 1.0);
        let floor = wrong / probabilities.len() as f64;
        sound.then(|| {
            let likelihood = |p: &f32| (1.0 - wrong) * f64::from(*p) / sum + floor;
            Self(probabilities.iter().map(likelihood).collect())
        })
    }
}

impl Belief {
    /// The uniform distribution over `labels` labels.
    pub(super) fn new(labels: usize) -> Self {
        Self(vec![1.0 / labels as f64; labels])
    }

    /// Updates the distribution by an observation.
    pub(super) fn observe(&mut self, evidence: &Evidence) {
        let change = SWITCH_RATE / self.0.len() as f64;
        for (belief, likelihood) in self.0.iter_mut().zip(&evidence.0) {
            *belief = ((1.0 - SWITCH_RATE) * *belief + change) * likelihood;
        }
        let sum: f64 = self.0.iter().sum();
        self.0.iter_mut().for_each(|belief| *belief /= sum);
    }

    /// Logarithm of how much likelier the observation is for this person than for an unknown one, in nats.
    pub(super) fn agreement(&self, evidence: &Evidence) -> f64 {
        let same: f64 = self.0.iter().zip(&evidence.0).map(|(b, l)| b * l).sum();
        (same * self.0.len() as f64).ln()
    }

    /// The probability of a label, 0..1.
    pub(super) fn probability(&self, label: usize) -> f64 {
        self.0.get(label).copied().unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An observation with probability `p` of one of four labels.
    fn sure(label: usize, p: f32) -> Evidence {
        let mut probabilities = [(1.0 - p) / 3.0; 4];
        probabilities[label] = p;
        Evidence::new(&probabilities, 0.0).expect("a distribution")
    }

    fn settled(label: usize) -> Belief {
        let mut belief = Belief::new(4);
        (0..20).for_each(|_| belief.observe(&sure(label, 0.95)));
        belief
    }

    #[test]
    fn evidence_requires_a_distribution() {
        for (probabilities, want) in [
            (&[0.5, 0.5][..], true),
            (&[3.0, 1.0], true),
            (&[], false),
            (&[0.0, 0.0], false),
            (&[f32::NAN, 1.0], false),
            (&[f32::INFINITY, 1.0], false),
            (&[-0.5, 1.5], false),
        ] {
            assert_eq!(Evidence::new(probabilities, 0.0).is_some(), want, "{probabilities:?}");
        }
    }

    #[test]
    fn one_wrong_observation_is_outweighed_and_four_in_a_row_are_not() {
        let mut belief = settled(1);
        belief.observe(&sure(2, 0.95));
        assert!(belief.probability(1) > 0.9, "{belief:?}");
        (0..3).for_each(|_| belief.observe(&sure(2, 0.95)));
        assert!(belief.probability(2) > 0.9, "{belief:?}");
    }

    #[test]
    fn observations_with_lower_probability_weigh_less() {
        let (mut clear, mut vague) = (Belief::new(4), Belief::new(4));
        clear.observe(&sure(1, 0.9));
        vague.observe(&sure(1, 0.4));
        assert!(clear.probability(1) > vague.probability(1) && vague.probability(1) > 0.25);
    }

    #[test]
    fn agreement_is_positive_for_the_same_vest_only() {
        let belief = settled(1);
        assert!(belief.agreement(&sure(1, 0.95)) > 1.0);
        assert!(belief.agreement(&sure(2, 0.95)) < -1.0);
        assert!(
            belief.agreement(&sure(2, 0.25)).abs() < 1e-6,
            "a uniform observation has no weight"
        );
        assert!(
            Belief::new(4).agreement(&sure(2, 0.95)).abs() < 1e-6,
            "neither has one about an unknown person"
        );
    }
}
