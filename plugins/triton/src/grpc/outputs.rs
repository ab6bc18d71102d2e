//! The outputs of models, and how much shared memory they need.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::inference::ModelInferResponse;
use super::message::{OutputSlot, byte_size};
use crate::{DataType, ModelDescription, lock};

/// The outputs of all models that were described. The servers of an endpoint have the same models.
#[derive(Default)]
pub(super) struct KnownModels(Mutex<HashMap<String, Arc<KnownOutputs>>>);

/// A model's outputs, in the order of its metadata.
pub(super) struct KnownOutputs(Vec<KnownOutput>);

struct KnownOutput {
    name: Arc<str>,
    /// Size for which a slot is leased, in bytes; 0 until there was a response.
    slot_len: AtomicUsize,
}

impl KnownModels {
    /// Takes note of a model's outputs, which replace those of an earlier description.
    pub(super) fn describe(&self, model: &ModelDescription) {
        let outputs = model.outputs.iter().map(|output| KnownOutput {
            name: Arc::clone(&output.name),
            slot_len: AtomicUsize::new(0),
        });
        let outputs = Arc::new(KnownOutputs(outputs.collect()));
        lock(&self.0).insert(model.model.clone(), outputs);
    }

    /// The outputs of a model; none if it was not described.
    pub(super) fn outputs(&self, model: &str) -> Arc<KnownOutputs> {
        let known = lock(&self.0).get(model).cloned();
        known.unwrap_or_else(|| Arc::new(KnownOutputs(Vec::new())))
    }
}

impl KnownOutputs {
    /// Takes note of the sizes in a response. An output whose size varies gets room for twice as much, so that few requests
    /// have to be repeated because their slot was too small.
    pub(super) fn learn(&self, response: &ModelInferResponse) {
        for (tensor, data) in response.outputs.iter().zip(&response.raw_output_contents) {
            let Some(known) = self.0.iter().find(|known| *known.name == tensor.name) else {
                continue;
            };
            let element = DataType::from_name(&tensor.datatype).and_then(DataType::size);
            let Some(len) = element.and_then(|element| byte_size(&tensor.shape, element)) else {
                continue; // strings: the response does not say where they end in a slot
            };
            let present = known.slot_len.load(Ordering::Relaxed);
            if len > present && len >= data.len() {
                let grown = if present == 0 { len } else { len.saturating_mul(2) };
                known.slot_len.store(grown, Ordering::Relaxed);
            }
        }
    }

    /// Slots for the outputs that are large enough, as far as `lease` has some.
    pub(super) fn slots(&self, lease: impl Fn(usize) -> Option<OutputSlot>) -> Vec<(Arc<str>, OutputSlot)> {
        let outputs = self.0.iter();
        let slots = outputs.filter_map(|output| {
            let slot = lease(output.slot_len.load(Ordering::Relaxed))?;
            Some((Arc::clone(&output.name), slot))
        });
        slots.collect()
    }

    /// The names of all outputs.
    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.iter().map(|output| &output.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::inference::model_infer_response::InferOutputTensor;
    use crate::{TensorFormat, TensorSpec};

    fn known(names: &[&str]) -> Arc<KnownOutputs> {
        let spec = |name: &&str| TensorSpec {
            name: (*name).into(),
            datatype: DataType::Fp32,
            shape: vec![-1],
            format: TensorFormat::None,
        };
        let models = KnownModels::default();
        models.describe(&ModelDescription {
            model: "m".into(),
            outputs: names.iter().map(spec).collect(),
            ..ModelDescription::default()
        });
        models.outputs("m")
    }

    fn response(outputs: &[(&str, &str, i64)]) -> ModelInferResponse {
        let tensor = |&(name, datatype, len): &(&str, &str, i64)| InferOutputTensor {
            name: name.into(),
            datatype: datatype.into(),
            shape: vec![len],
        };
        ModelInferResponse {
            outputs: outputs.iter().map(tensor).collect(),
            raw_output_contents: vec![bytes::Bytes::new(); outputs.len()],
        }
    }

    fn lens(known: &KnownOutputs) -> Vec<usize> {
        known
            .0
            .iter()
            .map(|output| output.slot_len.load(Ordering::Relaxed))
            .collect()
    }

    #[test]
    fn sizes_are_learned_from_responses_and_doubled_when_they_vary() {
        let known = known(&["a", "b", "c"]);
        assert_eq!(lens(&known), [0, 0, 0]);
        known.learn(&response(&[("b", "FP32", 100), ("a", "UINT8", 7), ("c", "BYTES", 3)]));
        assert_eq!(lens(&known), [7, 400, 0]);
        known.learn(&response(&[("b", "FP32", 90), ("unknown", "FP32", 1000)]));
        assert_eq!(lens(&known), [7, 400, 0]);
        known.learn(&response(&[("b", "FP32", 101)]));
        assert_eq!(lens(&known), [7, 808, 0]);
        known.learn(&response(&[("b", "FP32", 202), ("a", "FP32", i64::MAX)]));
        assert_eq!(lens(&known), [7, 808, 0]);
    }

    #[test]
    fn a_model_that_was_not_described_has_no_outputs() {
        let unknown = KnownModels::default().outputs("m");
        unknown.learn(&response(&[("a", "FP32", 10)]));
        assert_eq!(unknown.names().count(), 0);
    }
}
