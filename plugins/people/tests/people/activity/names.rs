//! Vests of stations that are written differently from the vest model's labels.

use std::time::Duration;

use people::Activity;
use people::activity::ActivityTracker;
use people::names::Reason;

use super::sequence::{FRAME, RED, SIZE, inferred, options, play, scene, states, tracker, vest};

/// The station file [`RED`] with another spelling.
fn spelt(vest: &str) -> String {
    RED.replace("\"red\"", &format!("\"{vest}\""))
}

/// The worker of every event and of the last status.
fn workers(tracker: &mut ActivityTracker, sequence: &str) -> Vec<String> {
    let (mut events, views) = play(tracker, Duration::ZERO, sequence);
    events.extend(tracker.finish(FRAME * sequence.len() as u32));
    let seen = events.iter().map(|event| &event.worker);
    let last = views
        .last()
        .into_iter()
        .flat_map(|view| [&view.worker, &view.station.vest]);
    seen.chain(last)
        .map(|worker| worker.as_deref().unwrap_or("-").to_owned())
        .collect()
}

#[test]
fn a_vest_is_stated_as_the_model_spells_it() {
    for name in ["red", "Red", "RED", " red "] {
        let mut tracker = tracker(&spelt(name));
        let (_, views) = play(&mut tracker, Duration::ZERO, "RrR");
        assert_eq!(states(&views), "AAA", "{name}");
        assert!(tracker.unknown_vests().0.is_empty(), "{name}");
        tracker.reset();
        let workers = workers(&mut tracker, "RRR");
        assert!(
            workers.len() > 3 && workers.iter().all(|worker| worker == "red"),
            "{name}: {workers:?}"
        );
    }
}

#[test]
fn a_vest_is_resolved_in_an_empty_room() {
    let mut tracker = tracker(&spelt("RED"));
    let mut empty = inferred(vec![]);
    empty.vest_labels = Some(vest("red").labels);
    let events = tracker.update(Duration::ZERO, SIZE, &mut empty);
    assert_eq!(events[0].worker.as_deref(), Some("red"));
}

#[test]
fn a_vest_without_a_label_is_unknown_as_soon_as_labels_are_seen() {
    let mut tracker = tracker(&spelt("bleu"));
    let mut empty = inferred(vec![]);
    tracker.update(Duration::ZERO, SIZE, &mut empty);
    assert!(tracker.unknown_vests().0.is_empty(), "no labels yet");
    empty.vest_labels = Some(vest("red").labels);
    tracker.update(FRAME, SIZE, &mut empty);
    let (stations, labels) = tracker.unknown_vests();
    assert_eq!(stations[0].vest.as_deref(), Some("bleu"));
    let unknown = people::names::resolve("bleu", labels).unwrap_err();
    let nearest = Some("blue".into());
    assert_eq!(unknown.reason, Reason::NoLabel { nearest });
}

#[test]
fn stations_keep_their_state_when_only_others_change() {
    let two = |second: &str| {
        let second = format!(r#"}}, {{"name": "b", "vest": "{second}", "polygon": [[0, 0], [1, 0], [1, 1]]}}]}}"#);
        spelt("Red").replace("}]}", &second)
    };
    let mut tracker = ActivityTracker::new(two("Blue").parse().unwrap(), options());
    play(&mut tracker, Duration::ZERO, "RRRR");
    tracker.set_stations(two("BLUE").parse().unwrap());
    let mut next = scene('R');
    tracker.update(FRAME * 4, SIZE, &mut next);
    let [bench, other] = &*next.stations else {
        panic!("two stations")
    };
    assert_eq!((bench.activity, bench.totals.active), (Activity::Active, FRAME * 4));
    assert_eq!(bench.station.vest.as_deref(), Some("red"));
    assert_eq!((other.since, other.station.vest.as_deref()), (FRAME * 4, Some("blue")));
}
