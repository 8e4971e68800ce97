//! Hands the shared stylesheet to the compiler, which embeds it: the program reads no file of ours when it runs.

use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), String> {
    let built = Path::new("../../web/dist/avouch.css");
    println!("cargo:rerun-if-changed={}", built.display());
    let out = env::var_os("OUT_DIR").ok_or("cargo did not say where build output goes")?;
    fs::copy(built, Path::new(&out).join("avouch.css"))
        .map(|_| ())
        .map_err(|_| "web/dist/avouch.css is missing: run `make web` first".to_owned())
}
