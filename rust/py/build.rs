//! Tells the crate which Python it is built for, and gathers the kernel SDK that the wheel ships.

#[path = "build/sdk.rs"]
mod sdk;

fn main() -> std::io::Result<()> {
    pyo3_build_config::use_pyo3_cfgs();
    sdk::gather()
}
