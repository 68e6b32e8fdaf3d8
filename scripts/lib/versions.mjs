import fs from "node:fs";
import path from "node:path";
import { ROOT } from "./paths.mjs";

/** "1.95.0" is at least "1.91"? */
export function atLeast(version, wanted) {
  const [have, want] = [version, wanted].map((text) => text.split(".").map(Number));
  for (const [i, number] of want.entries()) {
    if ((have[i] ?? 0) !== number) return (have[i] ?? 0) > number;
  }
  return true;
}

/** The version of a crate in Cargo.lock. */
export function lockedVersion(crate) {
  const lock = fs.readFileSync(path.join(ROOT, "Cargo.lock"), "utf8");
  const found = lock.match(new RegExp(`\\nname = "${crate}"\\nversion = "([^"]+)"`));
  if (!found) throw new Error(`Cargo.lock has no ${crate}`);
  return found[1];
}

/** The oldest Rust that the project compiles with, from Cargo.toml. */
export function oldestRust() {
  const manifest = fs.readFileSync(path.join(ROOT, "Cargo.toml"), "utf8");
  return manifest.match(/^rust-version = "([\d.]+)"/m)[1];
}
