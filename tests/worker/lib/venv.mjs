// A Python environment of the tests' own, with packages from PyPI.
import { execFile } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { TOOLS } from "../../../scripts/lib/paths.mjs";

const run = promisify(execFile);

/**
 * An environment with these packages, as pip names them; a change of any makes a new one.
 * @returns {{bin: (program: string) => string, setUp: () => Promise<string | undefined>}} `setUp` makes it, once, and gives what is
 *   missing on this machine, if something is
 */
export function venv(name, packages) {
  const home = path.join(TOOLS, name);
  const stamp = path.join(home, packages.join(","));
  const bin = (program) => path.join(home, "bin", program);
  return { bin, setUp };

  async function setUp() {
    if (fs.existsSync(stamp)) return undefined;
    fs.rmSync(home, { recursive: true, force: true });
    try {
      await run("python3", ["-m", "venv", home]);
    } catch (error) {
      fs.rmSync(home, { recursive: true, force: true });
      const why = error.code === "ENOENT" ? "there is no python3" : `python3 -m venv failed: ${(error.stdout + error.stderr).trim()}`;
      return `${why} (Debian: apt-get install python3-venv)`;
    }
    await run(bin("python"), ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...packages]);
    fs.writeFileSync(stamp, "");
    return undefined;
  }
}
