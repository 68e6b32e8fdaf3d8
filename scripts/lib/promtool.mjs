import fs from "node:fs";
import path from "node:path";
import { aptUnpack, aptUpdate, DEBIAN_ROOT, hasApt } from "./apt.mjs";
import { TOOLS } from "./paths.mjs";
import { ask } from "./run.mjs";

const KEPT = path.join(TOOLS, "promtool");
const USR = path.join(DEBIAN_ROOT, "usr");
/** What Debian's package brings beside promtool: the server, and the libraries of its web page. */
const NOT_NEEDED = ["bin/prometheus", "share/javascript", "share/nodejs"];

/**
 * Finds promtool, Prometheus's own checker: where the variable PROMTOOL says, in the PATH, or in Debian's package
 * `prometheus`, from which it goes to `.tools/promtool`.
 * @returns {Promise<{path: string} | {missing: string}>} `missing`: why there is none
 */
export async function setUpPromtool() {
  const named = process.env.PROMTOOL;
  if (named) return runs(named) ? { path: named } : { missing: `PROMTOOL is '${named}', which does not start` };
  for (const found of ["promtool", KEPT]) if (runs(found)) return { path: found };
  if (!hasApt()) return { missing: "there is no promtool, and no apt to get it with (install Prometheus, or set PROMTOOL)" };
  try {
    await fromDebian();
  } catch (fault) {
    return { missing: `promtool could not be had from Debian's package prometheus: ${fault.message.split("\n")[0]}` };
  }
  return runs(KEPT) ? { path: KEPT } : { missing: "Debian's promtool does not start on this machine" };
}

async function fromDebian() {
  await aptUpdate(() => {});
  await aptUnpack(["prometheus"], "apt-prometheus", () => {});
  fs.rmSync(KEPT, { force: true });
  fs.renameSync(path.join(USR, "bin/promtool"), KEPT);
  for (const place of NOT_NEEDED) fs.rmSync(path.join(USR, place), { recursive: true, force: true });
}

function runs(program) {
  return ask(program, ["--version"]) !== undefined;
}
