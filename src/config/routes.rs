//! The routes: `[vars.NEARHIT_ROUTES.<alias>]`. A request for the model `<alias>` goes to one of the models that the
//! route names.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Allowed, Mistake, Upstream, parse, refuse_rest, table_keys, take};
use crate::forward::reasoning::{Caps, Effort};
use crate::forward::routing::{Goal, Route, Tier};

/// The table of routes.
pub const ROUTES_TABLE: &str = "NEARHIT_ROUTES";

/// Models that one route names at most, all its references followed.
const MAX_GOALS: usize = 32;

const KNOWN: &str = "models, cheap, middle, frontier, fallbacks, middle_from, frontier_from, max_effort, \
                     max_thinking_tokens, max_output_tokens, trim";

/// A route as it is written: its lists may name other routes.
#[derive(Default)]
struct Written {
    lists: BTreeMap<&'static str, Vec<String>>,
    middle_from: Option<f64>,
    frontier_from: Option<f64>,
    caps: Caps,
    trim: bool,
}

const LISTS: [&str; 5] = ["models", "cheap", "middle", "frontier", "fallbacks"];

/// Reads all routes, and notes every mistake.
pub(super) fn read(
    variables: &BTreeMap<String, Value>,
    upstreams: &BTreeMap<String, Upstream>,
    mistakes: &mut Vec<Mistake>,
) -> BTreeMap<String, Route> {
    let table = variables.get(ROUTES_TABLE).and_then(|value| table_keys(ROUTES_TABLE, value, mistakes));
    let mut written = BTreeMap::new();
    for (alias, value) in table.unwrap_or_default() {
        let path = format!("{ROUTES_TABLE}.{alias}");
        if alias.is_empty() || alias.contains('/') {
            let what = "is not an alias: it must be a name without '/'";
            mistakes.push(Mistake { path: path.clone(), what: what.into() });
        }
        let keys = table_keys(&path, &value, mistakes).unwrap_or_default();
        written.insert(alias, one(&path, keys, mistakes));
    }
    let mut resolver = Resolver { written: &written, upstreams, mistakes };
    written.keys().map(|alias| (alias.clone(), resolver.route(alias))).collect()
}

fn one(path: &str, mut keys: Map<String, Value>, mistakes: &mut Vec<Mistake>) -> Written {
    let mut written = Written::default();
    let mut wrong = |key: &str, what: String| mistakes.push(Mistake { path: format!("{path}.{key}"), what });
    for name in LISTS {
        let Some(value) = keys.remove(name) else { continue };
        match goals(&value) {
            Some(goals) => {
                written.lists.insert(name, goals);
            }
            None => wrong(name, format!("is {value}; it must be \"upstream/model\" or an alias, or a list of them")),
        }
    }
    let mut checked = |key: &str, allowed: Allowed| take(&mut keys, path, key, allowed, mistakes);
    let tokens = Allowed::Whole(0, 1_000_000);
    written.middle_from = checked("middle_from", Allowed::Number(0.0, 1.0)).and_then(|value| value.as_f64());
    written.frontier_from = checked("frontier_from", Allowed::Number(0.0, 1.0)).and_then(|value| value.as_f64());
    written.caps = Caps {
        effort: checked("max_effort", Allowed::Effort).and_then(|value| parse(&Effort::NAMES, &value)),
        thinking_tokens: checked("max_thinking_tokens", tokens).and_then(|value| value.as_u64()),
        output_tokens: checked("max_output_tokens", Allowed::Whole(1, 1_000_000)).and_then(|value| value.as_u64()),
    };
    written.trim = checked("trim", Allowed::Flag).is_some_and(|value| value == true);
    refuse_rest(&keys, path, KNOWN, mistakes);
    let tiers = ["cheap", "frontier"].map(|name| written.lists.contains_key(name));
    match (written.lists.contains_key("models"), tiers) {
        (true, [false, false]) | (false, [true, true]) => {}
        // A mistake in a list has been named already.
        _ if written.lists.is_empty() && mistakes.iter().any(|mistake| mistake.path.starts_with(path)) => {}
        _ => mistakes.push(Mistake {
            path: path.to_owned(),
            what: "needs either 'models', or 'cheap' and 'frontier' (and 'middle')".into(),
        }),
    }
    written
}

/// The names in a list, which may be written as one name.
fn goals(value: &Value) -> Option<Vec<String>> {
    let list = match value {
        Value::String(_) => std::slice::from_ref(value),
        Value::Array(list) if !list.is_empty() => list.as_slice(),
        _ => return None,
    };
    list.iter().map(|goal| goal.as_str().filter(|goal| !goal.is_empty()).map(str::to_owned)).collect()
}

/// Follows the names that stand for other routes.
struct Resolver<'a> {
    written: &'a BTreeMap<String, Written>,
    upstreams: &'a BTreeMap<String, Upstream>,
    mistakes: &'a mut Vec<Mistake>,
}

impl Resolver<'_> {
    fn route(&mut self, alias: &str) -> Route {
        let Some(written) = self.written.get(alias) else { return Route::default() };
        let fallbacks = self.list(alias, "fallbacks", &mut vec![alias.to_owned()]);
        let mut tiers = BTreeMap::new();
        for (name, tier) in
            [("models", Tier::Frontier), ("cheap", Tier::Cheap), ("middle", Tier::Middle), ("frontier", Tier::Frontier)]
        {
            if written.lists.contains_key(name) {
                let mut goals = self.list(alias, name, &mut vec![alias.to_owned()]);
                let further: Vec<Goal> = fallbacks.iter().filter(|goal| !goals.contains(goal)).cloned().collect();
                goals.extend(further);
                tiers.insert(tier, goals);
            }
        }
        Route {
            tiers,
            middle_from: written.middle_from,
            frontier_from: written.frontier_from,
            caps: written.caps,
            trim: written.trim,
        }
    }

    /// The models of one list; `path` holds the routes that led here.
    fn list(&mut self, alias: &str, name: &'static str, way: &mut Vec<String>) -> Vec<Goal> {
        let mut goals: Vec<Goal> = Vec::new();
        let named = self.written.get(alias).and_then(|written| written.lists.get(name)).cloned().unwrap_or_default();
        for goal in named {
            let found = match goal.split_once('/') {
                Some((upstream, model)) if self.upstreams.contains_key(upstream) && !model.is_empty() => {
                    vec![Goal { upstream: upstream.to_owned(), model: model.to_owned() }]
                }
                Some((upstream, _)) => {
                    let known: Vec<&str> = self.upstreams.keys().map(String::as_str).collect();
                    let known = known.join(", ");
                    self.wrong(
                        alias,
                        name,
                        format!("names '{goal}', and no upstream is '{upstream}'; configured are {known}"),
                    );
                    continue;
                }
                None if way.contains(&goal) => {
                    let way = way.join(" > ");
                    self.wrong(alias, name, format!("names '{goal}', which leads back to itself: {way} > {goal}"));
                    continue;
                }
                None => match self.written.get(&goal) {
                    Some(other) => {
                        // The same tier of the other route, or what it has.
                        let list = [name, "models", "frontier"].into_iter().find(|list| other.lists.contains_key(list));
                        way.push(goal.clone());
                        let found = list.map(|list| self.list(&goal, list, way)).unwrap_or_default();
                        way.pop();
                        found
                    }
                    None => {
                        let what = format!("names '{goal}', which is neither 'upstream/model' nor a route's alias");
                        self.wrong(alias, name, what);
                        continue;
                    }
                },
            };
            let new: Vec<Goal> = found.into_iter().filter(|goal| !goals.contains(goal)).collect();
            goals.extend(new);
        }
        goals.truncate(MAX_GOALS);
        goals
    }

    fn wrong(&mut self, alias: &str, name: &str, what: String) {
        let mistake = Mistake { path: format!("{ROUTES_TABLE}.{alias}.{name}"), what };
        // A route that several others lead to is wrong once.
        if !self.mistakes.contains(&mistake) {
            self.mistakes.push(mistake);
        }
    }
}
