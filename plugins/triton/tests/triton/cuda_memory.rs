//! Tensors in CUDA memory, which a server opens by handles: a stand-in for the devices, and a fake server that reads from it.

use std::sync::Arc;

use cuda::fake::{Copy, Fake};
use triton::memory::Place;
use triton::{CudaRegion, DataType, Error, Input, Lease, Model, Request, Server};
use triton_fake::Call;

use crate::common::remote::{bytes_of, connect, of_bytes, wait_until};
use crate::common::{PATIENCE, send};

const LEN: usize = 100_000;

/// A server on a machine with these devices, and a model whose calls the test answers.
struct Setting {
    devices: Arc<Fake>,
    fake: triton_fake::Server,
    calls: std::sync::mpsc::Receiver<Call>,
    server: Arc<Server>,
    model: Arc<Model>,
}

impl Setting {
    fn new() -> Self {
        let (model, calls) = triton_fake::Model::queued("m");
        let fake = triton_fake::Server::start([of_bytes(model)]).unwrap();
        let devices = Arc::new(Fake::default());
        let opened = Arc::clone(&devices);
        fake.open_cuda_handles(move |handle| opened.opened(handle));
        let server = connect(&fake.url()).unwrap();
        let model = server.model("m", None).unwrap();
        Self {
            devices,
            fake,
            calls,
            server,
            model,
        }
    }

    fn region(&self) -> Arc<CudaRegion> {
        let region = CudaRegion::allocate(self.devices.clone(), 1, LEN).unwrap();
        self.server.register_cuda(&region).unwrap();
        region
    }

    /// Sends a request with this tensor, and returns what the server reads.
    fn read(&self, data: Lease) -> Vec<u8> {
        let response = send(&self.model, request(data));
        let call = self.calls.recv_timeout(PATIENCE).unwrap();
        let read = call.inputs[0].data.to_vec();
        call.answer(vec![triton_fake::Tensor::new("out", "UINT8", &[2], vec![1, 2])]);
        assert_eq!(bytes_of(response.recv_timeout(PATIENCE).unwrap()).unwrap(), [1, 2]);
        read
    }
}

/// All of a region, once the server has released the request before, which may be after its response.
fn leased(region: &Arc<CudaRegion>) -> Lease {
    wait_until("the region is not free", || region.lease(LEN).is_some());
    region.lease(LEN).expect("nobody else leases it")
}

fn request(data: Lease) -> Request {
    Request::new(vec![Input {
        name: "in".into(),
        datatype: DataType::Uint8,
        shape: vec![data.byte_size() as i64],
        data,
    }])
}

fn tensor(seed: u8) -> Vec<u8> {
    (0..LEN)
        .map(|index| (index as u8).wrapping_mul(31).wrapping_add(seed))
        .collect()
}

#[test]
fn a_tensor_written_on_the_host_is_uploaded_and_not_sent() {
    let setting = Setting::new();
    let region = setting.region();
    assert_eq!(setting.fake.cuda_regions(), [(region.name().to_owned(), 1)]);
    for round in 0..2 {
        let (sent, copied) = (tensor(round), setting.server.bytes_copied());
        let mut data = leased(&region);
        assert_eq!((data.place(), data.len(), data.byte_size()), (Place::Cuda(1), LEN, LEN));
        data.copy_from_slice(&sent);
        assert!(setting.read(data) == sent);
        let (by, len) = (1, LEN);
        assert_eq!(
            setting.devices.copies(),
            [Copy {
                by,
                from: None,
                to: Some(1),
                len
            }]
        );
        assert_eq!(setting.server.bytes_copied() - copied, 2, "only the output");
    }
}

#[test]
fn a_tensor_written_on_the_device_is_not_copied() {
    let setting = Setting::new();
    let region = setting.region();
    let written = tensor(7);
    region.memory().write(&written).unwrap();
    setting.devices.copies();
    let data = region.lease_written(LEN).expect("the region was never leased");
    assert!(data.is_empty(), "nothing is on the host");
    assert!(setting.read(data) == written);
    assert_eq!(setting.devices.copies(), []);
}

#[test]
fn a_region_is_leased_again_once_the_server_has_released_the_request() {
    let setting = Setting::new();
    let region = setting.region();
    assert!(region.lease(LEN + 1).is_none(), "it is too small");
    let response = send(&setting.model, request(region.lease(LEN).unwrap()));
    let call = setting.calls.recv_timeout(PATIENCE).unwrap();
    assert!(region.lease(1).is_none() && region.lease_written(1).is_none());
    call.answer(vec![]);
    response.recv_timeout(PATIENCE).unwrap().unwrap();
    wait_until("the region is not free", || region.lease(1).is_some());
}

#[test]
fn a_region_is_freed_after_it_is_unregistered() {
    let setting = Setting::new();
    let region = setting.region();
    setting.server.unregister_cuda(&region).unwrap();
    assert_eq!(setting.fake.cuda_regions(), []);
    drop(region);
    assert_eq!(setting.devices.allocations(), 0);
}

/// A server that was started again has forgotten the region. The tensor is not sent instead: it may be on the device only.
#[test]
fn a_forgotten_region_is_an_error_until_it_is_registered_again() {
    let mut setting = Setting::new();
    let region = setting.region();
    setting.fake.stop();
    setting.fake.restart().unwrap();
    wait_until("the server is back", || setting.server.ready().is_ok());
    assert_eq!(setting.fake.cuda_regions(), []);
    let response = send(&setting.model, request(region.lease(LEN).unwrap()));
    let error = bytes_of(response.recv_timeout(PATIENCE).unwrap()).unwrap_err();
    assert!(error.to_string().contains(region.name()), "{error}");
    setting.server.register_cuda(&region).unwrap();
    assert_eq!(setting.read(leased(&region)).len(), LEN);
}

#[test]
fn failures_of_devices_and_servers_are_errors() {
    let setting = Setting::new();
    let region = setting.region();
    let again = setting.server.register_cuda(&region).unwrap_err();
    assert!(again.to_string().contains("already in manager"), "{again}");
    setting.devices.fail("the device is lost");
    let response = send(&setting.model, request(region.lease(LEN).unwrap()));
    let error = bytes_of(response.recv_timeout(PATIENCE).unwrap()).unwrap_err();
    assert!(
        matches!(error, Error::Cuda(_)) && error.to_string().contains("the device is lost"),
        "{error}"
    );
    assert!(region.lease(1).is_some(), "the request has ended");
    assert!(matches!(
        CudaRegion::allocate(setting.devices.clone(), 0, 1),
        Err(Error::Cuda(_))
    ));
    assert!(matches!(setting.server.register_cuda(&region), Err(Error::Cuda(_))));

    let other = triton_fake::Server::start([of_bytes(triton_fake::Model::queued("m").0)]).unwrap();
    let server = connect(&other.url()).unwrap();
    let region = CudaRegion::allocate(Arc::new(Fake::default()), 0, LEN).unwrap();
    let error = server.register_cuda(&region).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("failed to register CUDA shared memory region"),
        "{error}"
    );
}
