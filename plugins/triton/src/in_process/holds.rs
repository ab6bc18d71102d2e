//! Which models have to stay loaded: those that are used, and the steps of used ensembles.
//!
//! Triton loads an ensemble's steps with it, but lets go of a step when told so, and then the ensemble answers no more.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use super::threads::Tid;

/// Who holds which model.
#[derive(Default)]
pub(super) struct Holds {
    /// The used ones, with the steps of each.
    used: HashMap<String, Vec<String>>,
    held: HashMap<String, Held>,
}

/// A model that has to stay.
struct Held {
    /// How often it is used or a step.
    holders: usize,
    /// The threads that came when it was loaded: its own, and those of what was loaded with it.
    threads: HashSet<Tid>,
}

/// Models that nobody holds any more.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Released {
    /// The ensemble before its steps.
    pub(super) models: Vec<String>,
    /// As [`Held::threads`].
    pub(super) threads: HashSet<Tid>,
}

impl Holds {
    /// `model` is used from now on, and with it its steps. `threads` have come with those that nobody held before.
    pub(super) fn hold(&mut self, model: &str, steps: Vec<String>, threads: &HashSet<Tid>) {
        for name in steps.iter().map(String::as_str).chain([model]) {
            let held = self.held.entry(name.to_owned()).or_insert_with(|| Held {
                holders: 0,
                threads: threads.clone(),
            });
            held.holders += 1;
        }
        self.used.insert(model.to_owned(), steps);
    }

    /// `model` is used no more: what nobody holds now.
    pub(super) fn release(&mut self, model: &str) -> Released {
        let mut released = Released::default();
        let Some(steps) = self.used.remove(model) else {
            return released;
        };
        for name in [model.to_owned()].into_iter().chain(steps) {
            let Entry::Occupied(mut held) = self.held.entry(name.clone()) else {
                continue;
            };
            held.get_mut().holders -= 1;
            if held.get().holders == 0 {
                released.threads.extend(held.remove().threads);
                released.models.push(name);
            }
        }
        released
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

    fn released(models: &[&str], threads: &[Tid]) -> Released {
        Released {
            models: owned(models),
            threads: threads.iter().copied().collect(),
        }
    }

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| name.to_string()).collect()
    }

    #[test]
    fn a_step_stays_as_long_as_anyone_holds_it() {
        let mut holds = Holds::default();
        holds.hold("pose", vec![], &[1, 2].into());
        holds.hold("all", owned(&["pose", "vest"]), &[3].into());
        assert_eq!(holds.release("pose"), released(&[], &[]));
        holds.hold("pose", vec![], &[].into());
        assert_eq!(holds.release("all"), released(&["all", "vest"], &[3]));
        assert_eq!(holds.release("all"), released(&[], &[]), "it was let go before");
        holds.hold("all", owned(&["pose", "vest", "vest"]), &[4].into());
        assert_eq!(holds.release("pose"), released(&[], &[]));
        assert_eq!(holds.release("all"), released(&["all", "pose", "vest"], &[1, 2, 4]));
        assert!(holds.used.is_empty() && holds.held.is_empty());
    }

    #[test]
    fn steps_are_an_ensembles() {
        let ensemble = r#"{"ensemble_scheduling":{"step":[{"model_name":"a","model_version":-1},{"model_name":"b"}]}}"#;
        assert_eq!(steps(ensemble), ["a", "b"]);
        assert_eq!(steps(r#"{"name":"a","dynamic_batching":{}}"#), owned(&[]));
        assert_eq!(steps("nonsense"), owned(&[]));
    }
}
