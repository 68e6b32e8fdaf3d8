import path from "node:path";
import { NPM_BIN, ROOT, TOOLS } from "./paths.mjs";
import { wasmEnv } from "./rust.mjs";
import { runLogged } from "./run.mjs";
import { stripNames } from "./strip.mjs";
import { wasmTools } from "./tools.mjs";

/**
 * Makes the crate into a Worker: compiles what is not compiled yet, writes its JavaScript and wasm.
 * @param {{profile: string, folder: string, features?: string[], log: string, about: string}} options `folder`: where to,
 *   seen from the project's folder
 */
export async function packWorker({ profile, folder, features = [], log, about }, progress) {
  const [bindgen, workerBuild] = wasmTools();
  const env = {
    ...wasmEnv(),
    WASM_BINDGEN_BIN: bindgen.path,
    ESBUILD_BIN: path.join(NPM_BIN, "esbuild"),
    XDG_CACHE_HOME: path.join(TOOLS, "cache"),
  };
  const args = [...(profile === "release" ? ["--release"] : ["--profile", profile]), "--no-opt", "--out-dir", folder];
  if (features.length) args.push("--features", features.join(","));
  await progress.job("worker-build", about, (note) => runLogged(workerBuild.path, args, { log, env, onLine: note }));
  if (profile === "release") stripNames(path.join(ROOT, folder, "index_bg.wasm"));
}
