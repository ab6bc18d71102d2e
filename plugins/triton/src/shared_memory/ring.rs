//! Slots of shared memory for tensors.

use std::io;
use std::path::PathBuf;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::region::{DIRECTORY, Forgotten, Region};
use super::slots::{Slots, Taken};
use crate::lock;

/// Slots in regions that one server maps. They are reused, and a region is added when all slots for tensors of a size are
/// in use.
#[derive(Debug)]
pub(crate) struct Ring {
    /// Whether a region may be added; not after one could not be created.
    is_growing: AtomicBool,
    slots: Mutex<Slots<Arc<Region>>>,
    directory: PathBuf,
    forgotten: Forgotten,
}

impl Ring {
    /// `budget`: maximum number of bytes of all regions together.
    pub(crate) fn new(budget: usize) -> Arc<Self> {
        Arc::new(Self {
            is_growing: AtomicBool::new(true),
            slots: Mutex::new(Slots::new(budget)),
            directory: DIRECTORY.into(),
            forgotten: Forgotten::default(),
        })
    }

    /// A slot for `len` bytes; `None` if the budget is used up by slots in use, or no region could be created before.
    ///
    /// # Errors
    /// If a region is needed and the system does not create it; once, until [`Self::retire`].
    pub(crate) fn lease(self: &Arc<Self>, len: usize) -> io::Result<Option<Slot>> {
        let taken = lock(&self.slots).take(len);
        if let Some(taken) = taken {
            return Ok(Some(Slot::new(self, taken)));
        }
        if !self.is_growing.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let Some(growth) = lock(&self.slots).grow(len) else {
            return Ok(None);
        };
        let region = Region::create(&self.directory, growth.len(), &self.forgotten).map(Arc::new);
        let taken = {
            let mut slots = lock(&self.slots);
            slots.created(growth.id, region.as_ref().ok().cloned());
            slots.take(len)
        };
        drop(growth); // unmaps the evicted regions, without the lock
        if let Err(error) = region {
            let is_first = self.is_growing.swap(false, Ordering::Relaxed);
            return if is_first { Err(error) } else { Ok(None) };
        }
        Ok(taken.map(|taken| Slot::new(self, taken)))
    }

    /// Stops using the present regions, because a server may still use their memory or has forgotten them. Slots in use stay
    /// valid.
    pub(crate) fn retire(&self) {
        self.is_growing.store(true, Ordering::Relaxed);
        let idle = {
            let mut slots = lock(&self.slots);
            slots.regions().for_each(|region| region.retire());
            slots.retire()
        };
        drop(idle); // unmaps them, without the lock
    }

    /// Whether a region is one of this ring's and not given up.
    pub(crate) fn is_usable(&self, region: &Region) -> bool {
        region.is_usable_with(&self.forgotten)
    }

    /// Bytes of all regions.
    pub(crate) fn len(&self) -> usize {
        lock(&self.slots).len()
    }

    /// Names of regions that are not used any more and that the server may still have registered; each is returned once.
    pub(crate) fn forgotten(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.forgotten))
    }

    /// A name that could not be unregistered is returned again by [`Self::forgotten`].
    pub(crate) fn remember(&self, name: String) {
        lock(&self.forgotten).push(name);
    }

    /// Names of all regions that the server may have registered.
    pub(crate) fn known(&self) -> Vec<String> {
        let mut names = self.forgotten();
        let slots = lock(&self.slots);
        names.extend(
            slots
                .regions()
                .filter(|region| region.is_known())
                .map(|region| region.name().to_owned()),
        );
        names
    }
}

/// Memory of one tensor in a region, until it is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    ring: Arc<Ring>,
    taken: Taken<Arc<Region>>,
}

impl Slot {
    fn new(ring: &Arc<Ring>, taken: Taken<Arc<Region>>) -> Self {
        let ring = Arc::clone(ring);
        Self { ring, taken }
    }

    /// The region, by whose name a request refers to the slot.
    pub(crate) fn region(&self) -> &Arc<Region> {
        &self.taken.region
    }

    /// Offset in the region, in bytes.
    pub(crate) fn offset(&self) -> usize {
        self.taken.offset
    }

    /// Address of the first byte. The slot is at least as long as the tensor that it was leased for.
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.taken.region.address(self.taken.offset)
    }
}

/// The first bytes of a slot, which a server has written. Nobody writes there until they are dropped.
pub(crate) struct SlotBytes {
    slot: Slot,
    len: usize,
}

impl SlotBytes {
    /// `len`: at most what the slot was leased for; the server has answered the request.
    pub(crate) fn new(slot: Slot, len: usize) -> Self {
        Self { slot, len }
    }
}

impl AsRef<[u8]> for SlotBytes {
    fn as_ref(&self) -> &[u8] {
        self.slot.region().bytes(self.slot.offset(), self.len)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let unused = lock(&self.ring.slots).put(self.taken.id, self.taken.index);
        drop(unused); // unmaps the region, without the lock
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(directory: &str, budget: usize) -> Arc<Ring> {
        Arc::new(Ring {
            is_growing: AtomicBool::new(true),
            slots: Mutex::new(Slots::new(budget)),
            directory: directory.into(),
            forgotten: Forgotten::default(),
        })
    }

    /// Mappings of our regions in this process's address space.
    fn mappings(ring: &Ring) -> usize {
        lock(&ring.slots).regions().count()
    }

    #[test]
    fn a_slot_is_used_by_one_lease_at_a_time_and_reused() {
        let ring = ring(DIRECTORY, 1 << 20);
        let lease = || ring.lease(64 << 10).unwrap().unwrap();
        let (first, second) = (lease(), lease());
        let address = first.start();
        assert_ne!(second.start(), address);
        assert_eq!(first.region().name(), second.region().name());
        drop(first);
        assert_eq!(lease().start(), address);
        assert_eq!(mappings(&ring), 1);
    }

    #[test]
    fn a_used_up_budget_is_no_error() {
        let ring = ring(DIRECTORY, 1 << 20);
        let held: Vec<_> = (0..4).map(|_| ring.lease(256 << 10).unwrap().unwrap()).collect();
        assert!(ring.lease(256 << 10).unwrap().is_none());
        drop(held);
        assert!(ring.lease(256 << 10).unwrap().is_some());
        assert_eq!(ring.len(), 1 << 20);
    }

    #[test]
    fn a_system_without_shared_memory_is_an_error() {
        let ring = ring("/no such directory", 1 << 20);
        assert_eq!(ring.lease(4096).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(ring.lease(4096).unwrap().is_none(), "it is reported once");
        assert_eq!(ring.len(), 0);
        ring.retire();
        assert!(ring.lease(4096).is_err());
    }

    #[test]
    fn a_retired_region_lives_as_long_as_its_slots_and_is_then_forgotten() {
        let ring = ring(DIRECTORY, 1 << 20);
        let slot = ring.lease(4096).unwrap().unwrap();
        drop(slot.region().publish().unwrap());
        let name = slot.region().name().to_owned();
        ring.retire();
        let other = ring.lease(4096).unwrap().unwrap();
        assert!(!ring.is_usable(slot.region()) && ring.is_usable(other.region()));
        assert_ne!(other.region().name(), name);
        assert!(ring.forgotten().is_empty());
        assert_eq!(ring.known(), std::slice::from_ref(&name));
        drop(slot);
        assert_eq!(ring.forgotten(), [name]);
        assert!(ring.forgotten().is_empty());
    }
}
