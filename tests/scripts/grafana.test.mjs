// The Grafana dashboard: it can be imported, and what it asks Prometheus for is what the Worker tells.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import test from "node:test";
import { ROOT } from "../../scripts/lib/paths.mjs";
import { setUpPromtool } from "../../scripts/lib/promtool.mjs";

const DASHBOARD = JSON.parse(fs.readFileSync(path.join(ROOT, "grafana/nearhit.json"), "utf8"));
const QUERIES = DASHBOARD.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr, refId }) => ({ where: `${title} ${refId}`, expr })));
const METRIC = /\bnearhit_[a-z0-9_]+/g;

/** What the Worker's code calls its metrics, as patterns: a name that is put together, like `nearhit_scope_{name}`, is known by its beginning. */
function namesInCode() {
  const files = fs.readdirSync(path.join(ROOT, "src"), { recursive: true }).filter((file) => file.endsWith(".rs") && !/(^|[_/\\])tests\.rs$/.test(file));
  const text = files.map((file) => fs.readFileSync(path.join(ROOT, "src", file), "utf8")).join("\n");
  const found = new Set([...text.matchAll(/\bnearhit_[a-z0-9_]*(?:\{[a-z_]*\})?/g)].map(([name]) => name));
  return [...found].map((name) => new RegExp(`^${name.replace(/\{[a-z_]*\}$/, "[a-z0-9_]+")}$`));
}

test("every metric that it asks for is one that the Worker has", () => {
  const known = namesInCode();
  const has = (name) => [name, name.replace(/_(bucket|sum|count)$/, "")].some((plain) => known.some((pattern) => pattern.test(plain)));
  const asked = [...QUERIES, ...DASHBOARD.templating.list.map(({ definition }) => ({ where: "tenant", expr: definition }))];
  const unknown = asked.flatMap(({ where, expr }) => expr.match(METRIC).filter((name) => !has(name)).map((name) => `${name} in ${where}`));
  assert.deepEqual(unknown, []);
  assert.ok(!has("nearhit_no_such_metric"), "and the test can fail");
});

test("it shows money, requests, times, tokens, budgets, shards and faults", () => {
  const asked = new Set(QUERIES.flatMap(({ expr }) => expr.match(METRIC)));
  const wanted = ["cost_usd_total", "saved_usd_total", "requests_total", "lookup_seconds_bucket", "embed_seconds_bucket", "upstream_seconds_bucket", "request_seconds_bucket",
    "tokens_total", "budget_headroom", "entries", "entry_bytes", "unpriced_requests_total", "unrecorded_total"];
  for (const name of wanted) assert.ok(asked.has(`nearhit_${name}`), name);
});

test("it can be imported: one data source to choose, panels with ids of their own that do not overlap", () => {
  assert.deepEqual(DASHBOARD.__inputs.map(({ name, pluginId }) => [name, pluginId]), [["DS_PROMETHEUS", "prometheus"]]);
  assert.ok(DASHBOARD.schemaVersion >= 41);
  const { panels } = DASHBOARD;
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  const cells = panels.flatMap(({ title, gridPos: { x, y, w, h } }) => Array.from({ length: w * h }, (_, k) => ({ title, cell: `${x + (k % w)},${y + Math.floor(k / w)}`, x: x + (k % w) })));
  assert.equal(new Set(cells.map(({ cell }) => cell)).size, cells.length);
  assert.ok(cells.every(({ x }) => x < 24));
  for (const { title, type, datasource, targets, fieldConfig } of panels.filter(({ type }) => type !== "row")) {
    for (const source of [datasource, ...targets.map((target) => target.datasource)]) assert.deepEqual(source, { type: "prometheus", uid: "${DS_PROMETHEUS}" }, title);
    assert.ok(fieldConfig.defaults.unit, `${title} has a unit`);
    assert.ok(DASHBOARD.__requires.some(({ type: kind, id }) => kind === "panel" && id === type), type);
  }
});

test("a tenant's choice reaches everything that is a tenant's", () => {
  const ofShards = /nearhit_(entries|entry_bytes|leases|followers|compared_total|prefix_breaks_total|shards_silent)\b/;
  for (const { where, expr } of QUERIES) {
    const all = expr.match(METRIC).filter((name) => !ofShards.test(name)).length;
    assert.equal(expr.match(/nearhit_[a-z0-9_]+\{tenant=~"\$tenant"/g)?.length ?? 0, all, where);
  }
});

test("Prometheus understands every query", async (t) => {
  const promtool = await setUpPromtool();
  if (promtool.missing) return t.diagnostic(`the queries were not parsed: ${promtool.missing}`);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "nearhit-rules-"));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const check = (queries) => {
    const plain = (expr) => expr.replaceAll(/\$__(rate_interval|range)/g, "5m").replaceAll("$tenant", ".*");
    const rules = queries.map(({ expr }, k) => ({ record: `query:${k}`, expr: plain(expr) }));
    const file = path.join(folder, "rules.yml"); // JSON is YAML
    fs.writeFileSync(file, JSON.stringify({ groups: [{ name: "dashboard", rules }] }));
    return spawnSync(promtool.path, ["check", "rules", file], { encoding: "utf8" });
  };
  const { status, stdout, stderr } = check(QUERIES);
  assert.equal(status, 0, stdout + stderr);
  assert.notEqual(check([{ expr: "sum(rate(nearhit_requests_total))" }]).status, 0, "and the test can fail");
});
