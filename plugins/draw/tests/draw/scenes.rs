//! The painter: what each part of a scene draws, and robustness against extreme values.

use std::time::Duration;

use crate::frames::{Frame, PADDING};
use draw::{Painter, Redaction, Style, color};
use people::{Activity, Inference, Person, Scene, SkipReason, Station, StationStatus, Totals, Track};
use proptest::prelude::*;
use vision::image::PixelFormat;
use vision::{Keypoint, KeypointDetection, Point, Rect};

pub const SIZE: (usize, usize) = (384, 288);
const FLOOR: [u8; 3] = [90, 96, 88];
pub const PLAIN: Style = Style {
    boxes: false,
    skeletons: false,
    labels: false,
    stations: false,
    redact: Redaction::None,
};

fn paint(scene: &Scene, style: &Style) -> Frame {
    let mut frame = Frame::simple(PixelFormat::Rgb, SIZE, FLOOR);
    frame.with_surface(|surface| Painter::new().paint(surface, Duration::ZERO, Some(scene), style));
    frame
}

/// How many pixels of `area` differ from the floor.
fn drawn(frame: &Frame, area: Rect) -> usize {
    let columns = area.left.max(0.0) as usize..(area.right as usize).min(frame.width);
    let rows = area.top.max(0.0) as usize..(area.bottom as usize).min(frame.height);
    rows.flat_map(|y| columns.clone().map(move |x| (x, y)))
        .filter(|(x, y)| frame.rgb(*x, *y) != FLOOR)
        .count()
}

fn everywhere() -> Rect {
    Rect::new(0.0, 0.0, 384.0, 288.0)
}

/// A worker whose hands are at (140, 150) and (180, 150).
pub fn worker(vest: &str) -> Person {
    let mut pose = [KeypointDetection::default(); Keypoint::COUNT];
    for (keypoint, x, y) in [
        (Keypoint::Nose, 160.0, 92.0),
        (Keypoint::LeftEye, 163.0, 89.0),
        (Keypoint::RightEye, 157.0, 89.0),
        (Keypoint::LeftElbow, 185.0, 130.0),
        (Keypoint::LeftWrist, 180.0, 150.0),
        (Keypoint::RightElbow, 135.0, 130.0),
        (Keypoint::RightWrist, 140.0, 150.0),
    ] {
        pose[keypoint as usize] = KeypointDetection {
            point: Point::new(x, y),
            confidence: 0.4,
        };
    }
    Person {
        bbox: Rect::new(120.0, 80.0, 200.0, 240.0),
        score: 0.7,
        pose: Some(pose),
        vest: None,
        track: Some(Track {
            id: 1,
            worker: Some(vest.into()),
            confidence: 0.9,
            frames_since_update: 0,
        }),
    }
}

pub fn coasting() -> Person {
    let mut person = worker("red");
    person.track.as_mut().unwrap().frames_since_update = 4;
    person
}

pub fn scene(people: Vec<Person>) -> Scene {
    Scene {
        people,
        ..Scene::default()
    }
}

pub fn bench(activity: Activity) -> StationStatus {
    StationStatus {
        station: Station {
            name: "bench 1".into(),
            polygon: [(0.5, 0.5), (0.8, 0.5), (0.8, 0.75), (0.5, 0.75)]
                .map(|(x, y)| Point::new(x, y))
                .into(),
            vest: Some("red".into()),
        }
        .into(),
        activity,
        worker: Some("red".into()),
        since: Duration::ZERO,
        lasted: Duration::from_secs(12),
        totals: Totals::default(),
    }
}

#[test]
fn an_empty_scene_or_an_empty_style_draws_nothing() {
    let untouched = Frame::simple(PixelFormat::Rgb, SIZE, FLOOR);
    assert_eq!(paint(&Scene::default(), &Style::default()), untouched);
    let mut full = scene(vec![worker("red"), coasting()]);
    full.stations.push(bench(Activity::Active));
    assert_eq!(paint(&full, &PLAIN), untouched);
}

#[test]
fn boxes_have_the_colour_of_the_vest() {
    for vest in ["red", "white", "a vest of our own"] {
        let frame = paint(&scene(vec![worker(vest)]), &Style { boxes: true, ..PLAIN });
        let edge = (117..123)
            .map(|x| frame.rgb(x, 160))
            .min_by_key(|p| apart(*p, color::vest(vest).0))
            .unwrap();
        assert!(apart(edge, color::vest(vest).0) < 40, "{vest}: {edge:?}");
        assert_eq!(frame.rgb(160, 160), FLOOR, "the inside stays");
    }
}

fn apart(a: [u8; 3], b: [u8; 3]) -> u32 {
    a.into_iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(b))).sum()
}

#[test]
fn coasting_people_are_dashed_and_have_no_skeleton() {
    let style = Style {
        boxes: true,
        skeletons: true,
        ..PLAIN
    };
    let (seen, predicted) = (
        paint(&scene(vec![worker("red")]), &style),
        paint(&scene(vec![coasting()]), &style),
    );
    let (inside, edge) = (
        Rect::new(126.0, 86.0, 194.0, 234.0),
        Rect::new(116.0, 90.0, 124.0, 230.0),
    );
    assert!(drawn(&seen, inside) > 100);
    assert_eq!(drawn(&predicted, inside), 0);
    let (whole, dashed) = (drawn(&seen, edge), drawn(&predicted, edge));
    assert!(dashed > whole / 3 && dashed < whole * 9 / 10, "{dashed} of {whole}");
}

#[test]
fn keypoints_with_low_confidence_are_not_drawn() {
    let skeletons = Style {
        skeletons: true,
        ..PLAIN
    };
    assert!(drawn(&paint(&scene(vec![worker("red")]), &skeletons), everywhere()) > 100);
    let mut unsure = worker("red");
    unsure
        .pose
        .as_mut()
        .unwrap()
        .iter_mut()
        .for_each(|k| k.confidence = 0.14);
    assert_eq!(drawn(&paint(&scene(vec![unsure]), &skeletons), everywhere()), 0);
}

#[test]
fn only_active_stations_are_filled() {
    let inside = Rect::new(200.0, 150.0, 300.0, 210.0);
    for activity in Activity::ALL {
        let filled = if activity == Activity::Active { 6000 } else { 0 };
        let scene = Scene {
            stations: vec![bench(activity)],
            ..Scene::default()
        };
        for labels in [false, true] {
            // the labels lie beside the work area, where there is room
            let frame = paint(
                &scene,
                &Style {
                    stations: true,
                    labels,
                    ..PLAIN
                },
            );
            assert_eq!(drawn(&frame, inside), filled, "{activity:?}");
            assert!(drawn(&frame, everywhere()) > filled, "{activity:?}: no outline");
        }
    }
}

#[test]
fn unknown_stations_are_dashed() {
    let style = Style {
        stations: true,
        ..PLAIN
    };
    let outline = |activity| {
        let scene = Scene {
            stations: vec![bench(activity)],
            ..Scene::default()
        };
        let frame = paint(&scene, &style);
        // along the upper edge, from corner to corner
        (200..300).filter(|x| frame.rgb(*x, 144) != FLOOR).count()
    };
    assert_eq!(outline(Activity::Absent), 100);
    let dashes = outline(Activity::Unknown);
    assert!((30..85).contains(&dashes), "{dashes} of 100");
}

#[test]
fn labels_that_would_mostly_be_hidden_are_left_out() {
    let style = Style {
        labels: true,
        stations: true,
        ..PLAIN
    };
    let crowd = |count: usize| Scene {
        stations: vec![bench(Activity::Idle); count],
        ..Scene::default()
    };
    let shown = |count| drawn(&paint(&crowd(count), &style), everywhere());
    // there is room for some beside the polygon, but not for fifty
    assert!(shown(3) > shown(1) + 1000);
    assert_eq!(shown(50), shown(100), "no more labels fit");
}

#[test]
fn names_are_above_the_box_and_inside_the_frame() {
    let style = Style { labels: true, ..PLAIN };
    let frame = paint(&scene(vec![worker("red")]), &style);
    assert!(drawn(&frame, Rect::new(115.0, 60.0, 160.0, 80.0)) > 150);
    assert_eq!(
        drawn(
            &frame,
            Rect {
                top: 81.0,
                ..everywhere()
            }
        ),
        0
    );
    // no room above: beside it, rather than over the face
    let mut high = worker("red");
    high.bbox = Rect::new(-40.0, -30.0, 60.0, 200.0);
    assert!(drawn(&paint(&scene(vec![high]), &style), Rect::new(60.0, 0.0, 100.0, 30.0)) > 150);
    let mut outside = worker("red");
    outside.bbox = Rect::new(-90.0, 20.0, -30.0, 200.0);
    assert_eq!(drawn(&paint(&scene(vec![outside]), &style), everywhere()), 0);
}

#[test]
fn only_overload_and_failure_are_marked() {
    for (inference, mentioned) in [
        (Inference::Done, false),
        (Inference::Skipped(SkipReason::Interval), false),
        (Inference::Skipped(SkipReason::Overload), true),
        (Inference::Skipped(SkipReason::Failed), true),
    ] {
        let frame = paint(
            &Scene {
                inference,
                ..Scene::default()
            },
            &Style::default(),
        );
        assert_eq!(
            drawn(&frame, Rect::new(200.0, 0.0, 384.0, 40.0)) > 0,
            mentioned,
            "{inference:?}"
        );
        assert_eq!(
            drawn(
                &frame,
                Rect {
                    top: 40.0,
                    ..everywhere()
                }
            ),
            0
        );
    }
}

#[test]
fn a_painter_that_has_drawn_before_draws_the_same_bytes() {
    let stations = |count: usize| -> Vec<StationStatus> {
        let moved = |index: usize| {
            let mut view = bench(Activity::ALL[index % 4]);
            let shift = index as f32 * 0.07;
            let corners = [(0.1, 0.1), (0.3, 0.1), (0.3, 0.25), (0.1, 0.25)];
            let station = Station {
                name: format!("bench {index}").into(),
                polygon: corners.map(|(x, y)| Point::new(x + shift, y + shift)).into(),
                vest: None,
            };
            view.station = station.into();
            view
        };
        (0..count).map(moved).collect()
    };
    let plain = Scene {
        people: vec![worker("red")],
        stations: stations(6),
        ..Scene::default()
    };
    let changed = |change: &dyn Fn(&mut Scene)| {
        let mut scene = plain.clone();
        change(&mut scene);
        scene
    };
    let scenes = [
        plain.clone(),
        plain.clone(),
        changed(&|scene| scene.stations[2].lasted += Duration::from_secs(1)),
        changed(&|scene| scene.stations[2].lasted = Duration::from_secs(4000)),
        changed(&|scene| scene.stations[0].activity = Activity::Active),
        changed(&|scene| scene.stations[0].worker = Some("blue".into())),
        changed(&|scene| scene.stations[1].totals.active = Duration::from_secs(77)),
        changed(&|scene| scene.inference = Inference::Skipped(SkipReason::Failed)),
        changed(&|scene| scene.inference = Inference::Skipped(SkipReason::Overload)),
        changed(&|scene| scene.stations.swap(0, 5)),
        changed(&|scene| scene.stations.truncate(2)),
        changed(&|scene| scene.stations.clear()),
        changed(&|scene| scene.stations = stations(9)),
        plain.clone(),
    ];
    let mut painter = Painter::new();
    for (format, size) in [
        (PixelFormat::I420, SIZE),
        (PixelFormat::Rgb, SIZE),
        (PixelFormat::Nv12, (383, 287)),
        (PixelFormat::I420, (640, 480)),
    ] {
        for (number, scene) in scenes.iter().enumerate() {
            let mut frames = [0; 2].map(|_| Frame::simple(format, size, FLOOR));
            let [kept, anew] = &mut frames;
            let style = Style::default();
            kept.with_surface(|surface| painter.paint(surface, Duration::ZERO, Some(scene), &style));
            anew.with_surface(|surface| Painter::new().paint(surface, Duration::ZERO, Some(scene), &style));
            assert!(kept == anew, "scene {number}, {format:?} {size:?}");
        }
    }
}

/// Numbers within and far beyond the usual range.
fn extreme() -> impl Strategy<Value = f32> {
    prop_oneof![
        6 => -100.0_f32..500.0,
        1 => -2.0_f32..2.0,
        1 => prop::sample::select(vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 1e9, -1e9, 0.0]),
    ]
}

fn extreme_point() -> impl Strategy<Value = Point> {
    (extreme(), extreme()).prop_map(|(x, y)| Point::new(x, y))
}

prop_compose! {
    fn extreme_person()(
        edges in prop::array::uniform4(extreme()),
        points in prop::collection::vec(extreme_point(), Keypoint::COUNT),
        confidence in -0.5_f32..1.5,
        posed in any::<bool>(),
        track in prop::option::of((any::<u64>(), prop::option::of(".{0,40}"), 0_u32..3)),
    ) -> Person {
        let keypoint = |i: usize| KeypointDetection { point: points[i], confidence };
        Person {
            bbox: Rect::new(edges[0], edges[1], edges[2], edges[3]),
            score: confidence,
            pose: posed.then(|| std::array::from_fn(keypoint)),
            vest: None,
            track: track.map(|(id, worker, frames_since_update)| Track { id, worker: worker.map(Into::into), confidence, frames_since_update }),
        }
    }
}

prop_compose! {
    fn extreme_station()(
        polygon in prop::collection::vec(extreme_point(), 0..7),
        name in ".{0,60}",
        seconds in any::<u64>(),
        activity in prop::sample::select(Activity::ALL.to_vec()),
    ) -> StationStatus {
        let polygon = polygon.into_iter().map(|p| Point::new(p.x / 300.0, p.y / 200.0)).collect();
        let lasted = Duration::from_secs(seconds);
        StationStatus {
            station: Station { name: name.into(), polygon, vest: None }.into(),
            activity,
            worker: None,
            since: lasted,
            lasted,
            totals: Totals { active: lasted, ..Totals::default() },
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_scene_makes_the_painter_panic_or_write_padding(
        people in prop::collection::vec(extreme_person(), 0..6),
        stations in prop::collection::vec(extreme_station(), 0..4),
        size in (1_usize..330, 1_usize..250),
        format in prop::sample::select(PixelFormat::ALL.to_vec()),
        redact in prop::sample::select(vec![Redaction::None, Redaction::Faces, Redaction::People, Redaction::Frame]),
        inference in prop::sample::select(vec![Inference::Done, Inference::Skipped(SkipReason::Failed)]),
    ) {
        let scene = Scene { inference, people, stations, ..Scene::default() };
        let style = Style { redact, ..Style::default() };
        let mut frame = Frame::plain(format, size, 4, Default::default(), FLOOR);
        let padding_before = frame.planes.iter().flatten().filter(|b| **b == PADDING).count();
        frame.with_surface(|surface| Painter::new().paint(surface, Duration::ZERO, Some(&scene), &style));
        prop_assert!(padding_before >= 4 * size.1);
        for (plane, stride) in frame.planes.iter().zip(&frame.strides) {
            prop_assert!(plane.chunks(*stride).all(|row| row[stride - 4..] == [PADDING; 4]));
        }
    }
}
