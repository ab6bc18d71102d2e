//! The metrics as Prometheus' text. docs/operations.md lists them.
//!
//! Labels are what the configuration names: tenants, elements, models and stations. Workers, reasons and addresses are none, so that the
//! number of series is bounded.

use std::fmt;
use std::time::Duration;

use people::Activity;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::Snapshot;
use crate::state::TenantState;
use crate::status::sample::{DURATIONS, Distribution, Stage};
use crate::status::{Inference, TenantStatus};

/// The content type of [`of`].
pub use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;

/// The metrics of a snapshot.
pub fn of(snapshot: &Snapshot) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Tenants(snapshot.clone())));
    let mut text = String::new();
    // Writing to a text cannot fail.
    let _ = prometheus_text::encode(&mut text, &registry);
    text
}

struct Tenants(Snapshot);

impl fmt::Debug for Tenants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tenants", self.0.tenants.len())
    }
}

type Labels<'a> = Vec<(&'static str, &'a str)>;

enum Value<'a> {
    Counter(u64),
    Gauge(f64),
    Histogram(&'a Distribution),
}

use Value::{Counter, Gauge, Histogram};

/// Name, help and unit of a metric.
struct About<'a>(&'a str, &'a str, Option<Unit>);

impl Collector for Tenants {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let encoder = &mut encoder;
        let tenants = &*self.0.tenants;
        let mut build =
            encoder.encode_descriptor("shopfloor_build", "The version of the command.", None, MetricType::Info)?;
        build.encode_info(&[("version", env!("CARGO_PKG_VERSION"))])?;
        let count = About("shopfloor_tenants", "Tenants, in any state.", None);
        write(
            encoder,
            &count,
            std::iter::once((Vec::new(), Gauge(tenants.len() as f64))),
        )?;
        of_states(encoder, tenants)?;
        of_tenants(encoder, tenants)?;
        of_stations(encoder, tenants)?;
        of_stages(encoder, tenants)?;
        of_process(encoder, tenants)
    }
}

/// Writes a metric, if it has a series.
fn write<'a>(
    encoder: &mut DescriptorEncoder,
    About(name, help, unit): &About,
    series: impl Iterator<Item = (Labels<'a>, Value<'a>)>,
) -> fmt::Result {
    let mut series = series.peekable();
    let kind = match series.peek() {
        None => return Ok(()),
        Some((_, Counter(_))) => MetricType::Counter,
        Some((_, Gauge(_))) => MetricType::Gauge,
        Some((_, Histogram(_))) => MetricType::Histogram,
    };
    let mut metric = encoder.encode_descriptor(name, help, unit.as_ref(), kind)?;
    for (labels, value) in series {
        let mut one = metric.encode_family(&labels)?;
        match value {
            Counter(count) => one.encode_counter::<NoLabelSet, _, u64>(&count, None)?,
            Gauge(value) => one.encode_gauge(&value)?,
            Histogram(durations) => {
                let bounds = durations.bounds.iter().map(|bound| bound.as_secs_f64());
                let buckets: Vec<_> = bounds.zip(durations.buckets.iter().copied()).collect();
                one.encode_histogram::<NoLabelSet>(durations.sum.as_secs_f64(), durations.count(), &buckets, None)?;
            }
        }
    }
    Ok(())
}

fn truth(value: bool) -> Value<'static> {
    Gauge(f64::from(u8::from(value)))
}

fn of_states(encoder: &mut DescriptorEncoder, tenants: &[TenantStatus]) -> fmt::Result {
    let states = tenants.iter().flat_map(|tenant| {
        TenantState::NAMES.into_iter().map(|state| {
            let labels = vec![("tenant", &*tenant.tenant), ("state", state)];
            (labels, truth(tenant.state.name() == state))
        })
    });
    let help = "1 for the state that the tenant is in, 0 for the others.";
    write(encoder, &About("shopfloor_tenant_state", help, None), states)
}

type OfTenant = fn(&TenantStatus) -> Option<Value<'static>>;

fn of_tenants(encoder: &mut DescriptorEncoder, tenants: &[TenantStatus]) -> fmt::Result {
    let metrics: [(&str, &str, Option<Unit>, OfTenant); 5] = [
        ("restarts", "Times that the tenant was started again.", None, |tenant| {
            Some(Counter(tenant.restarts))
        }),
        (
            "frames",
            "Frames that left the last element of shopfloor, since the last start.",
            None,
            |tenant| Some(Counter(tenant.frames.count)),
        ),
        (
            "inference_dead",
            "1 while frames should be inferred and none is.",
            None,
            |tenant| Some(truth(!dead_for(tenant)?.is_zero())),
        ),
        (
            "not_inferred",
            "For how long inference has been dead, 0 if it is not.",
            Some(Unit::Seconds),
            |tenant| Some(Gauge(dead_for(tenant)?.as_secs_f64())),
        ),
        (
            "workers_seen",
            "Different workers that were seen since the last start.",
            None,
            |tenant| Some(Gauge(tenant.workers.as_ref()?.len() as f64)),
        ),
    ];
    for (name, help, unit, value) in metrics {
        let name = format!("shopfloor_tenant_{name}");
        let series = tenants
            .iter()
            .filter_map(|tenant| Some((vec![("tenant", &*tenant.tenant)], value(tenant)?)));
        write(encoder, &About(&name, help, unit), series)?;
    }
    Ok(())
}

/// For how long inference has been dead; none without a `tritoninfer`.
fn dead_for(tenant: &TenantStatus) -> Option<Duration> {
    match tenant.inference {
        Inference::None => None,
        Inference::Working => Some(Duration::ZERO),
        Inference::Dead { lasts, .. } => Some(lasts),
    }
}

fn of_stations(encoder: &mut DescriptorEncoder, tenants: &[TenantStatus]) -> fmt::Result {
    let series = tenants.iter().flat_map(|tenant| {
        tenant.stations.iter().flat_map(|station| {
            Activity::ALL.into_iter().map(|state| {
                let labels = vec![
                    ("tenant", &*tenant.tenant),
                    ("station", &*station.station),
                    ("state", state.name()),
                ];
                (labels, truth(station.state == state))
            })
        })
    });
    let about = About(
        "shopfloor_station_state",
        "1 for the state that the station is in, 0 for the others.",
        None,
    );
    write(encoder, &about, series)
}

fn of_stages(encoder: &mut DescriptorEncoder, tenants: &[TenantStatus]) -> fmt::Result {
    let stages = || {
        let all = tenants.iter();
        all.flat_map(|tenant| tenant.stages.iter().map(move |stage| (&*tenant.tenant, stage)))
    };
    let outcomes: [(&str, CountOf); 4] = [
        ("inferred", |stage| stage.inferred),
        ("skipped_interval", |stage| stage.skipped.interval),
        ("skipped_overload", |stage| stage.skipped.overload),
        ("failed", |stage| stage.skipped.failed),
    ];
    let frames = stages().flat_map(|(tenant, stage)| {
        outcomes.map(|(outcome, count)| {
            let labels = [labels(tenant, stage), vec![("outcome", outcome)]].concat();
            (labels, Counter(count(stage)))
        })
    });
    let about = About(
        "shopfloor_stage_frames",
        "Frames that left the tritoninfer, by outcome.",
        None,
    );
    write(encoder, &about, frames)?;
    for (name, help, unit, value) in EVENTS.into_iter().chain(PRESENT) {
        let name = format!("shopfloor_stage_{name}");
        let series = stages().map(|(tenant, stage)| (labels(tenant, stage), value(stage)));
        write(encoder, &About(&name, help, unit), series)?;
    }
    for (index, (name, help)) in DURATION_METRICS.into_iter().enumerate() {
        let series = stages().map(|(tenant, stage)| (labels(tenant, stage), Histogram(&stage.durations[index])));
        write(encoder, &About(name, help, Some(Unit::Seconds)), series)?;
    }
    Ok(())
}

/// The names and help of [`DURATIONS`].
const DURATION_METRICS: [(&str, &str); DURATIONS.len()] = [
    (
        "shopfloor_stage_age",
        "From the arrival of a frame to its response, including late ones.",
    ),
    ("shopfloor_stage_wait", "From the arrival of a frame to its turn."),
    ("shopfloor_stage_convert", "To sample a frame and send its requests."),
    (
        "shopfloor_stage_request",
        "From sending a frame's requests to their last response.",
    ),
    ("shopfloor_stage_push", "That downstream takes to accept a frame."),
];

fn labels<'a>(tenant: &'a str, stage: &'a Stage) -> Labels<'a> {
    vec![("tenant", tenant), ("element", &stage.element), ("model", &stage.model)]
}

type CountOf = fn(&Stage) -> u64;

/// Name, help, unit and value of a metric of each `tritoninfer`.
type OfStage = (&'static str, &'static str, Option<Unit>, fn(&Stage) -> Value<'static>);

/// What has happened to a `tritoninfer`.
const EVENTS: [OfStage; 4] = [
    (
        "late_frames",
        "Frames that left at their deadline without their response.",
        None,
        |stage| Counter(stage.late),
    ),
    ("retried_requests", "Requests that were repeated.", None, |stage| {
        Counter(stage.retried)
    }),
    (
        "reconnects",
        "Times that requests succeeded again after a failure of the server.",
        None,
        |stage| Counter(stage.reconnects),
    ),
    (
        "copied",
        "Bytes of tensors copied into or out of messages, by all users of the server.",
        Some(Unit::Bytes),
        |stage| Counter(stage.bytes_copied),
    ),
];

/// What it is like at present.
const PRESENT: [OfStage; 7] = [
    (
        "ready",
        "1 if requests succeed, 0 while connecting, degraded or failed.",
        None,
        |stage| truth(stage.status == "ready"),
    ),
    ("pending_frames", "Frames without a result yet.", None, |stage| {
        Gauge(stage.pending as f64)
    }),
    (
        "requests_in_flight",
        "Requests that the server has not released.",
        None,
        |stage| Gauge(stage.in_flight as f64),
    ),
    ("places", "Requests that are useful at a time.", None, |stage| {
        Gauge(stage.places as f64)
    }),
    (
        "latency",
        "Latency that the tritoninfer has reported to its pipeline.",
        Some(Unit::Seconds),
        |stage| Gauge(stage.latency.as_secs_f64()),
    ),
    (
        "memory_in_flight",
        "Memory of requests in flight.",
        Some(Unit::Bytes),
        |stage| Gauge(stage.memory_in_flight as f64),
    ),
    (
        "memory_quarantined",
        "Memory of requests past their deadline that the server still has.",
        Some(Unit::Bytes),
        |stage| Gauge(stage.memory_quarantined as f64),
    ),
];

/// Models are the process's, and each `tritoninfer` reports all of them.
fn of_process(encoder: &mut DescriptorEncoder, tenants: &[TenantStatus]) -> fmt::Result {
    let models = tenants
        .iter()
        .flat_map(|tenant| &tenant.stages)
        .map(|stage| stage.memory_models)
        .max();
    let about = About(
        "shopfloor_models_memory",
        "Memory of the models in this process.",
        Some(Unit::Bytes),
    );
    write(
        encoder,
        &about,
        models.into_iter().map(|bytes| (Vec::new(), Gauge(bytes as f64))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::testing::{self, Case};
    use expect_test::expect_file;
    use std::collections::BTreeSet;
    use std::time::Instant;

    fn text(cases: &[Case]) -> String {
        of(&Snapshot {
            tenants: testing::tenants(cases, Instant::now()).into(),
            at: None,
        })
    }

    #[test]
    fn every_metric_of_one_tenant() {
        expect_file!["one_tenant.txt"].assert_eq(&text(&[Case::Playing]));
    }

    #[test]
    fn the_text_follows_the_format_for_every_state() {
        for cases in [&[][..], &[Case::Foreign], &testing::ALL] {
            let text = text(cases);
            let parsed = openmetrics_parser::prometheus::parse_prometheus(&text);
            let parsed = parsed.unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert!(parsed.families.contains_key("shopfloor_build_info"), "{text}");
        }
    }

    #[test]
    fn names_follow_the_conventions() {
        let text = text(&testing::ALL);
        let types = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
        let types: Vec<_> = types.collect();
        assert!(types.len() > 20, "{types:?}");
        let names: BTreeSet<_> = types.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), types.len(), "each is declared once");
        for (name, kind) in types {
            assert!(name.starts_with("shopfloor_"), "{name}");
            assert_eq!(name.ends_with("_total"), kind == "counter", "{name} is a {kind}");
            let has_unit = name.ends_with("_seconds");
            assert!(kind != "histogram" || has_unit, "{name}");
            assert!(!name.contains("_ms") && !name.contains("milli"), "{name}");
            assert!(text.contains(&format!("# HELP {name} ")), "{name}");
        }
    }

    #[test]
    fn labels_are_escaped() {
        let mut tenants = testing::tenants(&[Case::Playing], Instant::now());
        tenants[0].tenant = "a\"b\\c\nd{}=,é".into();
        let text = of(&Snapshot {
            tenants: tenants.into(),
            at: None,
        });
        assert!(text.contains(r#"tenant="a\"b\\c\nd{}=,é""#), "{text}");
        openmetrics_parser::prometheus::parse_prometheus(&text).unwrap();
    }

    #[test]
    fn what_is_not_configured_is_no_label() {
        let text = text(&testing::ALL);
        for unbounded in ["worker=", "reason=", "\"red\"", "grpc://", "connection refused"] {
            assert!(!text.contains(unbounded), "{unbounded}");
        }
    }

    /// Each name in the dashboard that Grafana shows is one of these metrics.
    #[test]
    fn the_dashboard_names_metrics_that_exist() {
        let dashboard = include_str!("../../../docs/grafana-dashboard.json");
        let json: serde_json::Value = serde_json::from_str(dashboard).unwrap();
        assert!(json["panels"].as_array().is_some_and(|panels| panels.len() > 5));
        let text = text(&testing::ALL);
        let exported: BTreeSet<&str> = text.lines().filter_map(|line| line.split(['{', ' ']).next()).collect();
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let words = dashboard
            .split(|c: char| !is_part(c))
            .filter(|word| word.starts_with("shopfloor_"));
        let named: BTreeSet<&str> = words.collect();
        let unknown: Vec<_> = named.difference(&exported).collect();
        assert!(named.len() > 10 && unknown.is_empty(), "not exported: {unknown:?}");
    }

    #[test]
    fn the_documentation_lists_every_metric() {
        let documentation = include_str!("../../../docs/operations.md");
        let text = text(&testing::ALL);
        let names = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
        let missing: Vec<_> = names
            .filter(|name| !documentation.contains(&format!("`{name}`")))
            .collect();
        assert!(missing.is_empty(), "docs/operations.md lacks {missing:?}");
    }
}
