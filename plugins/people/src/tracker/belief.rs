//! What a track knows about the vest its person wears.

/// How often the vest model is wrong about a frame without any sign of doubt.
const WRONG_ANSWERS: f64 = 0.03;
/// How often, between two looks, a track goes over to someone else who wears another vest.
const WEARER_CHANGES: f64 = 1e-3;

/// A distribution over the vest labels: a hidden Markov filter whose hidden state is the label.
///
/// Answers that are never certain and wearers that may change bound it both ways: one wrong answer cannot turn a
/// settled belief, and a few in a row turn any.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Belief(Vec<f64>);

/// One answer of the vest model, with what it may be wrong about taken in: likelihoods of the labels, sum 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Evidence(Vec<f64>);

impl Evidence {
    /// The model's probabilities, one a label; `None` if they are not a distribution.
    ///
    /// `hidden` is the part of the person behind someone nearer, 0..1: the more of it, the likelier the answer is about
    /// the other one's vest; at a half it tells nothing.
    pub(super) fn new(probabilities: &[f32], hidden: f32) -> Option<Self> {
        let sum: f64 = probabilities.iter().map(|p| f64::from(*p)).sum();
        let sound = sum.is_finite() && sum > 0.0 && probabilities.iter().all(|p| *p >= 0.0);
        let wrong = (2.0 * f64::from(hidden)).clamp(WRONG_ANSWERS, 1.0);
        let floor = wrong / probabilities.len() as f64;
        sound.then(|| {
            let likelihood = |p: &f32| (1.0 - wrong) * f64::from(*p) / sum + floor;
            Self(probabilities.iter().map(likelihood).collect())
        })
    }
}

impl Belief {
    /// Nothing known yet about `labels` labels.
    pub(super) fn new(labels: usize) -> Self {
        Self(vec![1.0 / labels as f64; labels])
    }

    /// Takes in one more answer.
    pub(super) fn observe(&mut self, evidence: &Evidence) {
        let change = WEARER_CHANGES / self.0.len() as f64;
        for (belief, likelihood) in self.0.iter_mut().zip(&evidence.0) {
            *belief = ((1.0 - WEARER_CHANGES) * *belief + change) * likelihood;
        }
        let sum: f64 = self.0.iter().sum();
        self.0.iter_mut().for_each(|belief| *belief /= sum);
    }

    /// Logarithm of how much likelier the answer is for this person than for just anyone.
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

    /// What the model says who is sure, at `p`, of one of four labels.
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
    fn only_distributions_are_evidence() {
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
    fn one_wrong_answer_changes_nothing_and_four_in_a_row_everything() {
        let mut belief = settled(1);
        belief.observe(&sure(2, 0.95));
        assert!(belief.probability(1) > 0.9, "{belief:?}");
        (0..3).for_each(|_| belief.observe(&sure(2, 0.95)));
        assert!(belief.probability(2) > 0.9, "{belief:?}");
    }

    #[test]
    fn unsure_answers_count_less() {
        let (mut clear, mut vague) = (Belief::new(4), Belief::new(4));
        clear.observe(&sure(1, 0.9));
        vague.observe(&sure(1, 0.4));
        assert!(clear.probability(1) > vague.probability(1) && vague.probability(1) > 0.25);
    }

    #[test]
    fn agreement_tells_same_from_other() {
        let belief = settled(1);
        assert!(belief.agreement(&sure(1, 0.95)) > 1.0);
        assert!(belief.agreement(&sure(2, 0.95)) < -1.0);
        assert!(
            belief.agreement(&sure(2, 0.25)).abs() < 1e-6,
            "an answer that says nothing weighs nothing"
        );
        assert!(
            Belief::new(4).agreement(&sure(2, 0.95)).abs() < 1e-6,
            "nor does one about an unknown person"
        );
    }
}
