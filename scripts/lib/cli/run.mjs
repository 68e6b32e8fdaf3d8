// Which command is meant, its options, and how it ends.
import { parseArgs } from "node:util";
import { Api } from "./api.mjs";
import { BUDGETS } from "./budgets.mjs";
import { connection } from "./connection.mjs";
import { ENTRIES, FEEDBACK } from "./entries.mjs";
import { EVENTS, STATS } from "./stats.mjs";
import { EXPORT } from "./exporting.mjs";
import { helpOf, overview } from "./help.mjs";
import { PURGE } from "./purge.mjs";
import { facts, safeJson, table, visible } from "./show.mjs";
import { TENANTS, TOKENS } from "./tenants.mjs";
import { CommandTrouble, FAILED, UsageTrouble } from "./trouble.mjs";

/**
 * @typedef {object} Leaf one thing that can be done
 * @property {string} about in one line
 * @property {string[]} [args] what stands behind its name: `<entry>`, or `[text]` where it may be left out
 * @property {Record<string, {about: string, value?: string, multiple?: boolean}>} [options] without `value` a switch
 * @property {string} [more] the rest of its help
 * @property {(context: Context) => Promise<void>} run
 * @typedef {{about: string, actions: Record<string, Leaf>, usual?: string}} Group `usual`: the action when none is named
 * @typedef {object} Context
 * @property {Api} api
 * @property {Record<string, any>} options
 * @property {string[]} args
 * @property {(answer: {text?: string, document?: object}, shown: () => string) => Promise<void>} show JSON, or what `shown` says
 * @property {(columns: object[], rows: object[]) => string} table
 * @property {(text: string) => Promise<void>} note to standard error
 */

/** Every command, in the order of the help. */
export const COMMANDS = {
  stats: STATS, events: EVENTS, entries: ENTRIES, purge: PURGE, feedback: FEEDBACK,
  tenants: TENANTS, tokens: TOKENS, budgets: BUDGETS, export: EXPORT,
};

/** What every command takes. */
export const COMMON = {
  url: { value: "URL", about: "the deployment (or NEARHIT_URL; else http://127.0.0.1:8787)" },
  token: { value: "TOKEN", about: "the admin token. Better: the variable NEARHIT_ADMIN_TOKEN, for others can see a command line" },
  json: { about: "the API's own JSON instead of a table" },
  help: { about: "this text", short: "h" },
};

/**
 * Runs a command line.
 * @param {string[]} argv
 * @param {{out: (text: string) => Promise<void>, err: (text: string) => Promise<void>, terminal: boolean, colour: boolean,
 *   ask?: (question: string) => Promise<boolean>, now: () => number, env: Record<string, string | undefined>, devVars?: string}} io
 *   `ask`: only where a person can be asked
 * @returns {Promise<number>} the exit code
 */
export async function runCommand(argv, io) {
  let name = "";
  try {
    const found = find(argv);
    name = found.name;
    if (found.help) await io.out(found.help);
    else await runLeaf(found, io);
    return 0;
  } catch (fault) {
    if (fault instanceof TypeError) {
      await io.err(`nearhit: The answer has another form than this command knows (${visible(fault.message)}). Is the deployment of another version? --json shows what it says.\n`);
      return FAILED;
    }
    if (!(fault instanceof CommandTrouble)) throw fault;
    const help = fault instanceof UsageTrouble ? `See: npm run nearhit -- ${name ? `${name} ` : ""}--help` : undefined;
    const lines = [`nearhit: ${visible(fault.message, { lines: true })}`, fault.advice, help].filter(Boolean);
    await io.err(lines.map((line) => `${line}\n`).join(""));
    return fault.exitCode ?? FAILED;
  }
}

/** The leaf that a command line names, in how many words; or the help that it asks for. */
function find(argv) {
  const { tokens, values } = parseArgs({ args: argv, options: parsable(COMMON), allowPositionals: true, strict: false, tokens: true });
  const first = tokens.find(({ kind }) => kind === "positional");
  if (!first && values.help) return { help: overview(COMMANDS, COMMON) };
  if (!first) throw new UsageTrouble("Which command?");
  const { value: command, index } = first;
  const found = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined;
  if (!found) throw new UsageTrouble(`There is no command '${command}'. There are: ${Object.keys(COMMANDS).join(", ")}.`);
  if (!found.actions) return { name: command, leaf: found, words: 1, argv, help: values.help && helpOf(command, found, COMMON) };
  const next = argv[index + 1];
  const named = next !== undefined && Object.hasOwn(found.actions, next);
  if (!named && values.help) return { help: helpOf(command, found, COMMON) };
  const usual = next === undefined || next.startsWith("-") ? found.usual : undefined;
  const action = named ? next : usual;
  if (!action) throw new UsageTrouble(`${command} does: ${Object.keys(found.actions).join(", ")}${next === undefined ? "" : `; not '${next}'`}.`);
  const name = `${command} ${action}`;
  return { name, leaf: found.actions[action], words: named ? 2 : 1, argv, help: values.help && helpOf(name, found.actions[action], COMMON) };
}

/** The options as `parseArgs` wants them. */
function parsable(options) {
  return Object.fromEntries(Object.entries(options).map(([name, { value, multiple = false, short }]) => [name, { type: value ? "string" : "boolean", multiple, ...(short ? { short } : {}) }]));
}

async function runLeaf({ leaf, words, argv }, io) {
  const { values: options, positionals } = parsed(leaf, argv);
  const args = positionals.slice(words);
  const { args: wanted = [] } = leaf;
  const needed = wanted.filter((arg) => !arg.startsWith("["));
  if (args.length < needed.length) throw new UsageTrouble(`${needed[args.length]} is missing.`);
  if (args.length > wanted.length) throw new UsageTrouble(`'${args[wanted.length]}' is one word too many.`);
  const at = connection(options, io.env, io.devVars);
  const note = (text) => io.err(`nearhit: ${text}\n`);
  if (at.warning) await note(at.warning);
  const print = ({ text, document }, shown) => io.out(options.json ? `${safeJson(text ?? JSON.stringify(document)).trimEnd()}\n` : shown());
  const context = { api: new Api(at), options, args, io, note, show: print, table: (columns, rows) => table(columns, rows, io), facts };
  await leaf.run(context);
}

function parsed(leaf, argv) {
  const options = { ...COMMON, ...leaf.options };
  try {
    const read = parseArgs({ args: argv, options: parsable(options), allowPositionals: true, tokens: true });
    // The last one would count, and the others be lost without a word.
    const names = read.tokens.filter(({ kind }) => kind === "option").map(({ name }) => name);
    const twice = names.find((name, at) => names.indexOf(name) < at && options[name]?.value && !options[name].multiple);
    if (twice) throw new UsageTrouble(`--${twice} is there twice.`);
    return read;
  } catch (fault) {
    if (!String(fault.code).startsWith("ERR_PARSE_ARGS")) throw fault;
    throw new UsageTrouble(fault.message.split(". To specify")[0]);
  }
}
