//! The ALLOCATION query: buffers held by the element.

/// Adds the number of buffers that the element holds to the pools in the query, which would otherwise run out of
/// buffers.
pub fn ask_for_buffers(allocation: &mut gst::query::Allocation, held: u32) {
    let pools: Vec<_> = allocation.allocation_pools().collect();
    if pools.is_empty() {
        let info = allocation
            .get()
            .0
            .and_then(|caps| gst_video::VideoInfo::from_caps(caps).ok());
        let size = info.map_or(0, |info| info.size() as u32);
        allocation.add_allocation_pool(None::<&gst::BufferPool>, size, held, 0);
    }
    for (index, (pool, size, min, max)) in (0..).zip(pools) {
        let max = if max == 0 { 0 } else { max.saturating_add(held) };
        allocation.set_nth_allocation_pool(index, pool.as_ref(), size, min.saturating_add(held), max);
    }
}
