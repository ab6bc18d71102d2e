//! A model's description from its KServe metadata and configuration messages.

use super::inference::{
    ModelConfig, ModelConfigRequest, ModelMetadataRequest, ModelMetadataResponse, ModelReadyRequest,
    ModelReadyResponse, ModelStatisticsRequest,
};
use super::servers::Servers;
use super::status::Failure;
use crate::description::{instances, preferred_batch, spec};
use crate::{Error, ModelDescription, TensorFormat};

/// Requests a model's metadata and configuration, after checking that it is ready.
pub(super) async fn describe(servers: &Servers, name: String) -> Result<ModelDescription, Error> {
    let failed = |failure: Failure| failure.into_error(&servers.endpoint, &name);
    // No version: the messages are the same for all versions, and the metadata lists those available.
    let name_and_any_version = || (name.clone(), String::new());
    let ready = servers.call(|mut server| {
        let (name, version) = name_and_any_version();
        async move { server.model_ready(ModelReadyRequest { name, version }).await }
    });
    match ready.await {
        Ok(ModelReadyResponse { ready: true }) => {}
        Ok(ModelReadyResponse { ready: false }) => return Err(not_found(servers, name).await),
        Err(failure) if failure.is_not_found() => return Err(not_found(servers, name).await),
        Err(failure) => return Err(failed(failure)),
    }
    let metadata = servers.call(|mut server| {
        let (name, version) = name_and_any_version();
        async move { server.model_metadata(ModelMetadataRequest { name, version }).await }
    });
    let metadata = metadata.await.map_err(failed)?;
    let config = servers.call(|mut server| {
        let (name, version) = name_and_any_version();
        async move { server.model_config(ModelConfigRequest { name, version }).await }
    });
    let config = config.await.map_err(failed)?.config.unwrap_or_default();
    description(metadata, config)
}

/// The error with the available models, which are taken from the statistics.
async fn not_found(servers: &Servers, model: String) -> Error {
    let statistics = servers.call(|mut server| async move {
        let all = ModelStatisticsRequest::default();
        server.model_statistics(all).await
    });
    match statistics.await {
        Ok(statistics) => {
            let mut available: Vec<_> = statistics.model_stats.into_iter().map(|entry| entry.name).collect();
            available.sort();
            available.dedup(); // there is an entry for each version
            Error::ModelNotFound { model, available }
        }
        Err(failure) => failure.into_error(&servers.endpoint, &model),
    }
}

fn description(metadata: ModelMetadataResponse, config: ModelConfig) -> Result<ModelDescription, Error> {
    let format = |tensor: &str| {
        let input = config.input.iter().find(|input| input.name == tensor);
        input.map_or(TensorFormat::None, |input| {
            TensorFormat::from_name(input.format().as_str_name())
        })
    };
    let model = metadata.name;
    let inputs = metadata.inputs.into_iter().map(|tensor| {
        let format = format(&tensor.name);
        spec(&model, &tensor.name, &tensor.datatype, tensor.shape, format)
    });
    let inputs = inputs.collect::<Result<_, _>>()?;
    let outputs = metadata.outputs.into_iter().map(|tensor| {
        let format = TensorFormat::None;
        spec(&model, &tensor.name, &tensor.datatype, tensor.shape, format)
    });
    let outputs = outputs.collect::<Result<_, _>>()?;
    let parameters = config.parameters.into_iter();
    Ok(ModelDescription {
        inputs,
        outputs,
        versions: metadata.versions,
        max_batch_size: u32::try_from(config.max_batch_size).unwrap_or(0),
        parameters: parameters.map(|(key, value)| (key, value.string_value)).collect(),
        decoupled: config.model_transaction_policy.is_some_and(|policy| policy.decoupled),
        instances: instances(
            config
                .instance_group
                .iter()
                .map(|group| (group.count.into(), group.gpus.len())),
        ),
        preferred_batch: preferred_batch(
            &config
                .dynamic_batching
                .map(|batching| {
                    batching
                        .preferred_batch_size
                        .into_iter()
                        .map(i64::from)
                        .collect::<Vec<_>>()
                })
                .unwrap_or_default(),
        ),
        steps: (config.ensemble_scheduling.into_iter())
            .flat_map(|scheduling| scheduling.step)
            .map(|step| step.model_name)
            .collect(),
        model,
    })
}
