//! Compares messages with shared memory on a server of this host, side by side in one run.
//!
//! ```sh
//! cargo run --release -p triton --example transports -- grpc://127.0.0.1:8001 MODEL [REQUESTS IN FLIGHT] [SECONDS A ROUND]
//! ```
//!
//! Prints medians of the rounds: requests a second, CPU time of this process a request (filling the input included) and the
//! bytes that were copied into or out of messages. The model's inputs need fixed shapes.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use triton::{Endpoint, Input, Model, Request, Server, ServerPool, Transfer};

/// Rounds of each transport; they alternate, so that a busy machine affects both alike.
const ROUNDS: usize = 5;

/// What one round measured.
#[derive(Clone, Copy, Default)]
struct Round {
    requests_a_second: f64,
    cpu_ms_a_request: f64,
    bytes_copied: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, name, options @ ..] = arguments.as_slice() else {
        return Err("usage: transports grpc://HOST:PORT MODEL [REQUESTS IN FLIGHT] [SECONDS A ROUND]".into());
    };
    let in_flight = options.first().map_or(Ok(4), |text| text.parse())?;
    let seconds = options.get(1).map_or(Ok(2.0), |text| text.parse())?;
    let endpoint = Endpoint::parse(url, Path::new(""), Path::new(""))?;
    let open = |transfer| -> Result<(Arc<Server>, Arc<Model>), triton::Error> {
        let server = ServerPool::default().open(&endpoint.clone().with_transfer(transfer))?;
        let model = server.model(name, None)?;
        Ok((server, model))
    };
    let ways = [open(Transfer::Wire)?, open(Transfer::Auto)?];
    let mut rounds = [Vec::new(), Vec::new()];
    for (_, model) in &ways {
        run(model, in_flight, 0.3);
    }
    for _ in 0..ROUNDS {
        for ((server, model), rounds) in ways.iter().zip(&mut rounds) {
            let copied = server.bytes_copied();
            let (requests, cpu, time) = run(model, in_flight, seconds);
            rounds.push(Round {
                requests_a_second: requests / time.as_secs_f64(),
                cpu_ms_a_request: cpu.as_secs_f64() * 1e3 / requests,
                bytes_copied: (server.bytes_copied() - copied) as f64 / requests,
            });
        }
    }
    println!("{name}, {in_flight} requests in flight");
    for ((server, _), rounds) in ways.iter().zip(&rounds) {
        let median = |value: fn(&Round) -> f64| median(rounds.iter().map(value));
        println!(
            "{:13} {:8.1} requests/s {:7.3} CPU-ms/request {:10.0} bytes copied/request",
            server.live_transport().to_string(),
            median(|round| round.requests_a_second),
            median(|round| round.cpu_ms_a_request),
            median(|round| round.bytes_copied),
        );
    }
    for (server, _) in &ways {
        if let Some(reason) = server.transport_fallback() {
            println!("{reason}");
        }
    }
    Ok(())
}

/// Keeps `in_flight` requests in flight; returns their number, this process's CPU time, and the time.
fn run(model: &Arc<Model>, in_flight: usize, seconds: f64) -> (f64, Duration, Duration) {
    let (sender, receiver) = mpsc::channel();
    let send = |seed: u8| {
        let sender = sender.clone();
        model.infer(Request::new(inputs(model, seed)), move |response| {
            let _ = sender.send(response.map(drop));
        });
    };
    let (start, cpu) = (Instant::now(), cpu_time());
    let limit = Duration::from_secs_f64(seconds);
    (0..in_flight).for_each(|index| send(index as u8));
    let (mut sent, mut received) = (in_flight, 0);
    while received < sent {
        receiver.recv().expect("a response").expect("outputs");
        received += 1;
        if start.elapsed() < limit {
            send(sent as u8);
            sent += 1;
        }
    }
    (received as f64, cpu_time() - cpu, start.elapsed())
}

/// Inputs that are written anew, as a letterbox does.
fn inputs(model: &Model, seed: u8) -> Vec<Input> {
    let inputs = model.description().inputs.iter().map(|spec| {
        let elements: i64 = spec.shape.iter().product();
        let size = spec.datatype.size().expect("elements of a fixed size");
        let mut data = model.lease(usize::try_from(elements).expect("fixed shapes") * size);
        data.fill(seed);
        Input {
            name: Arc::clone(&spec.name),
            datatype: spec.datatype,
            shape: spec.shape.clone(),
            data,
        }
    });
    inputs.collect()
}

/// CPU time of this process, all threads together.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
