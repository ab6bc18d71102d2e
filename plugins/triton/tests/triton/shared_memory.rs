//! Tensors in shared memory of a fake server.

use std::collections::HashSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::common::remote::{
    ask, bytes_of, connect, echo, endpoint, of_bytes, request, tracked, unreachable, wait_until,
};
use crate::common::{PATIENCE, send};
use triton::memory::Place;
use triton::{Error, LiveTransport, Model, Request, Server, ServerPool, Transfer};
use triton_fake::{Call, Tensor};

/// Large enough for shared memory.
const LARGE: usize = 100_000;

fn tensor(len: usize, seed: u8) -> Vec<u8> {
    (0..len)
        .map(|index| (index as u8).wrapping_mul(31).wrapping_add(seed))
        .collect()
}

/// Names of regions in the system's shared memory.
fn names() -> HashSet<String> {
    let files = fs::read_dir("/dev/shm").unwrap().flatten();
    let names = files.map(|file| file.file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("shopfloor-shm-")).collect()
}

fn open(fake: &triton_fake::Server) -> (Arc<Server>, Arc<Model>) {
    let server = connect(&fake.url()).unwrap();
    let model = server.model("m", None).unwrap();
    (server, model)
}

#[test]
fn large_inputs_and_outputs_are_passed_in_shared_memory() {
    let (model, calls) = triton_fake::Model::queued("m");
    let fake = triton_fake::Server::start([of_bytes(model)]).unwrap();
    let (server, model) = open(&fake);
    assert_eq!(server.live_transport(), LiveTransport::SharedMemory);
    for round in 0..3_u8 {
        let copied = server.bytes_copied();
        let sent = tensor(LARGE, round);
        let response = send(&model, request(&model, &sent));
        let call = calls.recv_timeout(PATIENCE).unwrap();
        assert!(call.inputs[0].data == sent);
        // The size of the output is known after the first response.
        let (slots, expected) = (call.slots.len(), if round == 0 { 1 } else { 2 });
        assert_eq!(slots, expected, "{:?}", call.slots);
        let answer = tensor(LARGE + 10 - usize::from(round), round + 100);
        call.answer(vec![Tensor::new(
            "out",
            "UINT8",
            &[answer.len() as i64],
            answer.clone(),
        )]);
        assert!(bytes_of(response.recv_timeout(PATIENCE).unwrap()).unwrap() == answer);
        let in_messages = if round == 0 { answer.len() } else { 0 };
        assert_eq!(server.bytes_copied() - copied, in_messages as u64);
    }
    // A page for the inputs, and one region for each direction.
    assert_eq!(fake.shared_memory_regions().len(), 2);
    assert_eq!(server.transport_fallback(), None);
}

#[test]
fn small_tensors_are_passed_in_messages() {
    let fake = triton_fake::Server::start([echo("m")]).unwrap();
    let (server, model) = open(&fake);
    for _ in 0..3 {
        assert_eq!(ask(&model, b"hello").unwrap(), b"hello");
    }
    assert_eq!(server.bytes_copied(), 30);
    assert!(fake.shared_memory_regions().is_empty());
}

#[test]
fn nothing_is_left_in_the_file_system_while_the_server_uses_a_region() {
    let fake = triton_fake::Server::start([echo("m")]).unwrap();
    let (server, model) = open(&fake);
    let before = server.shared_memory_regions().unwrap().len();
    ask(&model, &tensor(LARGE, 1)).unwrap();
    let regions = server.shared_memory_regions().unwrap();
    assert_eq!((before, regions.len()), (0, 1));
    assert!(!names().contains(&regions[0].name));
    assert!(ask(&model, &tensor(LARGE, 2)).unwrap() == tensor(LARGE, 2));
}

#[test]
fn an_output_that_outgrows_its_slot_is_repeated_in_a_message() {
    let len = Arc::new(AtomicUsize::new(0));
    let answered = Arc::clone(&len);
    let script = move |call: Call| {
        let output = tensor(answered.load(Ordering::Relaxed), 1);
        call.answer(vec![Tensor::new("out", "UINT8", &[output.len() as i64], output)]);
    };
    let fake = triton_fake::Server::start([of_bytes(triton_fake::Model::new("m", script))]).unwrap();
    let (_server, model) = open(&fake);
    let check = |size: usize, attempts: usize| {
        len.store(size, Ordering::Relaxed);
        let before = fake.counts().inferences;
        assert!(ask(&model, b"?").unwrap() == tensor(size, 1));
        assert_eq!(fake.counts().inferences - before, attempts, "{size} bytes");
    };
    check(LARGE, 1); // in the message
    check(LARGE - 1, 1); // in the slot
    check(LARGE + 1, 2); // in the slot, then in the message
    check(2 * LARGE, 1); // in the larger slot
    check(3 * LARGE, 2);
    check(10, 1);
}

#[test]
fn a_restarted_server_is_given_new_regions_and_no_request_is_lost() {
    let mut fake = triton_fake::Server::start([echo("m")]).unwrap();
    let (server, model) = open(&fake);
    let ask = |seed| ask(&model, &tensor(LARGE, seed));
    for seed in 0..3 {
        ask(seed).unwrap();
    }
    let before = fake.shared_memory_regions();
    // Filled before the restart, sent after it.
    let filled = request(&model, &tensor(LARGE, 50));
    assert_eq!(filled.inputs[0].data.place(), Place::SystemSharedMemory);
    fake.restart().unwrap();
    assert!(fake.shared_memory_regions().is_empty());
    wait_until("the server is back", || server.ready().is_ok());
    let response = send(&model, filled).recv_timeout(PATIENCE).unwrap();
    assert!(bytes_of(response).unwrap() == tensor(LARGE, 50));
    let copied = server.bytes_copied();
    for seed in 0..3 {
        assert!(ask(seed).unwrap() == tensor(LARGE, seed));
    }
    assert_eq!(server.bytes_copied(), copied, "in shared memory again");
    assert_eq!(server.live_transport(), LiveTransport::SharedMemory);
    let after = fake.shared_memory_regions();
    assert!(
        after.len() == 2 && before.iter().all(|name| !after.contains(name)),
        "{before:?}, {after:?}"
    );
}

#[test]
fn a_server_that_does_not_allow_shared_memory_is_used_by_messages_and_the_remedy_reported() {
    let mut fake = triton_fake::Server::start([echo("m")]).unwrap();
    fake.allow_client_shared_memory(false);
    let (server, model) = open(&fake);
    assert_eq!(server.live_transport(), LiveTransport::Wire);
    let sent = tensor(LARGE, 1);
    assert!(ask(&model, &sent).unwrap() == sent);
    assert_eq!(server.bytes_copied(), 2 * LARGE as u64);
    let fallback = server.transport_fallback().unwrap();
    let address = fake.url().replace("grpc://", "");
    let demanding = ServerPool::default()
        .open(&endpoint(&fake.url()).with_transfer(Transfer::SharedMemory))
        .unwrap();
    let error = demanding.model("m", None).map(drop).unwrap_err();
    assert!(
        matches!(&error, Error::SharedMemory { reason, .. } if *reason == fallback) && error.is_fatal(),
        "{error:?}"
    );
    assert!(
        fallback.starts_with(&address) && fallback.ends_with("start tritonserver with --allow-client-shm=true"),
        "{fallback}"
    );
    // Started again as the message says.
    fake.allow_client_shared_memory(true);
    fake.stop();
    ask(&model, &sent).map(drop).unwrap_err();
    fake.restart().unwrap();
    wait_until("the server is back", || server.available().is_ok());
    assert!(ask(&model, &sent).unwrap() == sent);
    assert_eq!(
        (server.live_transport(), server.transport_fallback()),
        (LiveTransport::SharedMemory, None)
    );
}

#[test]
fn regions_are_unregistered_when_the_connection_is_closed() {
    let fake = triton_fake::Server::start([echo("m")]).unwrap();
    let (server, model) = open(&fake);
    ask(&model, &tensor(LARGE, 1)).unwrap();
    let output = {
        let response = send(&model, request(&model, &tensor(LARGE, 2)));
        let mut response = response.recv_timeout(PATIENCE).unwrap().unwrap();
        response.outputs.remove(0).data
    };
    assert_eq!(fake.shared_memory_regions().len(), 2);
    drop((server, model));
    // A busy server does so a little later.
    wait_until("all regions are unregistered", || {
        fake.shared_memory_regions().is_empty()
    });
    assert!(output[..] == tensor(LARGE, 2), "an output outlives the connection");
}

#[test]
fn closing_does_not_wait_for_a_hung_server_which_unregisters_the_regions_later() {
    let fake = triton_fake::Server::start([echo("m")]).unwrap();
    let (server, model) = open(&fake);
    ask(&model, &tensor(LARGE, 1)).unwrap();
    assert!(!fake.shared_memory_regions().is_empty());
    fake.freeze();
    drop((server, model)); // would never return
    fake.thaw();
    wait_until("all regions are unregistered", || {
        fake.shared_memory_regions().is_empty()
    });
}

#[test]
fn outputs_that_are_kept_keep_their_slots_and_further_ones_come_in_messages() {
    let fake = triton_fake::Server::start([echo("m")]).unwrap();
    let (server, model) = open(&fake);
    let sent = tensor(8 << 20, 1);
    let mut kept = Vec::new();
    let ask = || {
        let response = send(&model, request(&model, &sent));
        response.recv_timeout(PATIENCE).unwrap().unwrap().outputs.remove(0).data
    };
    kept.push(ask());
    let copied = server.bytes_copied();
    // 256 MiB in slots of 8 MiB
    for _ in 0..33 {
        kept.push(ask());
    }
    assert_eq!(
        server.bytes_copied() - copied,
        sent.len() as u64,
        "one too many for the slots"
    );
    assert!(kept.iter().all(|output| output[..] == sent[..]));
    let addresses: HashSet<_> = kept.iter().map(|output| output.as_ptr()).collect();
    assert_eq!(addresses.len(), kept.len());
    drop(kept);
    let copied = server.bytes_copied();
    assert!(ask()[..] == sent[..]);
    assert_eq!(server.bytes_copied(), copied);
}

/// Answers a call with a large output.
fn answer(call: Call, seed: u8) {
    let output = tensor(LARGE, seed);
    call.answer(vec![Tensor::new("out", "UINT8", &[LARGE as i64], output)]);
}

#[test]
fn slots_of_a_late_request_are_not_reused_before_its_answer() {
    let (model, calls) = triton_fake::Model::queued("m");
    let fake = triton_fake::Server::start([of_bytes(model)]).unwrap();
    let (_server, model) = open(&fake);
    let call = || calls.recv_timeout(PATIENCE).unwrap();
    let send = |seed| send(&model, request(&model, &tensor(LARGE, seed)));
    let first = send(0);
    answer(call(), 0); // its size is known from now on
    first.recv_timeout(PATIENCE).unwrap().unwrap();
    let late = Request {
        timeout: Some(Duration::from_millis(1)),
        ..request(&model, &tensor(LARGE, 1))
    };
    let (late, released) = tracked(late);
    let response = crate::common::send(&model, late);
    let held = call();
    let slots: HashSet<_> = held.slots.iter().cloned().collect();
    assert_eq!(slots.len(), 2);
    assert_eq!(
        response.recv_timeout(PATIENCE).unwrap().unwrap_err(),
        Error::DeadlineExceeded
    );
    assert_eq!(model.memory_use().quarantined, LARGE);
    // More than the slots of a region.
    for seed in 2..12 {
        let response = send(seed);
        let call = call();
        assert!(
            call.slots.len() == 2 && call.slots.iter().all(|slot| !slots.contains(slot)),
            "{:?}",
            call.slots
        );
        answer(call, seed);
        assert!(bytes_of(response.recv_timeout(PATIENCE).unwrap()).unwrap() == tensor(LARGE, seed));
    }
    assert!(released.try_recv().is_err());
    answer(held, 1);
    released.recv_timeout(PATIENCE).unwrap();
    wait_until("the memory is free", || model.memory_use().quarantined == 0);
    let response = send(12);
    let next = call();
    assert!(
        next.slots.iter().all(|slot| slots.contains(slot)),
        "the most recently used slots: {:?}",
        next.slots
    );
    answer(next, 12);
    response.recv_timeout(PATIENCE).unwrap().unwrap();
}

#[test]
fn memory_of_requests_that_a_hung_server_may_still_read_is_not_used_again() {
    let (model, calls) = triton_fake::Model::queued("m");
    let fake = triton_fake::Server::start([of_bytes(model)]).unwrap();
    let (server, model) = open(&fake);
    let call = || calls.recv_timeout(PATIENCE).unwrap();
    let send = |seed| send(&model, request(&model, &tensor(LARGE, seed)));
    let first = send(0);
    answer(call(), 0);
    first.recv_timeout(PATIENCE).unwrap().unwrap();
    let probed = Request {
        probe_after: Some(Duration::from_millis(10)),
        ..request(&model, &tensor(LARGE, 1))
    };
    let response = crate::common::send(&model, probed);
    let held = call();
    fake.freeze();
    unreachable(&response.recv_timeout(PATIENCE).unwrap().unwrap_err(), &fake.url());
    fake.thaw();
    wait_until("the server is back", || server.available().is_ok());
    let old: HashSet<_> = held.slots.iter().map(|slot| slot.region.clone()).collect();
    for seed in 2..5 {
        let response = send(seed);
        let call = call();
        assert!(
            call.slots.iter().all(|slot| !old.contains(&slot.region)),
            "{:?}",
            call.slots
        );
        answer(call, seed);
        assert!(bytes_of(response.recv_timeout(PATIENCE).unwrap()).unwrap() == tensor(LARGE, seed));
    }
    assert_eq!(server.live_transport(), LiveTransport::SharedMemory);
    drop(held);
    assert!(
        fake.shared_memory_regions().iter().all(|name| !old.contains(name)),
        "the old regions are unregistered"
    );
}

#[test]
fn each_server_of_an_endpoint_has_its_own_regions() {
    let mut first = triton_fake::Server::start([echo("m")]).unwrap();
    let second = triton_fake::Server::start([echo("m")]).unwrap();
    let server = connect(&format!("{},{}", first.url(), second.url())).unwrap();
    let model = server.model("m", None).unwrap();
    for seed in 0..3 {
        assert!(ask(&model, &tensor(LARGE, seed)).unwrap() == tensor(LARGE, seed));
    }
    let regions = first.shared_memory_regions();
    assert!(regions.len() == 2 && second.shared_memory_regions().is_empty());
    // In memory of the first server, and sent to the second one.
    let filled = request(&model, &tensor(LARGE, 50));
    assert_eq!(filled.inputs[0].data.place(), Place::SystemSharedMemory);
    first.stop();
    let response = send(&model, filled).recv_timeout(PATIENCE).unwrap();
    assert!(bytes_of(response).unwrap() == tensor(LARGE, 50));
    let copied = server.bytes_copied();
    for seed in 0..3 {
        assert!(ask(&model, &tensor(LARGE, seed)).unwrap() == tensor(LARGE, seed));
    }
    assert_eq!(
        (server.bytes_copied(), server.live_transport()),
        (copied, LiveTransport::SharedMemory)
    );
    let others = second.shared_memory_regions();
    assert!(others.len() == 2 && others.iter().all(|name| !regions.contains(name)));
}
