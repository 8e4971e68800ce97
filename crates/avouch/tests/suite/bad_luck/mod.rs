//! What goes wrong without anybody meaning it, and packs that somebody meant to.

mod clock;
mod packs;
mod start;
