"""connect_model: the model that a tour, a test or a notebook talks to; loopback unless live is asked for."""

import os

from toolkit.models.claude import ClaudeModel
from toolkit.models.ledger import Ledger
from toolkit.models.loopback import LoopbackServer
from toolkit.models.model import Request
from toolkit.models.script import Answer, Policy

DEFAULT_NAME = "claude-haiku-5-5"


def simulated_answer(_: Request) -> Answer:
    """The policy of a loopback model that was given none."""
    return Answer("This reply is simulated: a script on this machine wrote it, and no model was asked.")


def connect_model(
    name: str | None = None,
    live: bool = False,
    *,
    policy: Policy | None = None,
    max_usd: float | None = None,
    ledger: Ledger | None = None,
) -> ClaudeModel:
    """Connect to a model through the anthropic SDK.

    Without `live`, the SDK talks to a `LoopbackServer` that starts at the first reply and closes with the model, and
    ANTHROPIC_API_KEY is not looked at. Use it as ``async with connect_model() as model``, or await ``model.close()``.

    Parameters
    ----------
    name : str or None
        The model; None means claude-haiku-5-5.
    live : bool
        Ask the real API, for money.
    policy : Policy or None
        Answers on loopback; None says that it is simulated.
    max_usd : float or None
        The cap in dollars; needed for `live`.
    ledger : Ledger or None
        Counts the attempts; it may bring the cap.

    Raises
    ------
    ValueError
        For `live` without a cap, without a key, or with a policy; or where both `ledger` and `max_usd` are given.
    UnknownModel
        For a model without a price.
    """
    if ledger is not None and max_usd is not None:
        raise ValueError("say the cap once: max_usd=, or ledger=Ledger(cap_usd=...)")
    ledger = Ledger(max_usd) if ledger is None else ledger
    name = name or DEFAULT_NAME
    if not live:
        server = LoopbackServer(policy or simulated_answer)
        return ClaudeModel(name, api_key="loopback", source="simulated", ledger=ledger, server=server)
    if policy is not None:
        raise ValueError("a live model is not scripted: leave out policy= or live=True")
    if ledger.cap_usd is None:
        raise ValueError("live calls cost money: pass a cap in dollars, as max_usd=1.0")
    if not os.environ.get("ANTHROPIC_API_KEY"):
        raise ValueError("live calls need a key: set ANTHROPIC_API_KEY in the environment")
    return ClaudeModel(name, source="live", ledger=ledger)
