import fs from "node:fs";
import path from "node:path";
import { aptUnpack, aptUpdate, DEBIAN_ROOT, dependencies, hasApt } from "./apt.mjs";
import { Trouble } from "./log.mjs";
import { TOOLS, WASM } from "./paths.mjs";
import { ask, runLogged } from "./run.mjs";
import { atLeast, oldestRust } from "./versions.mjs";

const BIN = path.join(TOOLS, "debian/bin");
const USR = path.join(DEBIAN_ROOT, "usr");
const RUSTC = path.join(BIN, "rustc");
const WASM_LIBS = path.join(USR, "lib/rustlib", WASM, "lib");
const PARTS = ["rustc-web", "rust-web-src", "rust-web-clippy"];

/** The environment in which cargo compiles for wasm32 with Debian's compiler. */
export function debianEnv() {
  return { RUSTC, PATH: `${BIN}${path.delimiter}${process.env.PATH}` };
}

/** The `cargo-clippy` that belongs to Debian's compiler. */
export const DEBIAN_CLIPPY = path.join(BIN, "cargo-clippy");

/** Has the Debian way been gone to its end? */
export function debianReady() {
  return fs.existsSync(path.join(WASM_LIBS, "complete"));
}

/** Gets Debian's Rust with its sources, and compiles the standard library for wasm32 from them. */
export async function setUpDebianRust(progress) {
  if (!hasApt()) throw new Trouble(HELP);
  await progress.job("Debian's Rust", "rustup can't add wasm32 here; about 140 MB into .tools/, 1-2 min", async (note) => {
    await aptUpdate(note);
    await aptUnpack(packages(), "apt-rust", note);
    wrapBinaries();
    checkVersion();
  });
  await progress.job("std for wasm32", "compiling it from Debian's sources, about 1-2 min", buildStd);
}

/** Debian's Rust with the parts of it that may be on the machine already: all of them are needed here. */
function packages() {
  const wanted = new Set(PARTS);
  for (const name of wanted) {
    const needs = dependencies(name);
    if (!needs) throw new Trouble(HELP);
    for (const need of needs) if (/^(libstd-rust-web|libllvm\d)/.test(need)) wanted.add(need);
  }
  const llvm = [...wanted].find((name) => name.startsWith("libllvm"));
  return [...wanted, llvm.replace("libllvm", "lld-")];
}

/** Small scripts that start the unpacked programs with the unpacked libraries. */
function wrapBinaries() {
  fs.mkdirSync(BIN, { recursive: true });
  const triple = ask("cc", ["-dumpmachine"]) ?? "x86_64-linux-gnu";
  const libraries = [`${USR}/lib/${triple}`, `${DEBIAN_ROOT}/lib/${triple}`].join(":");
  const programs = { rustc: `"${USR}/bin/rustc" --sysroot "${USR}"`, "cargo-clippy": `"${USR}/bin/cargo-clippy"` };
  for (const [name, call] of Object.entries(programs)) {
    const lines = ["#!/bin/sh", `export LD_LIBRARY_PATH="${libraries}"`, `export SYSROOT="${USR}"`, `exec ${call} "$@"`, ""];
    fs.writeFileSync(path.join(BIN, name), lines.join("\n"), { mode: 0o755 });
  }
  const linkers = path.join(USR, "lib/rustlib", hostTriple(), "bin");
  fs.mkdirSync(linkers, { recursive: true });
  const lld = fs.readdirSync(path.join(USR, "bin")).find((file) => /^lld-\d+$/.test(file));
  fs.rmSync(path.join(linkers, "rust-lld"), { force: true });
  fs.symlinkSync(path.join(USR, "bin", lld), path.join(linkers, "rust-lld"));
}

function hostTriple() {
  return ask(RUSTC, ["-vV"])?.match(/^host: (.*)$/m)?.[1] ?? "x86_64-unknown-linux-gnu";
}

function checkVersion() {
  const version = ask(RUSTC, ["--version"])?.split(" ")[1];
  if (!version || !atLeast(version, oldestRust())) {
    throw new Trouble(`Debian's rustc-web is ${version ?? "not to be started"}, and ${oldestRust()} is needed.\n${HELP}`);
  }
}

/** `-Zbuild-std` in an empty crate; its libraries then lie where an installed target's would. */
async function buildStd(note) {
  const crate = path.join(TOOLS, "debian/std");
  fs.mkdirSync(path.join(crate, "src"), { recursive: true });
  fs.writeFileSync(path.join(crate, "src/lib.rs"), "");
  fs.writeFileSync(path.join(crate, "Cargo.toml"), STD_MANIFEST);
  const target = path.join(crate, "target");
  const env = {
    ...debianEnv(),
    RUSTC_BOOTSTRAP: "1",
    CARGO_TARGET_DIR: target,
    // Not the project's flags; with bitcode, for a release is optimised across all crates.
    CARGO_ENCODED_RUSTFLAGS: "-Cembed-bitcode=yes",
  };
  const args = ["build", "--release", "--target", WASM, "-Zbuild-std=std,panic_abort"];
  await runLogged("cargo", args, { log: "std-wasm32", cwd: crate, env, onLine: note });
  const built = path.join(target, WASM, "release/deps");
  fs.mkdirSync(WASM_LIBS, { recursive: true });
  for (const file of fs.readdirSync(built).filter((name) => name.endsWith(".rlib"))) {
    fs.copyFileSync(path.join(built, file), path.join(WASM_LIBS, file));
  }
  for (const used of [crate, path.join(USR, "src")]) fs.rmSync(used, { recursive: true, force: true });
  fs.writeFileSync(path.join(WASM_LIBS, "complete"), "");
}

const STD_MANIFEST = `[package]
name = "std-for-wasm32"
version = "0.0.0"
edition = "2024"
[lib]
crate-type = ["cdylib"]
[workspace]
`;

const HELP = `The Rust compiler on this machine can't compile for ${WASM}, and the target could not be added.
Do one of these, then run the command again:
  - with rustup and a network:   rustup target add ${WASM}
  - on Debian 12 or newer:       make the packages ${PARTS.join(", ")} available to apt
  - elsewhere:                   install your distribution's package with Rust's standard library for ${WASM}`;
