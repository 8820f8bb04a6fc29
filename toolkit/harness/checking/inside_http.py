"""Requests to the app: a program that runs in its box. It uses the standard library alone.

It takes JSON: with ``requests`` it sends them one after the other, and prints the answers; else it
waits until the path ``ready`` is answered, and prints what is wrong where it is not.
"""

import http.client
import json
import sys
import time
from typing import Any

MAX_BODY_BYTES = 1 << 18
MAX_ERROR_CHARS = 300
AGAIN_S = 0.05
NOT_IN_TIME = "no answer in time"


def send(port: int, request: dict[str, Any], deadline: float) -> dict[str, Any]:
    """The answer to a request, or its ``error``."""
    left_s = deadline - time.monotonic()
    if left_s <= 0:
        return {"error": NOT_IN_TIME}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=left_s)
    try:
        connection.request(request["method"], request["path"], **content_of(request))
        response = connection.getresponse()
        body = receive(response, deadline)
    except TimeoutError:
        return {"error": NOT_IN_TIME}
    except (OSError, ValueError, http.client.HTTPException) as error:
        fault = f"{type(error).__name__}: {error}"
        return {"error": fault[:MAX_ERROR_CHARS]}
    finally:
        connection.close()
    return {"status": response.status, "body": body.decode(errors="replace")}


def content_of(request: dict[str, Any]) -> dict[str, Any]:
    """The body and the headers of a request that has them."""
    body = request.get("body")
    if body is None:
        return {}
    return {"body": body.encode(), "headers": {"Content-Type": request["content_type"]}}


def receive(response: http.client.HTTPResponse, deadline: float) -> bytes:
    """The body of an answer. Raises TimeoutError, and ValueError where it is too large."""
    received = b""
    while chunk := response.read1(1 << 16):
        received += chunk
        if len(received) > MAX_BODY_BYTES:
            raise ValueError(f"the answer is larger than {MAX_BODY_BYTES >> 10} kB")
        if time.monotonic() > deadline:
            raise TimeoutError
    return received


def wait_until_ready(port: int, path: str, deadline: float) -> str:
    """Nothing once the path is answered with a status below 500; else what is wrong."""
    request = {"method": "GET", "path": path}
    fault = NOT_IN_TIME
    while time.monotonic() < deadline:
        answer = send(port, request, deadline)
        fault = answer.get("error") or f"status {answer['status']}"
        if answer.get("status", 500) < 500:
            return ""
        time.sleep(AGAIN_S)
    return f"not ready: {fault}"


def main(question: dict[str, Any]) -> Any:
    """What is printed for a question."""
    deadline = time.monotonic() + question["timeout_s"]
    if "ready" in question:
        return wait_until_ready(question["port"], question["ready"], deadline)
    answers = []
    for request in question["requests"]:
        answers.append(send(question["port"], request, deadline))
    return answers


if __name__ == "__main__":
    question = json.loads(sys.argv[1])
    print(json.dumps(main(question)))
