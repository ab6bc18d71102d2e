//! Sharing of servers: by all elements of a process, unless the application sets a pool.

use std::time::Duration;

use gst::prelude::*;
use gstshopfloor::pool;
use triton_fake::{Model, Server, Tensor};

use crate::common::init;

const PATIENCE: Duration = Duration::from_secs(20);

/// A server with one model, `brightness`, whose output is always 1.
fn server() -> Server {
    let model = Model::new("brightness", |call| {
        call.answer(vec![Tensor::new(
            "out",
            "FP32",
            &[1, 1],
            1.0_f32.to_le_bytes().to_vec(),
        )]);
    });
    let model = model.nhwc_input("in", "UINT8", &[1, 16, 16, 3]);
    Server::start([model.output("out", "FP32", &[1, 1])]).unwrap()
}

fn pipeline(server: &Server) -> gst::Pipeline {
    init();
    let line = format!(
        "videotestsrc num-buffers=3 ! tritoninfer model=brightness server={} ! fakesink",
        server.url()
    );
    gst::parse::launch(&line).unwrap().downcast().unwrap()
}

/// Plays to the end, and leaves the pipeline in PAUSED, so that its connection stays open.
fn play(pipeline: &gst::Pipeline) {
    pipeline.set_state(gst::State::Playing).unwrap();
    let last = [gst::MessageType::Eos, gst::MessageType::Error];
    let message = pipeline
        .bus()
        .unwrap()
        .timed_pop_filtered(gst::ClockTime::from_seconds(20), &last);
    let message = message.expect("EOS or an error within 20 s");
    assert_eq!(message.type_(), gst::MessageType::Eos, "{message:?}");
    pipeline.set_state(gst::State::Paused).unwrap();
}

#[test]
fn pipelines_share_one_connection_and_the_last_one_closes_it() {
    let server = server();
    let pipelines = [(); 3].map(|()| pipeline(&server));
    pipelines.iter().for_each(play);
    let counts = server.counts();
    assert_eq!((counts.connections, counts.open), (1, 1));
    assert!(counts.inferences >= 9, "{counts:?}");
    let [first, rest @ ..] = &pipelines;
    for pipeline in rest {
        pipeline.set_state(gst::State::Null).unwrap();
    }
    assert_eq!(server.counts().open, 1);
    first.set_state(gst::State::Null).unwrap();
    assert!(
        server.wait(PATIENCE, |counts| counts.open == 0),
        "{:?}",
        server.counts()
    );
}

#[test]
fn a_pool_set_by_the_application_is_used() {
    let server = server();
    let (shared, ours) = (pipeline(&server), pipeline(&server));
    let pool = triton::ServerPool::default();
    ours.set_context(&pool::context(&pool));
    play(&shared);
    play(&ours);
    assert_eq!((pool.len(), server.counts().connections), (1, 2));
    ours.set_state(gst::State::Null).unwrap();
    wait_until_empty(&pool);
    shared.set_state(gst::State::Null).unwrap();
}

#[test]
fn a_pool_is_requested_from_the_application() {
    let server = server();
    let pipeline = pipeline(&server);
    let pool = triton::ServerPool::default();
    let given = pool.clone();
    pipeline.bus().unwrap().set_sync_handler(move |_, message| {
        if let gst::MessageView::NeedContext(wanted) = message.view()
            && wanted.context_type() == pool::CONTEXT
        {
            let element = message.src().and_then(|src| src.downcast_ref::<gst::Element>());
            element
                .expect("an element sent the message")
                .set_context(&pool::context(&given));
            return gst::BusSyncReply::Drop;
        }
        gst::BusSyncReply::Pass
    });
    play(&pipeline);
    assert_eq!((pool.len(), server.counts().connections), (1, 1));
    pipeline.set_state(gst::State::Null).unwrap();
    wait_until_empty(&pool);
}

#[test]
fn contexts_without_a_pool_are_ignored() {
    let server = server();
    let pipeline = pipeline(&server);
    pipeline.set_context(&gst::Context::new("other.context", true));
    pipeline.set_context(&gst::Context::new(pool::CONTEXT, true));
    play(&pipeline);
    assert_eq!(server.counts().connections, 1);
    pipeline.set_state(gst::State::Null).unwrap();
}

/// A thread that has opened a model may hold the server for a moment longer than the element.
fn wait_until_empty(pool: &triton::ServerPool) {
    let start = std::time::Instant::now();
    while !pool.is_empty() {
        assert!(start.elapsed().as_secs() < 20, "the server is still in use");
        std::thread::yield_now();
    }
}
