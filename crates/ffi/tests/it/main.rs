//! Drives the real library through its Python binding, as an app would through Swift.

mod binding;
mod bundles;
mod replies;
