//! A session on a scripted server, driven without GStreamer as a benchmark would do it.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use inference::reorder::{Item, Next, Outcome};
use inference::{Error, LatencyEstimate, RegionOutputs, ReorderQueue, RequestOptions, Session};
use triton::scripted::Scripted;
use triton::{DataType, ModelDescription, Output, Request, Response, ResponseCallback, Server};
use vision::Rect;
use vision::image::{Colorimetry, Image, PixelFormat, Plane};

/// Width and height of the model's input, and of the regions.
const SIZE: usize = 16;

const OPTIONS: RequestOptions = RequestOptions {
    timeout: Some(Duration::from_secs(20)),
    queue_timeout: None,
    probe_after: None,
    priority: 0,
};

/// A session with a model of at most two images in a request; `respond` is called with every request.
fn session(respond: impl Fn(Request, ResponseCallback) + Send + Sync + 'static) -> Session {
    let metadata = r#"{"name": "m", "versions": ["1"],
        "inputs": [{"name": "in", "datatype": "UINT8", "shape": [-1, 16, 16, 3]}],
        "outputs": [{"name": "out", "datatype": "UINT8", "shape": [-1, 1]}]}"#;
    let config = r#"{"max_batch_size": 2, "input": [{"name": "in", "format": "FORMAT_NHWC"}]}"#;
    let description = ModelDescription::from_json(metadata, config).unwrap();
    let server = Server::scripted(Scripted::new(description, respond));
    Session::new(server.model("m", None).unwrap()).unwrap()
}

/// A session whose requests are sent to the channel, with their callbacks.
fn queued_session() -> (Session, mpsc::Receiver<(Request, ResponseCallback)>) {
    let (sender, requests) = mpsc::channel();
    let session = session(move |request, callback| sender.send((request, callback)).unwrap());
    (session, requests)
}

/// The model's response: the first byte of each image.
fn response(request: &Request) -> Response {
    let input = &request.inputs[0];
    let images = input.data.chunks(SIZE * SIZE * 3);
    let firsts: Vec<u8> = images.map(|image| image[0]).collect();
    Response {
        outputs: vec![Output {
            name: "out".into(),
            datatype: DataType::Uint8,
            shape: vec![input.shape[0], 1],
            data: firsts.into(),
        }],
    }
}

/// Pixels of an RGB image of `columns` regions side by side, the pixels of the n-th all `first + n`.
fn pixels(first: u8, columns: u8) -> Vec<u8> {
    let row = (0..columns).flat_map(|column| [first + column; SIZE * 3]);
    row.collect::<Vec<_>>().repeat(SIZE)
}

/// Sends the first `regions` regions of `pixels`.
fn submit(
    session: &Session,
    pixels: &[u8],
    regions: usize,
    callback: impl FnOnce(Result<RegionOutputs, Error>) + Send + 'static,
) {
    let stride = pixels.len() / SIZE;
    let plane = Plane { data: pixels, stride };
    let image = Image::new(PixelFormat::Rgb, stride / 3, SIZE, [plane], Colorimetry::default()).unwrap();
    let side = SIZE as f32;
    let region = |index| Rect::new(index as f32 * side, 0.0, (index + 1) as f32 * side, side);
    let regions: Vec<Rect> = (0..regions).map(region).collect();
    let mut sampler = session.sampler().unwrap();
    session
        .submit(&mut sampler, &image, &regions, OPTIONS, None, callback)
        .unwrap();
}

/// The first byte of each region's output.
fn firsts(outputs: &RegionOutputs) -> Vec<u8> {
    outputs.iter().map(|output| output.tensors[0].data[0]).collect()
}

#[test]
fn regions_are_sent_in_batches_and_their_outputs_keep_the_order() {
    for (regions, batches) in [(2, vec![2]), (3, vec![2, 1])] {
        let (session, requests) = queued_session();
        let (sender, outputs) = mpsc::channel();
        submit(&session, &pixels(10, 3), regions, move |result| {
            sender.send(result).unwrap()
        });
        let requests: Vec<_> = requests.try_iter().collect();
        let shapes: Vec<i64> = requests.iter().map(|(request, _)| request.inputs[0].shape[0]).collect();
        assert_eq!(shapes, batches);
        for (request, callback) in requests.into_iter().rev() {
            assert!(outputs.try_recv().is_err(), "the callback waits for all requests");
            callback(Ok(response(&request)));
        }
        let outputs = outputs.recv().unwrap().unwrap();
        assert_eq!(firsts(&outputs), [10, 11, 12][..regions]);
        assert!(outputs.iter().all(|output| output.tensors[0].shape == [1, 1]));
        assert_eq!(
            outputs[1].letterbox.offset_x,
            0.0 - outputs[1].letterbox.scale_x * SIZE as f32
        );
    }
}

#[test]
fn a_frame_without_regions_needs_no_request() {
    let (session, requests) = queued_session();
    let (sender, outputs) = mpsc::channel();
    submit(&session, &pixels(0, 1), 0, move |result| sender.send(result).unwrap());
    assert!(outputs.try_recv().unwrap().unwrap().is_empty());
    assert!(requests.try_recv().is_err());
}

#[test]
fn the_error_of_one_request_is_reported_once() {
    let (session, requests) = queued_session();
    let (sender, outputs) = mpsc::channel();
    submit(&session, &pixels(10, 3), 3, move |result| sender.send(result).unwrap());
    let mut failed = false;
    for (request, callback) in requests.try_iter().collect::<Vec<_>>() {
        callback(if failed {
            Ok(response(&request))
        } else {
            Err(triton::Error::DeadlineExceeded)
        });
        failed = true;
    }
    let error = outputs.recv().unwrap().unwrap_err();
    assert!(
        matches!(error, Error::Triton(triton::Error::DeadlineExceeded)),
        "{error}"
    );
    assert!(outputs.recv().is_err(), "the callback is invoked once");
}

#[test]
fn a_loop_of_session_queue_and_estimate_keeps_the_order() {
    const FRAMES: u8 = 12;
    let (session, requests) = queued_session();
    let mut queue = ReorderQueue::<u8, (), Result<RegionOutputs, Error>>::default();
    let mut estimate = LatencyEstimate::default();
    let (sender, completed) = mpsc::channel();
    let (mut sent, mut left) = (0, Vec::new());
    while left.len() < usize::from(FRAMES) {
        while sent < FRAMES && queue.pending() < 4 {
            queue.push_waiting(sent, Instant::now(), None);
            let (ticket, frame) = queue.take_waiting().unwrap();
            let (sender, start) = (sender.clone(), Instant::now());
            submit(&session, &pixels(frame, 1), 1, move |result| {
                sender.send((ticket, start, result)).unwrap();
            });
            sent += 1;
        }
        // The latest request is completed first.
        for (request, callback) in requests.try_iter().collect::<Vec<_>>().into_iter().rev() {
            callback(Ok(response(&request)));
        }
        for (ticket, start, result) in completed.try_iter() {
            estimate.observe(start, start.elapsed());
            queue.complete(ticket, Outcome::Responded(result));
        }
        while let Next::Item(item) = queue.next(Instant::now()) {
            let Item::Frame(frame, Outcome::Responded(outputs)) = item else {
                panic!("every frame is inferred");
            };
            assert_eq!(firsts(&outputs.unwrap()), [frame], "the outputs of frame {frame}");
            left.push(frame);
        }
    }
    assert!(left.iter().copied().eq(0..FRAMES), "{left:?}");
    assert!(estimate.latency().is_some());
    assert_eq!((queue.pending(), queue.late()), (0, 0));
}
