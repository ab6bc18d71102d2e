//! Memory of CUDA devices: allocations, copies, and handles by which another process opens an allocation.
//!
//! [`Device`] is the interface, [`Driver`] the CUDA driver, which is loaded on first use and needs no CUDA at build time, and
//! [`fake::Fake`] a stand-in in host memory for tests. [`Memory`] is an allocation that is freed when it is dropped.
//!
//! **The driver has not run on a GPU yet**: what uses it is tested with the stand-in, its calls with a scripted table.
#![deny(unsafe_code)]

mod driver;
pub mod fake;
mod memory;

pub use driver::Driver;
pub use memory::Memory;

/// Number of bytes of a [`Handle`]: `CU_IPC_HANDLE_SIZE` of cuda.h.
pub const HANDLE_SIZE: usize = 64;

/// What another process opens an allocation by: `CUipcMemHandle`, the same bytes as `cudaIpcMemHandle_t`.
pub type Handle = [u8; HANDLE_SIZE];

/// A failure of the driver, or that there is none; its text says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("CUDA: {0}")]
pub struct Error(pub(crate) String);

/// The memory of CUDA devices. Addresses are unified: a pointer alone identifies memory of a device or of the host.
pub trait Device: Send + Sync {
    /// The address of `len` new bytes (more than 0) on the device with the number `device`.
    ///
    /// # Errors
    /// There is no driver, no such device, or not enough memory.
    fn allocate(&self, device: i32, len: usize) -> Result<*mut u8, Error>;

    /// Frees an allocation of [`Self::allocate`].
    ///
    /// # Safety
    /// Nobody uses the allocation any more.
    ///
    /// # Errors
    /// Of the driver.
    #[allow(unsafe_code)]
    unsafe fn free(&self, device: i32, address: *mut u8) -> Result<(), Error>;

    /// Copies `len` bytes to, from or within memory of `device`; complete on return.
    ///
    /// # Safety
    /// `from` is readable and `to` writable for `len` bytes, and they do not overlap. At least one is memory of a device.
    ///
    /// # Errors
    /// Of the driver.
    #[allow(unsafe_code)]
    unsafe fn copy(&self, device: i32, from: *const u8, to: *mut u8, len: usize) -> Result<(), Error>;

    /// The handle by which another process opens the allocation at `address`.
    ///
    /// # Errors
    /// Of the driver: also where the system has no such handles, as in WSL.
    fn handle(&self, device: i32, address: *mut u8) -> Result<Handle, Error>;
}
