//! The SQLite database of a Durable Object.

use std::cell::RefCell;
use std::rc::Rc;

use worker::js_sys::{Function, Reflect};
use worker::wasm_bindgen::closure::Closure;
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::{SqlStorage, SqlStorageValue as Value, Storage};

use super::world::in_words;
use crate::ports::ShardFault;

/// What a statement came to.
pub(super) type Answer<T> = Result<T, ShardFault>;

/// The database.
#[derive(Clone, Debug)]
pub(super) struct Database {
    sql: SqlStorage,
    storage: Rc<JsValue>,
}

impl Database {
    /// Opens the database.
    pub(super) fn open(storage: Storage) -> Self {
        Self { sql: storage.sql(), storage: Rc::new(storage.as_raw().into()) }
    }

    /// Runs one statement. Values are bound, never written into it.
    pub(super) fn run(&self, statement: &str, values: Vec<Value>) -> Answer<Vec<Vec<Value>>> {
        let fault = |error: worker::Error| ShardFault(format!("SQLite: {error}"));
        let cursor = self.sql.exec(statement, values).map_err(fault)?;
        cursor.raw().collect::<worker::Result<Vec<_>>>().map_err(fault)
    }

    /// Runs `act` in one transaction: an error takes all of it back.
    pub(super) fn transaction<T: 'static>(&self, act: impl FnOnce() -> Answer<T> + 'static) -> Answer<T> {
        let result: Rc<RefCell<Option<Answer<T>>>> = Rc::default();
        let slot = result.clone();
        let closure = Closure::once(move || -> Result<JsValue, JsValue> {
            let outcome = act();
            let thrown = outcome.as_ref().err().map(|fault| JsValue::from(&fault.0));
            *slot.borrow_mut() = Some(outcome);
            thrown.map_or(Ok(JsValue::UNDEFINED), Err)
        });
        let called = Reflect::get(&self.storage, &"transactionSync".into())
            .and_then(JsCast::dyn_into::<Function>)
            .and_then(|function| function.call1(&self.storage, closure.as_ref()));
        let outcome = result.borrow_mut().take();
        match (called, outcome) {
            (Ok(_), Some(outcome)) => outcome,
            (Err(_), Some(Err(fault))) => Err(fault),
            (Err(error), _) => Err(ShardFault(format!("SQLite: {}", in_words(&error)))),
            (Ok(_), None) => Err(ShardFault("SQLite: the transaction did not run".into())),
        }
    }
}
