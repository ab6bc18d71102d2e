//! The server: HTTP/1.1, a request a connection, on a thread of its own.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::runtime;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::{Snapshot, health, lock, text};

/// Most connections at a time; others wait to be accepted.
const CONNECTIONS: usize = 64;
/// How long a client may take to send its request and to read the response.
const LIMIT: Duration = Duration::from_secs(10);
/// Largest head of a request, in bytes.
const LARGEST_HEAD: usize = 16 << 10;
/// How long nothing is accepted after it has failed, as for want of descriptors.
const PAUSE: Duration = Duration::from_millis(200);

/// Starts the thread.
pub fn start(listener: TcpListener, latest: Arc<Mutex<Snapshot>>) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let serve = move || {
        runtime.block_on(async {
            match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => accept(&listener, &latest).await,
                Err(error) => crate::view::to_stderr(&format!("error: --metrics: {error}")),
            }
        });
    };
    thread::Builder::new().name("metrics".into()).spawn(serve).map(drop)
}

async fn accept(listener: &tokio::net::TcpListener, latest: &Arc<Mutex<Snapshot>>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let latest = Arc::clone(latest);
                tokio::spawn(async move {
                    converse(stream, latest).await;
                    drop(place);
                });
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

/// One request and its response. What a client does wrong is its own business.
async fn converse(stream: TcpStream, latest: Arc<Mutex<Snapshot>>) {
    let service = service_fn(move |request| {
        let snapshot = lock(&latest).clone();
        async move { Ok::<_, Infallible>(respond(&request, &snapshot, Instant::now())) }
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(LARGEST_HEAD)
        .timer(TokioTimer::new())
        .header_read_timeout(LIMIT)
        .serve_connection(TokioIo::new(stream), service);
    let _ = timeout(LIMIT, connection).await;
}

fn respond(request: &Request<Incoming>, snapshot: &Snapshot, now: Instant) -> Response<Full<Bytes>> {
    let (status, content, body) = answer(request.method(), request.uri().path(), snapshot, now);
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

/// Status, content type and content of a response.
fn answer(method: &Method, path: &str, snapshot: &Snapshot, now: Instant) -> (StatusCode, &'static str, String) {
    const PLAIN: &str = "text/plain; charset=utf-8";
    let plain = |status: StatusCode, text: &str| (status, PLAIN, format!("{text}\n"));
    if !matches!(path, "/metrics" | "/healthz" | "/readyz") {
        return plain(StatusCode::NOT_FOUND, "not here: /metrics, /healthz, /readyz");
    }
    if !matches!(*method, Method::GET | Method::HEAD) {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD");
    }
    let bad: Vec<String> = match path {
        "/metrics" => return (StatusCode::OK, text::CONTENT_TYPE, text::of(snapshot)),
        "/healthz" => health::unhealthy(snapshot, now).into_iter().collect(),
        _ => health::unready(snapshot, now),
    };
    match bad.is_empty() {
        true => plain(StatusCode::OK, "ok"),
        false => plain(StatusCode::SERVICE_UNAVAILABLE, &bad.join("\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;
    use crate::status::testing::{self, Case};
    use std::io::{Read, Write};
    use std::net::TcpStream;

    /// A server that shows these tenants.
    fn metrics(cases: &[Case]) -> Metrics {
        let metrics = Metrics::listen("127.0.0.1:0").unwrap();
        metrics.update(&testing::tenants(cases, Instant::now()));
        metrics
    }

    /// Status, content type and content of a response.
    fn get(metrics: &Metrics, path: &str) -> (u16, String, String) {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .new_agent();
        let mut response = agent.get(format!("http://{}{path}", metrics.address())).call().unwrap();
        let content = response.headers()["content-type"].to_str().unwrap().to_owned();
        let body = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), content, body)
    }

    #[test]
    fn paths_have_their_answers() {
        let well = metrics(&[Case::Playing]);
        let (status, content, body) = get(&well, "/metrics");
        assert_eq!((status, &*content), (200, "text/plain; version=0.0.4; charset=utf-8"));
        let parsed = openmetrics_parser::prometheus::parse_prometheus(&body).unwrap();
        assert!(parsed.families.contains_key("shopfloor_stage_age_seconds"), "{body}");
        assert_eq!(get(&well, "/healthz").0, 200);
        assert_eq!(get(&well, "/readyz").0, 200);
        let (status, _, body) = get(&well, "/metric");
        assert_eq!(status, 404);
        assert!(body.contains("/metrics"), "{body}");
        let dead = metrics(&[Case::Playing, Case::Dead]);
        assert_eq!(get(&dead, "/healthz").0, 200, "dead inference is not this process's");
        let (status, _, body) = get(&dead, "/readyz");
        assert!(
            status == 503 && body.starts_with("camera 2: nothing inferred"),
            "{body}"
        );
    }

    /// The first line of the response to these bytes.
    fn raw(metrics: &Metrics, request: &str) -> String {
        let mut stream = TcpStream::connect(metrics.address()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    }

    #[test]
    fn other_methods_are_refused() {
        let metrics = metrics(&[Case::Playing]);
        for method in ["POST", "PUT", "DELETE"] {
            let response = raw(
                &metrics,
                &format!("{method} /metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"),
            );
            assert!(response.starts_with("HTTP/1.1 405 "), "{response}");
            assert!(response.contains("allow: GET, HEAD"), "{response}");
        }
        let head = raw(&metrics, "HEAD /metrics HTTP/1.1\r\nhost: x\r\n\r\n");
        assert!(
            head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"),
            "{head}"
        );
        let garbage = raw(&metrics, "what?\r\n\r\n");
        assert!(garbage.starts_with("HTTP/1.1 400 "), "{garbage}");
    }

    /// Clients that send nothing take places, and neither the supervisor nor a scrape waits for them.
    #[test]
    fn silent_clients_hold_nobody() {
        let metrics = metrics(&[Case::Playing]);
        let silent = || TcpStream::connect(metrics.address()).unwrap();
        let silent: Vec<_> = (0..CONNECTIONS - 1).map(|_| silent()).collect();
        for _ in 0..10 {
            metrics.update(&testing::tenants(&[Case::Playing], Instant::now()));
            assert_eq!(get(&metrics, "/metrics").0, 200);
        }
        drop(silent);
    }
}
