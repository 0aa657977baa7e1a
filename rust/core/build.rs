//! Lists the built-in kernels: every file in `src/kernels` is one, named after its function.

use std::fmt::Write;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let folder = Path::new(&root).join("src/kernels");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        let name = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default()
            .to_owned();
        if path.extension().is_some_and(|extension| extension == "rs") && name != "mod" {
            names.push(name);
        }
    }
    names.sort();
    let mut code = String::new();
    for name in &names {
        // As a Rust literal: a path may hold characters that need escaping.
        let path = format!("{:?}", folder.join(format!("{name}.rs")).to_string_lossy());
        let _ = writeln!(code, "#[path = {path}]\npub mod {name};");
    }
    let paths: Vec<_> = names.iter().map(|name| format!("{name}::{name}")).collect();
    let _ = writeln!(
        code,
        "ironbatch_kernel::static_table!(TABLE; {});",
        paths.join(", ")
    );
    let output = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&output).join("kernels.rs"), code)
}
