//! An allocation on a device, freed when it is dropped.
#![allow(unsafe_code)]

use std::fmt;
use std::sync::Arc;

use crate::{Device, Error, Handle};

/// Memory of a CUDA device.
pub struct Memory {
    device: Arc<dyn Device>,
    number: i32,
    /// The address, which does not change.
    address: usize,
    len: usize,
}

impl Memory {
    /// `len` new bytes (at least 1) on the device with this number; their contents are undefined.
    ///
    /// # Errors
    /// As [`Device::allocate`].
    pub fn allocate(device: Arc<dyn Device>, number: i32, len: usize) -> Result<Self, Error> {
        let address = device.allocate(number, len.max(1))? as usize;
        Ok(Self {
            device,
            number,
            address,
            len,
        })
    }

    /// The device's number.
    pub fn device(&self) -> i32 {
        self.number
    }

    /// Number of bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its address on the device.
    pub fn address(&self) -> *mut u8 {
        self.address as *mut u8
    }

    /// The handle by which another process opens it.
    ///
    /// # Errors
    /// As [`Device::handle`].
    pub fn handle(&self) -> Result<Handle, Error> {
        self.device.handle(self.number, self.address())
    }

    /// Copies `bytes` to its beginning. Others must not use it meanwhile.
    ///
    /// # Errors
    /// It is shorter than `bytes`, or the driver's.
    pub fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        self.check(bytes.len())?;
        // SAFETY: it has at least as many bytes, and they are no host memory, so nothing overlaps.
        unsafe {
            self.device
                .copy(self.number, bytes.as_ptr(), self.address(), bytes.len())
        }
    }

    /// Copies its beginning to `bytes`.
    ///
    /// # Errors
    /// It is shorter than `bytes`, or the driver's.
    pub fn read(&self, bytes: &mut [u8]) -> Result<(), Error> {
        self.check(bytes.len())?;
        // SAFETY: as in `write`.
        unsafe {
            self.device
                .copy(self.number, self.address(), bytes.as_mut_ptr(), bytes.len())
        }
    }

    fn check(&self, len: usize) -> Result<(), Error> {
        if len <= self.len {
            return Ok(());
        }
        Err(Error(format!(
            "{len} bytes do not fit in an allocation of {}",
            self.len
        )))
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: it is this allocation's only owner. If the driver fails, its process is ending.
        let _ = unsafe { self.device.free(self.number, self.address()) };
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({} bytes of CUDA device {})", self.len, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    #[test]
    fn memory_is_written_read_shared_and_freed() {
        let fake = Arc::new(Fake::default());
        let memory = Memory::allocate(fake.clone(), 1, 4).unwrap();
        memory.write(&[1, 2, 3]).unwrap();
        let mut bytes = [0; 2];
        memory.read(&mut bytes).unwrap();
        assert_eq!(bytes, [1, 2]);
        assert_eq!(fake.opened(&memory.handle().unwrap()).unwrap()[..3], [1, 2, 3]);
        assert!(
            memory
                .write(&[0; 5])
                .unwrap_err()
                .to_string()
                .contains("5 bytes do not fit")
        );
        assert_eq!(fake.allocations(), 1);
        drop(memory);
        assert_eq!(fake.allocations(), 0);
    }

    #[test]
    fn failures_are_passed_on() {
        let fake = Arc::new(Fake::default());
        let memory = Memory::allocate(fake.clone(), 0, 4).unwrap();
        fake.fail("out of order");
        assert!(memory.write(&[1]).unwrap_err().to_string().contains("out of order"));
        assert!(memory.handle().is_err() && Memory::allocate(fake, 0, 4).is_err());
    }
}
