// The parts of the scripts that decide something.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import test from "node:test";
import { readArguments } from "../../scripts/lib/devvars.mjs";
import { fingerprint } from "../../scripts/lib/stamp.mjs";
import { stripNames } from "../../scripts/lib/strip.mjs";
import { atLeast } from "../../scripts/lib/versions.mjs";

test("versions are compared number by number", () => {
  assert.ok(atLeast("22.12.0", "22.12"));
  assert.ok(atLeast("24.1.0", "22.12"));
  assert.ok(!atLeast("20.20.2", "22.12"));
  assert.ok(!atLeast("1.9.0", "1.91"));
});

test("wrangler's arguments are read in both spellings", () => {
  const read = readArguments(["--port", "9000", "--var", "A:1", "B:x:y", "--ip=0.0.0.0", "--var=C:3"]);
  assert.equal(read.port, "9000");
  assert.equal(read.ip, "0.0.0.0");
  assert.deepEqual([...read.vars], ["A", "B", "C"]);
  assert.ok(read.given.has("port") && !read.given.has("persist-to"));
});

test("only the names leave a wasm file", (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "nearhit-strip-"));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const section = (id, ...body) => [id, body.length, ...body];
  const custom = (name) => section(0, name.length, ...Buffer.from(name), 1, 2, 3);
  const header = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  const kept = [...header, ...custom("producers"), ...section(1, 0)];
  const file = path.join(folder, "x.wasm");
  fs.writeFileSync(file, Buffer.from([...kept, ...custom("name")]));
  stripNames(file);
  assert.deepEqual([...fs.readFileSync(file)], kept);
  assert.ok(WebAssembly.validate(fs.readFileSync(file)));
});

test("a fingerprint sees a changed, a missing and a renamed file", (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "nearhit-stamp-"));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const [a, b] = ["a", "b"].map((name) => path.join(folder, name));
  const missing = fingerprint([a]);
  fs.writeFileSync(a, "1");
  fs.writeFileSync(b, "1");
  const prints = [missing, fingerprint([a]), fingerprint([b]), fingerprint([a, b])];
  fs.writeFileSync(a, "2");
  prints.push(fingerprint([a]));
  assert.equal(new Set(prints).size, prints.length);
});
