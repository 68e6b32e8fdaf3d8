// Builds the Worker into build/: `--release` for deploying (small, slow to build), else the fast profile.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { forgetBuild, isBuilt, rememberBuild } from "./lib/built.mjs";
import { duration, exitWith, say } from "./lib/log.mjs";
import { packWorker } from "./lib/pack.mjs";
import { BUILD } from "./lib/paths.mjs";
import { Progress } from "./lib/progress.mjs";
import { setUp } from "./setup.mjs";

/** Builds the Worker with a cargo profile, setting up what is missing; does nothing when nothing has changed. */
export async function build(profile) {
  const started = Date.now();
  await setUp({ profile });
  if (isBuilt(profile)) return;
  forgetBuild();
  const about = "the crate into JavaScript and wasm for Cloudflare, some seconds";
  await packWorker({ profile, folder: "build", log: "worker-build", about }, new Progress());
  rememberBuild(profile, started);
  const { size } = fs.statSync(path.join(BUILD, "index_bg.wasm"));
  say(`   built  ${profile}: ${(size / 2 ** 20).toFixed(1)} MiB of wasm in ${duration(Date.now() - started)}`);
}

/** The profile that the command line and NEARHIT_PROFILE ask for; the variable wins, for wrangler calls us with --release. */
export function profileAsked(args) {
  return process.env.NEARHIT_PROFILE ?? (args.includes("--release") ? "release" : "fast");
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await exitWith(() => build(profileAsked(process.argv.slice(2))));
}
