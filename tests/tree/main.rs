//! Rules that the tree keeps: who may depend on whom, what files look like, what the documents promise.

mod documents;
mod files;
mod layers;
