//! What may pass in a head: names, cookies, origins, numbers. All of it pure.

pub mod cookies;
pub mod entry;
pub mod head_scan;
pub mod names;
pub mod origin;
pub mod path;
pub mod reset_scan;
pub mod response;
