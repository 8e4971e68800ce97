//! What goes wrong without anybody meaning it, and packs that somebody meant to.

mod clock;
mod disk_full;
mod packs;
mod permission;
mod start;
