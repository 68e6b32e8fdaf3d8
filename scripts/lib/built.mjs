import fs from "node:fs";
import path from "node:path";
import { BUILD, ROOT, TARGET, WASM } from "./paths.mjs";
import { wasmCompiler } from "./rust.mjs";
import { filesUnder, fingerprint } from "./stamp.mjs";

const STAMP = path.join(BUILD, ".stamp.json");
const OUTPUT = ["index.js", "index_bg.wasm"].map((file) => path.join(BUILD, file));
const ALWAYS = ["Cargo.toml", "Cargo.lock", "build.rs", ".cargo", "stand-ins", "scripts/build.mjs", "scripts/lib/pack.mjs"];

/** Every file that the Worker was made of: cargo's own list of the crate's sources, with what it includes, and the manifests. */
function inputs(profile) {
  const list = fs.readFileSync(path.join(TARGET, WASM, profile, "nearhit.d"), "utf8");
  const named = list.replaceAll("\\ ", "\0").split(/\s+/).slice(1).filter(Boolean).map((file) => file.replaceAll("\0", " "));
  return [...new Set([...named, ...ALWAYS.flatMap((place) => filesUnder(path.join(ROOT, place)))])];
}

/** Is `build/` the outcome of what the sources say now? */
export function isBuilt(profile) {
  if (!fs.existsSync(STAMP) || !OUTPUT.every((file) => fs.existsSync(file))) return false;
  const { profile: made, files, digest } = JSON.parse(fs.readFileSync(STAMP, "utf8"));
  return made === profile && digest === fingerprint(files, wasmCompiler(), profile);
}

/** Before a build: what is in `build/` no longer counts. */
export function forgetBuild() {
  fs.rmSync(STAMP, { force: true });
}

/** After a build: remember what it was made of, unless a file was changed while it ran. */
export function rememberBuild(profile, started) {
  const files = inputs(profile);
  if (files.some((file) => fs.existsSync(file) && fs.statSync(file).mtimeMs >= started)) return;
  fs.writeFileSync(STAMP, JSON.stringify({ profile, files, digest: fingerprint(files, wasmCompiler(), profile) }));
}
