//! A model's description from its KServe metadata and configuration messages.

use std::sync::Arc;

use super::calls::{self, Conversation, Setback};
use super::inference::{
    ModelConfig, ModelConfigRequest, ModelMetadataRequest, ModelMetadataResponse, ModelReadyRequest,
    ModelStatisticsRequest,
};
use super::servers::Servers;
use super::status::Failure;
use crate::description::{instances, preferred_batch, spec};
use crate::{Code, Error, ModelDescription, TensorFormat};

/// Requests a model's metadata and configuration, after checking that it is ready.
pub(super) async fn describe(servers: &Arc<Servers>, model: &str) -> Result<ModelDescription, Error> {
    let described = calls::call(servers, model, |server| messages(server, model.to_owned())).await;
    match described {
        Ok((metadata, config)) => description(metadata, config),
        Err(Error::Infer {
            code: Code::NotFound, ..
        }) => Err(not_found(servers, model).await),
        Err(error) => Err(error),
    }
}

/// Both messages, from one server. No version: they are the same for all versions, and the metadata lists those available.
async fn messages(server: Conversation, name: String) -> Result<(ModelMetadataResponse, ModelConfig), Setback> {
    let (mut client, version) = (server.client(), String::new());
    let (of_metadata, of_config) = (name.clone(), name.clone());
    let request = ModelReadyRequest { name, version };
    if !server.ask(client.model_ready(request)).await?.ready {
        return Err(Setback::Next(Failure::Status {
            code: Code::NotFound,
            message: "the model is not ready".into(),
        }));
    }
    let (name, version) = (of_metadata, String::new());
    let metadata = server
        .ask(client.model_metadata(ModelMetadataRequest { name, version }))
        .await?;
    let (name, version) = (of_config, String::new());
    let config = server
        .ask(client.model_config(ModelConfigRequest { name, version }))
        .await?;
    Ok((metadata, config.config.unwrap_or_default()))
}

/// The error with the available models, which are taken from the statistics.
async fn not_found(servers: &Arc<Servers>, model: &str) -> Error {
    let statistics = calls::call(servers, model, |server| async move {
        let all = ModelStatisticsRequest::default();
        server.ask(server.client().model_statistics(all)).await
    });
    match statistics.await {
        Ok(statistics) => {
            let mut available: Vec<_> = statistics.model_stats.into_iter().map(|entry| entry.name).collect();
            available.sort();
            available.dedup(); // there is an entry for each version
            let model = model.to_owned();
            Error::ModelNotFound { model, available }
        }
        Err(error) => error,
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
            config.max_batch_size.into(),
        ),
        steps: (config.ensemble_scheduling.into_iter())
            .flat_map(|scheduling| scheduling.step)
            .map(|step| step.model_name)
            .collect(),
        model,
    })
}
