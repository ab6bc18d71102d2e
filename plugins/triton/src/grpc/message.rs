//! Conversion of requests, responses and statistics to and from KServe messages.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::inference::infer_parameter::ParameterChoice;
use super::inference::model_infer_request::{InferInputTensor, InferRequestedOutputTensor};
use super::inference::model_infer_response::InferOutputTensor;
use super::inference::{
    InferParameter, InferStatistics, ModelInferRequest, ModelInferResponse, ModelStatistics, SharedMemoryRegion,
    StatisticDuration as WireDuration,
};
use super::status::Failure;
use crate::memory::LeaseHandle;
use crate::shared_memory::{Region, Slot, SlotBytes};
use crate::statistics::StatisticDuration;
use crate::{DataType, Input, Output, Response, Statistics, SystemSharedMemoryRegion};

/// A request that can be sent several times, to different servers. The inputs are not copied; their memory is free when it
/// is dropped and all messages with the inputs have been sent.
pub(super) struct Outgoing {
    model: Arc<str>,
    version: String,
    parameters: HashMap<String, InferParameter>,
    inputs: Vec<OutgoingInput>,
}

struct OutgoingInput {
    name: Arc<str>,
    datatype: DataType,
    shape: Vec<i64>,
    /// The lease.
    data: Bytes,
    /// Where it is in shared memory.
    place: Option<SharedTensor>,
    /// Its parameters if it is in CUDA memory, where the server always reads it.
    cuda: Option<HashMap<String, InferParameter>>,
}

/// A tensor in a region of shared memory.
struct SharedTensor {
    region: Arc<Region>,
    offset: usize,
    len: usize,
}

impl SharedTensor {
    /// The first `len` bytes of a slot.
    fn of(slot: &Slot, len: usize) -> Self {
        Self {
            region: Arc::clone(slot.region()),
            offset: slot.offset(),
            len,
        }
    }

    /// The parameters of a tensor that is there.
    fn parameters(&self) -> HashMap<String, InferParameter> {
        in_region(self.region.name(), self.offset, self.len)
    }
}

/// The parameters of a tensor in a region.
fn in_region(region: &str, offset: usize, len: usize) -> HashMap<String, InferParameter> {
    let region = ParameterChoice::StringParam(region.to_owned());
    let number = |value: usize| ParameterChoice::Int64Param(i64::try_from(value).unwrap_or(i64::MAX));
    let parameters = [
        ("shared_memory_region", region),
        ("shared_memory_offset", number(offset)),
        ("shared_memory_byte_size", number(len)),
    ];
    parameters
        .into_iter()
        .map(|(key, choice)| (key.to_owned(), parameter(choice)))
        .collect()
}

impl Outgoing {
    /// The request, and handles of its leases, which it owns.
    pub(super) fn new(
        model: &Arc<str>,
        version: Option<u64>,
        inputs: Vec<Input>,
        parameters: HashMap<String, InferParameter>,
    ) -> (Self, Vec<LeaseHandle>) {
        let leases = inputs.iter().map(|input| input.data.handle()).collect();
        let inputs = inputs.into_iter().map(|input| OutgoingInput {
            name: input.name,
            datatype: input.datatype,
            shape: input.shape,
            place: input.data.slot().map(|slot| SharedTensor::of(slot, input.data.len())),
            cuda: input
                .data
                .cuda_region()
                .map(|region| in_region(region.name(), 0, input.data.byte_size())),
            data: Bytes::from_owner(input.data),
        });
        let request = Self {
            model: Arc::clone(model),
            version: version.map_or_else(String::new, |version| version.to_string()),
            parameters,
            inputs: inputs.collect(),
        };
        (request, leases)
    }

    /// The regions that inputs are in.
    pub(super) fn regions(&self) -> impl Iterator<Item = &Arc<Region>> {
        self.inputs
            .iter()
            .filter_map(|input| Some(&input.place.as_ref()?.region))
    }

    pub(super) fn model(&self) -> &str {
        &self.model
    }

    /// The message with all tensors that are on the host.
    pub(super) fn by_wire(&self) -> ModelInferRequest {
        self.message(|_| false, Vec::new())
    }

    /// The message that refers to inputs in regions that the server `knows`, and has the other ones. `outputs`: where
    /// the server writes outputs; `None`: into the response.
    pub(super) fn by_shared_memory<'a>(
        &self,
        knows: impl Fn(&Region) -> bool,
        outputs: impl Iterator<Item = (&'a Arc<str>, Option<&'a OutputSlot>)>,
    ) -> ModelInferRequest {
        let outputs = outputs.map(|(name, slot)| InferRequestedOutputTensor {
            name: name.to_string(),
            parameters: slot
                .map(|slot| SharedTensor::of(&slot.slot, slot.len).parameters())
                .unwrap_or_default(),
        });
        self.message(knows, outputs.collect())
    }

    fn message(&self, knows: impl Fn(&Region) -> bool, outputs: Vec<InferRequestedOutputTensor>) -> ModelInferRequest {
        let mut message = ModelInferRequest {
            model_name: self.model.to_string(),
            model_version: self.version.clone(),
            parameters: self.parameters.clone(),
            outputs,
            ..ModelInferRequest::default()
        };
        for input in &self.inputs {
            let place = input.place.as_ref().filter(|place| knows(&place.region));
            let parameters = input.cuda.clone().or_else(|| place.map(SharedTensor::parameters));
            if parameters.is_none() {
                message.raw_input_contents.push(input.data.clone());
            }
            message.inputs.push(InferInputTensor {
                name: input.name.to_string(),
                datatype: input.datatype.name().to_owned(),
                shape: input.shape.clone(),
                parameters: parameters.unwrap_or_default(),
            });
        }
        message
    }
}

/// Shared memory into which a server writes an output.
#[derive(Debug)]
pub(super) struct OutputSlot {
    slot: Slot,
    len: usize,
}

impl OutputSlot {
    /// `len`: the size of the output at most, in bytes, for which the slot was leased.
    pub(super) fn new(slot: Slot, len: usize) -> Self {
        Self { slot, len }
    }

    pub(super) fn region(&self) -> &Arc<Region> {
        self.slot.region()
    }

    /// The first `len` bytes, which the server has written. The slot is free when they are dropped.
    fn written(self, len: usize) -> Option<Bytes> {
        (len <= self.len).then(|| Bytes::from_owner(SlotBytes::new(self.slot, len)))
    }
}

/// The parameters of a request: its priority, and its timeout in microseconds, which lets Triton drop the request while it
/// is still queued, if the model's queue policy allows that.
pub(super) fn parameters(priority: u64, timeout: Option<Duration>) -> HashMap<String, InferParameter> {
    let timeout = timeout.map_or(0, |timeout| timeout.as_micros());
    let number = |name: &str, value: u128| {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        (value != 0).then(|| (name.to_owned(), parameter(ParameterChoice::Int64Param(value))))
    };
    let parameters = [number("priority", priority.into()), number("timeout", timeout)];
    parameters.into_iter().flatten().collect()
}

fn parameter(choice: ParameterChoice) -> InferParameter {
    let parameter_choice = Some(choice);
    InferParameter { parameter_choice }
}

/// A response, and the slots that the request gave its outputs, by their names.
pub(super) struct Answer {
    pub(super) message: ModelInferResponse,
    pub(super) slots: Vec<(Arc<str>, OutputSlot)>,
}

impl From<ModelInferResponse> for Answer {
    fn from(message: ModelInferResponse) -> Self {
        let slots = Vec::new();
        Self { message, slots }
    }
}

/// The response in a message. Tensors are not copied; they share the message's memory or are in their slots.
pub(super) fn response(answer: Answer) -> Result<Response, Failure> {
    let Answer { message, mut slots } = answer;
    let (outputs, contents) = (message.outputs, message.raw_output_contents);
    if outputs.len() != contents.len() {
        let (tensors, found) = (outputs.len(), contents.len());
        return Err(malformed(&format!("{tensors} outputs and the elements of {found}")));
    }
    let outputs = outputs.into_iter().zip(contents).map(|(tensor, data)| {
        let position = slots.iter().position(|(name, _)| **name == tensor.name);
        let slot = position.map(|position| slots.swap_remove(position).1);
        output(tensor, data, slot)
    });
    Ok(Response {
        outputs: outputs.collect::<Result<_, _>>()?,
    })
}

fn output(tensor: InferOutputTensor, data: Bytes, slot: Option<OutputSlot>) -> Result<Output, Failure> {
    let InferOutputTensor { name, datatype, shape } = tensor;
    let datatype =
        DataType::from_name(&datatype).ok_or_else(|| malformed(&format!("output '{name}' of type '{datatype}'")))?;
    let expected = datatype.size().map(|size| byte_size(&shape, size));
    let data = match (slot, expected) {
        (Some(slot), Some(Some(expected))) if data.is_empty() && expected > 0 => {
            slot.written(expected).unwrap_or_default()
        }
        _ => data,
    };
    if expected.is_some_and(|expected| expected != Some(data.len())) {
        let found = data.len();
        return Err(malformed(&format!(
            "output '{name}', {datatype} {shape:?}, in {found} bytes"
        )));
    }
    Ok(Output {
        name: name.into(),
        datatype,
        shape,
        data,
    })
}

/// The size of a tensor in bytes; `None` if the shape has a negative dimension or overflows.
pub(super) fn byte_size(shape: &[i64], element: usize) -> Option<usize> {
    let mut sides = shape.iter().map(|&side| usize::try_from(side).ok());
    sides.try_fold(element, |size, side| size.checked_mul(side?))
}

fn malformed(found: &str) -> Failure {
    Failure::internal(format!("the server's response is malformed: {found}"))
}

impl From<SharedMemoryRegion> for SystemSharedMemoryRegion {
    fn from(region: SharedMemoryRegion) -> Self {
        Self {
            name: region.name,
            key: region.key,
            offset: region.offset,
            byte_size: region.byte_size,
        }
    }
}

impl From<ModelStatistics> for Statistics {
    fn from(entry: ModelStatistics) -> Self {
        let times: InferStatistics = entry.inference_stats.unwrap_or_default();
        Self {
            model: entry.name,
            version: entry.version,
            inferences: entry.inference_count,
            executions: entry.execution_count,
            success: statistic(times.success),
            fail: statistic(times.fail),
            queue: statistic(times.queue),
            compute_input: statistic(times.compute_input),
            compute_infer: statistic(times.compute_infer),
            compute_output: statistic(times.compute_output),
        }
    }
}

fn statistic(duration: Option<WireDuration>) -> StatisticDuration {
    let WireDuration { count, ns } = duration.unwrap_or_default();
    let time = Duration::from_nanos(ns);
    StatisticDuration { count, time }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::memory::BufferPool;

    fn response(outputs: &[(&str, &str, &[i64])], contents: &[&[u8]]) -> ModelInferResponse {
        let tensor = |&(name, datatype, shape): &(&str, &str, &[i64])| InferOutputTensor {
            name: name.into(),
            datatype: datatype.into(),
            shape: shape.into(),
        };
        ModelInferResponse {
            outputs: outputs.iter().map(tensor).collect(),
            raw_output_contents: contents.iter().map(|bytes| Bytes::copy_from_slice(bytes)).collect(),
        }
    }

    #[test]
    fn inputs_are_not_copied() {
        let input = Input {
            name: "in".into(),
            datatype: DataType::Uint8,
            shape: vec![1, 3],
            data: Arc::new(BufferPool::default()).lease(3),
        };
        let address = input.data.as_ptr();
        let (request, leases) = Outgoing::new(&"m".into(), Some(7), vec![input], parameters(0, None));
        assert_eq!(leases.len(), 1);
        let message = request.by_wire();
        assert_eq!(
            (message.model_name.as_str(), message.model_version.as_str()),
            ("m", "7")
        );
        assert_eq!(message.inputs[0].datatype, "UINT8");
        assert_eq!(message.raw_input_contents[0].as_ptr(), address);
        assert!(message.parameters.is_empty());
    }

    #[test]
    fn priority_and_timeout_are_parameters() {
        let check = |priority: u64, timeout: Option<Duration>, expected: &[(&str, i64)]| {
            let parameters = parameters(priority, timeout);
            assert_eq!(parameters.len(), expected.len(), "{parameters:?}");
            for &(name, value) in expected {
                let value = Some(ParameterChoice::Int64Param(value));
                assert_eq!(parameters[name].parameter_choice, value, "{name}");
            }
        };
        check(0, None, &[]);
        check(2, None, &[("priority", 2)]);
        let timeout = Some(Duration::from_millis(1500));
        check(u64::MAX, timeout, &[("priority", i64::MAX), ("timeout", 1_500_000)]);
        check(0, Some(Duration::MAX), &[("timeout", i64::MAX)]);
    }

    #[test]
    fn outputs_share_the_memory_of_the_message() {
        let encoded = response(&[("a", "UINT8", &[2]), ("b", "FP32", &[1, 1])], &[&[1, 2], &[0; 4]]);
        let encoded = Bytes::from(encoded.encode_to_vec());
        let response = super::response(ModelInferResponse::decode(encoded.clone()).unwrap().into()).unwrap();
        let shapes: Vec<_> = response
            .outputs
            .iter()
            .map(|output| (&*output.name, output.shape.as_slice()))
            .collect();
        assert_eq!(shapes, [("a", &[2_i64][..]), ("b", &[1, 1])]);
        for output in &response.outputs {
            assert!(
                encoded.as_ptr_range().contains(&output.data.as_ptr()),
                "{}",
                output.name
            );
        }
        assert_eq!(response.outputs[0].data[..], [1, 2]);
    }

    #[test]
    fn malformed_responses_are_refused() {
        let check = |outputs: &[(&str, &str, &[i64])], contents: &[&[u8]], expected: &str| {
            let failure = super::response(response(outputs, contents).into()).unwrap_err();
            let Failure::Status { message, .. } = &failure else {
                panic!("{failure:?}")
            };
            assert!(message.contains(expected), "{message}");
        };
        check(&[("a", "UINT8", &[2])], &[], "1 outputs and the elements of 0");
        check(
            &[("a", "TYPE_FP32", &[2])],
            &[&[0; 8]],
            "output 'a' of type 'TYPE_FP32'",
        );
        check(&[("a", "FP32", &[2])], &[&[0; 7]], "output 'a', FP32 [2], in 7 bytes");
        check(&[("a", "FP32", &[-1])], &[&[0; 4]], "FP32 [-1]");
        check(&[("a", "FP32", &[i64::MAX, 9])], &[&[0; 4]], "in 4 bytes");
        let text = super::response(response(&[("a", "BYTES", &[1])], &[&[0; 5]]).into()).unwrap();
        assert_eq!(text.outputs[0].data.len(), 5);
    }
}
