//! Budgets: limits that are made here and hold in the ledgers.

use std::fmt::Write;

use serde_json::{Value, json};

use super::super::account::DEPLOYMENT;
use super::super::{Call, Reply, Setup};
use super::query::Query;
use super::sums::Told;
use super::{reply, sums};
use crate::error::Failure;
use crate::ledger::book::{Answer, Ask};
use crate::ledger::budget::{self, Budget, How, SetRefusal, Unit, View, written};
use crate::ledger::prices::Money;
use crate::ledger::totals::metrics::head;
use crate::ports::World;
use crate::protocol::json::parse;
use crate::tenant::directory::{Order, Outcome};
use crate::tenant::token;

/// A budget, and whose it is; the whole deployment's when nobody's.
pub(super) type Owned = (Option<String>, View);

/// Ledgers whose budgets are on one page: each may have many.
const LEDGERS_A_PAGE: u32 = 100;

/// `GET /admin/v1/budgets?tenant=&cursor=`: those of a tenant; or those of the deployment and then of every tenant.
pub(super) async fn list<W: World>(world: &W, query: &str) -> Result<Reply<W>, Failure> {
    let query = Query::read(query, &["tenant", "cursor"])?;
    let cursor = query.get("cursor");
    if let Some(name) = cursor.filter(|name| !token::is_tenant(name)) {
        return Err(Failure::bad_field("cursor", not_a_cursor(name)));
    }
    let (names, next) = match query.get("tenant") {
        Some(_) => (sums::ledgers(world, &query).await?.names, None),
        None => {
            let listed = world.ledgers(cursor, LEDGERS_A_PAGE).await.map_err(|_| Failure::shards_unavailable())?;
            let last = listed.last().map(|(name, _)| name.clone()).filter(|name| token::is_tenant(name));
            let next = last.filter(|_| listed.len() == LEDGERS_A_PAGE as usize);
            let tenants = listed.into_iter().map(|(name, _)| name).filter(|name| token::is_tenant(name));
            (cursor.is_none().then(|| DEPLOYMENT.to_owned()).into_iter().chain(tenants).collect(), next)
        }
    };
    let Told { found, silent } = of(world, names).await;
    let budgets: Vec<Value> = found.iter().map(|(tenant, view)| written(tenant.as_deref(), view)).collect();
    Ok(reply(200, Some(json!({"budgets": budgets, "next": next, "ledgers_silent": silent}))))
}

/// What is said to something that is no place in a list of tenants.
pub(super) fn not_a_cursor(name: &str) -> String {
    format!("'{name}' is not a cursor: take the one in 'next' of an answer.")
}

/// The budgets of the deployment, and of these ledgers.
pub(super) async fn all<W: World>(world: &W, ledgers: Vec<String>) -> Vec<Owned> {
    let others = ledgers.into_iter().filter(|name| token::is_tenant(name));
    of(world, [DEPLOYMENT.to_owned()].into_iter().chain(others).collect()).await.found
}

async fn of<W: World>(world: &W, ledgers: Vec<String>) -> Told<View, Option<String>> {
    let of_ledger = |answer| if let Answer::Budgets(views) = answer { Some(views) } else { None };
    let Told { found, silent } = sums::ask_all(world, ledgers, &Ask::Budgets, of_ledger).await;
    let owned = found.into_iter().flat_map(|(ledger, views)| {
        let tenant = (ledger != DEPLOYMENT).then_some(ledger);
        views.into_iter().map(move |view| (tenant.clone(), view))
    });
    Told { found: owned.collect(), silent }
}

/// `POST /admin/v1/budgets`: makes one.
pub(super) async fn make<W: World>(world: &W, setup: &Setup, body: &[u8]) -> Result<Reply<W>, Failure> {
    let body = parse(body)?;
    let tenant = match body.get("tenant") {
        None | Some(Value::Null) => None,
        Some(value) => Some(tenant(value.as_str().unwrap_or_default())?),
    };
    let budget = budget::read(&body).map_err(mistake)?;
    if let Some(id) = &tenant {
        let known = world.order(id, &Order::Show).await.map_err(|_| Failure::tenants_unavailable())?;
        if !matches!(known, Outcome::Shown(_)) {
            let what =
                format!("There is no tenant '{id}'. Make it first, or leave 'tenant' out for the whole deployment.");
            return Err(Failure::bad_field("tenant", what));
        }
    }
    let view = set(world, setup, tenant.as_deref(), budget, How::Create).await?;
    Ok(reply(201, Some(written(tenant.as_deref(), &view))))
}

/// `GET`, `PUT` and `DELETE /admin/v1/budgets/{name}`.
pub(super) async fn one<W: World>(
    world: &W,
    setup: &Setup,
    call: &Call,
    name: &str,
    query: &str,
) -> Result<Reply<W>, Failure> {
    let query = Query::read(query, &["tenant"])?;
    let tenant = query.get("tenant").map(tenant).transpose()?;
    let ledger = tenant.as_deref().unwrap_or(DEPLOYMENT);
    match call.method.as_str() {
        "PUT" => {
            let budget = budget::read_change(name, &parse(&call.body)?).map_err(mistake)?;
            let view = set(world, setup, tenant.as_deref(), budget, How::Replace).await?;
            Ok(reply(200, Some(written(tenant.as_deref(), &view))))
        }
        "DELETE" => match ask(world, setup, ledger, &Ask::RemoveBudget(name.to_owned())).await? {
            Answer::NotSet(why) => Err(not_set(name, tenant.as_deref(), why)),
            _ => Ok(reply(204, None)),
        },
        _ => {
            let Told { found, silent } = of(world, vec![ledger.to_owned()]).await;
            if silent > 0 {
                return Err(Failure::budgets_unavailable());
            }
            let view = found.into_iter().map(|(_, view)| view).find(|view| view.budget.name == name);
            let view = view.ok_or_else(|| not_set(name, tenant.as_deref(), SetRefusal::Unknown))?;
            Ok(reply(200, Some(written(tenant.as_deref(), &view))))
        }
    }
}

fn tenant(id: &str) -> Result<String, Failure> {
    let what = || format!("'tenant' is '{id}', which is not a tenant's name; leave it out for the whole deployment.");
    if token::is_tenant(id) { Ok(id.to_owned()) } else { Err(Failure::bad_field("tenant", what())) }
}

async fn set<W: World>(
    world: &W,
    setup: &Setup,
    tenant: Option<&str>,
    budget: Budget,
    how: How,
) -> Result<View, Failure> {
    let name = budget.name.clone();
    let ask = Ask::SetBudget(Box::new(budget), how);
    match self::ask(world, setup, tenant.unwrap_or(DEPLOYMENT), &ask).await? {
        Answer::Budgets(views) => views.into_iter().next().ok_or_else(Failure::budgets_unavailable),
        Answer::NotSet(why) => Err(not_set(&name, tenant, why)),
        _ => Err(Failure::budgets_unavailable()),
    }
}

/// Changes the budgets of a ledger. This isolate asks the deployment's anew with the next request; others have a few
/// seconds' time.
async fn ask<W: World>(world: &W, setup: &Setup, ledger: &str, ask: &Ask) -> Result<Answer, Failure> {
    let answer = world.book(ledger, ask).await.map_err(|_| Failure::budgets_unavailable())?;
    setup.memory.learn_deployment(world.now_ms(), None);
    Ok(answer)
}

fn not_set(name: &str, tenant: Option<&str>, why: SetRefusal) -> Failure {
    let whose = tenant.map_or_else(
        || "for everybody; one of a tenant needs the tenant's name too".to_owned(),
        |tenant| format!("of the tenant '{tenant}'"),
    );
    match why {
        SetRefusal::Unknown => Failure::not_found(format!("There is no budget '{name}' {whose}.")),
        SetRefusal::Taken => Failure::already_exists("name", why.to_string()),
        SetRefusal::TooMany => Failure::bad_field("name", why.to_string()),
        SetRefusal::OtherUnit => Failure::bad_field("unit", why.to_string()),
    }
}

fn mistake(mistake: budget::Mistake) -> Failure {
    Failure::bad_field(mistake.param, mistake.message)
}

/// The budgets as metrics. Names hold nothing that would have to be escaped.
pub(super) fn metrics(text: &mut String, budgets: &[Owned]) {
    type Of = fn(&View) -> u128;
    let families: [(&str, &str, Of); 4] = [
        ("limit", "The limit of a budget.", |view| view.budget.limit),
        ("spent", "What is spent of a budget in its running period.", |view| view.budget.running.spent),
        ("reserved", "What requests under way hold of a budget.", |view| view.reserved),
        ("headroom", "What is left of a budget.", |view| view.headroom),
    ];
    for (name, help, of) in families {
        head(text, &format!("nearhit_budget_{name}"), "gauge", help);
        for (tenant, view) in budgets {
            let Budget { name: budget, unit, .. } = &view.budget;
            let amount = match unit {
                Unit::Usd => Money::from_picodollars(of(view)).to_string(),
                _ => of(view).to_string(),
            };
            let (tenant, unit) = (tenant.as_deref().unwrap_or(DEPLOYMENT), unit.as_str());
            let _ = writeln!(
                text,
                "nearhit_budget_{name}{{tenant=\"{tenant}\",budget=\"{budget}\",unit=\"{unit}\"}} {amount}"
            );
        }
    }
}
