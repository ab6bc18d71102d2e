//! The decoders compared with NumPy's, in random and in adversarial tensors: see `../reference.py`, which writes the file of
//! cases and describes it.

use std::collections::HashMap;

use crate::outputs::{Output, views};
use vision::Rect;
use vision::decode::{BoxLayout, DecodeOptions, PoseLayout};
use vision::letterbox::{Fit, Letterbox};

const GOLDEN: &str = include_str!("decode.golden");

const SPECIALS: [f32; 12] = [
    f32::NAN,
    f32::INFINITY,
    f32::NEG_INFINITY,
    0.0,
    -0.0,
    1e30,
    -1e30,
    3e38,
    -3e38,
    1e-45,
    0.25,
    1.0,
];

/// Scale and offset of a column's values, by its letter.
fn scale(letter: u8) -> (f32, f32) {
    match letter {
        b'p' => (640.0, 0.0),
        b's' => (256.0, -32.0),
        b'o' => (1.0, 0.0),
        b'l' => (16.0, -8.0),
        b'r' => (4.0, -2.0),
        b'g' => (4.0, -1.0),
        b'c' => (4.0, 0.0),
        other => panic!("no letter {other}"),
    }
}

/// A hash of 32 bits.
fn scramble(x: u64) -> u64 {
    let round = |x: u64, factor: u64| ((x ^ (x >> 16)) * factor) & 0xFFFF_FFFF;
    let x = round(round(x, 0x7FEB_352D), 0x846C_A68B);
    x ^ (x >> 16)
}

/// The element with that index of a row-major table.
fn element(seed: u64, index: u64, letter: u8, every: u64) -> f32 {
    let start = (seed * 0x9E37_79B1) & 0xFFFF_FFFF;
    let bits = scramble((index + start) & 0xFFFF_FFFF);
    if every > 0 {
        let more = scramble(bits ^ 0x5BD1_E995);
        if more.is_multiple_of(every) {
            return SPECIALS[(more >> 8) as usize % SPECIALS.len()];
        }
    }
    let (scale, offset) = scale(letter);
    scale * (((bits >> 8) % 64) as f32 / 64.0) + offset
}

/// `name datatype shape letters rows|columns`.
fn output(line: &'static str, seed: u64, every: u64) -> Output {
    let words: Vec<&'static str> = line.split(' ').collect();
    let &[name, datatype, shape, letters, order] = &words[..] else {
        panic!("{line}")
    };
    let shape: Vec<i64> = shape.split('x').map(|dim| dim.parse().unwrap()).collect();
    let letters = letters.as_bytes();
    let rows = shape.iter().product::<i64>() as usize / letters.len();
    let at = |row: usize, column: usize| {
        let index = row * letters.len() + column;
        element(seed, index as u64, letters[column], every)
    };
    let values: Vec<f32> = match order {
        "rows" => (0..rows)
            .flat_map(|row| (0..letters.len()).map(move |column| at(row, column)))
            .collect(),
        _ => (0..letters.len())
            .flat_map(|column| (0..rows).map(move |row| at(row, column)))
            .collect(),
    };
    let output = Output::new(name, &shape, values);
    if datatype == "FP16" { output.halved() } else { output }
}

struct Case {
    what: &'static str,
    layout: &'static str,
    facts: HashMap<&'static str, &'static str>,
}

impl Case {
    /// `boxes yolox class=2 frame=80x60 …`.
    fn parse(line: &'static str) -> Self {
        let mut words = line.split(' ');
        Self {
            what: words.next().unwrap(),
            layout: words.next().unwrap(),
            facts: words.map(|word| word.split_once('=').unwrap()).collect(),
        }
    }

    fn number<T: std::str::FromStr<Err: std::fmt::Debug>>(&self, fact: &str) -> T {
        self.facts[fact].parse().unwrap()
    }

    fn size(&self, fact: &str) -> (usize, usize) {
        let (width, height) = self.facts[fact].split_once('x').unwrap();
        (width.parse().unwrap(), height.parse().unwrap())
    }

    /// Each detection's box and score, and four keypoints or the class.
    fn decode(&self, outputs: &[Output]) -> Vec<Vec<f32>> {
        let (frame, input) = (self.size("frame"), self.size("input"));
        let frame = Rect::new(0.0, 0.0, frame.0 as f32, frame.1 as f32);
        let letterbox = Letterbox::fit(frame, input.0, input.1, Fit::Letterbox).unwrap();
        let options = DecodeOptions {
            score_threshold: self.number("threshold"),
            iou_threshold: self.number("iou"),
            max_people: self.number("most"),
        };
        let plain = |bbox: Rect, score: f32| vec![bbox.left, bbox.top, bbox.right, bbox.bottom, score];
        if self.what == "boxes" {
            let layout: BoxLayout = self.layout.parse().unwrap();
            let class = self.facts["class"].parse().ok();
            let objects = layout.decode(&views(outputs), &letterbox, &options, class).unwrap();
            let numbers = objects
                .iter()
                .map(|object| [plain(object.bbox, object.score), vec![object.class as f32]].concat());
            return numbers.collect();
        }
        let layout: PoseLayout = self.layout.parse().unwrap();
        let people = layout.decode(&views(outputs), &letterbox, &options).unwrap();
        let numbers = people.iter().map(|person| {
            let pose = person.pose.unwrap();
            let keypoints = [0, 7, 9, 16].map(|k: usize| [pose[k].point.x, pose[k].point.y, pose[k].confidence]);
            [plain(person.bbox, person.score), keypoints.concat()].concat()
        });
        numbers.collect()
    }

    /// Whether the layout has exponentials, which are not the same to the last bit everywhere.
    fn is_rounded(&self) -> bool {
        ["yolov7-pose-heads", "rfdetr-pose", "yolox"].contains(&self.layout)
    }
}

#[test]
fn decoders_equal_numpys() {
    let mut layouts: Vec<&str> = Vec::new();
    for text in GOLDEN.split("case ").skip(1) {
        let mut lines = text.lines();
        let case = Case::parse(lines.next().unwrap());
        let (seed, every): (u64, u64) = (case.number("seed"), case.number("every"));
        let lines: Vec<(&str, &str)> = lines.map(|line| line.split_once(' ').unwrap()).collect();
        let outputs: Vec<Output> = lines
            .iter()
            .filter(|(kind, _)| *kind == "output")
            .zip(0..)
            .map(|((_, line), part)| output(line, 1000 * seed + part, every))
            .collect();
        let float = |word: &str| f32::from_bits(u32::from_str_radix(word, 16).unwrap());
        let expected: Vec<Vec<f32>> = lines
            .iter()
            .filter(|(kind, _)| *kind == "found")
            .map(|(_, line)| line.split(' ').map(float).collect())
            .collect();
        let got = case.decode(&outputs);
        let what = format!("{} {:?}", case.layout, case.facts);
        if case.is_rounded() {
            assert_eq!(got.len(), expected.len(), "{what}");
            for (got, expected) in got.iter().flatten().zip(expected.iter().flatten()) {
                let tolerance = 1e-4 + expected.abs() * 1e-5;
                assert!((got - expected).abs() <= tolerance, "{got}, not {expected}: {what}");
            }
        } else {
            assert_eq!(got, expected, "{what}");
        }
        layouts.push(case.layout);
    }
    let known = PoseLayout::ALL
        .map(PoseLayout::name)
        .into_iter()
        .chain(BoxLayout::ALL.map(BoxLayout::name));
    for layout in known {
        assert!(layouts.contains(&layout), "{layout} has no case");
    }
}
