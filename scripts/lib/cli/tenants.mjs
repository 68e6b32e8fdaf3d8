// Who may ask: `tenants` and `tokens`.
import { segment } from "./api.mjs";
import { defined, pairOf, switchOf, textOrNone, wholeOrNone } from "./given.mjs";
import { time, visible } from "./show.mjs";
import { CommandTrouble, UsageTrouble } from "./trouble.mjs";

const CAPS = { "max-effort": "max_effort", "max-thinking-tokens": "max_thinking_tokens", "max-output-tokens": "max_output_tokens" };

async function list({ api, show, table }) {
  const document = await api.list("tenants", "tenants");
  await show({ document }, () => (document.tenants.length ? table([{ title: "TENANT", of: ({ id }) => id }], document.tenants) : "There are none. Make one: tenants set <tenant> --key openai=NAME_OF_A_SECRET\n"));
}

async function showTenant({ api, args: [id], show, facts, table }) {
  const { text, json } = await api.call("GET", `tenants/${segment(id)}`);
  await show({ text }, () => shown(json, facts, table));
}

function shown(tenant, facts, table) {
  const keys = Object.entries(tenant.keys).map(([upstream, secret]) => `${upstream}=${secret}`);
  const caps = Object.entries(tenant.caps).filter(([, cap]) => cap !== null).map(([name, cap]) => `${name}=${cap}`);
  const known = facts([
    ["tenant", tenant.id], ["keys", keys.join(" ") || "-"], ["mode", tenant.mode ?? "as configured"],
    ["caps", caps.join(" ") || "-"], ["export", tenant.export ? "on" : "off"],
  ]);
  const columns = [{ title: "TOKEN", of: ({ id }) => id }, { title: "CREATED", of: ({ created_ms: ms }) => time(ms) }];
  return `${known}\n${tenant.tokens.length ? table(columns, tenant.tokens) : "No tokens. Make one: tokens create <tenant>\n"}`;
}

/** Keys and caps are replaced as a whole by the API, so what is not named here is read first. */
async function set({ api, options, args: [id], show, facts, table }) {
  const path = `tenants/${segment(id)}`;
  const keys = (options.key ?? []).map((text) => pairOf("key", text));
  const unset = options["no-key"] ?? [];
  const caps = Object.entries(CAPS).filter(([option]) => options[option] !== undefined)
    .map(([option, name]) => [name, option === "max-effort" ? textOrNone(options[option]) : wholeOrNone(option, options[option])]);
  const change = defined({ mode: options.mode && textOrNone(options.mode), export: switchOf("export", options.export) });
  if (keys.length + unset.length + caps.length + Object.keys(change).length === 0) throw new UsageTrouble("What is to be set? Say at least one option.");
  if (keys.length + unset.length + caps.length > 0) {
    const { json, status } = await api.call("GET", path, { accept: [404] });
    const old = status === 404 ? { keys: {}, caps: {} } : json;
    if (keys.length + unset.length > 0) {
      const kept = Object.entries(old.keys).filter(([upstream]) => !unset.includes(upstream));
      change.keys = Object.fromEntries([...kept, ...keys]);
    }
    if (caps.length > 0) change.caps = Object.fromEntries([...Object.entries(old.caps), ...caps].filter(([name, cap]) => cap !== null && !caps.some(([set, to]) => set === name && to === null)));
  }
  const { text, json } = await api.call("PUT", path, { body: change });
  await show({ text }, () => shown(json, facts, table));
}

async function deleteTenant({ api, options, args: [id], io, show }) {
  const path = `tenants/${segment(id)}`;
  if (!options.yes) {
    if (!io.ask) throw new UsageTrouble("Nobody can be asked here.", { advice: "--yes removes without asking." });
    const { json } = await api.call("GET", path);
    if (!(await io.ask(visible(`Remove ${json.id}? Its ${json.tokens.length} tokens end at once.`)))) throw new CommandTrouble("Nothing was removed.");
  }
  await api.call("DELETE", path);
  await show({ document: { id, deleted: true } }, () => `Removed ${visible(id)}. What it spent stays in the ledger.\n`);
}

/** `tenants`. */
export const TENANTS = {
  about: "who may ask with a token, whose keys are used, and how far",
  usual: "list",
  actions: {
    list: { about: "all tenants", run: list },
    show: { about: "one tenant, with the ids of its tokens", args: ["<tenant>"], run: showTenant },
    set: {
      about: "make a tenant, or change it; what is not named stays",
      args: ["<tenant>"],
      options: {
        key: { value: "UPSTREAM=SECRET", multiple: true, about: "the name of the secret with its key for an upstream: openai=ACME_OPENAI_KEY" },
        "no-key": { value: "UPSTREAM", multiple: true, about: "no key for this upstream any more" },
        mode: { value: "MODE", about: "how far the cache may go: off, exact, shadow, semantic; none: as configured" },
        export: { value: "on|off", about: "whether its data may be exported" },
        "max-effort": { value: "EFFORT", about: "the highest reasoning effort, or none" },
        "max-thinking-tokens": { value: "N", about: "the most tokens of thinking, or none" },
        "max-output-tokens": { value: "N", about: "the most tokens of output, or none" },
      },
      more: "The secret itself is set with wrangler: npx wrangler secret put ACME_OPENAI_KEY",
      run: set,
    },
    delete: { about: "remove a tenant; its tokens end at once", args: ["<tenant>"], options: { yes: { about: "do not ask" } }, run: deleteTenant },
  },
};

const NEW_TOKEN = [{ title: "ID", of: ({ id }) => id }, { title: "TOKEN", of: ({ token }) => token, most: 200 }];

const makes = (path) => async ({ api, args, show, table, note }) => {
  const { text, json } = await api.call("POST", path(args.map(segment)));
  await show({ text }, () => table(NEW_TOKEN, [json]));
  await note("Keep the token now: it is not shown again.");
};

async function revoke({ api, args: [tenant, id], show }) {
  await api.call("DELETE", `tenants/${segment(tenant)}/tokens/${segment(id)}`);
  await show({ document: { id, revoked: true } }, () => `Revoked ${visible(id)}.\n`);
}

/** `tokens`. */
export const TOKENS = {
  about: "tokens that clients use as their SDK's API key",
  actions: {
    create: { about: "make a token", args: ["<tenant>"], run: makes(([tenant]) => `tenants/${tenant}/tokens`) },
    rotate: { about: "put a new token in a token's place; the old one ends at once", args: ["<tenant>", "<token id>"], run: makes(([tenant, id]) => `tenants/${tenant}/tokens/${id}/rotate`) },
    revoke: { about: "end a token", args: ["<tenant>", "<token id>"], run: revoke },
  },
};
