// What the admin API says in the tests of the dashboard: one deployment, seen at one moment.

/** A text that does something if it ever gets into a page as anything but text. */
export const HOSTILE = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;

const LENGTH = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/** Counts and sums as the API gives them, with zero for what is not said. */
export function cell({ tokens = {}, saved = {}, cost = "0.000000", ...counts } = {}) {
  return {
    requests: 0,
    hits_exact: 0,
    hits_semantic: 0,
    hits_stale: 0,
    collapsed: 0,
    misses: 0,
    refreshes: 0,
    bypasses: 0,
    refused: 0,
    failed: 0,
    hit_ratio: null,
    tokens: { uncached: 0, cached_read: 0, cached_write_5m: 0, cached_write_1h: 0, output: 0, reasoning: 0, ...tokens },
    cost_usd: cost,
    saved_usd: {
      exact: "0.000000",
      semantic: "0.000000",
      collapsed: "0.000000",
      prefix: "0.000000",
      routing: "0.000000",
      total: "0.000000",
      ...saved,
    },
    unpriced: 0,
    estimated: 0,
    ...counts,
  };
}

/** The totals: saved from every source, and some requests without a price. */
export const TOTALS = cell({
  requests: 12_480,
  hits_exact: 3_120,
  hits_semantic: 1_604,
  hits_stale: 12,
  collapsed: 388,
  misses: 6_900,
  refreshes: 56,
  bypasses: 310,
  refused: 66,
  failed: 24,
  hit_ratio: 0.4242,
  tokens: { uncached: 8_412_003, cached_read: 21_944_310, cached_write_5m: 812_400, output: 3_104_220, reasoning: 901_117 },
  cost: "1234.567890",
  saved: {
    exact: "312.450000",
    semantic: "98.764321",
    collapsed: "12.345678",
    prefix: "204.000500",
    routing: "0.001234",
    total: "627.561733",
  },
  unpriced: 41,
  estimated: 7,
});

const MODELS = [
  { model: "anthropic/claude-opus-5", ...cell({ requests: 2_900, hit_ratio: 0.31, cost: "801.250000", saved: { total: "310.100000" } }) },
  { model: "openai/gpt-5", ...cell({ requests: 7_200, hit_ratio: 0.475, cost: "433.316640", saved: { total: "317.460499" } }) },
  {
    model: "openai/gpt-5-nano",
    ...cell({ requests: 2_100, hit_ratio: 0.52, cost: "0.001250", saved: { total: "0.001234" }, unpriced: 3 }),
  },
  { model: "groq/llama-next-preview-with-a-rather-long-name", ...cell({ requests: 38, hit_ratio: 0, unpriced: 38 }) },
];

const TAGS = {
  feature: [
    { value: "search", ...cell({ requests: 6_000, hit_ratio: 0.51, cost: "700.100000", saved: { total: "402.000000" } }) },
    { value: "support-bot", ...cell({ requests: 4_100, hit_ratio: 0.38, cost: "412.467890", saved: { total: "201.561733" } }) },
    { value: HOSTILE, ...cell({ requests: 11, hit_ratio: 0.1, cost: "0.120000", saved: { total: "0.000100" } }) },
    { value: "other", ...cell({ requests: 2_369, hit_ratio: 0.2, cost: "121.880000", saved: { total: "23.999900" } }) },
  ],
  team: [{ value: "growth", ...cell({ requests: 3_000, hit_ratio: 0.4, cost: "300.000000", saved: { total: "120.000000" } }) }],
};

const DECISIONS = [
  ["miss", "new", 4_100],
  ["hit-exact", null, 3_120],
  ["hit-semantic", null, 1_604],
  ["miss", "near-miss:numbers", 1_288],
  ["miss", "near-miss:negation", 912],
  ["miss", "below-threshold", 600],
  ["collapsed", null, 388],
  ["bypass", "no-store", 310],
];

const TENANTS = ["acme", "globex", "~own"];

function series(from, to, grain, totals) {
  const all = [];
  const first = Math.ceil(from / LENGTH[grain]) * LENGTH[grain];
  for (let start = first, index = 0; start < to; start += LENGTH[grain], index += 1) {
    const wave = 1 + Math.sin(index / 3) + (index % 4) / 4;
    if (index % 7 === 3) continue;
    all.push({
      start_ms: start,
      ...cell({
        requests: Math.round(wave * 100),
        cost: (wave * 21).toFixed(6),
        saved: { total: (wave * 9 + (index % 5) * 3).toFixed(6) },
      }),
    });
  }
  return totals.requests ? all : [];
}

/** `GET /stats`. */
export function stats({ from, to, grain, totals = TOTALS, ...more }) {
  const empty = totals.requests === 0;
  return {
    max_error_rate: 0.01,
    audit_share: 0.01,
    threshold: 0.982,
    bound: 0.0087,
    entries: 5_210,
    bytes: 48_200_112,
    negatives: 14,
    total: {},
    scopes: [],
    shards_listed: 4,
    shards_known: 4,
    shards_silent: 0,
    usage: {
      from_ms: from,
      to_ms: to,
      grain,
      totals,
      series: series(from, to, grain, totals),
      by_decision: empty ? [] : DECISIONS.map(([decision, reason, requests]) => ({ decision, reason, ...cell({ requests }) })),
      by_model: empty ? [] : MODELS,
      by_tag: empty ? {} : TAGS,
      by_tenant: empty
        ? []
        : TENANTS.map((tenant, at) => ({
            tenant,
            ...cell({ requests: 9_000 / (at + 1), hit_ratio: 0.4, cost: `${900 / (at + 1)}.000000`, saved: { total: "80.000000" } }),
          })),
      overflowed: 0,
      unrecorded: 0,
      ledgers_known: 3,
      ledgers_asked: 3,
      ledgers_silent: 0,
      ...more,
    },
  };
}

/** `GET /events`, newest first. */
export function events(now) {
  const one = (minutes, more) => ({
    at_ms: now - minutes * 60_000,
    tenant: "acme",
    decision: "hit-semantic",
    reason: null,
    score: 0.991,
    entry: "0-a1",
    asked: "How can I reset my password?",
    model: "openai/gpt-5",
    tags: { feature: "search" },
    cost_usd: "0.000000",
    saved_usd: "0.001200",
    ...more,
  });
  const miss = (minutes, reason, asked, more) =>
    one(minutes, { decision: "miss", reason, asked, entry: "0-b7", saved_usd: "0.000000", cost_usd: "0.034500", ...more });
  return [
    one(1, {}),
    miss(3, "numbers", "What is 15% of 420?", { score: 0.961 }),
    one(9, { entry: "1-c3", asked: HOSTILE, tags: { feature: HOSTILE }, tenant: "~own", score: 0.9834 }),
    miss(24, "negation", "Which foods are not safe for dogs?", { score: 0.948, cost_usd: null, model: "groq/llama-next" }),
    one(31, { asked: "How to reset my password" }),
  ];
}

/** `GET /entries`: more than one page of them. */
export function entries(now) {
  const texts = ["How do I reset my password?", "Which foods are safe for dogs?", HOSTILE, "What is 15% of 240?", null];
  return Array.from({ length: 32 }, (_, index) => ({
    id: index === 0 ? "0-a1" : `${index % 4}-e${index}`,
    text:
      index < texts.length
        ? texts[index]
        : `Question number ${index}, which is somewhat longer than the others so that its line has to be broken on a telephone`,
    model: index % 3 ? "gpt-5" : "claude-opus-5",
    tags: { feature: index % 2 ? "search" : "support-bot" },
    scope: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    created_ms: now - index * 3_600_000,
    expires_ms: now + (20 - index) * 3_600_000,
    hits: 40 - index,
    tokens: 180 + index,
    bytes: 1_400 + index * 31,
  }));
}

/** `GET /budgets`: one of each state. */
export function budgets(now) {
  const one = (more) => ({
    name: "search-daily",
    tenant: "acme",
    tag: "feature=search",
    model: null,
    unit: "usd",
    limit: "25.000000",
    period: "day",
    soft_share: 0.8,
    at_soft: { tier: "cheap", max_effort: "low", max_thinking_tokens: null, max_output_tokens: 2_000 },
    spent: "21.500000",
    reserved: "0.250000",
    headroom: "3.250000",
    lapsed: 0,
    state: "soft",
    resets_ms: now + 4 * 3_600_000,
    created_ms: now - 86_400_000,
    ...more,
  });
  const none = { tier: null, max_effort: null, max_thinking_tokens: null, max_output_tokens: null };
  return [
    one({}),
    one({
      name: "company-month",
      tenant: null,
      tag: null,
      limit: "4000.000000",
      spent: "1234.567890",
      reserved: "1.100000",
      headroom: "2764.332110",
      period: "month",
      state: "ok",
      soft_share: null,
      at_soft: none,
    }),
    one({
      name: "burst",
      tenant: "globex",
      tag: null,
      unit: "requests",
      limit: 600,
      spent: 600,
      reserved: 0,
      headroom: 0,
      period: "minute",
      state: "exhausted",
      soft_share: null,
      at_soft: none,
      resets_ms: now + 30_000,
    }),
    one({
      name: "thinking",
      tenant: null,
      tag: null,
      model: "openai/gpt-5",
      unit: "reasoning_tokens",
      limit: 2_000_000,
      spent: 250_000,
      reserved: 12_000,
      headroom: 1_738_000,
      period: "total",
      state: "ok",
      resets_ms: null,
      lapsed: 2,
    }),
  ];
}
