//! The protocol's calls, answered by the scripts of the models.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::oneshot;
use tonic::{Request, Response, Status};

use crate::counts::Counter;
use crate::faults::Faults;
use crate::inference::grpc_inference_service_server::GrpcInferenceService;
use crate::inference::infer_parameter::ParameterChoice;
use crate::inference::model_infer_response::InferOutputTensor;
use crate::inference::{
    CudaSharedMemoryRegisterRequest, CudaSharedMemoryRegisterResponse, CudaSharedMemoryUnregisterRequest,
    CudaSharedMemoryUnregisterResponse, ModelConfigRequest, ModelConfigResponse, ModelInferRequest, ModelInferResponse,
    ModelMetadataRequest, ModelMetadataResponse, ModelReadyRequest, ModelReadyResponse, ModelStatistics,
    ModelStatisticsRequest, ModelStatisticsResponse, ServerMetadataRequest, ServerMetadataResponse, ServerReadyRequest,
    ServerReadyResponse, SystemSharedMemoryRegisterRequest, SystemSharedMemoryRegisterResponse,
    SystemSharedMemoryStatusRequest, SystemSharedMemoryStatusResponse, SystemSharedMemoryUnregisterRequest,
    SystemSharedMemoryUnregisterResponse,
};
use crate::lock;
use crate::model::{Answer, Call, Model, Tensor};
use crate::shared_memory::{Regions, Slot};

/// The state of a server, kept while it is stopped.
pub(crate) struct State {
    models: Mutex<BTreeMap<String, Arc<Model>>>,
    faults: Mutex<Faults>,
    pub(crate) counter: Arc<Counter>,
    /// Inference requests by model.
    requests: Mutex<BTreeMap<String, u64>>,
    /// Registered shared memory.
    pub(crate) regions: Mutex<Regions>,
}

impl State {
    pub(crate) fn new(models: impl IntoIterator<Item = Model>) -> Self {
        let named = models
            .into_iter()
            .map(|model| (model.metadata.name.clone(), Arc::new(model)));
        Self {
            models: Mutex::new(named.collect()),
            faults: Mutex::default(),
            counter: Arc::default(),
            requests: Mutex::default(),
            regions: Mutex::default(),
        }
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }

    pub(crate) fn load(&self, model: Model) {
        self.unload(&model.metadata.name);
        lock(&self.models).insert(model.metadata.name.clone(), Arc::new(model));
    }

    pub(crate) fn unload(&self, model: &str) {
        if let Some(model) = lock(&self.models).remove(model) {
            let versions = model.metadata.versions.iter();
            let entries = versions.map(|version| format!("{}/{version}", model.metadata.name));
            self.faults().unloaded.extend(entries);
        }
    }

    /// Waits while the test holds the calls.
    async fn pass(&self) {
        let hold = self.faults().hold.clone();
        if let Some(hold) = hold {
            hold.pass().await;
        }
    }

    /// # Errors
    /// The response to a call for a model's metadata or configuration, while the test has them fail.
    fn check_describing(&self) -> Result<(), Status> {
        let Some(status) = self.faults().undescribed.clone() else {
            return Ok(());
        };
        self.counter.change(|counts| counts.undescribed += 1);
        Err(status)
    }

    /// The counts of a model; every request is one inference and one execution.
    fn counts(&self, model: &str) -> ModelStatistics {
        let count = lock(&self.requests).get(model).copied().unwrap_or_default();
        ModelStatistics {
            inference_count: count,
            execution_count: count,
            ..ModelStatistics::default()
        }
    }

    /// The model, or the status with which Triton rejects an unknown one.
    fn model(&self, name: &str, version: &str) -> Result<Arc<Model>, Status> {
        let model = lock(&self.models).get(name).cloned();
        let serves = |model: &Arc<Model>| version.is_empty() || model.metadata.versions.iter().any(|v| v == version);
        model
            .filter(serves)
            .ok_or_else(|| self.faults().not_loaded(name, version))
    }
}

/// The service between one start of the server and the next stop.
pub(crate) struct Service(pub(crate) Arc<State>);

#[tonic::async_trait]
impl GrpcInferenceService for Service {
    async fn server_ready(&self, _: Request<ServerReadyRequest>) -> Result<Response<ServerReadyResponse>, Status> {
        self.0.counter.change(|counts| counts.ready += 1);
        self.0.pass().await;
        let hold = self.0.faults().ready_hold.clone();
        if let Some(hold) = hold {
            hold.pass().await;
        }
        let ready = self.0.faults().server_ready()?;
        Ok(Response::new(ServerReadyResponse { ready }))
    }

    async fn server_metadata(
        &self,
        _: Request<ServerMetadataRequest>,
    ) -> Result<Response<ServerMetadataResponse>, Status> {
        self.0.pass().await;
        Ok(Response::new(ServerMetadataResponse {
            name: "fake".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            extensions: Vec::new(),
        }))
    }

    async fn model_ready(&self, request: Request<ModelReadyRequest>) -> Result<Response<ModelReadyResponse>, Status> {
        let ModelReadyRequest { name, version } = request.into_inner();
        self.0.pass().await;
        let ready = self.0.model(&name, &version).is_ok();
        Ok(Response::new(ModelReadyResponse { ready }))
    }

    async fn model_metadata(
        &self,
        request: Request<ModelMetadataRequest>,
    ) -> Result<Response<ModelMetadataResponse>, Status> {
        let ModelMetadataRequest { name, version } = request.into_inner();
        self.0.pass().await;
        self.0.check_describing()?;
        let model = self.0.model(&name, &version)?;
        Ok(Response::new(model.metadata.clone()))
    }

    async fn model_config(
        &self,
        request: Request<ModelConfigRequest>,
    ) -> Result<Response<ModelConfigResponse>, Status> {
        let ModelConfigRequest { name, version } = request.into_inner();
        self.0.pass().await;
        self.0.check_describing()?;
        let model = self.0.model(&name, &version)?;
        if let Some(hold) = &model.hold {
            hold.pass().await;
        }
        let config = Some(model.config.clone());
        Ok(Response::new(ModelConfigResponse { config }))
    }

    async fn model_statistics(
        &self,
        request: Request<ModelStatisticsRequest>,
    ) -> Result<Response<ModelStatisticsResponse>, Status> {
        let selected = request.into_inner().name;
        self.0.pass().await;
        let mut models: Vec<_> = lock(&self.0.models).values().cloned().collect();
        models.retain(|model| selected.is_empty() || model.metadata.name == selected);
        let entries = models.iter().flat_map(|model| {
            model.metadata.versions.iter().map(|version| ModelStatistics {
                name: model.metadata.name.clone(),
                version: version.clone(),
                ..self.0.counts(&model.metadata.name)
            })
        });
        let model_stats = entries.collect();
        Ok(Response::new(ModelStatisticsResponse { model_stats }))
    }

    async fn system_shared_memory_status(
        &self,
        request: Request<SystemSharedMemoryStatusRequest>,
    ) -> Result<Response<SystemSharedMemoryStatusResponse>, Status> {
        let selected = request.into_inner().name;
        self.0.pass().await;
        let regions = lock(&self.0.regions).status(&selected);
        Ok(Response::new(SystemSharedMemoryStatusResponse { regions }))
    }

    async fn system_shared_memory_register(
        &self,
        request: Request<SystemSharedMemoryRegisterRequest>,
    ) -> Result<Response<SystemSharedMemoryRegisterResponse>, Status> {
        let region = request.into_inner();
        self.0.pass().await;
        self.0.faults().check_shared_memory()?;
        lock(&self.0.regions).register(region)?;
        Ok(Response::new(SystemSharedMemoryRegisterResponse {}))
    }

    async fn system_shared_memory_unregister(
        &self,
        request: Request<SystemSharedMemoryUnregisterRequest>,
    ) -> Result<Response<SystemSharedMemoryUnregisterResponse>, Status> {
        let selected = request.into_inner().name;
        self.0.pass().await;
        self.0.faults().check_shared_memory()?;
        lock(&self.0.regions).unregister(&selected);
        Ok(Response::new(SystemSharedMemoryUnregisterResponse {}))
    }

    async fn cuda_shared_memory_register(
        &self,
        request: Request<CudaSharedMemoryRegisterRequest>,
    ) -> Result<Response<CudaSharedMemoryRegisterResponse>, Status> {
        let region = request.into_inner();
        self.0.pass().await;
        self.0.faults().check_shared_memory()?;
        lock(&self.0.regions).register_cuda(region)?;
        Ok(Response::new(CudaSharedMemoryRegisterResponse {}))
    }

    async fn cuda_shared_memory_unregister(
        &self,
        request: Request<CudaSharedMemoryUnregisterRequest>,
    ) -> Result<Response<CudaSharedMemoryUnregisterResponse>, Status> {
        let selected = request.into_inner().name;
        self.0.pass().await;
        lock(&self.0.regions).unregister_cuda(&selected);
        Ok(Response::new(CudaSharedMemoryUnregisterResponse {}))
    }

    async fn model_infer(&self, request: Request<ModelInferRequest>) -> Result<Response<ModelInferResponse>, Status> {
        self.0.counter.change(|counts| counts.inferences += 1);
        self.0.faults().check_accepting()?;
        let deadline = deadline(&request);
        let message = request.into_inner();
        let script = Arc::clone(&self.0.model(&message.model_name, &message.model_version)?.script);
        let (answer, answered) = oneshot::channel::<Answer>();
        let mut in_flight = InFlightRequest::start(&self.0.counter);
        *lock(&self.0.requests).entry(message.model_name.clone()).or_default() += 1;
        let slots = output_slots(&message);
        let call = call(message, deadline, answer, &lock(&self.0.regions))?;
        script(call);
        let outputs = answered.await;
        in_flight.answered = true;
        let outputs = outputs.map_err(|_| Status::internal("the call was dropped"))??;
        Ok(Response::new(response(outputs, &slots, &lock(&self.0.regions))?))
    }
}

/// Counts a request, and its cancellation, which drops the future that owns this before it is answered.
struct InFlightRequest {
    counter: Arc<Counter>,
    answered: bool,
}

impl InFlightRequest {
    fn start(counter: &Arc<Counter>) -> Self {
        Self {
            counter: Arc::clone(counter),
            answered: false,
        }
    }
}

impl Drop for InFlightRequest {
    fn drop(&mut self) {
        if !self.answered {
            self.counter.change(|counts| counts.cancelled += 1);
        }
    }
}

/// Where the client wants outputs in shared memory, by the outputs' names.
fn output_slots(message: &ModelInferRequest) -> BTreeMap<String, Slot> {
    let outputs = message.outputs.iter();
    let slots = outputs.filter_map(|output| Some((output.name.clone(), Slot::of(&output.parameters)?)));
    slots.collect()
}

fn call(
    message: ModelInferRequest,
    deadline: Option<Duration>,
    answer: oneshot::Sender<Answer>,
    regions: &Regions,
) -> Result<Call, Status> {
    let parameter = |name: &str| match message.parameters.get(name)?.parameter_choice {
        Some(ParameterChoice::Int64Param(value)) => Some(value),
        _ => None,
    };
    let (priority, timeout) = (parameter("priority"), parameter("timeout"));
    let outputs = output_slots(&message);
    let (mut inputs, mut slots) = (Vec::new(), Vec::new());
    let mut contents = message.raw_input_contents.into_iter();
    for input in message.inputs {
        let slot = Slot::of(&input.parameters);
        let data = match &slot {
            Some(slot) => regions.read(slot)?,
            None => contents.next().unwrap_or_default(),
        };
        slots.extend(slot);
        inputs.push(Tensor::new(&input.name, &input.datatype, &input.shape, data));
    }
    for slot in outputs.into_values() {
        regions.check(&slot)?;
        slots.push(slot);
    }
    Ok(Call {
        version: message.model_version,
        inputs,
        slots,
        priority,
        timeout,
        deadline,
        answer,
    })
}

/// The message with `outputs`, of which those with a slot are written there.
fn response(
    outputs: Vec<Tensor>,
    slots: &BTreeMap<String, Slot>,
    regions: &Regions,
) -> Result<ModelInferResponse, Status> {
    let mut response = ModelInferResponse::default();
    for Tensor {
        name,
        datatype,
        shape,
        mut data,
    } in outputs
    {
        if let Some(slot) = slots.get(&name) {
            regions.write(&name, slot, &data)?;
            data.clear();
        }
        response.outputs.push(InferOutputTensor {
            name,
            datatype,
            shape,
            ..InferOutputTensor::default()
        });
        response.raw_output_contents.push(data);
    }
    Ok(response)
}

/// The duration in the header `grpc-timeout`: up to eight digits and a unit.
fn deadline<T>(request: &Request<T>) -> Option<Duration> {
    let header = request.metadata().get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = header.split_at_checked(header.len().checked_sub(1)?)?;
    let value = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(value * 3600)),
        "M" => Some(Duration::from_secs(value * 60)),
        "S" => Some(Duration::from_secs(value)),
        "m" => Some(Duration::from_millis(value)),
        "u" => Some(Duration::from_micros(value)),
        "n" => Some(Duration::from_nanos(value)),
        _ => None,
    }
}
