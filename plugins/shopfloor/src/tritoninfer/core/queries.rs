//! The ALLOCATION query: what downstream supports, and the buffers that the element holds.

use gst::prelude::*;

/// What downstream has answered for the present caps, to answer a live source without waiting.
#[derive(Default)]
pub struct Downstream {
    answer: Option<gst::query::Allocation<gst::Query>>,
}

impl Downstream {
    /// Asks downstream for `caps`.
    pub fn ask(source: &gst::Pad, caps: &gst::Caps) -> Self {
        let mut query = gst::query::Allocation::new(Some(caps), true);
        let answered = source.peer_query(&mut query);
        Self {
            answer: answered.then_some(query),
        }
    }

    /// Answers a query from what is known: the size of a buffer, the number of them, and whether they may have a layout of
    /// their own and crops. Downstream's pool itself is left out, since it may be in use.
    pub fn answer(&self, query: &mut gst::query::Allocation, held: u32) {
        let known = self.answer.as_ref().filter(|answer| answer.get().0 == query.get().0);
        if known.is_some_and(|answer| answer.find_allocation_meta::<gst_video::VideoMeta>().is_some()) {
            query.add_allocation_meta::<gst_video::VideoMeta>(None);
        }
        if known.is_some_and(|answer| answer.find_allocation_meta::<gst_video::VideoCropMeta>().is_some()) {
            query.add_allocation_meta::<gst_video::VideoCropMeta>(None);
        }
        let pool = known.and_then(|answer| answer.allocation_pools().next());
        let (size, min) = pool.map_or((0, 0), |(_, size, min, _)| (size, min));
        let size = size.max(frame_size(query));
        query.add_allocation_pool(None::<&gst::BufferPool>, size, min.saturating_add(held), 0);
    }
}

/// Adds the number of buffers that the element holds to the pools that downstream has answered, which would otherwise run
/// out of buffers. The metas that downstream accepts stay: the frames are passed on as they are, and crops are sampled.
pub fn complete(query: &mut gst::query::Allocation, held: u32) {
    let pools: Vec<_> = query.allocation_pools().collect();
    if pools.is_empty() {
        query.add_allocation_pool(None::<&gst::BufferPool>, frame_size(query), held, 0);
    }
    for (index, (pool, size, min, max)) in (0..).zip(pools) {
        let max = if max == 0 { 0 } else { max.saturating_add(held) };
        query.set_nth_allocation_pool(index, pool.as_ref(), size, min.saturating_add(held), max);
    }
}

fn frame_size(query: &gst::query::Allocation) -> u32 {
    let caps = query.get_owned().0;
    let info = caps.and_then(|caps| gst_video::VideoInfo::from_caps(&caps).ok());
    info.map_or(0, |info| info.size() as u32)
}
