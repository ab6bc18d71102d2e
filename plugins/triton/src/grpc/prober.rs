//! Probes with ServerReady: whether a server that does not respond hangs, and whether one that was away is back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};

use super::inference::ServerReadyRequest;
use super::link::Link;
use super::reply::Reply;
use super::servers::Servers;
use super::status::{Cause, Finding};
use crate::Error;

/// Minimum time to respond to a probe. A server responds to ServerReady without its models, in about a millisecond; the
/// rest is for a busy machine and for requests that are being sent on the same connection.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// Time of an attempt to bring an address back: connection and ServerReady. Longer than the delay between attempts, which
/// therefore overlap: for a far server one takes this long, and a lost packet delays one by seconds, but not the next.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);

/// Asks a server whether it is ready.
///
/// # Errors
/// Why there is no response; `None`: there is none yet.
async fn server_ready(servers: &Servers, link: &Link, limit: Duration) -> Result<Reply, Option<Cause>> {
    let mut client = link.client.clone();
    let status = match timeout(limit, client.server_ready(ServerReadyRequest {})).await {
        Ok(Ok(response)) if response.get_ref().ready => return Ok(Reply::Ready),
        Ok(Ok(_)) => return Ok(Reply::NotReady(Cause::temporary("not ready"))),
        Ok(Err(status)) => status,
        Err(_elapsed) => return Err(None),
    };
    let (finding, failure) = servers.interpret(link, status);
    match finding {
        Finding::Unsent | Finding::Broken => Err(Some(failure.cause())),
        Finding::Denied => Ok(Reply::Denied(failure.cause())),
        Finding::Leaving => Ok(Reply::Leaving(failure.cause())),
        Finding::LacksModel | Finding::Dropped | Finding::Failed => Ok(Reply::NotReady(failure.cause())),
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
        match server_ready(&servers, &suspected, limit).await {
            Ok(reply) => servers.replied(&suspected, reply),
            Err(Some(cause)) => servers.lost(&suspected, &cause),
            Err(None) if servers.is_silent(&suspected, begin) => {
                let (silence, limit) = (sent.elapsed().as_secs_f64(), limit.as_secs_f64());
                let reason = format!("no response for {silence:.1} s and none to ServerReady within {limit:.1} s");
                servers.lost(&suspected, &Cause::temporary(reason));
            }
            Err(None) => {}
        }
    });
}

/// Brings back each address that goes away, until the client is closed.
pub(super) async fn run(servers: Arc<Servers>, mut away: UnboundedReceiver<usize>) {
    while let Some(index) = away.recv().await {
        tokio::spawn(recover(Arc::clone(&servers), index));
    }
}

/// Asks the addresses in their order until one is ready.
///
/// # Errors
/// [`Servers::unreachable`] with the cause of each.
pub(super) async fn ready(servers: &Arc<Servers>) -> Result<(), Error> {
    let mut seen = Vec::new();
    for index in 0..servers.endpoint.addresses.len() {
        attempt(Arc::clone(servers), index).await;
        match servers.away(index) {
            None => return Ok(()),
            Some(cause) => seen.push((index, cause)),
        }
    }
    Err(servers.unreachable(&seen))
}

/// Brings an address back: attempts until ServerReady says that it is ready.
async fn recover(servers: Arc<Servers>, index: usize) {
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
async fn attempt(servers: Arc<Servers>, index: usize) {
    let present = servers.link(index);
    let link = match present.clone().map_or_else(|| servers.new_link(index), Ok) {
        Ok(link) => link,
        Err(error) => return servers.still_away(index, Cause::temporary(error.to_string())),
    };
    match server_ready(&servers, &link, ATTEMPT_TIMEOUT).await {
        Ok(reply) => servers.recovered(&link, reply),
        Err(cause) => {
            let limit = ATTEMPT_TIMEOUT.as_secs();
            let cause = cause.unwrap_or_else(|| Cause::temporary(format!("no response within {limit} s")));
            match present {
                Some(link) => servers.lost(&link, &cause),
                None => servers.still_away(index, cause),
            }
        }
    }
}
