//! The tools of the agent in the traces, with their schemas, and what a call of each looks like.

use serde_json::{Value, json};

use super::prose::{ENGINEERING, Rng};

/// A tool: its name, what it does, and its parameters as JSON schema.
#[derive(Clone, Debug)]
pub(super) struct Tool {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) parameters: Value,
}

fn tool(name: &'static str, description: &'static str, properties: Value, required: &[&str]) -> Tool {
    let parameters = json!({
        "type": "object", "properties": properties, "required": required, "additionalProperties": false,
    });
    Tool { name, description, parameters }
}

/// The twelve tools.
pub(super) fn all() -> Vec<Tool> {
    files().into_iter().chain(services()).collect()
}

fn files() -> [Tool; 6] {
    let path = json!({"type": "string", "description": "Path from the root of the repository, with forward slashes."});
    [
        tool(
            "read_file",
            "Reads a text file, or a part of it, with numbered lines. Fails for binary files and for those above 2 MB.",
            json!({
                "path": path,
                "first_line": {"type": "integer", "minimum": 1, "description": "Where to begin; 1 by default."},
                "lines": {"type": "integer", "minimum": 1, "maximum": 2000, "default": 400},
            }),
            &["path"],
        ),
        tool(
            "write_file",
            "Writes a file as a whole. What was there is lost, so read it first.",
            json!({
                "path": path, "content": {"type": "string"},
                "create_folders": {"type": "boolean", "default": false},
            }),
            &["path", "content"],
        ),
        tool(
            "replace_in_file",
            "Replaces one piece of text by another. The old text must occur exactly once, unless `all` is set.",
            json!({
                "path": path, "old": {"type": "string", "minLength": 1}, "new": {"type": "string"},
                "all": {"type": "boolean", "default": false},
            }),
            &["path", "old", "new"],
        ),
        tool(
            "list_folder",
            "Lists files and folders, with sizes and the time of the last change. Ignored files are left out.",
            json!({
                "path": path, "depth": {"type": "integer", "minimum": 1, "maximum": 6},
                "pattern": {"type": "string", "description": "A glob such as `**/*.rs`."},
            }),
            &["path"],
        ),
        tool(
            "search_code",
            "Searches the repository for a regular expression and gives the lines around each match.",
            json!({
                "expression": {"type": "string"}, "path": path,
                "context_lines": {"type": "integer", "minimum": 0, "maximum": 20},
                "case": {"type": "string", "enum": ["sensitive", "insensitive", "smart"]},
            }),
            &["expression"],
        ),
        tool(
            "find_callers",
            "Finds all callers of a function by the compiler's own index, those through traits included.",
            json!({
                "symbol": {"type": "string", "description": "The full path, such as `orders::retry::next_delay`."},
                "transitive": {"type": "boolean"}, "limit": {"type": "integer", "maximum": 500},
            }),
            &["symbol"],
        ),
    ]
}

fn services() -> [Tool; 6] {
    let since = json!({"type": "string", "format": "date-time", "description": "The beginning, in UTC."});
    [
        tool(
            "run_tests",
            "Runs the tests of a package and gives the failures with their output.",
            json!({
                "package": {"type": "string"}, "filter": {"type": "string"},
                "repeat": {"type": "integer", "minimum": 1, "maximum": 50},
                "environment": {"type": "object", "additionalProperties": {"type": "string"}},
            }),
            &["package"],
        ),
        tool(
            "run_command",
            "Runs a command in the sandbox, which has no network. The output is cut after 30,000 characters.",
            json!({
                "command": {"type": "array", "items": {"type": "string"}, "minItems": 1},
                "timeout_secs": {"type": "integer", "minimum": 1, "maximum": 600},
            }),
            &["command"],
        ),
        tool(
            "query_logs",
            "Searches the logs of a service, the newest lines first.",
            json!({
                "service": {"type": "string"}, "since": since, "text": {"type": "string"},
                "level": {"type": "string", "enum": ["debug", "info", "warn", "error"]},
            }),
            &["service", "since"],
        ),
        tool(
            "query_metrics",
            "Gives one number a minute for a metric, averaged over the machines of a service.",
            json!({
                "metric": {"type": "string"}, "since": since,
                "quantile": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                "group_by": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
            }),
            &["metric", "since"],
        ),
        tool(
            "git_log",
            "Shows commits with their authors and the files that they touch.",
            json!({
                "path": {"type": "string"}, "author": {"type": "string"}, "since": since,
                "limit": {"type": "integer", "minimum": 1, "maximum": 200, "default": 20},
            }),
            &[],
        ),
        tool(
            "ask_colleague",
            "Asks a person a question and waits for the answer, for up to an hour. Use it sparingly.",
            json!({
                "person": {"type": "string"}, "question": {"type": "string", "maxLength": 2000},
                "urgency": {"type": "string", "enum": ["low", "normal", "high"]},
            }),
            &["person", "question"],
        ),
    ]
}

/// A call of one of the tools: its name and its arguments.
pub(super) fn call(rng: &mut Rng) -> (&'static str, Value) {
    let mut text = |template: &str| ENGINEERING.fill(rng, template);
    let path = text("services/{thing}/src/{verb}_{n}.rs").replace(' ', "_");
    let phrase = text("{thing} {other}");
    let minute = text("2026-11-25T09:{n}:00Z");
    let calls = [
        ("read_file", json!({"path": path, "first_line": 1, "lines": 240})),
        ("search_code", json!({"expression": phrase, "context_lines": 3, "case": "smart"})),
        ("list_folder", json!({"path": path, "depth": 2})),
        ("find_callers", json!({"symbol": path, "transitive": true, "limit": 40})),
        ("run_tests", json!({"package": phrase, "filter": "retry", "repeat": 3})),
        ("query_logs", json!({"service": phrase, "since": minute, "level": "warn"})),
        ("git_log", json!({"path": path, "limit": 12})),
    ];
    let index = usize::try_from(rng.between(0, calls.len() as u64 - 1)).unwrap_or_default();
    calls.into_iter().nth(index).unwrap_or(("run_command", json!({"command": ["true"]})))
}

/// What a tool gives, of at least so many bytes: lines of the kind that its name promises.
pub(super) fn result(rng: &mut Rng, name: &str, bytes: usize) -> String {
    let templates: &[&str] = match name {
        "read_file" => &[
            "{n}  // {reason}",
            "{n}  let {verb}_limit = {n};",
            "{n}  self.{verb}(&{report}, {n})?;",
            "{n}  if {event} then {verb} {thing}",
            "{n}  }",
            "{n}  return Err(\"{quality} of the {other} is unknown\");",
        ],
        "query_logs" => &[
            "2026-11-25T09:{n}Z WARN {thing}: {event} after {n} ms",
            "2026-11-25T09:{n}Z ERROR {other}: could not {verb}",
            "2026-11-25T09:{n}Z INFO {thing}: {command} took {n} ms in {place}",
        ],
        "git_log" => &[
            "commit {n}{n}{n}: {verb} the {thing} ({person})",
            "    {reason}",
            "    {n} files changed: {thing}, {other}",
        ],
        "run_tests" => &[
            "test {verb}_{n} ... ok",
            "test {verb}_{n} ... FAILED: expected {n}, found {n}",
            "note: {command} says that {event}",
        ],
        _ => &["{n}: {thing} / {other} / {verb} ({n} bytes)", "{n}: {quality} in {place}: {n}", "-- {event}"],
    };
    let mut text = String::new();
    while text.len() < bytes {
        let template = rng.pick(templates);
        text.push_str(&ENGINEERING.fill(rng, template));
        text.push('\n');
    }
    text
}
