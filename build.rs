//! Puts the model files where the crate includes them from. A missing one becomes an empty one: the Worker then says so
//! and serves what it can without it, which is better than no Worker.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// Each file in `models/`, and its name for the crate.
const FILES: [(&str, &str); 4] = [
    ("embedder/model.onnx", "embedder.onnx"),
    ("embedder/vocab.txt", "vocab.txt"),
    ("verifier/model.onnx", "verifier.onnx"),
    ("verifier/calibration.tsv", "calibration.tsv"),
];

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    for (source, name) in FILES {
        let source = Path::new("models").join(source);
        println!("cargo::rerun-if-changed={}", source.display());
        let bytes = fs::read(&source).unwrap_or_else(|error| {
            println!("cargo::warning={} cannot be read ({error}); the Worker will do without it", source.display());
            Vec::new()
        });
        if let Err(error) = fs::write(out.join(name), bytes) {
            println!("cargo::error={name} cannot be written: {error}");
        }
    }
}
