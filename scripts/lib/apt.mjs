import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { Trouble } from "./log.mjs";
import { TOOLS } from "./paths.mjs";
import { ask, runLogged } from "./run.mjs";

const BASE = path.join(TOOLS, "debian");
const CACHE = path.join(BASE, "cache");
// The C library must be the one that the machine runs on.
const NEVER_UNPACKED = /^(libc6|libc-bin|libc-dev-bin|base-files)[_:-]/;

/** Where Debian's packages are unpacked. The system's own folders stay as they are. */
export const DEBIAN_ROOT = path.join(BASE, "root");

/** Can packages be had the Debian way? */
export function hasApt() {
  return ["apt-get", "apt-cache", "dpkg-deb"].every((tool) => ask(tool, ["--version"]) !== undefined);
}

/** apt with its lists and its cache under the project, so that it needs no root and changes nothing. */
function options() {
  return [
    ["Dir::State::lists", path.join(BASE, "lists")],
    ["Dir::Cache", CACHE],
    ["Debug::NoLocking", "1"],
    ["APT::Sandbox::User", os.userInfo().username],
  ].flatMap(([key, value]) => ["-o", `${key}=${value}`]);
}

/** Reads the package lists anew. */
export async function aptUpdate(note) {
  fs.mkdirSync(path.join(BASE, "lists/partial"), { recursive: true });
  fs.mkdirSync(path.join(CACHE, "archives/partial"), { recursive: true });
  await runLogged("apt-get", [...options(), "update"], { log: "apt-update", onLine: note });
}

/** What a package depends on, by name; undefined when there is no such package. */
export function dependencies(name) {
  const shown = ask("apt-cache", [...options(), "show", "--no-all-versions", name]);
  if (!shown) return undefined;
  const line = shown.match(/^Depends: (.*)$/m)?.[1] ?? "";
  return line.split(",").map((part) => part.trim().split(/[ :(|]/)[0]);
}

/** Downloads packages, with what they need and the machine has not, and unpacks them under `.tools/`. */
export async function aptUnpack(names, log, note) {
  const archives = path.join(CACHE, "archives");
  fs.rmSync(archives, { recursive: true, force: true });
  fs.mkdirSync(path.join(archives, "partial"), { recursive: true });
  const install = ["install", "--reinstall", "--download-only", "--yes", "--no-install-recommends", ...names];
  await runLogged("apt-get", [...options(), ...install], { log, onLine: note });
  const packages = fs.readdirSync(archives).filter((file) => file.endsWith(".deb") && !NEVER_UNPACKED.test(file));
  if (packages.length === 0) throw new Trouble(`apt-get downloaded nothing for ${names.join(" ")}.`);
  fs.mkdirSync(DEBIAN_ROOT, { recursive: true });
  for (const file of packages) {
    await runLogged("dpkg-deb", ["-x", path.join(archives, file), DEBIAN_ROOT], { log: `${log}-unpack` });
  }
  fs.rmSync(CACHE, { recursive: true, force: true });
}
