//! Running a cell in this process, which is nothing but that cell.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::cell::{Cell, Outcome, Work};
use super::mode::Mode;
use super::tenant::Player;
use super::threads::{ThreadTimes, runs_models};
use crate::gpu::Gpu;
use crate::line;
use crate::process::{MachineTime, Usage};
use crate::runner;

/// Time in which the server tells its own times.
const ASKING: Duration = Duration::from_millis(300);

/// Runs the cell.
pub fn play(cell: &Cell) -> Result<Outcome> {
    let started = Instant::now();
    line::init()?;
    let pool = match cell.work {
        Work::Application(Mode::Runner) => {
            let program = std::env::current_exe()?;
            let triton = triton::locate::triton_install_dir(&[program]);
            let library = triton.context("no Triton is installed")?.join("lib/libonnxruntime.so");
            Some(runner::pool(&cell.models.repository, &library)?)
        }
        _ => None,
    };
    let (caller, calls) = channel();
    let players = (0..cell.tenants).map(|tenant| Player::start(cell, tenant, pool.as_ref(), caller.clone()));
    let mut players = players.collect::<Result<Vec<_>>>()?;
    players.iter().try_for_each(Player::wait)?;
    let start = started.elapsed().as_secs_f64();
    attend(&players, &calls, cell.warm_up)?;

    let gpu = Gpu::start();
    let (usage, machine, threads) = (Usage::own()?, MachineTime::now()?, ThreadTimes::now()?);
    let begun = Instant::now();
    players.iter_mut().for_each(Player::begin);
    attend(&players, &calls, cell.seconds)?;
    let tenants = players.iter().map(Player::measured).collect();
    let seconds = begun.elapsed().as_secs_f64();
    let (now, busy) = (Usage::own()?, MachineTime::now()?.busy_since(&machine));
    let threads = ThreadTimes::now()?.since(&threads);
    let model = threads.iter().filter(|(name, _)| runs_models(name));
    let is_here = cell.server.is_none() || pool.is_some();
    Ok(Outcome {
        tenants,
        cpu_seconds: now.cpu - usage.cpu,
        cpu_model_seconds: is_here.then(|| model.map(|(_, time)| time).fold(0.0, |sum, time| sum + time)),
        cpu_server_seconds: None,
        seconds,
        threads,
        stages: means(&players),
        start: Some(start),
        memory: now.memory,
        machine_busy: Some(busy),
        gpu_busy: gpu.and_then(Gpu::busy),
    })
}

fn attend(players: &[Player], calls: &Receiver<()>, seconds: f64) -> Result<()> {
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    loop {
        players.iter().try_for_each(Player::attend)?;
        if calls.recv_timeout(end.saturating_duration_since(Instant::now())) == Err(RecvTimeoutError::Timeout) {
            return Ok(());
        }
    }
}

/// The stages' times, as the mean of the tenants.
fn means(players: &[Player]) -> Vec<(String, f64)> {
    // The first reading makes the elements ask the server for its own times, which the second one has.
    players.iter().for_each(|player| drop(player.stages()));
    std::thread::sleep(ASKING);
    let all: Vec<_> = players.iter().map(Player::stages).collect();
    let mut stages = all.first().cloned().unwrap_or_default();
    for (index, (_, time)) in stages.iter_mut().enumerate() {
        let values = all.iter().filter_map(|stages| stages.get(index).map(|(_, time)| time));
        *time = values.sum::<f64>() / all.len() as f64;
    }
    stages
}
