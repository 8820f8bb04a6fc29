"""The airline of tau-bench: the tools that write, made anew here after its published data, and its
tasks. The 200 rewards that tau-bench published show whether they do the same.
"""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path

BAG_PRICE = 50
INSURANCE_PRICE = 30
NOW = "2024-05-15T15:00:00"
NEW_RESERVATIONS = ("HATHAT", "HATHAU", "HATHAV")
NEW_CERTIFICATES = (3221322, 3221323, 3221324)


class Refused(Exception):
    """What a tool of tau-bench returns as a text that begins with Error."""


class Airline:
    """Its state, and the tools that change it."""

    def __init__(self, state, flights):
        self.state = state
        self.flights = flights

    def book_reservation(self, user_id, cabin, flights, passengers, payment_methods, **rest):
        user = self.state["users"][user_id]
        taken = self.state["reservations"]
        new_id = next(
            id_ for id_ in NEW_RESERVATIONS if id_ not in taken or id_ == NEW_RESERVATIONS[-1]
        )
        legs = [self._priced(leg, cabin, len(passengers)) for leg in flights]
        price = sum(leg["price"] for leg in legs) * len(passengers)
        price += BAG_PRICE * rest["nonfree_baggages"]
        if rest["insurance"] == "yes":
            price += INSURANCE_PRICE * len(passengers)
        self._check_payments(user, payment_methods, price)
        for payment in payment_methods:
            method = user["payment_methods"][payment["payment_id"]]
            if method["source"] == "gift_card":
                method["amount"] -= payment["amount"]
            elif method["source"] == "certificate":
                del user["payment_methods"][payment["payment_id"]]
        taken[new_id] = {
            "reservation_id": new_id,
            "user_id": user_id,
            "cabin": cabin,
            "flights": legs,
            "passengers": deepcopy(passengers),
            "payment_history": deepcopy(payment_methods),
            "created_at": NOW,
            **rest,
        }
        user["reservations"].append(new_id)

    def update_reservation_flights(self, reservation_id, cabin, flights, payment_id):
        reservation = self.state["reservations"][reservation_id]
        n_passengers = len(reservation["passengers"])
        kept = {}
        if cabin == reservation["cabin"]:
            kept = {(leg["flight_number"], leg["date"]): leg for leg in reservation["flights"]}
        legs = []
        for leg in flights:
            old = kept.get((leg["flight_number"], leg["date"]))
            if old:
                same = {name: old[name] for name in ("price", "origin", "destination")}
                legs.append({**leg, **same})
            else:
                legs.append(self._priced(leg, cabin, n_passengers))
        more = sum(leg["price"] for leg in legs) - sum(
            leg["price"] for leg in reservation["flights"]
        )
        self._pay(reservation, payment_id, more * n_passengers)
        reservation["flights"] = legs

    def update_reservation_baggages(
        self, reservation_id, total_baggages, nonfree_baggages, payment_id
    ):
        reservation = self.state["reservations"][reservation_id]
        more = max(0, nonfree_baggages - reservation["nonfree_baggages"])
        self._pay(reservation, payment_id, BAG_PRICE * more)
        reservation["total_baggages"] = total_baggages
        reservation["nonfree_baggages"] = nonfree_baggages

    def update_reservation_passengers(self, reservation_id, passengers):
        reservation = self.state["reservations"][reservation_id]
        if len(passengers) != len(reservation["passengers"]):
            raise Refused("number of passengers does not match")
        reservation["passengers"] = deepcopy(passengers)

    def cancel_reservation(self, reservation_id):
        reservation = self.state["reservations"][reservation_id]
        for payment in list(reservation["payment_history"]):
            back = {"payment_id": payment["payment_id"], "amount": -payment["amount"]}
            reservation["payment_history"].append(back)
        reservation["status"] = "cancelled"

    def send_certificate(self, user_id, amount):
        methods = self.state["users"][user_id]["payment_methods"]
        for number in NEW_CERTIFICATES:
            id_ = f"certificate_{number}"
            if id_ not in methods:
                methods[id_] = {"source": "certificate", "amount": amount, "id": id_}
                return

    def _priced(self, leg, cabin, n_seats):
        flight = self.flights[leg["flight_number"]]
        day = flight["dates"][leg["date"]]
        if day["status"] != "available" or day["available_seats"][cabin] < n_seats:
            raise Refused(f"no {n_seats} seats on {leg}")
        ends = {name: flight[name] for name in ("origin", "destination")}
        return {**leg, "price": day["prices"][cabin], **ends}

    def _check_payments(self, user, payments, price):
        for payment in payments:
            method = user["payment_methods"][payment["payment_id"]]
            if method["source"] != "credit_card" and method["amount"] < payment["amount"]:
                raise Refused(f"not enough in {payment['payment_id']}")
        if sum(payment["amount"] for payment in payments) != price:
            raise Refused(f"payments do not add up to {price}")

    def _pay(self, reservation, payment_id, amount):
        method = self.state["users"][reservation["user_id"]]["payment_methods"][payment_id]
        is_short = method["source"] == "gift_card" and method["amount"] < amount
        if method["source"] == "certificate" or is_short:
            raise Refused(f"{payment_id} cannot pay {amount}")
        if method["source"] == "gift_card":
            method["amount"] -= amount
        if amount:
            reservation["payment_history"].append({"payment_id": payment_id, "amount": amount})


WRITES = tuple(name for name in vars(Airline) if not name.startswith("_"))


@dataclass(frozen=True)
class Task:
    """One of tau-bench's 50 tasks."""

    id: int
    actions: tuple
    """The gold actions, as ``(name, arguments)``."""
    outputs: tuple
    """What the agent has to say."""


@dataclass(frozen=True)
class Trial:
    """What an agent did with a task, and the reward that tau-bench gave."""

    task: int
    actions: tuple
    reward: float
    state_hash: str | None
    """Of the gold state, where the reward rests on it."""


def load(folder: Path):
    """The tasks, the trials, the flights, and the rows that any action names."""
    records = _read(folder / "gpt-4o-airline.json")
    tasks = {}
    trials = []
    for record in records:
        info = record["info"]
        gold = tuple((action["name"], action["kwargs"]) for action in info["task"]["actions"])
        tasks[record["task_id"]] = Task(record["task_id"], gold, tuple(info["task"]["outputs"]))
        found = (info.get("reward_info") or {}).get("info", {})
        actions = tuple(_calls(record["traj"]))
        trials.append(
            Trial(record["task_id"], actions, record["reward"], found.get("gt_data_hash"))
        )
    named = json.dumps([[task.actions for task in tasks.values()], [t.actions for t in trials]])
    reservations = _read(folder / "reservations.json")
    reservations = {id_: row for id_, row in reservations.items() if f'"{id_}"' in named}
    holders = {row["user_id"] for row in reservations.values()}
    users = _read(folder / "users.json")
    users = {id_: row for id_, row in users.items() if id_ in holders or f'"{id_}"' in named}
    state = {"reservations": reservations, "users": users}
    return (
        sorted(tasks.values(), key=lambda task: task.id),
        trials,
        _read(folder / "flights.json"),
        state,
    )


def _read(path: Path):
    return json.loads(path.read_text(encoding="utf-8"))


def _calls(messages):
    for message in messages:
        for call in message.get("tool_calls") or ():
            yield call["function"]["name"], json.loads(call["function"]["arguments"])


def plan_of(airline: Airline, actions) -> list[Callable[[], None]]:
    """Actions as calls; what only reads does nothing to the state."""
    calls = []
    for name, arguments in actions:
        if name in WRITES:
            calls.append(partial(getattr(airline, name), **arguments))
        else:
            calls.append(lambda: None)
    return calls
