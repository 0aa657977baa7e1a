//! Gathers the kernel SDK with the crates that it needs: what a user's kernels are built against
//! without a network. It lies in `OUT_DIR/sdk`, where maturin takes it from into the wheel.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use serde_json::Value;

const OURS: [&str; 2] = ["kernel", "kernel-macros"];

/// What crates carry beside their sources; Cargo needs none of it to build them.
const LEFT_OUT: [&str; 10] = [
    "tests",
    "testdefs",
    "benches",
    "examples",
    "Cargo.lock",
    "Cargo.toml.orig",
    "clippy.toml",
    "justfile",
    "rust-toolchain.toml",
    ".cargo_vcs_info.json",
];

/// Write `OUT_DIR/sdk`: our crates in a workspace of their own, and `vendor`.
pub fn gather() -> io::Result<()> {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("../..");
    let sdk = PathBuf::from(variable("OUT_DIR")?).join("sdk");
    if sdk.exists() {
        fs::remove_dir_all(&sdk)?;
    }
    fs::create_dir_all(&sdk)?;
    for name in OURS {
        let from = root.join("rust").join(name);
        println!("cargo::rerun-if-changed={}", from.display());
        copy(&from, &sdk.join(name))?;
    }
    for name in ["Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", root.join(name).display());
    }
    println!("cargo::rerun-if-changed=build/sdk.rs");
    let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
    fs::write(sdk.join("Cargo.toml"), workspace(&manifest))?;
    // Cargo strikes out of it what the SDK does not need, and keeps the versions of the rest.
    fs::copy(root.join("Cargo.lock"), sdk.join("Cargo.lock"))?;

    if let Err(error) = vendor(&sdk) {
        // As when a crate of another platform was never fetched and there is no network now: not
        // a reason to have no package at all.
        let reason = error.to_string().replace('\n', " ");
        println!("cargo::warning=users' kernels will need a network to be built: {reason}");
        fs::remove_dir_all(sdk.join("vendor")).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })?;
    }
    Ok(())
}

/// Write `vendor`: the crates that ours need, as a folder that Cargo takes for a registry.
fn vendor(sdk: &Path) -> io::Result<()> {
    let every = packages(sdk, None)?;
    let built = packages(sdk, Some(&variable("TARGET")?))?;
    let checksums = checksums(&fs::read_to_string(sdk.join("Cargo.lock"))?);
    for (name, folder) in &every {
        let Some(checksum) = checksums.get(name) else {
            continue; // one of ours
        };
        let to = sdk.join("vendor").join(name);
        if built.contains_key(name) {
            copy(folder, &to)?;
        } else {
            stand_in(folder, &to)?;
        }
        // Without a list of files: some are left out.
        let note = format!("{{\"files\":{{}},\"package\":\"{checksum}\"}}");
        fs::write(to.join(".cargo-checksum.json"), note)?;
    }
    Ok(())
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(|error| io::Error::other(format!("{name}: {error}")))
}

/// The manifest of the SDK's workspace, of that of this one.
fn workspace(manifest: &str) -> String {
    let mut text = String::new();
    for line in manifest.lines() {
        if line.starts_with("members = ") {
            text.push_str("members = [\"kernel\", \"kernel-macros\"]");
        } else {
            text.push_str(&line.replace("path = \"rust/", "path = \""));
        }
        text.push('\n');
    }
    text
}

/// Folders of the packages that a workspace needs, on a target or on any, by name and version.
fn packages(workspace: &Path, target: Option<&str>) -> io::Result<BTreeMap<String, PathBuf>> {
    let mut command = Command::new(variable("CARGO")?);
    command
        .args(["metadata", "--format-version=1", "--manifest-path"])
        .arg(workspace.join("Cargo.toml"));
    if let Some(target) = target {
        command.args(["--filter-platform", target]);
    }
    let output = command.output()?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!("cargo metadata: {reason}")));
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let mut found = BTreeMap::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let [Some(name), Some(version), Some(manifest)] =
            ["name", "version", "manifest_path"].map(|key| package[key].as_str())
        else {
            return Err(io::Error::other("cargo metadata: a package without a name"));
        };
        let folder = Path::new(manifest).parent().unwrap_or(Path::new(""));
        found.insert(format!("{name}-{version}"), folder.to_path_buf());
    }
    Ok(found)
}

/// Checksums of the packages of a lock file that came from a registry, by name and version.
fn checksums(lock: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for package in lock.split("[[package]]").skip(1) {
        let field = |name: &str| {
            let start = format!("{name} = \"");
            let line = package.lines().find_map(|line| line.strip_prefix(&start))?;
            line.strip_suffix('"')
        };
        if let (Some(name), Some(version), Some(checksum)) =
            (field("name"), field("version"), field("checksum"))
        {
            found.insert(format!("{name}-{version}"), checksum.to_owned());
        }
    }
    found
}

/// An empty crate in place of one that this target does not build: Cargo wants to know of it.
fn stand_in(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to.join("src"))?;
    let manifest = fs::read_to_string(from.join("Cargo.toml"))?;
    let manifest = manifest.replace("build = \"build.rs\"", "build = false");
    fs::write(to.join("Cargo.toml"), manifest)?;
    fs::write(to.join("src/lib.rs"), "")
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        let text = name.to_string_lossy();
        let prose = text.ends_with(".md") && !text.starts_with("LICENSE");
        if LEFT_OUT.contains(&text.as_ref()) || text.starts_with('.') || prose {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to.join(&name))?;
        } else {
            fs::copy(entry.path(), to.join(&name))?;
        }
    }
    Ok(())
}
