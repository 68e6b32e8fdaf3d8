// `export`: a tenant's stored exchanges as training data, page by page.
import fs from "node:fs/promises";
import { wholeOf } from "./given.mjs";
import { count, visible } from "./show.mjs";
import { CommandTrouble, UsageTrouble } from "./trouble.mjs";

async function exportAll({ api, options, io, note }) {
  const { tenant, format = "openai", out } = options;
  if (tenant === undefined) throw new UsageTrouble("--tenant is missing.");
  const wanted = wholeOf("limit", options.limit, 1) ?? Infinity;
  const sum = { lines: 0, skipped: 0 };
  const writer = out === undefined ? onStandardOutput(io) : await intoFile(out);
  try {
    for await (const page of api.pages((cursor) => onePage(api, { tenant, format, cursor, limit: Math.min(500, wanted - sum.lines) }))) {
      sum.lines += page.lines;
      sum.skipped += page.skipped;
      await writer.write(page.text);
      if (sum.lines >= wanted) break;
    }
    await writer.finish();
  } catch (fault) {
    await writer.drop();
    throw fault;
  }
  const skipped = sum.skipped ? ` ${count(sum.skipped)} entries were left out, which the format cannot say.` : "";
  if (out !== undefined || skipped) await note(`${count(sum.lines)} lines${out === undefined ? "." : ` in ${visible(out)}.`}${skipped}`);
}

async function onePage(api, query) {
  const { text, headers } = await api.call("GET", "export", { query });
  const whole = text === "" || text.endsWith("\n") ? text : `${text}\n`;
  const lines = whole.split("\n").length - 1;
  return { json: { text: whole, lines, skipped: Number(headers.get("x-nearhit-skipped") ?? 0), next: headers.get("x-nearhit-next") } };
}

/** On a terminal control characters are written out; into a pipe the bytes go as they came. */
function onStandardOutput(io) {
  return { write: (text) => io.out(io.terminal ? visible(text, { lines: true }) : text), finish: async () => {}, drop: async () => {} };
}

/** The file has its name only when it is complete. */
async function intoFile(file) {
  const part = `${file}.part`;
  const handle = await fs.open(part, "w", 0o600).catch((fault) => {
    throw new CommandTrouble(`${file} cannot be written: ${fault.code}.`);
  });
  const finish = async () => {
    await handle.close();
    await fs.rename(part, file);
  };
  const drop = async () => {
    await handle.close().catch(() => {});
    await fs.rm(part, { force: true });
  };
  return { write: (text) => handle.writeFile(text), finish, drop };
}

/** `export`. */
export const EXPORT = {
  about: "a tenant's stored exchanges as training data, one JSON document a line",
  more: "The tenant must have agreed: tenants set <tenant> --export on",
  options: {
    tenant: { value: "TENANT", about: "whose" },
    format: { value: "FORMAT", about: "openai, bedrock or gemini (openai)" },
    out: { value: "FILE", about: "into this file, which only you can read; without: to standard output" },
    limit: { value: "N", about: "how many lines at most (all)" },
  },
  run: exportAll,
};
