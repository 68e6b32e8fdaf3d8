// Removes what was built; with `--all` also what the set-up made and installed.
import fs from "node:fs";
import path from "node:path";
import { say } from "./lib/log.mjs";
import { BUILD, ROOT, TARGET, TOOLS } from "./lib/paths.mjs";

const all = process.argv.includes("--all");
for (const folder of [BUILD, TARGET, ...(all ? [TOOLS, path.join(ROOT, "node_modules")] : [])]) {
  fs.rmSync(folder, { recursive: true, force: true });
  say(`removed ${path.relative(ROOT, folder)}/`);
}
