// What `wrangler deploy` would upload: it is whole, and the platform would take it.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import test from "node:test";
import { promisify } from "node:util";
import { workersEnv, WRANGLER } from "../../scripts/lib/node.mjs";
import { ROOT } from "../../scripts/lib/paths.mjs";

const LARGEST_UPLOAD_KIB = 64 * 1024;

test("wrangler.toml deploys as it is (dry run)", async (t) => {
  const outdir = fs.mkdtempSync(path.join(os.tmpdir(), "nearhit-deploy-"));
  t.after(() => fs.rmSync(outdir, { recursive: true, force: true }));
  // Fails with wrangler's exit code.
  const { stdout } = await promisify(execFile)(process.execPath, [WRANGLER, "deploy", "--dry-run", "--outdir", outdir], {
    cwd: ROOT,
    env: { ...process.env, ...workersEnv() },
  });
  const [line, kib] = stdout.match(/Total Upload: ([\d.]+) KiB.*/) ?? [];
  assert.ok(line, stdout);
  t.diagnostic(line);
  assert.ok(Number(kib) < LARGEST_UPLOAD_KIB, line);
  assert.match(stdout, /CacheShard/);
  assert.ok(fs.readdirSync(outdir).some((file) => file.endsWith(".wasm")));
});
