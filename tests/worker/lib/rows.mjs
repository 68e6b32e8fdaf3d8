// The SQLite files of the CacheShards, below the folder where a Worker's storage lies.
import fs from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";

/** The files, one an object; its name is the object's id. */
export function shardFiles(persist) {
  const folder = path.join(persist, "do", "nearhit-CacheShard");
  const names = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
  return names.filter((name) => /^[0-9a-f]{64}\.sqlite$/.test(name)).map((name) => path.join(folder, name));
}

/** Runs a query in one object's file. */
export function query(file, statement) {
  return using(file, (database) => database.prepare(statement).all());
}

/** Runs a query in the file of every object that has kept something; the rows of all of them. */
export function rows(persist, statement) {
  return filledFiles(persist).flatMap((file) => query(file, statement));
}

/** The files of the objects that have kept something: only those have tables. */
export function filledFiles(persist) {
  return shardFiles(persist).filter((file) => query(file, "SELECT name FROM sqlite_master WHERE name = 'entries'").length > 0);
}

/** Changes every object's file. The Worker must not run. */
export function change(persist, statement) {
  for (const file of shardFiles(persist)) using(file, (database) => database.exec(statement));
}

function using(file, act) {
  const database = new DatabaseSync(file);
  try {
    return act(database);
  } finally {
    database.close();
  }
}
