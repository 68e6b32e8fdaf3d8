import { WASM } from "./paths.mjs";
import { wasmEnv } from "./rust.mjs";
import { runLogged } from "./run.mjs";
import { isBuilt } from "./built.mjs";

/** The cargo call that worker-build makes, made ahead of it: so the crates compile while the tools do. */
export async function compileWorker(profile, progress) {
  if (isBuilt(profile)) return;
  const about = "the Worker's crates, about 5 min the first time, seconds after a change";
  const args = ["build", "--lib", "--profile", profile, "--target", WASM];
  await progress.job(`cargo build (${profile}, wasm32)`, about, (note) =>
    runLogged("cargo", args, { log: `cargo-${profile}`, env: wasmEnv(), onLine: note }));
}
