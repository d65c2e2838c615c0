//! Compiles the protocol with protox, so that building needs Rust and nothing else.
//!
//! One descriptor set serves both the generated types and server reflection. The client is generated
//! the usual way. There is no generated server: its responses are not `Message` but `Frame`, a message
//! encoded once and stamped for each recipient (see `src/wire` and `src/grpc/service.rs`).

use prost::Message as _;
use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

/// The original's schema.
const LEGACY: &str = "tests/legacy/original.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto/chittychat.proto");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let descriptors = protox::compile(["chittychat.proto"], ["proto"])?;
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().build_server(false).compile_fds(descriptors)?;
    legacy_peer(&out)
}

/// Generates the peer that the tests call legacy, from the original's own schema. An image is built
/// without the tests, so there it is left out.
fn legacy_peer(out: &Path) -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={LEGACY}");
    if Path::new(LEGACY).exists() {
        let folder = out.join("legacy");
        fs::create_dir_all(&folder)?;
        let descriptors = protox::compile([LEGACY], ["tests/legacy"])?;
        tonic_prost_build::configure().out_dir(folder).compile_fds(descriptors)?;
    }
    Ok(())
}
