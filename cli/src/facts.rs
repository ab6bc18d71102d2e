//! What the elements say about the shop floor, read from their bus messages into the domain's values, and the table of
//! seconds at the end.

use std::collections::BTreeMap;
use std::mem;
use std::time::Duration;

use anyhow::{Context, Result};
use comfy_table::{CellAlignment, ColumnConstraint, Table, presets};
use people::event::{Event, EventKind};
use people::{Activity, Totals, VestName};

/// Reads an element message of `activityzone`; `None` if it is about something else than what happens at a station.
pub fn read_event(message: &gst::StructureRef) -> Result<Option<Event>> {
    let kind = match message.name().as_str() {
        "shopfloor-start" => EventKind::Start,
        "shopfloor-activity" => EventKind::Change {
            state: state(message, "state")?,
            previous: state(message, "previous")?,
            lasted: time(message, "lasted")?,
            totals: totals(message)?,
        },
        "shopfloor-handover" => EventKind::Handover {
            from: text(message, "from")?.map(Into::into),
            lasted: time(message, "lasted")?,
        },
        "shopfloor-totals" => EventKind::End {
            state: state(message, "state")?,
            lasted: time(message, "lasted")?,
            totals: totals(message)?,
        },
        _ => return Ok(None),
    };
    Ok(Some(Event {
        time: time(message, "running-time")?,
        station: station(message)?.into(),
        worker: text(message, "worker")?.map(Into::into),
        kind,
    }))
}

fn state(message: &gst::StructureRef, field: &str) -> Result<Activity> {
    let name: &str = message.get(field).with_context(|| message.name().to_string())?;
    Activity::from_name(name).with_context(|| format!("{}: `{field}` is `{name}`, no state", message.name()))
}

fn station(message: &gst::StructureRef) -> Result<&str> {
    text(message, "station")?.with_context(|| format!("{} names no station", message.name()))
}

fn totals(message: &gst::StructureRef) -> Result<Totals> {
    Ok(Totals {
        active: time(message, "active")?,
        idle: time(message, "idle")?,
        absent: time(message, "absent")?,
        unknown: time(message, "unknown")?,
    })
}

fn text<'a>(message: &'a gst::StructureRef, field: &str) -> Result<Option<&'a str>> {
    message.get_optional(field).with_context(|| message.name().to_string())
}

fn time(message: &gst::StructureRef, field: &str) -> Result<Duration> {
    message
        .get(field)
        .map(Duration::from_nanos)
        .with_context(|| message.name().to_string())
}

/// What every station of every tenant came to.
#[derive(Default)]
pub struct Ledger(BTreeMap<(String, String), Account>);

#[derive(Default)]
struct Account {
    totals: Totals,
    /// Who was named, and how long each was active.
    workers: BTreeMap<String, Duration>,
    /// What others than the last worker did of the present activity.
    handed_over: Duration,
}

impl Account {
    fn hand_over(&mut self, from: Option<&VestName>, lasted: Duration) {
        self.handed_over += lasted;
        self.worked(from, lasted);
    }

    fn end(&mut self, worker: Option<&VestName>, state: Activity, lasted: Duration, totals: Totals) {
        self.totals = totals;
        let others = mem::take(&mut self.handed_over);
        let own = match state {
            Activity::Active => lasted.saturating_sub(others),
            _ => Duration::ZERO,
        };
        self.worked(worker, own);
    }

    fn worked(&mut self, worker: Option<&VestName>, lasted: Duration) {
        if let Some(worker) = worker {
            *self.workers.entry(worker.to_string()).or_default() += lasted;
        }
    }
}

impl Ledger {
    /// Keeps what an event says.
    pub fn note(&mut self, tenant: &str, event: &Event) {
        let key = || (tenant.to_owned(), event.station.to_string());
        match &event.kind {
            EventKind::Start => {}
            EventKind::Handover { from, lasted } => {
                self.0.entry(key()).or_default().hand_over(from.as_ref(), *lasted);
            }
            // A change ends the previous state; the end of the stream ends the last one.
            EventKind::Change {
                previous: state,
                lasted,
                totals,
                ..
            }
            | EventKind::End { state, lasted, totals } => {
                let account = self.0.entry(key()).or_default();
                account.end(event.worker.as_ref(), *state, *lasted, *totals);
            }
        }
    }

    /// Seconds in each state, a row a station; where several workers worked, a row for each below it. `None`
    /// when no station was heard of.
    pub fn table(&self) -> Option<Table> {
        let (first, _) = self.0.keys().next()?;
        let many = self.0.keys().any(|(tenant, _)| tenant != first);
        let mut table = Table::new();
        table.load_style(presets::UTF8_BORDERS_ONLY);
        table.set_header([
            "tenant",
            "station",
            "worker",
            "active s",
            "idle s",
            "absent s",
            "unknown s",
        ]);
        for ((tenant, station), Account { totals, workers, .. }) in &self.0 {
            let times = [totals.active, totals.idle, totals.absent, totals.unknown];
            let only = workers.keys().next().filter(|_| workers.len() == 1);
            let names = [tenant.as_str(), station, only.map_or("anyone", String::as_str)].map(str::to_owned);
            table.add_row(names.into_iter().chain(times.map(seconds)));
            for (worker, active) in workers.iter().filter(|(_, active)| only.is_none() && !active.is_zero()) {
                table.add_row([String::new(), String::new(), worker.clone(), seconds(*active)]);
            }
        }
        for column in table.column_iter_mut().skip(3) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        if let (false, Some(tenants)) = (many, table.column_mut(0)) {
            tenants.set_constraint(ColumnConstraint::Hidden);
        }
        Some(table)
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn message(name: &str, station: &str) -> gst::Structure {
        gst::init().unwrap();
        gst::Structure::builder(name)
            .field("station", station)
            .field("worker", "red")
            .field("state", "active")
            .field("previous", "idle")
            .field("from", "blue")
            .field("running-time", 12_300_000_000u64)
            .field("lasted", 2_000_000_000u64)
            .field("active", 4_000_000_000u64)
            .field("idle", 8_000_000_000u64)
            .field("absent", 300_000_000u64)
            .field("unknown", 0u64)
            .build()
    }

    const ACTIVITY: &str = "shopfloor-activity";
    const HANDOVER: &str = "shopfloor-handover";
    const TOTALS: &str = "shopfloor-totals";

    fn note(ledger: &mut Ledger, tenant: &str, message: &gst::Structure) {
        ledger.note(tenant, &read_event(message).unwrap().unwrap());
    }

    #[test]
    fn messages_are_events() {
        let event = |name| read_event(&message(name, "bench 1")).unwrap();
        let lines = ["shopfloor-start", ACTIVITY, HANDOVER, TOTALS]
            .map(|name| event(name).unwrap().to_json(Some("demo")) + "\n");
        expect![[r#"
            {"schema":"shopfloor-activity/1","time":12.3,"station":"bench 1","worker":"red","kind":"start","stream":"demo"}
            {"schema":"shopfloor-activity/1","time":12.3,"station":"bench 1","worker":"red","kind":"change","state":"active","previous":"idle","lasted":2.0,"totals":{"active":4.0,"idle":8.0,"absent":0.3,"unknown":0.0},"stream":"demo"}
            {"schema":"shopfloor-activity/1","time":12.3,"station":"bench 1","worker":"red","kind":"handover","from":"blue","lasted":2.0,"stream":"demo"}
            {"schema":"shopfloor-activity/1","time":12.3,"station":"bench 1","worker":"red","kind":"totals","state":"active","lasted":2.0,"totals":{"active":4.0,"idle":8.0,"absent":0.3,"unknown":0.0},"stream":"demo"}
        "#]].assert_eq(&lines.concat());
        assert_eq!(event("shopfloor-stations"), None);
    }

    #[test]
    fn a_station_may_have_no_worker() {
        let mut structure = message(ACTIVITY, "bench 1");
        structure.remove_field("worker");
        assert_eq!(read_event(&structure).unwrap().unwrap().worker, None);
    }

    #[test]
    fn who_hands_over_has_worked_until_then() {
        let mut ledger = Ledger::default();
        for (name, lasted) in [(HANDOVER, 2), (HANDOVER, 3), (TOTALS, 9)] {
            let mut message = message(name, "bench 1");
            message.set("lasted", lasted * 1_000_000_000u64);
            note(&mut ledger, "demo", &message);
        }
        expect![[r#"
            ┌─────────────────────────────────────────────────────────────┐
            │ station   worker   active s   idle s   absent s   unknown s │
            ╞═════════════════════════════════════════════════════════════╡
            │ bench 1   anyone        4.0      8.0        0.3         0.0 │
            │           blue          5.0                                 │
            │           red           4.0                                 │
            └─────────────────────────────────────────────────────────────┘"#]]
        .assert_eq(&ledger.table().unwrap().to_string());
    }

    #[test]
    fn a_message_that_is_not_whole_is_named() {
        let mut structure = message(ACTIVITY, "bench 1");
        structure.set("state", "asleep");
        expect!["shopfloor-activity: `state` is `asleep`, no state"]
            .assert_eq(&format!("{:#}", read_event(&structure).unwrap_err()));
        structure.remove_field("lasted");
        structure.set("state", "idle");
        expect!["shopfloor-activity: GetError: Structure field with name lasted not found"]
            .assert_eq(&format!("{:#}", read_event(&structure).unwrap_err()));
        structure.remove_field("station");
        expect!["shopfloor-activity: GetError: Structure field with name lasted not found"]
            .assert_eq(&format!("{:#}", read_event(&structure).unwrap_err()));
    }

    #[test]
    fn the_table_has_a_row_a_station() {
        let mut ledger = Ledger::default();
        assert!(ledger.table().is_none());
        note(&mut ledger, "demo", &message("shopfloor-start", "bench 1"));
        assert!(ledger.table().is_none(), "a start says nothing of seconds");
        let mut bench = message(ACTIVITY, "bench 1");
        note(&mut ledger, "demo", &bench);
        bench.set("active", 15_500_000_000u64);
        note(&mut ledger, "demo", &bench);
        let mut till = message(TOTALS, "till");
        till.remove_field("worker");
        till.set("state", "idle");
        note(&mut ledger, "demo", &till);
        expect![[r#"
            ┌─────────────────────────────────────────────────────────────┐
            │ station   worker   active s   idle s   absent s   unknown s │
            ╞═════════════════════════════════════════════════════════════╡
            │ bench 1   red          15.5      8.0        0.3         0.0 │
            │ till      anyone        4.0      8.0        0.3         0.0 │
            └─────────────────────────────────────────────────────────────┘"#]]
        .assert_eq(&ledger.table().unwrap().to_string());
        note(&mut ledger, "yard", &till);
        expect![[r#"
            ┌──────────────────────────────────────────────────────────────────────┐
            │ tenant   station   worker   active s   idle s   absent s   unknown s │
            ╞══════════════════════════════════════════════════════════════════════╡
            │ demo     bench 1   red          15.5      8.0        0.3         0.0 │
            │ demo     till      anyone        4.0      8.0        0.3         0.0 │
            │ yard     till      anyone        4.0      8.0        0.3         0.0 │
            └──────────────────────────────────────────────────────────────────────┘"#]]
        .assert_eq(&ledger.table().unwrap().to_string());
    }

    #[test]
    fn whoever_was_active_at_a_station_gets_a_row() {
        let mut ledger = Ledger::default();
        let mut till = message(ACTIVITY, "till");
        for (worker, previous) in [
            ("red", "active"),
            ("blue", "active"),
            ("green", "idle"),
            ("red", "active"),
        ] {
            till.set("worker", worker);
            till.set("previous", previous);
            note(&mut ledger, "demo", &till);
        }
        // Blue is still at it when the stream ends.
        let mut last = message(TOTALS, "till");
        last.set("worker", "blue");
        last.set("active", 8_000_000_000u64);
        note(&mut ledger, "demo", &last);
        expect![[r#"
            ┌─────────────────────────────────────────────────────────────┐
            │ station   worker   active s   idle s   absent s   unknown s │
            ╞═════════════════════════════════════════════════════════════╡
            │ till      anyone        8.0      8.0        0.3         0.0 │
            │           blue          4.0                                 │
            │           red           4.0                                 │
            └─────────────────────────────────────────────────────────────┘"#]]
        .assert_eq(&ledger.table().unwrap().to_string());
    }
}
