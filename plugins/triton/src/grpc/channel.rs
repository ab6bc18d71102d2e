//! The channel to one address: how it is connected, kept alive and bounded.

use std::time::Duration;

use tonic::codegen::http::Uri;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};

use super::access::Access;
use super::connector::Peer;
use super::headers::AddHeaders;
use super::inference::grpc_inference_service_client::GrpcInferenceServiceClient;
use super::tcp::PlainConnector;
use crate::{Address, Error};

/// Maximum time to establish a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Interval of HTTP/2 pings while requests are waiting, and maximum time of the reply. gRPC servers close connections
/// with three pings in a row without data; at this interval that is longer than any inference.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// Maximum message size: that of protobuf, which is also Triton's limit.
const MAX_MESSAGE: usize = i32::MAX as usize;

/// A client of one server. It connects at the first call and reconnects after a failure.
pub(super) type ServerClient = GrpcInferenceServiceClient<InterceptedService<Channel, AddHeaders>>;

/// A client of the server at `address`, not connected yet; with TLS if there is a `peer`. Must be called in a tokio runtime.
///
/// # Errors
/// [`Error::Unreachable`] if `address` is not one.
pub(super) fn client(address: &Address, access: &Access, peer: Option<Peer>) -> Result<ServerClient, Error> {
    let connector = peer.and_then(|peer| access.connector(peer));
    let scheme = if connector.is_some() { "https" } else { "http" };
    let wrong = |reason: String| Error::Unreachable {
        endpoint: address.to_string(),
        reason,
    };
    let origin: Uri = format!("{scheme}://{address}")
        .parse()
        .map_err(|error| wrong(format!("{error}")))?;
    // tonic's own TLS, which `https` would need here, is not used.
    let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(|error| wrong(error.to_string()))?;
    let endpoint = endpoint
        .origin(origin)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT);
    let channel = match connector {
        Some(connector) => endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .connect_with_connector_lazy(connector),
        None => endpoint.connect_with_connector_lazy(PlainConnector::new(CONNECT_TIMEOUT)),
    };
    Ok(
        ServerClient::new(InterceptedService::new(channel, access.interceptor()))
            .max_decoding_message_size(MAX_MESSAGE)
            .max_encoding_message_size(MAX_MESSAGE),
    )
}
