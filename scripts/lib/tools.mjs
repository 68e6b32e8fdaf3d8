import fs from "node:fs";
import path from "node:path";
import { aptUnpack, aptUpdate, DEBIAN_ROOT, hasApt } from "./apt.mjs";
import { Trouble } from "./log.mjs";
import { TOOLS } from "./paths.mjs";
import { ask, runLogged } from "./run.mjs";
import { lockedVersion } from "./versions.mjs";

const SCRATCH = path.join(TOOLS, "compiling");

/** The two Rust programs that make a Worker of a crate, each in the version that Cargo.lock asks for. */
export function wasmTools() {
  const bindgen = lockedVersion("wasm-bindgen");
  const worker = lockedVersion("worker");
  return [
    // Its own lock file lags behind the registry, so no --locked.
    { crate: "wasm-bindgen-cli", version: bindgen, bin: "wasm-bindgen", args: ["--no-default-features"], about: "2" },
    { crate: "worker-build", version: worker, bin: "worker-build", args: ["--locked"], about: "3" },
  ].map((tool) => {
    const home = path.join(TOOLS, `${tool.crate}-${tool.version}`);
    return { ...tool, home, path: path.join(home, "bin", tool.bin) };
  });
}

/** Compiles the tools that are missing, one after the other (they share crates), into `.tools/`. */
export async function setUpWasmTools(progress) {
  const missing = wasmTools().filter((tool) => !fs.existsSync(tool.path));
  for (const tool of missing) {
    const about = `turns the compiled crate into a Worker; about ${tool.about} min on 2 free cores, once`;
    await progress.job(`${tool.crate} ${tool.version}`, about, async (note) => {
      const openssl = tool.crate === "worker-build" ? await opensslEnv(note) : {};
      await install(tool, openssl, note);
    });
  }
  if (missing.length) fs.rmSync(SCRATCH, { recursive: true, force: true });
}

async function install(tool, env, note) {
  fs.rmSync(tool.home, { recursive: true, force: true });
  const args = ["install", tool.crate, "--version", tool.version, "--bin", tool.bin, ...tool.args, "--root", tool.home, "--no-track"];
  await runLogged("cargo", args, {
    log: tool.crate,
    cwd: TOOLS,
    onLine: note,
    env: {
      CARGO_TARGET_DIR: SCRATCH,
      CARGO_PROFILE_RELEASE_OPT_LEVEL: "1",
      CARGO_PROFILE_RELEASE_LTO: "off",
      CARGO_PROFILE_RELEASE_CODEGEN_UNITS: "16",
      CARGO_PROFILE_RELEASE_DEBUG: "false",
      ...env,
    },
  });
}

/** worker-build links OpenSSL on Linux. Where its headers are missing they come from Debian's package, under `.tools/`. */
async function opensslEnv(note) {
  const forced = process.env.NEARHIT_OPENSSL === "debian";
  if (process.platform !== "linux" || process.env.OPENSSL_DIR) return {};
  if (!forced && ask("pkg-config", ["--exists", "openssl"]) !== undefined) return {};
  if (!hasApt()) {
    throw new Trouble("OpenSSL's headers and pkg-config are missing, which worker-build needs. Install them, for example:\n  dnf install openssl-devel pkgconf   or   apk add openssl-dev pkgconf");
  }
  await aptUpdate(note);
  await aptUnpack(["libssl-dev"], "apt-openssl", note);
  const usr = path.join(DEBIAN_ROOT, "usr");
  const triple = ask("cc", ["-dumpmachine"]);
  return {
    OPENSSL_STATIC: "1",
    OPENSSL_LIB_DIR: path.join(usr, "lib", triple),
    OPENSSL_INCLUDE_DIR: path.join(usr, "include"),
    // openssl/configuration.h lies in the folder of the machine's kind.
    CFLAGS: `-I${path.join(usr, "include", triple)} ${process.env.CFLAGS ?? ""}`.trim(),
  };
}
