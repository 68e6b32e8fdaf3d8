// Schemathesis, which makes requests from an OpenAPI document and holds the answers against it.
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { venv } from "./venv.mjs";

/** The package as pip names it; a change makes a new environment. */
export const PACKAGE = "schemathesis==4.32.5";
/** What an answer is held against. Whether wrong requests are refused is for tests that know what is wrong with them. */
const CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance", "response_headers_conformance"];
const SEED = 1;

const { bin, setUp } = venv("schemathesis", [PACKAGE]);

/** Makes the environment, once. Returns what is missing on this machine, if something is. */
export const setUpSchemathesis = setUp;

/**
 * Runs it, the same requests each time.
 * @param {string} url where the API is served
 * @param {object} document its OpenAPI document
 * @param {object} options
 * @param {string} options.token sent as a bearer token; no request goes without
 * @param {number} [options.maxExamples] requests that are made up for each operation, beside those at the bounds of its parameters
 * @param {string[]} [options.phases] of examples, coverage, fuzzing, stateful
 * @param {string[]} [options.methods] only operations of these methods
 * @param {string[]} [options.excludePaths] paths of the document that are left out
 * @returns {Promise<{code: number, output: string}>} 0: every answer was as the document says
 */
export async function schemathesis(url, document, { token, maxExamples = 25, phases = ["examples", "coverage", "fuzzing"], methods = [], excludePaths = [] }) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "nearhit-schemathesis-"));
  fs.writeFileSync(path.join(folder, "openapi.json"), JSON.stringify(document));
  const args = [
    "run", "openapi.json", "--url", url, "--header", `Authorization: Bearer ${token}`, "--checks", CHECKS.join(","), "--phases", phases.join(","),
    "--max-examples", String(maxExamples), "--seed", String(SEED), "--generation-deterministic",
    // Wrong tokens would get this address locked out.
    "--generation-with-security-parameters", "false",
    "--continue-on-failure", "--request-timeout", "20", "--suppress-health-check", "all", "--warnings", "off", "--output-truncate", "false", "--no-color",
    ...methods.flatMap((method) => ["--include-method", method]), ...excludePaths.flatMap((excluded) => ["--exclude-path", excluded]),
  ];
  const env = { ...process.env, NO_PROXY: "127.0.0.1", no_proxy: "127.0.0.1" };
  const child = spawn(bin("schemathesis"), args, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (output += text));
  const code = await new Promise((resolve, reject) => child.once("error", reject).once("close", (status) => resolve(status ?? 1)));
  fs.rmSync(folder, { recursive: true, force: true });
  return { code, output };
}

/**
 * The same document, but an answer's object with a field that is not in it is wrong. Documents leave that open, so that
 * answers may grow; a test wants to know.
 */
export function strict(document) {
  const copy = structuredClone(document);
  const refers = (schema) => schema.$ref?.slice(2).split("/").reduce((at, name) => at[name], document);
  const isObject = (schema) => Boolean(schema && (schema.properties || schema.allOf || isObject(refers(schema))));
  const close = (schema, within) => {
    if (typeof schema !== "object" || schema === null) return;
    if (!within && isObject(schema) && schema.additionalProperties === undefined) schema.unevaluatedProperties = false;
    for (const part of schema.allOf ?? []) close(part, true);
    for (const part of schema.anyOf ?? []) close(part, false);
    for (const part of Object.values(schema.properties ?? {})) close(part, false);
    close(schema.items, false);
    if (typeof schema.additionalProperties === "object") close(schema.additionalProperties, false);
  };
  // A named schema is closed where it is used: one that is a part of another must not be closed by itself.
  for (const schema of Object.values(copy.components.schemas)) close(schema, true);
  for (const item of Object.values(copy.paths)) {
    const operations = Object.entries(item).filter(([method]) => method !== "parameters");
    const answers = [...operations.flatMap(([, { responses }]) => Object.values(responses)), ...Object.values(copy.components.responses)];
    for (const { content = {} } of answers) for (const { schema } of Object.values(content)) close(schema, false);
  }
  return copy;
}
