//! The agent against a real kernel, in network namespaces of its own. Without root these tests say that they were skipped.

mod namespace;
mod routing;
