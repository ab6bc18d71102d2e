//! Draws people of the demo video's ground truth, and three example stations, onto an image:
//!
//! ```text
//! cargo run --release -p draw --example scene -- FRAME.png PEOPLE.json OUT.png [faces|people|frame] [failed]
//! ```
//!
//! `FRAME.png` is a frame of media/vests.mp4 as 8-bit RGB, at any size; `PEOPLE.json` is that frame's entry of
//! media/vests_truth.json.gz, in pixels of 768×576. The second person is shown as coasting, the third as a visitor.

use std::error::Error;
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::time::Duration;

use draw::{Painter, PlaneMut, Redaction, Style, Surface};
use people::{Activity, Inference, Person, Scene, SkipReason, Station, StationStatus, Totals, Track};
use serde_json::Value;
use vision::image::{Colorimetry, PixelFormat};
use vision::{KeypointDetection, Point, Rect};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [frame, people, out, flags @ ..] = &args[..] else {
        return Err("usage: scene FRAME.png PEOPLE.json OUT.png [faces|people|frame] [failed]".into());
    };
    let has = |flag: &str| flags.iter().any(|f| f == flag);
    let redactions = [
        ("faces", Redaction::Faces),
        ("people", Redaction::People),
        ("frame", Redaction::Frame),
    ];
    let redact = redactions.into_iter().find(|(name, _)| has(name));
    let redact = redact.map_or(Redaction::None, |(_, redaction)| redaction);
    let mut reader = png::Decoder::new(BufReader::new(File::open(frame)?)).read_info()?;
    let mut pixels = vec![0; reader.output_buffer_size().ok_or("the image is too large")?];
    let info = reader.next_frame(&mut pixels)?;
    let (width, height) = (info.width as usize, info.height as usize);

    let truth: Value = serde_json::from_reader(File::open(people)?)?;
    let scale = (width as f32 / 768.0, height as f32 / 576.0);
    let scene = Scene {
        inference: if has("failed") {
            Inference::Skipped(SkipReason::Failed)
        } else {
            Inference::Done
        },
        people: truth["people"]
            .as_array()
            .ok_or("no people")?
            .iter()
            .enumerate()
            .map(|p| person(p, scale))
            .collect(),
        stations: stations(),
        ..Scene::default()
    };
    let plane = PlaneMut {
        data: &mut pixels,
        stride: info.line_size,
    };
    let mut surface = Surface::new(PixelFormat::Rgb, width, height, [plane], Colorimetry::default())?;
    Painter::new().paint(
        &mut surface,
        Duration::ZERO,
        Some(&scene),
        &Style {
            redact,
            ..Style::default()
        },
    );

    let mut encoder = png::Encoder::new(BufWriter::new(File::create(out)?), info.width, info.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(())
}

/// A person of the ground truth, scaled to the image.
fn person((index, truth): (usize, &Value), (sx, sy): (f32, f32)) -> Person {
    let number = |v: &Value| v.as_f64().unwrap_or(0.0) as f32;
    let corner = |i: usize| number(&truth["box"][i]);
    let keypoint = |i: usize| {
        let k = &truth["kpts"][i];
        KeypointDetection {
            point: Point::new(number(&k[0]) * sx, number(&k[1]) * sy),
            confidence: number(&k[2]),
        }
    };
    let vest = truth["color"].as_str().filter(|name| *name != "none" && index != 2);
    Person {
        bbox: Rect::new(corner(0), corner(1), corner(2), corner(3)).scaled(sx, sy),
        score: 0.8,
        pose: Some(std::array::from_fn(keypoint)),
        vest: None,
        track: Some(Track {
            id: truth["id"].as_u64().unwrap_or(0),
            worker: vest.map(Into::into),
            confidence: 0.9,
            frames_since_update: u32::from(index == 1) * 3,
        }),
    }
}

/// Three stations: assigned and active, assigned and idle, unassigned.
fn stations() -> Vec<StationStatus> {
    let view = |name: &str, vest: Option<&str>, corners: &[(f32, f32)], activity, seconds| StationStatus {
        station: Station {
            name: name.into(),
            polygon: corners.iter().map(|(x, y)| Point::new(*x, *y)).collect(),
            vest: vest.map(Into::into),
        }
        .into(),
        activity,
        worker: vest.map(Into::into),
        since: Duration::ZERO,
        lasted: Duration::from_secs(seconds),
        totals: Totals {
            active: Duration::from_secs(4 * seconds),
            ..Totals::default()
        },
    };
    vec![
        view(
            "bench 1",
            Some("red"),
            &[(0.35, 0.26), (0.56, 0.24), (0.6, 0.52), (0.37, 0.56)],
            Activity::Active,
            12,
        ),
        view(
            "Prüfstand",
            Some("blue"),
            &[(0.72, 0.3), (0.97, 0.34), (0.93, 0.62), (0.7, 0.55)],
            Activity::Idle,
            47,
        ),
        view(
            "packing",
            None,
            &[(0.04, 0.62), (0.3, 0.6), (0.33, 0.9), (0.06, 0.94)],
            Activity::Absent,
            185,
        ),
    ]
}
