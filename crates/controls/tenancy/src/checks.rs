//! Attacks on what keeps tenants apart.

mod crawl;
mod inside;
mod segregation;

pub use inside::{Confinement, Inside, Outcome, Probed, Running, Tried};
pub use segregation::{IsRecord, MOST_ATTACKERS, Segregation, Turns};

pub use crawl::SAMPLE;
