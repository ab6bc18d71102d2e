//! People as GstAnalytics metas, and what becomes of them behind GStreamer's own elements.

use crate::common::{self, SIZE};
use gst_analytics::{
    AnalyticsClassificationMtd, AnalyticsMetaRefExt, AnalyticsODMtd, AnalyticsRelationMeta, AnalyticsRelationMetaODExt,
    AnalyticsTrackingMtd, RelTypes,
};
use gst_video::VideoRegionOfInterestMeta;
use people::{Person, Scene, Track};
use people_meta::Analytics;
use vision::Rect;

fn person(left: f32, track: Option<Track>) -> Person {
    Person {
        bbox: Rect::new(left, 16.0, left + 16.0, 40.0),
        score: 0.75,
        track,
        ..Person::default()
    }
}

fn track(id: u64, worker: Option<&str>, frames_since_update: u32) -> Option<Track> {
    Some(Track {
        id,
        worker: worker.map(Into::into),
        confidence: 0.5,
        frames_since_update,
    })
}

/// Sets the people of a buffer as `vesttrack` does.
fn put(analytics: &mut Analytics, buffer: &mut gst::BufferRef, people: Vec<Person>) {
    people_meta::set_scene(
        buffer,
        Scene {
            people,
            ..Scene::default()
        },
    );
    analytics.attach(buffer, SIZE).unwrap();
}

/// Whether each detection of a person has a region with the same id, which DL Streamer's readers require.
fn are_regions(buffer: &gst::BufferRef) -> bool {
    let region = |region: gst::MetaRef<VideoRegionOfInterestMeta>| (region.id(), region.rect());
    let regions: Vec<_> = buffer.iter_meta::<VideoRegionOfInterestMeta>().map(region).collect();
    let relations = buffer.meta::<AnalyticsRelationMeta>().unwrap();
    let people = relations
        .iter::<AnalyticsODMtd>()
        .filter(|detection| detection.obj_type().unwrap().as_str() == "person");
    let detection = |detection: gst_analytics::AnalyticsMtdRef<AnalyticsODMtd>| {
        let at = detection.location().unwrap();
        (
            detection.id() as i32,
            (at.x as u32, at.y as u32, at.w as u32, at.h as u32),
        )
    };
    people.map(detection).eq(regions)
}

fn frame(seconds: u64) -> gst::Buffer {
    gst::init().unwrap();
    let mut buffer = gst::Buffer::new();
    buffer.make_mut().set_pts(gst::ClockTime::from_seconds(seconds));
    buffer
}

/// One line for each detection: box, confidence; track, detected from-to; vest.
fn lines(buffer: &gst::BufferRef) -> Vec<String> {
    let Some(relations) = buffer.meta::<AnalyticsRelationMeta>() else {
        return Vec::new();
    };
    let line = |detection: gst_analytics::AnalyticsMtdRef<AnalyticsODMtd>| {
        let at = detection.location().unwrap();
        let mut line = format!(
            "{} {},{} {}x{} {}",
            detection.obj_type().unwrap().as_str(),
            at.x,
            at.y,
            at.w,
            at.h,
            at.loc_conf_lvl
        );
        for tracking in relations.iter_direct_related::<AnalyticsTrackingMtd>(detection.id(), RelTypes::RELATE_TO) {
            let (id, first, last, lost) = tracking.info();
            line += &format!(
                "; {id} {}-{}{}",
                first.seconds(),
                last.seconds(),
                if lost { " lost" } else { "" }
            );
        }
        for vest in relations.iter_direct_related::<AnalyticsClassificationMtd>(detection.id(), RelTypes::CONTAIN) {
            line += &format!("; {} {}", vest.quark(0).as_str(), vest.level(0));
        }
        line
    };
    relations.iter::<AnalyticsODMtd>().map(line).collect()
}

#[test]
fn people_are_detections_with_tracks_and_vests() {
    let mut analytics = Analytics::default();
    let (mut first, mut second) = (frame(1), frame(2));
    let people = vec![
        person(8.0, track(1, Some("red"), 0)),
        person(30.0, None),
        person(70.0, None),
    ];
    put(&mut analytics, first.make_mut(), people);
    assert_eq!(
        lines(&first),
        ["person 8,16 16x24 0.75; 1 1-1; red 0.5", "person 30,16 16x24 0.75"]
    );
    assert!(are_regions(&first));
    let people = vec![person(8.0, track(1, Some("red"), 1)), person(30.0, track(2, None, 0))];
    put(&mut analytics, second.make_mut(), people);
    assert_eq!(
        lines(&second),
        [
            "person 8,16 16x24 0.75; 1 1-1 lost; red 0.5",
            "person 30,16 16x24 0.75; 2 2-2; none 0.5"
        ]
    );
}

#[test]
fn entries_of_others_are_kept_until_ours_are_replaced() {
    let mut analytics = Analytics::default();
    let mut buffer = frame(1);
    let kind = glib::Quark::from_str("forklift");
    AnalyticsRelationMeta::add(buffer.make_mut())
        .add_od_mtd(kind, 1, 2, 3, 4, 0.5)
        .unwrap();
    put(&mut analytics, buffer.make_mut(), vec![person(8.0, None)]);
    assert_eq!(lines(&buffer), ["forklift 1,2 3x4 0.5", "person 8,16 16x24 0.75"]);
    assert!(are_regions(&buffer));
    put(&mut analytics, buffer.make_mut(), vec![person(30.0, None)]);
    assert_eq!(lines(&buffer), ["person 30,16 16x24 0.75"]);
}

/// The detections of a frame with one person after `elements`.
fn through(elements: &str) -> Vec<String> {
    let put = |buffer: &mut gst::BufferRef| {
        let people = vec![person(8.0, track(1, Some("red"), 0))];
        put(&mut Analytics::default(), buffer, people);
    };
    common::through(elements, put, lines)
}

#[test]
fn detections_follow_people() {
    let here = "person 8,16 16x24 0.75; 1 0-0; red 0.5";
    for (elements, expected) in [
        ("queue", here),
        ("tee ! queue", here),
        ("identity drop-allocation=true", here),
        ("videorate ! video/x-raw,framerate=5/1", here),
        ("jpegenc ! jpegdec", here),
        ("jpegenc ! decodebin", here),
        ("x264enc ! h264parse ! avdec_h264", here),
        ("x264enc ! decodebin", here),
        ("videoconvert ! video/x-raw,format=BGRx", here),
        (
            "videoscale ! video/x-raw,width=128,height=96",
            "person 16,32 32x48 0.75; 1 0-0; red 0.5",
        ),
    ] {
        assert_eq!(through(elements), [expected], "{elements}");
    }
    for elements in [
        "videoscale ! video/x-raw,width=128,height=48,pixel-aspect-ratio=1/1",
        "videocrop left=8",
        "videoflip video-direction=90r",
        "compositor",
        "jpegenc ! rtpjpegpay ! rtpjpegdepay ! jpegdec",
    ] {
        assert_eq!(through(elements), [""; 0], "{elements}");
    }
}
