import fs from "node:fs";
import { DEBIAN_CLIPPY, debianEnv, debianReady, setUpDebianRust } from "./debian.mjs";
import { Trouble } from "./log.mjs";
import { TARGET, WASM } from "./paths.mjs";
import { ask, runLogged } from "./run.mjs";
import { atLeast, oldestRust } from "./versions.mjs";

/** Is there a Rust that is new enough, and a linker for it? */
export function checkRust() {
  const version = ask("rustc", ["--version"])?.split(" ")[1];
  if (!version || ask("cargo", ["--version"]) === undefined) {
    throw new Trouble(`Rust is missing: install Rust ${oldestRust()} or newer with rustup (https://rustup.rs), then run the command again.`);
  }
  if (!atLeast(version.split("-")[0], oldestRust())) {
    throw new Trouble(`Rust ${version} is too old: ${oldestRust()} or newer is needed. With rustup: rustup update stable`);
  }
  if (ask("cc", ["--version"]) === undefined) {
    throw new Trouble("A C compiler is missing, which Rust links with. On Debian: apt-get install gcc libc6-dev");
  }
}

/** Does the user's own Rust compile for wasm32? */
function ownHasWasm() {
  const folder = ask("rustc", ["--target", WASM, "--print", "target-libdir"]);
  return folder !== undefined && fs.existsSync(folder) && fs.readdirSync(folder).some((file) => file.startsWith("libcore-"));
}

/** The Debian way is gone where rustup's was barred; NEARHIT_TOOLCHAIN=rustup or =debian decides by hand. */
function debianWay() {
  const wish = process.env.NEARHIT_TOOLCHAIN;
  return wish === "debian" || (wish !== "rustup" && debianReady() && !ownHasWasm());
}

/** Makes sure that something here compiles for wasm32. */
export async function setUpWasmTarget(progress) {
  const wish = process.env.NEARHIT_TOOLCHAIN;
  if (wish !== "debian" && ownHasWasm()) return;
  if (debianWay() && debianReady()) return;
  if (wish !== "debian" && (await addByRustup(progress))) return;
  if (wish === "rustup") throw new Trouble(`rustup could not add ${WASM}; see .tools/logs/rustup.log.`);
  await setUpDebianRust(progress);
}

async function addByRustup(progress) {
  if (ask("rustup", ["--version"]) === undefined) return false;
  const about = "the standard library for the Worker, some seconds";
  try {
    await progress.job(`rustup target add ${WASM}`, about, (note) => runLogged("rustup", ["target", "add", WASM], { log: "rustup", onLine: note }));
  } catch {
    return false;
  }
  return ownHasWasm();
}

/** The environment for everything that compiles the Worker: the build, worker-build, clippy. */
export function wasmEnv() {
  return {
    ...(debianWay() ? debianEnv() : {}),
    CARGO_TARGET_DIR: TARGET,
    // worker-build sets it; the same everywhere, or macros expand differently and crates are compiled again.
    WASM_BINDGEN_USE_JS_SYS: "1",
  };
}

/** How clippy is started for wasm32: the one of the compiler that has the target. */
export function wasmClippy() {
  return debianWay() ? [DEBIAN_CLIPPY, ["clippy"]] : ["cargo", ["clippy"]];
}

/** What compiles the Worker, for the build's stamp. */
export function wasmCompiler() {
  return ask(wasmEnv().RUSTC ?? "rustc", ["--version"]);
}
