"""Cuts the price table of language models out of litellm's, as integers. Standard library only.

    python3 -m pip download litellm==1.109.1 --no-deps -d wheel
    python3 make_prices.py wheel/litellm-1.109.1-*.whl
"""

import argparse
import datetime
import decimal
import hashlib
import json
import pathlib
import re
import zipfile

HERE = pathlib.Path(__file__).parent
INSIDE_WHEEL = "litellm/model_prices_and_context_window_backup.json"

# litellm's name of a provider, and ours. `bedrock` and `bedrock_converse` are two APIs at one price; `bedrock_mantle`
# is Bedrock's endpoint for the APIs of OpenAI and Anthropic, where the same model may cost more.
PROVIDERS = {
    "anthropic": "anthropic",
    "azure": "azure",
    "bedrock": "bedrock",
    "bedrock_converse": "bedrock",
    "bedrock_mantle": "bedrock_mantle",
    "cloudflare": "cloudflare",
    "deepseek": "deepseek",
    "fireworks_ai": "fireworks_ai",
    "fireworks_ai-embedding-models": "fireworks_ai",
    "gemini": "gemini",
    "groq": "groq",
    "mistral": "mistral",
    "openai": "openai",
    "openrouter": "openrouter",
    "xai": "xai",
}
MODES = ("chat", "embedding", "responses")

# A provider that bills the long-context price from the threshold on; the others bill it above the threshold.
INCLUSIVE_PROVIDERS = ("xai",)

# Models whose price per token is not what a request costs.
LEFT_OUT = {
    "azure/model-router": "the price is the router's fee, which comes on top of the price of the model it picks",
}

RATES = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cached_read",
    "cache_creation_input_token_cost": "cached_write_5m",
    "cache_creation_input_token_cost_above_1hr": "cached_write_1h",
    "output_cost_per_reasoning_token": "reasoning",
}
FACTS = {
    "prompt_cache_min_tokens": "prompt_cache_min_tokens",
    "supports_prompt_cache_breakpoint": "supports_breakpoint",
    "reasoning_effort_levels": "reasoning_efforts",
    "max_input_tokens": "max_input_tokens",
    "max_output_tokens": "max_output_tokens",
}
RATE = re.compile(rf"({'|'.join(RATES)})(?:_above_(\d+)k_tokens)?(_batches)?")
# Service tiers other than batch, and the cache that OpenAI keeps for longer than 12 hours.
NOT_KEPT = re.compile(r".*(_flex|_priority|_ultrafast|_decisions|_above_12hr.*)|input_cost_per_token_cache_hit")


def read_source(path, version):
    """The bytes of litellm's table and its version, from a wheel or from the JSON file itself."""
    if path.suffix != ".whl":
        if version is None:
            raise SystemExit("a JSON file does not say its version: add --version")
        return path.read_bytes(), version
    with zipfile.ZipFile(path) as wheel:
        return wheel.read(INSIDE_WHEEL), path.name.split("-")[1]


def picodollars(dollars):
    """Dollars as whole picodollars; an error when they are not whole or negative."""
    value = decimal.Decimal(dollars) * 10**12
    whole = int(value)
    if whole != value or whole < 0:
        raise ValueError(f"{dollars} is not a whole number of picodollars")
    return whole


def rates_of(entry):
    """All rates by their place: `(threshold in thousands or None, batch or not) -> name -> picodollars`."""
    places = {}
    for column, value in entry.items():
        match = RATE.fullmatch(column)
        if match is None:
            if column.startswith(tuple(RATES)) and not NOT_KEPT.fullmatch(column):
                raise ValueError(f"unknown column {column}")
            continue
        name, thousands, batch = match.groups()
        place = (int(thousands) if thousands else None, batch is not None)
        places.setdefault(place, {})[RATES[name]] = picodollars(value)
    for rates in places.values():
        if rates.get("reasoning") == rates.get("output"):
            rates.pop("reasoning", None)
    return {place: in_order(rates) for place, rates in places.items() if rates}


def in_order(rates):
    """The same rates, in the order of the columns."""
    return {name: rates[name] for name in RATES.values() if name in rates}


def facts_of(entry):
    """What the table knows of a model besides its prices."""
    facts = {ours: entry[theirs] for theirs, ours in FACTS.items() if entry.get(theirs) is not None}
    return {name: int(value) if isinstance(value, decimal.Decimal) else value for name, value in facts.items()}


def price_of(entry):
    """One model's price, or None when it is not billed by the token."""
    if entry.get("input_cost_per_token") is None:
        return None
    places = rates_of(entry)
    price = places.pop((None, False))
    if "output" not in price:
        if entry["mode"] != "embedding":
            return None
        price["output"] = 0
    billed_otherwise = any("cost_per_" in name and isinstance(entry[name], decimal.Decimal) and entry[name]
                           for name in entry)
    if billed_otherwise and not any(price.values()):
        return None
    price = in_order(price)
    batch = places.pop((None, True), None)
    if batch:
        price["batch"] = batch
    inclusive = entry["litellm_provider"] in INCLUSIVE_PROVIDERS
    tiers = []
    for thousands in sorted({thousands for thousands, _ in places}):
        tier = {"above_tokens": thousands * 1000 - inclusive}
        for name, place in (("standard", (thousands, False)), ("batch", (thousands, True))):
            if place in places:
                tier[name] = places[place]
        tiers.append(tier)
    if tiers:
        price["long_context"] = tiers
    facts = facts_of(entry)
    if facts:
        price["facts"] = facts
    return price


def compact(value):
    """JSON without spaces."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True)


def groups_of(table):
    """Models of one provider that share a price, one line of JSON for each, sorted by provider and first model."""
    groups = {}
    for model, entry in table.items():
        provider = PROVIDERS.get(entry.get("litellm_provider"))
        if provider is None or entry.get("mode") not in MODES or model in LEFT_OUT:
            continue
        price = price_of(entry)
        if price is not None:
            groups.setdefault((provider, compact(price)), []).append(model)
    lines = sorted((provider, sorted(models), price) for (provider, price), models in groups.items())
    return [f'{{"provider":{compact(provider)},"models":{compact(models)},"price":{price}}}'
            for provider, models, price in lines]


def main():
    """Reads the source, writes `prices.json` beside this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=pathlib.Path, help="the litellm wheel, or its JSON table")
    parser.add_argument("--version", help="litellm's version, when the source is the JSON table")
    parser.add_argument("--date", default=datetime.date.today().isoformat(), help="the date to note in the table")
    arguments = parser.parse_args()
    decimal.getcontext().traps[decimal.Inexact] = True
    source, version = read_source(arguments.source, arguments.version)
    table = json.loads(source, parse_float=decimal.Decimal, parse_int=decimal.Decimal)
    head = {
        "source": "litellm",
        "version": version,
        "file": INSIDE_WHEEL,
        "sha256": hashlib.sha256(source).hexdigest(),
        "license": "MIT, Copyright (c) 2023 Berri AI",
        "date": arguments.date,
        "unit": "picodollars per token",
    }
    lines = groups_of(table)
    text = f'{{"head":{compact(head)},\n"groups":[\n' + ",\n".join(lines) + "\n]}\n"
    (HERE / "prices.json").write_text(text, encoding="ascii")
    models = sum(len(group["models"]) for group in json.loads(text)["groups"])
    print(f"{models} models in {len(lines)} groups, {len(text)} bytes")


if __name__ == "__main__":
    main()
