mod laws;
mod oracle;
mod policies;
mod rollup;
mod settings;
mod threats;
mod validate;
mod world;
