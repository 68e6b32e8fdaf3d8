// What `--help` says.

const CALL = "npm run nearhit --";
const EXAMPLES = `Examples:
  ${CALL} stats --last 7d --by model
  ${CALL} entries search "reset my password"
  ${CALL} purge --tag feature=search --dry-run
  ${CALL} tenants set acme --key openai=ACME_OPENAI_KEY --max-effort medium
  ${CALL} tokens create acme
  ${CALL} budgets set search-daily --tenant acme --tag feature=search --limit 25 --unit usd --period day

In scripts, without npm's own lines: node scripts/nearhit.mjs stats --json
Exit codes: 0 done, 1 refused or used wrongly, 2 the deployment cannot be reached.
`;

/** All commands. */
export function overview(commands, common) {
  const rows = Object.entries(commands).flatMap(([name, command]) => {
    if (!command.actions) return [[[name, ...(command.args ?? [])].join(" "), command.about]];
    return Object.entries(command.actions).map(([action, leaf]) => [[name, action, ...(leaf.args ?? [])].join(" "), leaf.about]);
  });
  return `Usage: ${CALL} <command> [options]\n\nCommands:\n${lines(rows)}\nOptions of every command:\n${options(common)}\n<command> --help says more. ${EXAMPLES}`;
}

/** One command, or a group of them. */
export function helpOf(name, command, common) {
  if (command.actions) {
    const rows = Object.entries(command.actions).map(([action, leaf]) => [[name, action, ...(leaf.args ?? [])].join(" "), leaf.about]);
    return `${sentence(command.about)}\n\n${lines(rows)}\n${CALL} ${name} <what> --help says more.\n`;
  }
  const own = command.options ? `\nOptions:\n${options(command.options)}` : "";
  const usage = [CALL, name, ...(command.args ?? []), "[options]"].join(" ");
  return `Usage: ${usage}\n\n${sentence(command.about)}\n${command.more ? `${command.more}\n` : ""}${own}\nOptions of every command:\n${options(common)}`;
}

function options(known) {
  return lines(Object.entries(known).map(([name, { value, about }]) => [`--${name}${value ? ` ${value}` : ""}`, about]));
}

function lines(rows) {
  const columns = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(columns)}  ${right}\n`).join("");
}

function sentence(text) {
  return `${text[0].toUpperCase()}${text.slice(1)}.`;
}
