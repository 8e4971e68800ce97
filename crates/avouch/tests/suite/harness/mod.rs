//! A running service, and everything a person or a misfortune can do to it from outside.

mod browser;
mod command;
mod disk;
mod frames;
mod guard;
mod imposter;
mod keeper;
mod place;
mod processes;
mod programs;
mod random;
mod raw;
mod service;
mod wait;
mod wire;

pub use browser::{Browser, Entry};
pub use command::{Done, avouch, run};
pub use disk::Disk;
pub use frames::{Came, Frames};
pub use guard::Guard;
pub use imposter::impersonate;
pub use keeper::Keeper;
pub use place::{Place, free_address as free, user_ids};
pub use processes::{kill, named, signal, under};
pub use programs::{avouch_binary, build, example, not_tried, profile_folder, root};
pub use random::Random;
pub use raw::Raw;
pub use service::{Options, Service, User, shared};
pub use wait::{eventually, within};
pub use wire::{Aside, bend, straighten};
