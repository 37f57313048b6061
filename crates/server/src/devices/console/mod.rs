//! The pages of devices.

mod list;
mod orders;
mod show;

pub use list::{delete_view, list, save_view};
pub use orders::{check, lock, retire, revoke, set_user, sync, wipe};
pub use show::show;
