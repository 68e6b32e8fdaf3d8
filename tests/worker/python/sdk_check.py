"""Drives the official openai package. Each line of standard input is a JSON object:

    {"url": the base URL, "key": the API key, "way": "body" or "stream", "params": of the chat completion}

and is answered by one line: {"completion": ...} as the package gives it, or {"error": ...} as it raises it.
"""

import json
import sys

import openai


def body(client, params):
    completion = client.chat.completions.create(**params)
    return completion, completion._request_id


def stream(client, params):
    """The package's own helper puts the chunks together."""
    with client.chat.completions.stream(**params, stream_options={"include_usage": True}) as events:
        for _ in events:
            pass
        return events.get_final_completion(), events._response.headers.get("x-request-id")


WAYS = {"body": body, "stream": stream}


def answer(asked):
    client = openai.OpenAI(api_key=asked["key"], base_url=asked["url"])
    try:
        completion, request_id = WAYS[asked["way"]](client, asked["params"])
        return {"completion": completion.to_dict(), "request_id": request_id}
    except openai.APIStatusError as error:
        return {
            "error": {
                "class": type(error).__name__,
                "status": error.status_code,
                "param": error.param,
                "code": error.code,
                "type": error.type,
            }
        }


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
