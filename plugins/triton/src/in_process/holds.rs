//! Which models have to stay loaded: those that are used, and the steps of used ensembles.
//!
//! Triton loads an ensemble's steps with it, but lets go of a step when told so, and then the ensemble answers no more.

use std::collections::HashMap;

use serde::Deserialize;

/// Who holds which model.
#[derive(Default)]
pub(super) struct Holds {
    /// The used ones, with the steps of each.
    used: HashMap<String, Vec<String>>,
    /// How often each model is used or a step.
    holders: HashMap<String, usize>,
}

impl Holds {
    /// `model` is used from now on, and with it its steps.
    pub(super) fn hold(&mut self, model: &str, steps: Vec<String>) {
        for held in steps.iter().map(String::as_str).chain([model]) {
            *self.holders.entry(held.to_owned()).or_default() += 1;
        }
        self.used.insert(model.to_owned(), steps);
    }

    /// `model` is used no more: those that nobody holds now, the ensemble before its steps.
    pub(super) fn release(&mut self, model: &str) -> Vec<String> {
        let Some(steps) = self.used.remove(model) else {
            return Vec::new();
        };
        let mut held = vec![model.to_owned()];
        held.extend(steps);
        held.retain(|model| {
            let holders = self.holders.entry(model.clone()).or_insert(1);
            *holders -= 1;
            *holders == 0
        });
        self.holders.retain(|_, holders| *holders > 0);
        held
    }
}

/// The models that a configuration, in Triton's JSON, names as steps; none unless it is an ensemble's.
pub(super) fn steps(config: &str) -> Vec<String> {
    #[derive(Deserialize, Default)]
    struct Config {
        #[serde(default)]
        ensemble_scheduling: Scheduling,
    }
    #[derive(Deserialize, Default)]
    struct Scheduling {
        #[serde(default)]
        step: Vec<Step>,
    }
    #[derive(Deserialize)]
    struct Step {
        model_name: String,
    }
    let config: Config = serde_json::from_str(config).unwrap_or_default();
    let steps = config.ensemble_scheduling.step.into_iter();
    steps.map(|step| step.model_name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| name.to_string()).collect()
    }

    #[test]
    fn a_step_stays_as_long_as_anyone_holds_it() {
        let mut holds = Holds::default();
        holds.hold("pose", vec![]);
        holds.hold("all", owned(&["pose", "vest"]));
        assert_eq!(holds.release("pose"), owned(&[]));
        holds.hold("pose", vec![]);
        assert_eq!(holds.release("all"), ["all", "vest"]);
        assert_eq!(holds.release("all"), owned(&[]), "it was let go before");
        holds.hold("all", owned(&["pose", "vest", "vest"]));
        assert_eq!(holds.release("pose"), owned(&[]));
        assert_eq!(holds.release("all"), ["all", "pose", "vest"]);
        assert!(holds.used.is_empty() && holds.holders.is_empty());
    }

    #[test]
    fn steps_are_an_ensembles() {
        let ensemble = r#"{"ensemble_scheduling":{"step":[{"model_name":"a","model_version":-1},{"model_name":"b"}]}}"#;
        assert_eq!(steps(ensemble), ["a", "b"]);
        assert_eq!(steps(r#"{"name":"a","dynamic_batching":{}}"#), owned(&[]));
        assert_eq!(steps("nonsense"), owned(&[]));
    }
}
