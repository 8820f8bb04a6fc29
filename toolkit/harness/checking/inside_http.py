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


def send(port: int, request: dict[str, Any], deadline: float) -> dict[str, Any]:
    """The answer to a request, or its ``error``."""
    left_s = max(0.001, deadline - time.monotonic())
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=left_s)
    body = request.get("body")
    headers = {} if body is None else {"Content-Type": request["content_type"]}
    content = None if body is None else body.encode()
    try:
        connection.request(request["method"], request["path"], content, headers)
        response = connection.getresponse()
        received = receive(response, deadline)
    except TimeoutError:
        return {"error": "no answer in time"}
    except (OSError, ValueError, http.client.HTTPException) as error:
        return {"error": f"{type(error).__name__}: {error}"[:MAX_ERROR_CHARS]}
    finally:
        connection.close()
    return {"status": response.status, "body": received.decode(errors="replace")}


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
    while True:
        answer = send(port, {"method": "GET", "path": path}, deadline)
        if answer.get("status", 500) < 500:
            return ""
        if time.monotonic() > deadline:
            fault = f"status {answer['status']}" if "status" in answer else answer["error"]
            return f"not ready: {fault}"
        time.sleep(AGAIN_S)


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
    print(json.dumps(main(json.loads(sys.argv[1]))))
