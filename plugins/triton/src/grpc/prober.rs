//! Probes with ServerReady: whether a server that does not respond hangs, and whether one that was away is back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};

use super::channel::{self, ServerClient};
use super::health::Away;
use super::inference::ServerReadyRequest;
use super::link::Link;
use super::servers::Servers;
use super::status::{is_from_server, is_leaving, reason};

/// Minimum time to respond to a probe. A server responds to ServerReady without its models, in about a millisecond; the
/// rest is for a busy machine and for requests that are being sent on the same connection.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// Time of an attempt to bring an address back: connection and ServerReady. Longer than the delay between attempts, which
/// therefore overlap: for a far server one takes this long, and a lost packet delays one by seconds, but not the next.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);

/// The response to ServerReady.
pub(super) enum Reply {
    Ready,
    /// The server responds, and says that it is not ready, or refuses to say.
    NotReady(String),
    /// The server responds, and says that it is stopping.
    Leaving(String),
}

/// Asks a server whether it is ready.
///
/// # Errors
/// Why there is no response; `None`: there is none yet.
pub(super) async fn server_ready(mut client: ServerClient, limit: Duration) -> Result<Reply, Option<String>> {
    match timeout(limit, client.server_ready(ServerReadyRequest {})).await {
        Ok(Ok(response)) if response.get_ref().ready => Ok(Reply::Ready),
        Ok(Ok(_)) => Ok(Reply::NotReady("not ready".into())),
        Ok(Err(status)) if is_leaving(&status) => Ok(Reply::Leaving(reason(&status))),
        Ok(Err(status)) if is_from_server(&status) => Ok(Reply::NotReady(reason(&status))),
        Ok(Err(status)) => Err(Some(reason(&status))),
        Err(_elapsed) => Err(None),
    }
}

impl Reply {
    /// What the reply means for the choice of an address; `None`: it is ready.
    pub(super) fn away(self) -> Option<Away> {
        match self {
            Self::Ready => None,
            Self::NotReady(reason) => Some(Away { reason, responds: true }),
            Self::Leaving(reason) => Some(Away {
                reason,
                responds: false,
            }),
        }
    }
}

/// Probes the connection of a request without a response, sent at `sent`, unless it is being probed. If the server responds
/// neither to the probe nor to any other call meanwhile, it hangs.
///
/// `interval`: the time after which the request's server is probed; a server that is known to be slow has longer to respond.
pub(super) fn suspect(servers: &Arc<Servers>, link: &Arc<Link>, sent: Instant, interval: Duration) {
    let (servers, suspected) = (Arc::clone(servers), Arc::clone(link));
    link.probe_once(async move {
        let (begin, limit) = (Instant::now(), PROBE_TIMEOUT.max(interval / 5));
        match server_ready(suspected.client.clone(), limit).await {
            Ok(reply) => servers.replied(&suspected, reply),
            Err(Some(reason)) => servers.lost(&suspected, &reason),
            Err(None) if servers.is_silent(&suspected, begin) => {
                let (silence, limit) = (sent.elapsed().as_secs_f64(), limit.as_secs_f64());
                let reason = format!("no response for {silence:.1} s and none to ServerReady within {limit:.1} s");
                servers.lost(&suspected, &reason);
            }
            Err(None) => {}
        }
    });
}

/// Brings an address back: attempts until ServerReady says that it is ready.
pub(super) async fn recover(servers: Arc<Servers>, index: usize) {
    let mut attempts = JoinSet::new();
    while let Some(next) = servers.next_attempt(index) {
        tokio::select! {
            () = sleep_until(next.into()) => {
                servers.attempted(index);
                attempts.spawn(attempt(Arc::clone(&servers), index));
            }
            Some(_ended) = attempts.join_next() => {}
        }
    }
}

/// One attempt, on a new connection unless the server responds on the present one.
pub(super) async fn attempt(servers: Arc<Servers>, index: usize) {
    let link = servers.link(index);
    let client = link.as_ref().map(|link| Ok(link.client.clone()));
    let client = match client.unwrap_or_else(|| channel::client(&servers.endpoint.addresses[index])) {
        Ok(client) => client,
        Err(reason) => return servers.still_away(index, reason),
    };
    match server_ready(client.clone(), ATTEMPT_TIMEOUT).await {
        Ok(reply) => servers.recovered(index, client, reply),
        Err(reason) => {
            let limit = ATTEMPT_TIMEOUT.as_secs();
            let reason = reason.unwrap_or_else(|| format!("no response within {limit} s"));
            match link {
                Some(link) => servers.lost(&link, &reason),
                None => servers.still_away(index, reason),
            }
        }
    }
}
