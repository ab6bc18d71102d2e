//! People from a model that answers with people.

use expect_test::expect;
use vision::decode::{self, DecodeError, Detection, MAX_PEOPLE, TensorView};
use vision::letterbox::{Fit, Letterbox};
use vision::{Keypoint, Point, Rect};

/// Name, shape and data of each output.
type Answer = Vec<(&'static str, Vec<i64>, Vec<u8>)>;

fn floats(values: impl IntoIterator<Item = f32>) -> Vec<u8> {
    values.into_iter().flat_map(f32::to_le_bytes).collect()
}

/// Rows of people with two labels; box `i` is 10 wide and 20 high from (100·i, 50) on, joints are at (2·joint, joint).
fn answer(rows: usize, count: i64) -> Answer {
    let n = rows as i64;
    let row = |i: usize| 100.0 * i as f32;
    let joints = (0..rows).flat_map(|_| (0..17).flat_map(|j| [2.0 * j as f32, j as f32, 0.5]));
    vec![
        ("count", vec![1], count.to_le_bytes().to_vec()),
        (
            "boxes",
            vec![n, 4],
            floats((0..rows).flat_map(|i| [row(i), 50.0, row(i) + 10.0, 70.0])),
        ),
        ("scores", vec![n], floats((0..rows).map(|i| 0.9 - 0.1 * i as f32))),
        ("keypoints", vec![n, 17, 3], floats(joints)),
        ("vests", vec![n, 2], floats((0..rows).flat_map(|_| [0.25, 0.75]))),
    ]
}

/// 1280×720 in 640×480: half the size, 60 rows free above and below.
fn decode(answer: &Answer) -> Result<Vec<Detection>, DecodeError> {
    let letterbox = Letterbox::fit(Rect::new(0.0, 0.0, 1280.0, 720.0), 640, 480, Fit::Letterbox).unwrap();
    let outputs: Vec<_> = answer
        .iter()
        .map(|(name, shape, data)| TensorView {
            name,
            datatype: "FP32",
            shape,
            data,
        })
        .collect();
    decode::people(&outputs, &letterbox, 2)
}

/// The output of that name.
fn output<'a>(answer: &'a mut Answer, name: &str) -> (&'a mut Vec<i64>, &'a mut Vec<u8>) {
    let (_, shape, data) = answer.iter_mut().find(|(known, ..)| *known == name).unwrap();
    (shape, data)
}

#[test]
fn the_letterbox_is_inverted() {
    let people = decode(&answer(2, 2)).unwrap();
    assert_eq!(people.len(), 2);
    assert_eq!(people[1].bbox, Rect::new(200.0, -20.0, 220.0, 20.0));
    assert_eq!((people[0].score, people[1].score), (0.9, 0.9 - 0.1));
    let wrist = people[1].pose.unwrap()[Keypoint::LeftWrist as usize];
    assert_eq!((wrist.point, wrist.confidence), (Point::new(36.0, -102.0), 0.5));
    assert_eq!(people[1].classes, Some(vec![0.25, 0.75]));
}

#[test]
fn rows_beyond_the_count_are_ignored() {
    for (rows, count) in [(0, 0), (1, 0), (1, 1), (16, 3), (16, 16)] {
        let mut answer = answer(rows, count);
        // what stands in the other rows does not matter
        let at = 16 * count as usize;
        output(&mut answer, "boxes").1[at..].fill(0);
        assert_eq!(decode(&answer).unwrap().len() as i64, count, "{rows} rows");
    }
}

#[test]
fn rows_that_are_not_finite_or_have_an_empty_box_are_skipped() {
    let with = |name: &str, value: usize, new: f32| {
        let mut answer = answer(2, 2);
        output(&mut answer, name).1[4 * value..][..4].copy_from_slice(&new.to_le_bytes());
        decode(&answer).unwrap()
    };
    for (name, value) in [
        ("boxes", 0),
        ("boxes", 3),
        ("scores", 0),
        ("keypoints", 0),
        ("keypoints", 50),
    ] {
        for new in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let people = with(name, value, new);
            assert_eq!(people.len(), 1, "{name} {value}: {new}");
            assert_eq!(people[0].bbox.left, 200.0);
        }
    }
    assert_eq!(with("boxes", 0, f32::MAX).len(), 1);
    assert_eq!(with("boxes", 2, 0.0).len(), 1, "as wide as nothing");
    let people = with("vests", 1, f32::NAN);
    assert!(people[0].classes.is_none() && people[1].classes.is_some());
}

#[test]
fn of_too_many_people_the_best_are_kept_in_the_models_order() {
    let rows = MAX_PEOPLE + 3;
    let mut answer = answer(rows, rows as i64);
    // the first three are the worst
    let scores = (0..rows).map(|i| if i < 3 { 0.1 } else { 0.5 + (i % 7) as f32 / 20.0 });
    *output(&mut answer, "scores").1 = floats(scores);
    let people = decode(&answer).unwrap();
    assert_eq!(people.len(), MAX_PEOPLE);
    assert!(people.iter().all(|person| person.score > 0.4));
    assert!(people.is_sorted_by(|a, b| a.bbox.left < b.bbox.left));
}

#[test]
fn other_outputs_are_ignored() {
    let mut answer = answer(1, 1);
    answer.insert(0, ("more", vec![3], vec![1, 2, 3]));
    answer.reverse();
    assert_eq!(decode(&answer).unwrap().len(), 1);
}

#[test]
fn errors_name_the_output_and_the_expected_shape() {
    let with = |name: &'static str, change: fn(&mut Vec<i64>, &mut Vec<u8>)| {
        let mut answer = answer(2, 2);
        let (shape, data) = output(&mut answer, name);
        change(shape, data);
        decode(&answer).unwrap_err().to_string()
    };
    let missing = |name: &str| {
        let mut answer = answer(2, 2);
        answer.retain(|(known, ..)| *known != name);
        decode(&answer).unwrap_err().to_string()
    };
    let got = [
        missing("boxes"),
        missing("count"),
        with("boxes", |shape, _| shape.insert(0, 1)),
        with("scores", |shape, _| shape.push(1)),
        with("keypoints", |shape, _| shape[1] = 16),
        with("vests", |shape, data| {
            shape[1] = 3;
            data.extend([0; 8]);
        }),
        with("vests", |_, data| data.truncate(12)),
        with("boxes", |shape, _| shape[0] = -1),
        with("count", |_, data| data.truncate(4)),
        with("count", |_, data| data[0] = 3),
        with("count", |_, data| data.fill(0xFF)),
    ];
    expect![[r#"
        output boxes: a model of the task 'people' needs FP32 [rows, 4] there, got no such output; correct the model or its task
        output count: a model of the task 'people' needs INT64 [1] there, got no such output; correct the model or its task
        output boxes: a model of the task 'people' needs FP32 [rows, 4] there, got [1, 2, 4] of 32 bytes; correct the model or its task
        output scores: a model of the task 'people' needs FP32 [rows] there, got [2, 1] of 8 bytes; correct the model or its task
        output keypoints: a model of the task 'people' needs FP32 [rows, 17, 3] there, got [2, 16, 3] of 408 bytes; correct the model or its task
        output vests: a model of the task 'people' needs FP32 [rows, 2] there, got [2, 3] of 24 bytes; correct the model or its task
        a tensor of FP32 and shape [2, 2] has 16 bytes, got 12 bytes
        a tensor of FP32 and shape [-1, 4] has no negative dimensions, got 32 bytes
        output count: a model of the task 'people' needs INT64 [1] there, got [1] of 4 bytes; correct the model or its task
        output count: there are 2 rows, got 3 people; correct the model
        output count: there are 2 rows, got -1 people; correct the model"#]].assert_eq(&got.join("\n"));
}
