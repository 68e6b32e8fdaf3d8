import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { aptUnpack, aptUpdate, DEBIAN_ROOT, hasApt } from "./apt.mjs";
import { TOOLS } from "./paths.mjs";
import { ask } from "./run.mjs";

const INSTALLED = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const UNPACKED = path.join(DEBIAN_ROOT, "usr/lib/chromium/chromium");
const WRAPPER = path.join(TOOLS, "debian/bin/chromium");
const FONTS = path.join(TOOLS, "debian/fonts.conf");
const LOCK = path.join(TOOLS, "debian/chromium.lock");
/** Longer than a download takes: a lock that is older was left by a process that died. */
const LOCK_SECS = 900;

/** The flags that every start needs here: no window, no sandbox of its own, and nothing asked of the network. */
export const CHROMIUM_FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/**
 * Finds a Chromium: the one that the variable CHROMIUM names, an installed one, or Debian's, unpacked under `.tools/`
 * when it is wanted for the first time (about 120 MB).
 * @param {(line: string) => void} [note] hears what is going on
 * @returns {Promise<{path: string, reason?: undefined} | {path?: undefined, reason: string}>}
 */
export async function findChromium(note = () => {}) {
  const named = process.env.CHROMIUM;
  if (named) return starts(named) ? { path: named } : { reason: `CHROMIUM is ${named}, which does not start.` };
  const found = [...INSTALLED, WRAPPER].find(starts);
  if (found) return { path: found };
  if (!hasApt()) return { reason: `No Chromium: none of ${INSTALLED.join(", ")} starts, and there is no apt to get one with.` };
  try {
    return await underLock(() => unpack(note));
  } catch (fault) {
    return { reason: `No Chromium: none is installed, and Debian's package could not be had. ${fault.message}` };
  }
}

/** A snap's stub is a file too, so only an answer counts. */
function starts(file) {
  return fs.existsSync(file) && ask(file, ["--version"]) !== undefined;
}

async function unpack(note) {
  if (starts(WRAPPER)) return { path: WRAPPER };
  note("getting Debian's Chromium, about 120 MB into .tools/");
  await aptUpdate(note);
  await aptUnpack(["chromium", "chromium-common", "fonts-dejavu-core"], "apt-chromium", note);
  wrap();
  if (starts(WRAPPER)) return { path: WRAPPER };
  return { reason: `Debian's Chromium was unpacked, but does not start: try ${path.relative(process.cwd(), WRAPPER)} --version` };
}

/** A script that starts the unpacked program with the unpacked libraries, and with fonts where the machine has none. */
function wrap() {
  const triple = fs.readdirSync(path.join(DEBIAN_ROOT, "usr/lib")).find((name) => name.endsWith("-linux-gnu"));
  const libraries = triple ? [`${DEBIAN_ROOT}/usr/lib/${triple}`, `${DEBIAN_ROOT}/lib/${triple}`] : [];
  const lines = [
    "#!/bin/sh",
    `export LD_LIBRARY_PATH="${[...libraries, ...libraries.map((folder) => `${folder}/pulseaudio`)].join(":")}"`,
    `[ -e /etc/fonts/fonts.conf ] || export FONTCONFIG_FILE="${FONTS}"`,
    `exec "${UNPACKED}" "$@"`,
    "",
  ];
  const folders = [`${DEBIAN_ROOT}/usr/share/fonts`, "/usr/share/fonts"].map((folder) => `<dir>${folder}</dir>`).join("");
  fs.writeFileSync(FONTS, `<fontconfig>${folders}<cachedir>${path.join(TOOLS, "debian/fonts-cache")}</cachedir></fontconfig>\n`);
  fs.mkdirSync(path.dirname(WRAPPER), { recursive: true });
  fs.writeFileSync(WRAPPER, lines.join("\n"), { mode: 0o755 });
}

/** Test files run side by side, and the packages are unpacked once: a folder can be made by one of them alone. */
async function underLock(work) {
  fs.mkdirSync(path.dirname(LOCK), { recursive: true });
  for (let waited = 0; !taken(); waited += 1) {
    if (waited >= LOCK_SECS) throw new Error(`Another process has held ${LOCK} for ${LOCK_SECS} seconds.`);
    await sleep(1000);
  }
  try {
    return await work();
  } finally {
    fs.rmSync(LOCK, { recursive: true, force: true });
  }
}

function taken() {
  try {
    fs.mkdirSync(LOCK);
    return true;
  } catch (fault) {
    if (fault.code !== "EEXIST") throw fault;
    const since = fs.statSync(LOCK, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - since > LOCK_SECS * 1000) fs.rmSync(LOCK, { recursive: true, force: true });
    return false;
  }
}
