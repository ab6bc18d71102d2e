//! Devices in host memory, for tests.
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{Device, Error, HANDLE_SIZE, Handle};

/// Any number of devices. What is not an allocation of one of them is host memory.
#[derive(Debug, Default)]
pub struct Fake(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The allocations by their addresses: their device and their memory.
    allocations: BTreeMap<usize, (i32, Box<[u8]>)>,
    copies: Vec<Copy>,
    fault: Option<String>,
}

/// A copy that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copy {
    /// The device that made it.
    pub by: i32,
    /// The device that it was from; `None`: the host.
    pub from: Option<i32>,
    /// The device that it was to; `None`: the host.
    pub to: Option<i32>,
    /// Its bytes.
    pub len: usize,
}

impl Fake {
    /// Number of allocations that have not been freed.
    pub fn allocations(&self) -> usize {
        self.state().allocations.len()
    }

    /// The copies since the last call.
    pub fn copies(&self) -> Vec<Copy> {
        std::mem::take(&mut self.state().copies)
    }

    /// Lets every call fail from now on.
    pub fn fail(&self, reason: &str) {
        self.state().fault = Some(reason.to_owned());
    }

    /// What another process finds by a handle: the bytes of the allocation, if it has not been freed.
    pub fn opened(&self, handle: &[u8]) -> Option<Vec<u8>> {
        let address = usize::from_ne_bytes(handle.get(..size_of::<usize>())?.try_into().ok()?);
        let state = self.state();
        Some(state.allocations.get(&address)?.1.to_vec())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, unless calls are to fail.
    fn working(&self) -> Result<MutexGuard<'_, State>, Error> {
        let state = self.state();
        match &state.fault {
            Some(reason) => Err(Error(reason.clone())),
            None => Ok(state),
        }
    }
}

impl State {
    /// The device whose allocation has this address.
    fn device(&self, address: usize) -> Option<i32> {
        let (start, (device, memory)) = self.allocations.range(..=address).next_back()?;
        (address < start + memory.len()).then_some(*device)
    }
}

impl Device for Fake {
    fn allocate(&self, device: i32, len: usize) -> Result<*mut u8, Error> {
        let mut state = self.working()?;
        let mut memory = vec![0_u8; len].into_boxed_slice();
        let address = memory.as_mut_ptr();
        state.allocations.insert(address as usize, (device, memory));
        Ok(address)
    }

    unsafe fn free(&self, device: i32, address: *mut u8) -> Result<(), Error> {
        let freed = self.state().allocations.remove(&(address as usize));
        match freed {
            Some((owner, _)) if owner == device => Ok(()),
            other => Err(Error(format!("{address:?} of device {device} is freed: {other:?}"))),
        }
    }

    unsafe fn copy(&self, device: i32, from: *const u8, to: *mut u8, len: usize) -> Result<(), Error> {
        let mut state = self.working()?;
        let copy = Copy {
            by: device,
            from: state.device(from as usize),
            to: state.device(to as usize),
            len,
        };
        if copy.from != Some(device) && copy.to != Some(device) {
            return Err(Error(format!("device {device} copies what it does not have: {copy:?}")));
        }
        state.copies.push(copy);
        // SAFETY: as promised by the caller; allocations are host memory.
        unsafe { ptr::copy_nonoverlapping(from, to, len) };
        Ok(())
    }

    fn handle(&self, device: i32, address: *mut u8) -> Result<Handle, Error> {
        let state = self.working()?;
        if state.device(address as usize) != Some(device) {
            return Err(Error(format!("{address:?} is no memory of device {device}")));
        }
        let mut handle = [0; HANDLE_SIZE];
        handle[..size_of::<usize>()].copy_from_slice(&(address as usize).to_ne_bytes());
        Ok(handle)
    }
}
