//! Registered regions of shared memory, whose tensors are read and written as Triton does, with Triton's messages.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use bytes::Bytes;
use tonic::Status;

use crate::inference::infer_parameter::ParameterChoice;
use crate::inference::system_shared_memory_status_response::RegionStatus;
use crate::inference::{CudaSharedMemoryRegisterRequest, InferParameter, SystemSharedMemoryRegisterRequest};

/// Where an input is read, or an output is written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Slot {
    /// The name of the registered region.
    pub region: String,
    /// Offset in the region, in bytes.
    pub offset: u64,
    /// Length in bytes.
    pub byte_size: u64,
}

/// Opens the handle of CUDA memory: the memory's present bytes.
pub(crate) type OpenHandle = Box<dyn Fn(&[u8]) -> Option<Vec<u8>> + Send>;

/// The regions of a server, by name.
#[derive(Default)]
pub(crate) struct Regions {
    system: BTreeMap<String, (RegionStatus, File)>,
    cuda: BTreeMap<String, CudaSharedMemoryRegisterRequest>,
    /// `None`: a server without a GPU.
    pub(crate) open_handle: Option<OpenHandle>,
}

impl Regions {
    /// Forgets all regions, as a server that is started again.
    pub(crate) fn clear(&mut self) {
        self.system.clear();
        self.cuda.clear();
    }

    pub(crate) fn register(&mut self, request: SystemSharedMemoryRegisterRequest) -> Result<(), Status> {
        let SystemSharedMemoryRegisterRequest {
            name,
            key,
            offset,
            byte_size,
        } = request;
        if self.system.contains_key(&name) {
            return Err(Status::already_exists(format!(
                "shared memory region '{name}' already in manager"
            )));
        }
        let path = Path::new("/dev/shm").join(key.trim_start_matches('/'));
        let opened = OpenOptions::new().read(true).write(true).open(path);
        let file = opened.map_err(|_| Status::internal(format!("Unable to open shared memory region: '{key}'")))?;
        let size = file.metadata().map_or(0, |metadata| metadata.len());
        if offset + byte_size > size {
            return Err(Status::invalid_argument(format!(
                "failed to register shared memory region '{name}': invalid args"
            )));
        }
        let status = RegionStatus {
            name: name.clone(),
            key,
            offset,
            byte_size,
        };
        self.system.insert(name, (status, file));
        Ok(())
    }

    pub(crate) fn register_cuda(&mut self, request: CudaSharedMemoryRegisterRequest) -> Result<(), Status> {
        let name = &request.name;
        if self.cuda.contains_key(name) {
            return Err(Status::already_exists(format!(
                "shared memory region '{name}' already in manager"
            )));
        }
        let opened = self.open_handle.as_ref().and_then(|open| open(&request.raw_handle));
        match opened {
            Some(bytes) if bytes.len() as u64 >= request.byte_size => {
                self.cuda.insert(name.clone(), request);
                Ok(())
            }
            _ => Err(Status::invalid_argument(format!(
                "failed to register CUDA shared memory region '{name}': invalid args"
            ))),
        }
    }

    /// Unregisters a region of CUDA memory; an empty name selects all.
    pub(crate) fn unregister_cuda(&mut self, selected: &str) {
        self.cuda.retain(|name, _| !selected.is_empty() && name != selected);
    }

    /// The registered regions of CUDA memory: their names and devices.
    pub(crate) fn cuda(&self) -> Vec<(String, i64)> {
        self.cuda
            .values()
            .map(|region| (region.name.clone(), region.device_id))
            .collect()
    }

    /// The bytes of a slot in CUDA memory.
    fn read_cuda(&self, slot: &Slot, region: &CudaSharedMemoryRegisterRequest) -> Result<Bytes, Status> {
        let gone = || Status::internal("the CUDA memory is gone");
        let bytes = self
            .open_handle
            .as_ref()
            .and_then(|open| open(&region.raw_handle))
            .ok_or_else(gone)?;
        let range = slot.offset..slot.offset + slot.byte_size;
        let range = usize::try_from(range.start).unwrap_or(0)..usize::try_from(range.end).unwrap_or(usize::MAX);
        let bytes = bytes.get(range).ok_or_else(|| {
            Status::invalid_argument(format!(
                "Invalid offset + byte size for shared memory region: '{}'",
                slot.region
            ))
        })?;
        Ok(Bytes::copy_from_slice(bytes))
    }

    /// Unregisters a region; an empty name selects all.
    pub(crate) fn unregister(&mut self, selected: &str) {
        self.system.retain(|name, _| !selected.is_empty() && name != selected);
    }

    /// The region; an empty name selects all.
    pub(crate) fn status(&self, selected: &str) -> HashMap<String, RegionStatus> {
        let regions = self
            .system
            .iter()
            .filter(|(name, _)| selected.is_empty() || *name == selected);
        regions
            .map(|(name, (status, _))| (name.clone(), status.clone()))
            .collect()
    }

    /// The bytes of a slot.
    pub(crate) fn read(&self, slot: &Slot) -> Result<Bytes, Status> {
        if let Some(region) = self.cuda.get(&slot.region) {
            return self.read_cuda(slot, region);
        }
        let (file, start) = self.find(slot)?;
        let mut bytes = vec![0; usize::try_from(slot.byte_size).unwrap_or(0)];
        let read = file.read_exact_at(&mut bytes, start);
        read.map_err(|error| Status::internal(error.to_string()))?;
        Ok(bytes.into())
    }

    /// Writes an output into its slot.
    pub(crate) fn write(&self, output: &str, slot: &Slot, data: &[u8]) -> Result<(), Status> {
        let (needed, size) = (data.len(), slot.byte_size);
        if needed as u64 > size {
            return Err(Status::internal(format!(
                "shared memory size specified with the request for output '{output}' ({size} bytes) should be at least \
                 {needed} bytes to hold the results"
            )));
        }
        let (file, start) = self.find(slot)?;
        file.write_all_at(data, start)
            .map_err(|error| Status::internal(error.to_string()))
    }

    /// Checks that a slot is in a registered region.
    pub(crate) fn check(&self, slot: &Slot) -> Result<(), Status> {
        self.find(slot).map(drop)
    }

    /// The file of a slot, and the slot's offset in it.
    fn find(&self, slot: &Slot) -> Result<(&File, u64), Status> {
        let name = &slot.region;
        let Some((region, file)) = self.system.get(name) else {
            return Err(Status::not_found(format!(
                "Unable to find shared memory region: '{name}'"
            )));
        };
        if slot.offset + slot.byte_size > region.byte_size {
            return Err(Status::invalid_argument(format!(
                "Invalid offset + byte size for shared memory region: '{name}'"
            )));
        }
        Ok((file, region.offset + slot.offset))
    }
}

impl Slot {
    /// The slot in the parameters of a tensor, if it is in shared memory.
    pub(crate) fn of(parameters: &HashMap<String, InferParameter>) -> Option<Self> {
        let choice = |key: &str| parameters.get(key)?.parameter_choice.as_ref();
        let number = |key: &str| match choice(key) {
            Some(ParameterChoice::Int64Param(value)) => u64::try_from(*value).ok(),
            _ => None,
        };
        let Some(ParameterChoice::StringParam(region)) = choice("shared_memory_region") else {
            return None;
        };
        Some(Self {
            region: region.clone(),
            offset: number("shared_memory_offset").unwrap_or(0),
            byte_size: number("shared_memory_byte_size")?,
        })
    }
}
