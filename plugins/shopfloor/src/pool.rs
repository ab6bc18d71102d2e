//! The pool of servers that elements share, as a `GstContext`: how an application hands them one of its own.

use gst::glib;
use triton::ServerPool;

/// The type of the context: what an element's `NEED_CONTEXT` message asks for.
pub const CONTEXT: &str = "shopfloor.triton.pool";

const FIELD: &str = "pool";

/// A pool as a value of GLib's.
#[derive(Clone, Debug, glib::Boxed)]
#[boxed_type(name = "GstShopfloorTritonPool")]
struct Shared(ServerPool);

/// The context that has elements use `pool` instead of the process's. To be set before they go to READY, on them, on a
/// bin around them, or in answer to their `NEED_CONTEXT` message.
pub fn context(pool: &ServerPool) -> gst::Context {
    let mut context = gst::Context::new(CONTEXT, true);
    if let Some(context) = context.get_mut() {
        context.structure_mut().set(FIELD, Shared(pool.clone()));
    }
    context
}

/// The pool in a context, if it is one of ours.
pub(crate) fn of_context(context: &gst::ContextRef) -> Option<ServerPool> {
    let ours = context.context_type() == CONTEXT;
    let shared = ours.then(|| context.structure().get::<Shared>(FIELD))?;
    shared.ok().map(|Shared(pool)| pool)
}
