//! The pool of servers that elements share, as a `GstContext` by which an application sets its own.

use gst::glib;
use triton::ServerPool;

/// The context type in an element's `NEED_CONTEXT` message.
pub const CONTEXT: &str = "shopfloor.triton.pool";

const FIELD: &str = "pool";

/// A pool as a GLib value.
#[derive(Clone, Debug, glib::Boxed)]
#[boxed_type(name = "GstShopfloorTritonPool")]
struct Shared(ServerPool);

/// A context that makes elements use `pool` instead of the one of the process. Set it before they change to READY: on the
/// elements, on a bin around them, or in response to their `NEED_CONTEXT` message.
pub fn context(pool: &ServerPool) -> gst::Context {
    let mut context = gst::Context::new(CONTEXT, true);
    if let Some(context) = context.get_mut() {
        context.structure_mut().set(FIELD, Shared(pool.clone()));
    }
    context
}

/// The pool in a context, if the context is of the type [`CONTEXT`].
pub(crate) fn of_context(context: &gst::ContextRef) -> Option<ServerPool> {
    let ours = context.context_type() == CONTEXT;
    let shared = ours.then(|| context.structure().get::<Shared>(FIELD))?;
    shared.ok().map(|Shared(pool)| pool)
}
