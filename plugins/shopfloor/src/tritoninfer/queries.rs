//! Queries: what others ask `tritoninfer` about buffers, latency and the stream.

use std::sync::atomic::Ordering;
use std::time::Duration;

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::imp::{CAT, TritonInferCore};
use super::latency::Promise;
use super::stream::SLACK;

impl TritonInferCore {
    pub(super) fn sink_query(&self, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
        if !query.is_serialized() {
            return gst::Pad::query_default(pad, Some(&*self.obj()), query);
        }
        if !self.gate.pass_query() {
            return false;
        }
        let answered = gst::Pad::query_default(pad, Some(&*self.obj()), query);
        if answered && let gst::QueryViewMut::Allocation(allocation) = query.view_mut() {
            self.ask_for_buffers(allocation);
        }
        answered
    }

    /// We hold on to frames; a pool that counts on getting them back at once would run dry.
    fn ask_for_buffers(&self, allocation: &mut gst::query::Allocation) {
        let held = self.settings.lock().unwrap().max_in_flight + SLACK as u32;
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

    pub(super) fn src_query(&self, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
        let gst::QueryViewMut::Latency(latency) = query.view_mut() else {
            return gst::Pad::query_default(pad, Some(&*self.obj()), query);
        };
        let mut upstream = gst::query::Latency::new();
        if !self.sinkpad.peer_query(&mut upstream) {
            return false;
        }
        let (live, min, max) = upstream.result();
        let own = if live { self.own_latency() } else { Duration::ZERO };
        let own = gst::ClockTime::try_from(own).unwrap_or(gst::ClockTime::ZERO);
        // we hold back as much as we delay, so both ends move alike
        latency.set(live, min + own, max.map(|max| max + own));
        true
    }

    /// What we add to a live stream's latency. The first to ask waits for the measurement; who asks meanwhile is told
    /// to ask again.
    fn own_latency(&self) -> Duration {
        let Some(opened) = self.opened() else {
            return Duration::ZERO;
        };
        let known = opened.promise.lock().unwrap().latency();
        if let Some(latency) = known {
            return latency;
        }
        if self.measuring.swap(true, Ordering::AcqRel) {
            return Duration::ZERO;
        }
        let settings = self.settings.lock().unwrap().clone();
        let timeout = Duration::from_millis(settings.timeout.into());
        let promise = match opened.session.warm_up(settings.max_in_flight as usize, timeout) {
            Ok(slowest) => Promise::measured(slowest),
            Err(error) => {
                // the first frame's request says it to the user, by on-error
                gst::warning!(CAT, imp = self, "the warm-up failed: {error}");
                Promise::fixed(timeout)
            }
        };
        gst::info!(CAT, imp = self, "{}: {promise:?}", opened.session.contract().model);
        *opened.promise.lock().unwrap() = promise;
        self.measuring.store(false, Ordering::Release);
        let _ = self
            .obj()
            .post_message(gst::message::Latency::builder().src(&*self.obj()).build());
        promise.latency().unwrap_or_default()
    }
}
