//! The decoupled line over the whole demo video: its people compared with the truth, its events with the golden ones.
//!
//! `SHOPFLOOR_BLESS=1 cargo test -p shopfloor-tests --test pipelines decoupled` writes the golden events and README's image
//! anew; review them like code.

use std::fs;
use std::sync::LazyLock;
use std::time::Duration;

use people::{Inference, Person};
use shopfloor_tests::root;

use crate::golden;
use crate::play::{self, FRAME, FRAMES, Run};
use crate::truth::{self, Score};

/// The one pass over the whole video; other tests use clips.
pub static RUN: LazyLock<Run> = LazyLock::new(|| {
    play::whole(
        "tritoninfer timeout=60000 model=person_pose ! poseparse ! queue \
         ! tritoninfer timeout=60000 model=vest_resnet18 inference-region=people",
    )
});

fn is_blessing() -> bool {
    std::env::var_os("SHOPFLOOR_BLESS").is_some()
}

#[test]
fn every_frame_is_inferred() {
    assert_eq!(RUN.failed, None);
    assert_eq!(RUN.scenes.len(), FRAMES);
    assert!(RUN.scenes.iter().all(|scene| scene.inference == Inference::Done));
}

#[test]
fn people_match_the_truth() {
    let Score {
        precision,
        recall,
        vests,
        mistaken,
    } = truth::score(&RUN.scenes);
    println!("precision {precision:.3}, recall {recall:.3}, vests {vests:.3}, mistaken {mistaken:.4}");
    assert!(precision > 0.95, "{precision:.3} of the people found are there");
    assert!(recall > 0.90, "{recall:.3} of the people there are found");
    assert!(vests > 0.97, "{vests:.3} of the vests are right");
    assert!(
        mistaken < 0.005,
        "{mistaken:.4} of the vests are taken for another colour"
    );
}

#[test]
fn a_vest_is_one_worker_at_a_time() {
    for (n, scene) in RUN.scenes.iter().enumerate() {
        let mut workers: Vec<_> = scene.people.iter().filter_map(Person::worker).collect();
        workers.sort();
        assert!(workers.windows(2).all(|two| two[0] != two[1]), "frame {n}: {workers:?}");
    }
}

#[test]
fn totals_cover_the_video() {
    assert_eq!(RUN.totals.len(), 5);
    for totals in &RUN.totals {
        let sum: u64 = ["active", "idle", "absent", "unknown"]
            .map(|name| totals.get::<u64>(name).unwrap())
            .iter()
            .sum();
        assert_eq!(Duration::from_nanos(sum), FRAME * FRAMES as u32, "{totals}");
    }
}

#[test]
fn the_image_of_the_readme_is_current() {
    let path = root().join("docs/demo.png");
    if is_blessing() {
        let mut encoder = png::Encoder::new(fs::File::create(&path).unwrap(), 768, 576);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_compression(png::Compression::High);
        encoder.write_header().unwrap().write_image_data(&RUN.image).unwrap();
    }
    let mut decoder = png::Decoder::new(std::io::BufReader::new(fs::File::open(&path).unwrap()))
        .read_info()
        .unwrap();
    let mut golden = vec![0; decoder.output_buffer_size().unwrap()];
    decoder.next_frame(&mut golden).unwrap();
    assert_eq!(golden.len(), RUN.image.len());
    // Other processors decode and detect slightly differently; a wrong colour, name or place is more than that.
    let different = golden
        .iter()
        .zip(&RUN.image)
        .filter(|(a, b)| a.abs_diff(**b) > 32)
        .count();
    assert!(
        different < golden.len() / 200,
        "{different} of {} bytes differ: bless the image and look at it",
        golden.len()
    );
}

#[test]
fn events_are_the_golden_ones() {
    if is_blessing() {
        golden::bless(&RUN.edges);
    }
    golden::check(&RUN.edges, FRAME * FRAMES as u32);
}
