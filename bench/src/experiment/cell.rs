//! A cell of the experiment, and what is measured of it: JSON between this program and the processes that it starts.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::mode::Mode;

/// The models of the application, by their names in a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Models {
    /// The repository's folder.
    pub repository: PathBuf,
    /// Finds people.
    pub pose: String,
    /// Tells each one's vest.
    pub vest: String,
    /// Does both.
    pub ensemble: String,
}

/// What is played beside the models.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Work {
    /// The whole application.
    Application(Mode),
    /// The decoder alone, for its CPU time.
    Decoder,
}

/// Where frames come from and how fast.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Pace {
    /// As fast as it goes, every frame inferred; a file is repeated.
    Fastest,
    /// As a camera: so many frames a second, the newest is inferred.
    Live(f64),
}

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// What is played.
    pub work: Work,
    /// How many applications at once.
    pub tenants: usize,
    /// Measured time in seconds.
    pub seconds: f64,
    /// Time from the first drawn frame of every tenant until measuring begins, in seconds.
    pub warm_up: f64,
    /// The video.
    pub input: PathBuf,
    /// The stations.
    pub stations: PathBuf,
    /// The models.
    pub models: Models,
    /// The address of a Triton; `None`: in this process.
    pub server: Option<String>,
    /// Whether each tenant is shown in a window.
    pub window: bool,
    /// The frames' pace.
    pub pace: Pace,
    /// Every how many frames one is inferred.
    #[serde(default = "every")]
    pub interval: u32,
    /// Triton's priority of the first application's requests, 1 the highest; 0: as the others'.
    #[serde(default)]
    pub priority: u32,
}

fn every() -> u32 {
    1
}

/// What was measured of a cell; Python's application prints the same, without what is optional.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Each application.
    pub tenants: Vec<Tenant>,
    /// CPU time of the process, with its children, in seconds.
    pub cpu_seconds: f64,
    /// Of that, the threads that run the models; `None` if it is not known.
    pub cpu_model_seconds: Option<f64>,
    /// CPU time of a server in another process on this machine; `None` if there is none.
    pub cpu_server_seconds: Option<f64>,
    /// Measured seconds.
    pub seconds: f64,
    /// CPU time by what threads are called, in seconds, the most first.
    #[serde(default)]
    pub threads: Vec<(String, f64)>,
    /// Median times of a frame in each `tritoninfer`, in ms: `pose wait`, and so on.
    #[serde(default)]
    pub stages: Vec<(String, f64)>,
    /// Seconds from the process's first step until every application has drawn a frame.
    #[serde(default)]
    pub start: Option<f64>,
    /// Resident memory at the end, in bytes.
    #[serde(default)]
    pub memory: u64,
    /// Share of the processors that was busy, 0..1, other programs included.
    #[serde(default)]
    pub machine_busy: Option<f64>,
    /// Share of the time that the GPU was busy, 0..1; `None` without one.
    #[serde(default)]
    pub gpu_busy: Option<f64>,
}

/// What was measured of an application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tenant {
    /// Drawn frames that arrived at the sink.
    pub frames: u64,
    /// Of those, the inferred ones.
    pub inferred: u64,
    /// Measured seconds.
    pub seconds: f64,
    /// Drawn frames a second.
    pub fps: f64,
    /// From the frame's leaving the source until it is at the sink, drawn.
    pub latency_ms: Percentiles,
}

/// Percentiles of a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// The median; `None` without frames.
    pub p50: Option<f64>,
    /// 95 of 100 are below.
    pub p95: Option<f64>,
    /// 99 of 100 are below.
    pub p99: Option<f64>,
}

impl Outcome {
    /// Frames of all applications.
    pub fn frames(&self) -> f64 {
        self.tenants.iter().map(|tenant| tenant.frames as f64).sum()
    }

    /// Frames a second of all applications together.
    pub fn fps(&self) -> f64 {
        self.tenants.iter().map(|tenant| tenant.fps).sum()
    }

    /// Frames a second of the slowest application.
    pub fn slowest(&self) -> f64 {
        self.tenants.iter().map(|tenant| tenant.fps).fold(f64::NAN, f64::min)
    }

    /// Share of frames that were inferred.
    pub fn inferred(&self) -> f64 {
        let inferred: u64 = self.tenants.iter().map(|tenant| tenant.inferred).sum();
        inferred as f64 / self.frames()
    }

    /// A percentile of the latency: that of the tenant with the greatest.
    pub fn latency(&self, which: fn(&Percentiles) -> Option<f64>) -> f64 {
        let all = self.tenants.iter().filter_map(|tenant| which(&tenant.latency_ms));
        all.fold(f64::NAN, f64::max)
    }

    /// CPU-ms a frame of everything on this machine that belongs to the cell.
    pub fn cpu(&self) -> f64 {
        (self.cpu_seconds + self.cpu_server_seconds.unwrap_or_default()) * 1e3 / self.frames()
    }

    /// CPU-ms a frame that are not the models'; NaN if it is not known which are.
    pub fn cpu_outside_model(&self) -> f64 {
        // A server in another process does nothing but run the models and talk to its clients.
        let model = match self.cpu_server_seconds {
            Some(_) => Some(0.0),
            None => self.cpu_model_seconds,
        };
        model.map_or(f64::NAN, |model| (self.cpu_seconds - model) * 1e3 / self.frames())
    }

    /// The models' share of the CPU time.
    pub fn model_share(&self) -> f64 {
        let all = self.cpu_seconds + self.cpu_server_seconds.unwrap_or_default();
        let model = self
            .cpu_server_seconds
            .or(self.cpu_model_seconds)
            .filter(|model| *model > 0.0);
        model.map_or(f64::NAN, |model| model / all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_python_prints_is_an_outcome() {
        let line = r#"{"tenants":[{"frames":200,"inferred":190,"seconds":10.0,"fps":20.0,
            "latency_ms":{"p50":90.0,"p95":120.5,"p99":140.0}},
            {"frames":200,"inferred":200,"seconds":10.0,"fps":20.0,"latency_ms":{"p50":null,"p95":null,"p99":null}}],
            "cpu_seconds":8.0,"cpu_model_seconds":null,"cpu_server_seconds":12.0,"seconds":10.0}"#;
        let outcome: Outcome = serde_json::from_str(line).unwrap();
        assert_eq!(
            (outcome.fps(), outcome.slowest(), outcome.frames()),
            (40.0, 20.0, 400.0)
        );
        assert_eq!(outcome.inferred(), 0.975);
        assert_eq!(outcome.latency(|times| times.p95), 120.5);
        // 8 s of the clients and 12 s of the server for 400 frames
        assert_eq!((outcome.cpu(), outcome.cpu_outside_model()), (50.0, 20.0));
        assert_eq!(outcome.model_share(), 0.6);
    }

    #[test]
    fn model_threads_of_the_process_count_as_the_model() {
        let mut outcome = Outcome {
            tenants: vec![Tenant {
                frames: 100,
                ..Tenant::default()
            }],
            cpu_seconds: 10.0,
            cpu_model_seconds: Some(9.0),
            ..Outcome::default()
        };
        assert_eq!((outcome.cpu(), outcome.cpu_outside_model()), (100.0, 10.0));
        assert_eq!(outcome.model_share(), 0.9);
        outcome.cpu_model_seconds = None;
        assert!(outcome.cpu_outside_model().is_nan() && outcome.model_share().is_nan());
    }
}
