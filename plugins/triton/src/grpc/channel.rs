//! The channel to one address: how it is connected, kept alive and bounded.

use std::time::Duration;

use tonic::transport::{Channel, Endpoint};

use super::inference::grpc_inference_service_client::GrpcInferenceServiceClient;
use crate::Address;

/// Maximum time to establish a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Interval of HTTP/2 pings while requests are waiting, and maximum time of the reply. gRPC servers close connections
/// with three pings in a row without data; at this interval that is longer than any inference.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// Maximum message size: that of protobuf, which is also Triton's limit.
const MAX_MESSAGE: usize = i32::MAX as usize;

/// A client of one server. It connects at the first call and reconnects after a failure.
pub(super) type ServerClient = GrpcInferenceServiceClient<Channel>;

/// A client of the server at `address`, not connected yet. Must be called in a tokio runtime.
///
/// # Errors
/// What is wrong with the address.
pub(super) fn client(address: &Address) -> Result<ServerClient, String> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"));
    let endpoint = endpoint.map_err(|error| format!("{address}: {error}"))?;
    let channel = endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .connect_lazy();
    Ok(ServerClient::new(channel)
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE))
}
