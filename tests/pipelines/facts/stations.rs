//! The rule by which the stations of the truth test are chosen: by the truth alone, never by what is found.

use people::Station;
use vision::Point;

use super::score::TrueStation;
use crate::truth_of_people::{SIZE, TruthFrame, truth};

/// Width and height of a station, as fractions of the frame.
const STATION: (f32, f32) = (0.1, 0.12);
/// Distance of the candidates, likewise.
const STEP: f32 = 0.05;
/// Number of stations.
const COUNT: usize = 8;
/// Least distance between the centres of two stations, likewise; a little less, for what floats make of 0.1.
const APART: f32 = 0.1 - 1e-4;
/// The share of the time in which a station is active.
const SHARE: std::ops::RangeInclusive<f64> = 0.2..=0.6;
/// The hold time in frames: 1 s.
const HOLD: usize = 10;
/// Least confidence of a keypoint of the truth: arms of people who are hidden have 0.1 at most.
const CONFIDENCE: f32 = 0.2;
/// Elbows and wrists.
const ARMS: std::ops::RangeInclusive<usize> = 7..=10;

/// Of all rectangles on a grid that are active for 20 to 60 % of the time, those with the most edges, none too near to another.
pub fn choose() -> Vec<TrueStation> {
    let hands: Vec<Vec<Point>> = truth().iter().map(hands).collect();
    let steps = |length: f32| {
        (0..)
            .map(|n| n as f32 * STEP)
            .take_while(move |at| at + length <= 1.0 + 1e-4)
    };
    let places = steps(STATION.1).flat_map(|top| steps(STATION.0).map(move |left| (left, top)));
    let candidates = places.map(|(left, top)| (left, top, active(&hands, left, top)));
    let mut candidates: Vec<_> = candidates
        .filter(|(.., active)| SHARE.contains(&share(active)))
        .map(|(left, top, active)| (edges(&active), left, top, active))
        .collect();
    // Stable: of equal candidates the upper left one is the first.
    candidates.sort_by_key(|(edges, ..)| std::cmp::Reverse(*edges));
    let mut chosen: Vec<(f32, f32, TrueStation)> = Vec::new();
    for (_, left, top, active) in candidates {
        let is_apart = |(x, y, _): &(f32, f32, TrueStation)| (x - left).hypot(y - top) >= APART;
        if chosen.iter().all(is_apart) {
            let station = station(chosen.len(), left, top);
            chosen.push((left, top, TrueStation { station, active }));
        }
        if chosen.len() == COUNT {
            break;
        }
    }
    assert_eq!(chosen.len(), COUNT, "the truth has too few places with activity");
    chosen.into_iter().map(|(.., station)| station).collect()
}

/// The elbows and wrists of a frame's people, as fractions of the frame.
fn hands(frame: &TruthFrame) -> Vec<Point> {
    let arms = frame.people.iter().flat_map(|person| &person.kpts[ARMS]);
    let seen = arms.filter(|[.., confidence]| *confidence >= CONFIDENCE);
    seen.map(|[x, y, _]| Point::new(x / SIZE.0 as f32, y / SIZE.1 as f32))
        .collect()
}

/// Whether the station is active at each frame.
fn active(hands: &[Vec<Point>], left: f32, top: f32) -> Vec<bool> {
    let (right, bottom) = (left + STATION.0, top + STATION.1);
    let is_inside = |hand: &Point| (left..=right).contains(&hand.x) && (top..=bottom).contains(&hand.y);
    let mut since = usize::MAX;
    let frames = hands.iter().map(|hands| {
        since = if hands.iter().any(is_inside) {
            0
        } else {
            since.saturating_add(1)
        };
        since <= HOLD
    });
    frames.collect()
}

fn share(active: &[bool]) -> f64 {
    active.iter().filter(|active| **active).count() as f64 / active.len() as f64
}

fn edges(active: &[bool]) -> usize {
    active.windows(2).filter(|two| two[0] != two[1]).count()
}

fn station(number: usize, left: f32, top: f32) -> Station {
    let (right, bottom) = (left + STATION.0, top + STATION.1);
    let corners = [(left, top), (right, top), (right, bottom), (left, bottom)];
    Station {
        name: format!("station {number}").into(),
        vest: None,
        polygon: corners.map(|(x, y)| Point::new(x, y)).into(),
    }
}
