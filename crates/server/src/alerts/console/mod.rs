//! The pages of alerts.

mod export;
mod judgement;
mod list;
mod show;

pub use export::export;
pub use list::{delete_view, list, save_view, triage_many};
pub use show::{show, update};
