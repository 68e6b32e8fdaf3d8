import path from "node:path";

/** The project's folder. */
export const ROOT = path.resolve(import.meta.dirname, "../..");
/** Where the set-up keeps what it makes: never in the user's home. */
export const TOOLS = path.join(ROOT, ".tools");
/** Cargo's build folder for the project itself. */
export const TARGET = path.join(ROOT, "target");
/** What worker-build writes and wrangler serves. */
export const BUILD = path.join(ROOT, "build");
/** What the packages of npm bring to run. */
export const NPM_BIN = path.join(ROOT, "node_modules", ".bin");
/** The triple that a Worker is compiled for. */
export const WASM = "wasm32-unknown-unknown";
