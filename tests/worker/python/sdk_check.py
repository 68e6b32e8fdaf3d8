"""Drives the official openai and anthropic packages. Each line of standard input is a JSON object:

    {"url": the address of nearhit, "key": the API key, "call": a name of CALLS, "params": of the request}

and is answered by one line: {"result": ..., "request_id": ...} as the package gives it, or {"error": ...} as it raises it.
"""

import json
import sys

import anthropic
import openai


def of_openai(asked):
    return openai.OpenAI(api_key=asked["key"], base_url=f"{asked['url']}/v1")


def of_anthropic(asked):
    return anthropic.Anthropic(api_key=asked["key"], base_url=asked["url"])


def body(create):
    """The answer in one piece."""

    def call(asked):
        result = create(asked)(**asked["params"])
        return result, result._request_id

    return call


def stream(begin, final, header, **more):
    """The answer as the package's own helper puts it together."""

    def call(asked):
        with begin(asked)(**asked["params"], **more) as events:
            for _ in events:
                pass
            response = getattr(events, "response", None) or events._response
            return final(events), response.headers.get(header)

    return call


def embeddings(asked):
    # What is asked for by default, base64, is decoded by the package.
    result = of_openai(asked).embeddings.create(**asked["params"])
    return result, None


CALLS = {
    "chat body": body(lambda asked: of_openai(asked).chat.completions.create),
    "chat stream": stream(
        lambda asked: of_openai(asked).chat.completions.stream,
        lambda events: events.get_final_completion(),
        "x-request-id",
        stream_options={"include_usage": True},
    ),
    "responses body": body(lambda asked: of_openai(asked).responses.create),
    "responses stream": stream(
        lambda asked: of_openai(asked).responses.stream,
        lambda events: events.get_final_response(),
        "x-request-id",
    ),
    "messages body": body(lambda asked: of_anthropic(asked).messages.create),
    "messages stream": stream(
        lambda asked: of_anthropic(asked).messages.stream,
        lambda events: events.get_final_message(),
        "request-id",
    ),
    "embeddings": embeddings,
    "count tokens": body(lambda asked: of_anthropic(asked).messages.count_tokens),
    "openai models": body(lambda asked: of_openai(asked).models.list),
    "anthropic models": body(lambda asked: of_anthropic(asked).models.list),
}


def raised(error):
    """What an error says of itself; the two packages agree on its class, status and type."""
    request_id = error.request_id
    fields = ("param", "code", "type")
    told = {name: getattr(error, name) for name in fields if hasattr(error, name)}
    return {"class": type(error).__name__, "status": error.status_code, **told}, request_id


def answer(asked):
    try:
        result, request_id = CALLS[asked["call"]](asked)
        return {"result": result.to_dict(mode="json"), "request_id": request_id}
    except (openai.APIStatusError, anthropic.APIStatusError) as error:
        told, request_id = raised(error)
        return {"error": told, "request_id": request_id}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
