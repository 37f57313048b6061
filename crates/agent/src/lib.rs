//! The shell around the engine on a protected device.
