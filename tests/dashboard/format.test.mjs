// How the dashboard writes numbers: its money is rounded as decimals, so no cent is lost to binary fractions.
import assert from "node:assert/strict";
import test from "node:test";
import { bytes, counted, isZero, money, percent, until } from "../../src/dashboard/format.js";
import { tidy } from "./lib/tidy.mjs";

const MONEY = [
  ["0", "$0.00"],
  ["0.000000", "$0.00"],
  ["-0.000000", "$0.00"],
  ["0.0012", "$0.0012"],
  ["0.001234", "$0.0012"],
  ["0.001250", "$0.0013"],
  ["0.000001", "$0.000001"],
  ["0.001", "$0.001"],
  ["0.100000", "$0.10"],
  ["0.5", "$0.50"],
  ["0.099", "$0.099"],
  ["0.996", "$1.00"],
  ["1", "$1.00"],
  ["12.345678", "$12.35"],
  ["12.345", "$12.35"],
  ["1.005", "$1.01"],
  ["999.994", "$999.99"],
  ["999.995", "$1,000.00"],
  ["1234.4", "$1,234"],
  ["1234.5", "$1,235"],
  ["1000000", "$1,000,000"],
  ["90071992547409931.25", "$90,071,992,547,409,931"],
  ["-12.345678", "−$12.35"],
  ["-0.0012", "−$0.0012"],
  ["unpriced", "unknown"],
  [null, "unknown"],
  [undefined, "unknown"],
  ["1e3", "unknown"],
];

for (const [decimal, shown] of MONEY) {
  test(`money: ${decimal} is written ${shown}`, () => assert.equal(money(decimal), shown));
}

test("zero is zero however long it is written, and what is no decimal is not zero", () => {
  assert.deepEqual(["0", "0.000000", "-0.0", "0.000001", "unpriced", null].map(isZero), [true, true, true, false, false, false]);
});

test("a share of nothing is a dash, and a small one is not rounded to nothing", () => {
  assert.deepEqual(
    [null, 0, 0.0001, 0.4242, 1].map((share) => tidy(percent(share))),
    ["–", "0.0 %", "<0.1 %", "42.4 %", "100.0 %"],
  );
});

test("counts, sizes and times are in words that a person uses", () => {
  assert.deepEqual(
    [1, 2_000].map((number) => tidy(counted(number, "entry", "entries"))),
    ["1 entry", "2,000 entries"],
  );
  assert.deepEqual(
    [0, 999, 1_400, 250_000, 48_200_112].map((size) => tidy(bytes(size))),
    ["0 bytes", "999 bytes", "1.4 kB", "250 kB", "48.2 MB"],
  );
  const minutes = (number) => tidy(until(number * 60_000, 0));
  assert.deepEqual([-1, 0.2, 3, 240, 252, 3_120].map(minutes), ["now", "1 min", "3 min", "4 h", "4 h 12 min", "2 d 4 h"]);
});
