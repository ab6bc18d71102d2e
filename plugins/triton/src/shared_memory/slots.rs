//! Which slot of which region a tensor gets: pure bookkeeping, without system calls.

/// Number of slots of the first region for a size of tensors.
const FIRST_SLOTS: usize = 4;

/// Maximum number of slots that are added at a time.
const MAX_SLOTS: usize = 16;

/// Alignment of slots: that of a memory page.
const PAGE: usize = 4096;

/// The slots of several regions, each region with slots of one size.
#[derive(Debug)]
pub(super) struct Slots<R> {
    /// Maximum number of bytes of all regions together.
    budget: usize,
    /// Least recently used first.
    regions: Vec<Entry<R>>,
    next_id: u64,
}

#[derive(Debug)]
struct Entry<R> {
    id: u64,
    /// `None` while it is being created.
    region: Option<R>,
    slot_size: usize,
    count: usize,
    /// Indices of free slots, the most recently used one last.
    free: Vec<usize>,
    /// Whether slots that become free are not used again.
    retired: bool,
}

/// A slot that is in use.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Taken<R> {
    pub(super) id: u64,
    pub(super) region: R,
    pub(super) index: usize,
    pub(super) offset: usize,
}

/// A region to be created, for which room has been reserved.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Growth<R> {
    pub(super) id: u64,
    pub(super) slot_size: usize,
    pub(super) count: usize,
    /// Unused regions that make room for it.
    pub(super) evicted: Vec<R>,
}

impl<R> Growth<R> {
    /// The region's size in bytes.
    pub(super) fn len(&self) -> usize {
        self.slot_size * self.count
    }
}

impl<R: Clone> Slots<R> {
    pub(super) fn new(budget: usize) -> Self {
        Self {
            budget,
            regions: Vec::new(),
            next_id: 0,
        }
    }

    /// A free slot for `len` bytes: the smallest one that is sufficient and at most twice as large as one made for `len`.
    pub(super) fn take(&mut self, len: usize) -> Option<Taken<R>> {
        let wanted = slot_size(len)?;
        let fitting = self.regions.iter().enumerate().filter(|(_, entry)| entry.fits(wanted));
        let (position, _) = fitting.min_by_key(|(_, entry)| entry.slot_size)?;
        let mut entry = self.regions.remove(position);
        let taken = entry.take();
        self.regions.push(entry);
        taken
    }

    /// Reserves room for a region with slots of `len` bytes; `None` if that would exceed the budget. Each further region
    /// of a size has as many slots as there are already.
    pub(super) fn grow(&mut self, len: usize) -> Option<Growth<R>> {
        let slot_size = slot_size(len)?;
        let alike = self.regions.iter().filter(|entry| entry.slot_size == slot_size);
        let present: usize = alike.map(|entry| entry.count).sum();
        let wanted = present.clamp(FIRST_SLOTS, MAX_SLOTS);
        let mut evicted = Vec::new();
        let mut room = self.room();
        while room / slot_size < wanted
            && let Some(region) = self.evict()
        {
            evicted.push(region);
            room = self.room();
        }
        let count = wanted.min(room / slot_size);
        if count == 0 {
            return None;
        }
        let id = self.next_id;
        self.next_id += 1;
        self.regions.push(Entry {
            id,
            region: None,
            slot_size,
            count,
            free: Vec::new(),
            retired: false,
        });
        Some(Growth {
            id,
            slot_size,
            count,
            evicted,
        })
    }

    /// Adds the region that [`Self::grow`] reserved room for, or gives the room up if it could not be created.
    pub(super) fn created(&mut self, id: u64, region: Option<R>) {
        let Some(position) = self.position(id) else { return };
        if region.is_none() {
            self.regions.remove(position);
            return;
        }
        let entry = &mut self.regions[position];
        entry.region = region;
        entry.free = (0..entry.count).rev().collect();
    }

    /// Frees a slot. Returns the region if it is not used any more.
    pub(super) fn put(&mut self, id: u64, index: usize) -> Option<R> {
        let position = self.position(id)?;
        let entry = &mut self.regions[position];
        entry.free.push(index);
        if entry.retired && entry.is_idle() {
            return self.regions.remove(position).region;
        }
        None
    }

    /// Stops using all present regions: slots in use stay valid, free ones are not used again. Returns the regions without
    /// slots in use.
    pub(super) fn retire(&mut self) -> Vec<R> {
        for entry in &mut self.regions {
            entry.retired = true;
        }
        let (idle, used) = self.regions.drain(..).partition::<Vec<_>, _>(Entry::is_idle);
        self.regions = used;
        idle.into_iter().filter_map(|entry| entry.region).collect()
    }

    /// All regions, retired ones included.
    pub(super) fn regions(&self) -> impl Iterator<Item = &R> {
        self.regions.iter().filter_map(|entry| entry.region.as_ref())
    }

    /// Bytes of all regions, including those that are being created.
    pub(super) fn len(&self) -> usize {
        self.regions.iter().map(|entry| entry.slot_size * entry.count).sum()
    }

    fn room(&self) -> usize {
        self.budget.saturating_sub(self.len())
    }

    /// Removes the least recently used region without slots in use.
    fn evict(&mut self) -> Option<R> {
        let position = self.regions.iter().position(Entry::is_idle)?;
        self.regions.remove(position).region
    }

    fn position(&self, id: u64) -> Option<usize> {
        self.regions.iter().position(|entry| entry.id == id)
    }
}

impl<R: Clone> Entry<R> {
    fn fits(&self, wanted: usize) -> bool {
        !self.retired && !self.free.is_empty() && self.slot_size >= wanted && self.slot_size / 2 <= wanted
    }

    fn take(&mut self) -> Option<Taken<R>> {
        let region = self.region.clone()?;
        let index = self.free.pop()?;
        Some(Taken {
            id: self.id,
            region,
            index,
            offset: index * self.slot_size,
        })
    }

    /// Whether it has been created and all its slots are free.
    fn is_idle(&self) -> bool {
        self.region.is_some() && self.free.len() == self.count
    }
}

/// The size of slots for `len` bytes: the next quarter step between two powers of two, so that tensors of similar sizes
/// share slots and less than a quarter is unused. `None` if it overflows.
pub(super) fn slot_size(len: usize) -> Option<usize> {
    let len = len.max(PAGE);
    let step = (len.checked_next_power_of_two()? / 8).max(PAGE);
    len.checked_next_multiple_of(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    /// Slots in regions that are called by the number of their creation.
    struct Ring {
        slots: Slots<usize>,
        created: usize,
    }

    impl Ring {
        fn new(budget: usize) -> Self {
            Self {
                slots: Slots::new(budget),
                created: 0,
            }
        }

        fn lease(&mut self, len: usize) -> Option<Taken<usize>> {
            if let Some(taken) = self.slots.take(len) {
                return Some(taken);
            }
            let growth = self.slots.grow(len)?;
            self.slots.created(growth.id, Some(self.created));
            self.created += 1;
            self.slots.take(len)
        }

        fn regions(&self) -> Vec<usize> {
            self.slots.regions().copied().collect()
        }
    }

    #[test]
    fn sizes_of_slots_waste_less_than_a_quarter() {
        let check = |len: usize, expected: usize| assert_eq!(slot_size(len), Some(expected), "{len}");
        check(0, PAGE);
        check(1, PAGE);
        check(PAGE + 1, 2 * PAGE);
        check(921_600, 917_504 + 131_072);
        check(MIB, MIB);
        check(MIB + 1, MIB + MIB / 4);
        check(4_915_200, 5 * MIB);
        for len in (64 << 10..8 * MIB).step_by(77_777) {
            let size = slot_size(len).unwrap();
            assert!(
                size >= len && size - len <= len / 4 && size.is_multiple_of(PAGE),
                "{len}: {size}"
            );
        }
        assert_eq!(slot_size(usize::MAX), None);
    }

    #[test]
    fn slots_do_not_overlap_and_are_reused_last_first() {
        let mut ring = Ring::new(100 * MIB);
        let taken: Vec<_> = (0..FIRST_SLOTS).map(|_| ring.lease(MIB).unwrap()).collect();
        let offsets: Vec<_> = taken.iter().map(|slot| slot.offset).collect();
        assert_eq!(offsets, [0, MIB, 2 * MIB, 3 * MIB]);
        assert_eq!(ring.slots.put(taken[2].id, taken[2].index), None);
        assert_eq!(
            ring.lease(MIB),
            Some(Taken {
                id: 0,
                region: 0,
                index: 2,
                offset: 2 * MIB
            })
        );
        assert_eq!(ring.slots.len(), FIRST_SLOTS * MIB);
    }

    #[test]
    fn each_further_region_doubles_the_number_of_slots_up_to_the_budget() {
        let mut ring = Ring::new(30 * MIB);
        let count = |ring: &mut Ring| std::iter::from_fn(|| ring.lease(MIB)).count();
        assert_eq!(count(&mut ring), 30);
        let sizes: Vec<_> = ring.slots.regions.iter().map(|entry| entry.count).collect();
        let mut sorted = sizes.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [4, 4, 8, 14]);
    }

    #[test]
    fn tensors_of_similar_size_share_slots_and_much_smaller_ones_do_not() {
        let mut ring = Ring::new(100 * MIB);
        let large = ring.lease(4 * MIB).unwrap();
        assert_eq!(ring.lease(2 * MIB).unwrap().region, large.region);
        assert_ne!(ring.lease(MIB).unwrap().region, large.region);
        // The smallest sufficient one.
        assert_ne!(ring.lease(MIB / 2).unwrap().region, large.region);
    }

    #[test]
    fn unused_regions_make_room_and_used_ones_do_not() {
        let mut ring = Ring::new(10 * MIB);
        let small = ring.lease(MIB).unwrap(); // region 0, 4 MiB
        let other = ring.lease(64 << 10).unwrap(); // region 1, 256 KiB
        ring.slots.put(other.id, other.index);
        let large = ring.lease(4 * MIB).unwrap(); // region 2, where region 1 was
        assert_eq!((large.region, ring.regions()), (2, vec![0, 2]));
        assert!(ring.slots.len() <= 10 * MIB);
        assert_eq!(ring.lease(4 * MIB), None);
        ring.slots.put(small.id, small.index);
        assert_eq!(ring.lease(4 * MIB).unwrap().region, 3);
        assert_eq!(ring.regions(), [2, 3]);
    }

    #[test]
    fn room_is_reserved_while_a_region_is_created_and_given_back_if_that_fails() {
        let mut slots = Slots::<usize>::new(4 * MIB);
        let growth = slots.grow(MIB).unwrap();
        assert_eq!((growth.len(), slots.len()), (4 * MIB, 4 * MIB));
        assert_eq!(slots.grow(MIB), None);
        assert_eq!(slots.take(MIB), None);
        slots.created(growth.id, None);
        assert_eq!(slots.len(), 0);
        assert!(slots.grow(MIB).is_some());
    }

    #[test]
    fn slots_of_retired_regions_are_not_reused() {
        let mut ring = Ring::new(100 * MIB);
        let [first, second] = [ring.lease(MIB).unwrap(), ring.lease(MIB).unwrap()];
        let idle = ring.lease(64 << 10).unwrap();
        ring.slots.put(idle.id, idle.index);
        assert_eq!(ring.slots.retire(), [idle.region]);
        assert_ne!(ring.lease(MIB).unwrap().region, first.region);
        assert_eq!(ring.slots.put(first.id, first.index), None);
        assert_ne!(ring.lease(MIB).unwrap().region, first.region);
        assert_eq!(
            ring.slots.put(second.id, second.index),
            Some(second.region),
            "the last slot frees the region"
        );
        assert_eq!(ring.slots.len(), FIRST_SLOTS * MIB);
    }
}
