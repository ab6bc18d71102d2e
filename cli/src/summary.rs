//! The summary of a run: the seconds of each station in each state, and the workers who were active there.

use std::collections::BTreeMap;
use std::mem;
use std::time::Duration;

use comfy_table::{CellAlignment, ColumnConstraint, Table, presets};
use people::event::{Event, EventKind};
use people::{Activity, Totals, VestName};

/// The totals of every station of every tenant.
#[derive(Default)]
pub struct Summary(BTreeMap<(String, String), StationSummary>);

#[derive(Default)]
struct StationSummary {
    /// The worker it is assigned to, if any.
    assigned: Option<VestName>,
    /// Of the times that it was watched before: a seek, or a change of its station, begins anew.
    before: Totals,
    /// Since then; none before the first state has ended.
    totals: Option<Totals>,
    /// The active time of each worker.
    workers: BTreeMap<VestName, Duration>,
    /// Active time of the present activity that belongs to others than its last worker.
    handed_over: Duration,
    /// An earlier run of the same recording.
    earlier: Option<Box<Self>>,
}

impl StationSummary {
    fn start(&mut self, assigned: Option<&VestName>) {
        self.assigned = assigned.cloned();
        self.before = self.all().unwrap_or_default();
        self.totals = None;
        self.handed_over = Duration::ZERO;
    }

    /// The totals in all; none if it has no time yet.
    fn all(&self) -> Option<Totals> {
        let (before, now) = (self.before, self.totals.unwrap_or_default());
        let all = Totals {
            active: before.active + now.active,
            idle: before.idle + now.idle,
            absent: before.absent + now.absent,
            unknown: before.unknown + now.unknown,
        };
        (self.totals.is_some() || all != Totals::default()).then_some(all)
    }

    /// The recording is played from its start again: of its runs the longest counts.
    fn begin_again(&mut self) {
        let before = mem::take(self);
        *self = Self {
            assigned: before.assigned.clone(),
            earlier: Some(Box::new(before.into_longest())),
            ..Self::default()
        };
    }

    fn into_longest(mut self) -> Self {
        match self.earlier.take() {
            Some(earlier) if earlier.length() > self.length() => *earlier,
            _ => self,
        }
    }

    /// The run that counts.
    fn longest(&self) -> &Self {
        match &self.earlier {
            Some(earlier) if earlier.length() > self.length() => earlier,
            _ => self,
        }
    }

    fn length(&self) -> Duration {
        let all = self.all().unwrap_or_default();
        all.active + all.idle + all.absent + all.unknown
    }

    fn hand_over(&mut self, from: Option<&VestName>, lasted: Duration) {
        self.handed_over += lasted;
        self.add_active(from, lasted);
    }

    fn end_state(&mut self, worker: Option<&VestName>, state: Activity, lasted: Duration, totals: Totals) {
        self.totals = Some(totals);
        let others = mem::take(&mut self.handed_over);
        if state == Activity::Active {
            self.add_active(worker, lasted.saturating_sub(others));
        }
    }

    fn add_active(&mut self, worker: Option<&VestName>, lasted: Duration) {
        if let Some(worker) = worker {
            *self.workers.entry(worker.clone()).or_default() += lasted;
        }
    }
}

impl Summary {
    /// A tenant that is not live is played from its start again. Its seconds count once: those of its longest run.
    pub fn begin_again(&mut self, tenant: &str) {
        let stations = self.0.iter_mut().filter(|((name, _), _)| name == tenant);
        stations.for_each(|(_, station)| station.begin_again());
    }

    /// Adds an event of a tenant.
    pub fn record(&mut self, tenant: &str, event: &Event) {
        let station = self
            .0
            .entry((tenant.to_owned(), event.station.to_string()))
            .or_default();
        match &event.kind {
            EventKind::Start => station.start(event.worker.as_ref()),
            EventKind::Handover { from, lasted } => station.hand_over(from.as_ref(), *lasted),
            // The next change has these times, too; it may not come.
            EventKind::Heartbeat { totals, .. } => station.totals = Some(*totals),
            // A change ends the previous state; the end of the stream ends the last one.
            EventKind::Change {
                previous: state,
                lasted,
                totals,
                ..
            }
            | EventKind::End {
                state, lasted, totals, ..
            } => {
                station.end_state(event.worker.as_ref(), *state, *lasted, *totals);
            }
        }
    }

    /// A row for each station with its seconds in each state; below an unassigned one, a row for each worker who was
    /// active there. `None` if no station has any time.
    pub fn table(&self) -> Option<Table> {
        let stations = || {
            let stations = self.0.iter();
            stations.filter_map(|((tenant, name), station)| {
                let station = station.longest();
                Some((tenant, name, station, station.all()?))
            })
        };
        let (first, ..) = stations().next()?;
        let many = stations().any(|(tenant, ..)| tenant != first);
        let mut table = Table::new();
        table.load_style(presets::UTF8_BORDERS_ONLY);
        table.set_header([
            "tenant",
            "station",
            "assigned to",
            "seen active",
            "active s",
            "idle s",
            "absent s",
            "unknown s",
            "total s",
        ]);
        for (tenant, name, station, totals) in stations() {
            let assigned = station.assigned.as_deref();
            let seen = assigned.filter(|_| !totals.active.is_zero()).unwrap_or_default();
            let names = [tenant.as_str(), name, assigned.unwrap_or("anyone"), seen].map(str::to_owned);
            let states = [totals.active, totals.idle, totals.absent, totals.unknown];
            let times = states.into_iter().chain([states.iter().sum()]);
            table.add_row(names.into_iter().chain(times.map(seconds)));
            for (worker, active) in &station.workers {
                if assigned.is_none() && !active.is_zero() {
                    table.add_row(["", "", "", worker, &seconds(*active)]);
                }
            }
        }
        for column in table.column_iter_mut().skip(4) {
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
    use expect_test::{Expect, expect};
    use people::event::Assigned;

    const RED: Option<&str> = Some("red");
    const TOTALS: Totals = Totals {
        active: Duration::from_secs(4),
        idle: Duration::from_secs(8),
        absent: Duration::from_millis(300),
        unknown: Duration::ZERO,
    };

    fn record(summary: &mut Summary, (tenant, station): (&str, &str), worker: Option<&str>, kind: EventKind) {
        let event = Event {
            time: Duration::from_millis(12_300),
            station: station.into(),
            worker: worker.map(Into::into),
            kind,
        };
        summary.record(tenant, &event);
    }

    fn change(previous: Activity, seconds: u64, totals: Totals) -> EventKind {
        EventKind::Change {
            state: Activity::Idle,
            previous,
            lasted: Duration::from_secs(seconds),
            totals,
        }
    }

    fn end(state: Activity, seconds: u64) -> EventKind {
        EventKind::End {
            state,
            lasted: Duration::from_secs(seconds),
            totals: TOTALS,
            assigned: Assigned::Anyone,
        }
    }

    fn check(summary: &Summary, expected: Expect) {
        expected.assert_eq(&summary.table().unwrap().to_string());
    }

    #[test]
    fn each_station_has_a_row() {
        let mut summary = Summary::default();
        let bench = ("demo", "bench 1");
        assert!(summary.table().is_none());
        record(&mut summary, bench, RED, EventKind::Start);
        assert!(summary.table().is_none(), "a start has no seconds");
        record(&mut summary, bench, RED, change(Activity::Absent, 1, TOTALS));
        let active = Duration::from_millis(15_500);
        record(
            &mut summary,
            bench,
            RED,
            change(Activity::Active, 2, Totals { active, ..TOTALS }),
        );
        record(&mut summary, ("demo", "till"), None, EventKind::Start);
        record(&mut summary, ("demo", "till"), None, end(Activity::Idle, 2));
        check(
            &summary,
            expect![[r#"
            ┌──────────────────────────────────────────────────────────────────────────────────────────┐
            │ station   assigned to   seen active   active s   idle s   absent s   unknown s   total s │
            ╞══════════════════════════════════════════════════════════════════════════════════════════╡
            │ bench 1   red           red               15.5      8.0        0.3         0.0      23.8 │
            │ till      anyone                           4.0      8.0        0.3         0.0      12.3 │
            └──────────────────────────────────────────────────────────────────────────────────────────┘"#]],
        );
        record(&mut summary, ("yard", "till"), None, end(Activity::Idle, 2));
        check(
            &summary,
            expect![[r#"
            ┌───────────────────────────────────────────────────────────────────────────────────────────────────┐
            │ tenant   station   assigned to   seen active   active s   idle s   absent s   unknown s   total s │
            ╞═══════════════════════════════════════════════════════════════════════════════════════════════════╡
            │ demo     bench 1   red           red               15.5      8.0        0.3         0.0      23.8 │
            │ demo     till      anyone                           4.0      8.0        0.3         0.0      12.3 │
            │ yard     till      anyone                           4.0      8.0        0.3         0.0      12.3 │
            └───────────────────────────────────────────────────────────────────────────────────────────────────┘"#]],
        );
    }

    #[test]
    fn workers_who_were_active_at_an_unassigned_station_have_rows() {
        let mut summary = Summary::default();
        let till = ("demo", "till");
        record(&mut summary, till, None, EventKind::Start);
        for (worker, previous) in [
            ("red", Activity::Active),
            ("blue", Activity::Active),
            ("green", Activity::Idle),
            ("red", Activity::Active),
        ] {
            record(&mut summary, till, Some(worker), change(previous, 2, TOTALS));
        }
        // Blue is still active when the stream ends.
        record(&mut summary, till, Some("blue"), end(Activity::Active, 2));
        check(
            &summary,
            expect![[r#"
            ┌──────────────────────────────────────────────────────────────────────────────────────────┐
            │ station   assigned to   seen active   active s   idle s   absent s   unknown s   total s │
            ╞══════════════════════════════════════════════════════════════════════════════════════════╡
            │ till      anyone                           4.0      8.0        0.3         0.0      12.3 │
            │                         blue               4.0                                           │
            │                         red                4.0                                           │
            └──────────────────────────────────────────────────────────────────────────────────────────┘"#]],
        );
    }

    #[test]
    fn after_a_handover_each_worker_has_their_own_time() {
        let mut summary = Summary::default();
        let bench = ("demo", "bench 1");
        for lasted in [2, 3].map(Duration::from_secs) {
            let from = Some("blue".into());
            record(&mut summary, bench, RED, EventKind::Handover { from, lasted });
        }
        record(&mut summary, bench, RED, end(Activity::Active, 9));
        check(
            &summary,
            expect![[r#"
            ┌──────────────────────────────────────────────────────────────────────────────────────────┐
            │ station   assigned to   seen active   active s   idle s   absent s   unknown s   total s │
            ╞══════════════════════════════════════════════════════════════════════════════════════════╡
            │ bench 1   anyone                           4.0      8.0        0.3         0.0      12.3 │
            │                         blue               5.0                                           │
            │                         red                4.0                                           │
            └──────────────────────────────────────────────────────────────────────────────────────────┘"#]],
        );
    }

    /// A seek, or a change of the station: the sums begin anew, and nothing of those before is lost.
    #[test]
    fn a_station_that_starts_again_keeps_its_time() {
        let mut summary = Summary::default();
        let bench = ("demo", "bench 1");
        for _ in 0..2 {
            record(&mut summary, bench, RED, EventKind::Start);
            record(&mut summary, bench, RED, end(Activity::Active, 4));
        }
        // The last one is cut off after a heartbeat.
        record(&mut summary, bench, RED, EventKind::Start);
        let heartbeat = EventKind::Heartbeat {
            state: Activity::Idle,
            lasted: Duration::from_secs(2),
            totals: Totals {
                idle: Duration::from_secs(2),
                ..Totals::default()
            },
            assigned: Assigned::Anyone,
        };
        record(&mut summary, bench, RED, heartbeat);
        check(
            &summary,
            expect![[r#"
            ┌──────────────────────────────────────────────────────────────────────────────────────────┐
            │ station   assigned to   seen active   active s   idle s   absent s   unknown s   total s │
            ╞══════════════════════════════════════════════════════════════════════════════════════════╡
            │ bench 1   red           red                8.0     18.0        0.6         0.0      26.6 │
            └──────────────────────────────────────────────────────────────────────────────────────────┘"#]],
        );
    }

    #[test]
    fn an_assigned_worker_who_was_never_active_is_not_seen_active() {
        let mut summary = Summary::default();
        let bench = ("demo", "bench 1");
        record(&mut summary, bench, RED, EventKind::Start);
        let totals = Totals {
            active: Duration::ZERO,
            ..TOTALS
        };
        record(&mut summary, bench, RED, change(Activity::Absent, 1, totals));
        check(
            &summary,
            expect![[r#"
            ┌──────────────────────────────────────────────────────────────────────────────────────────┐
            │ station   assigned to   seen active   active s   idle s   absent s   unknown s   total s │
            ╞══════════════════════════════════════════════════════════════════════════════════════════╡
            │ bench 1   red                              0.0      8.0        0.3         0.0       8.3 │
            └──────────────────────────────────────────────────────────────────────────────────────────┘"#]],
        );
    }
}
