"""Toolbox: the tools as a model sees them, by their schemas and a `call` that never raises."""

import inspect
import json
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from toolkit.harbor.tools import TOOLS, ToolError
from toolkit.harbor.world import World


def call(world: World, name: str, arguments: Any) -> tuple[str, bool]:
    """Run a tool as a model asked for it. Returns the result as JSON, and whether it is an error.

    An error says what was wrong, in words that a model can act on; then nothing was changed.
    """
    if name not in TOOLS:
        return f"there is no tool {name!r}; the tools are {', '.join(TOOLS)}", True
    try:
        checked = _arguments(name).model_validate(arguments)
        given = {field: getattr(checked, field) for field in checked.model_fields_set}
        with world.database:
            return json.dumps(TOOLS[name](world, **given), ensure_ascii=False), False
    except ToolError as error:
        return str(error), True
    except ValidationError as error:
        faults = []
        for fault in error.errors(include_url=False):
            field = ".".join(map(str, fault["loc"])) or "arguments"
            faults.append(f"{field}: {fault['msg']}")
        return "; ".join(faults), True


def schemas() -> tuple[dict[str, Any], ...]:
    """The tools as the Messages API wants them: ``name``, ``description``, ``input_schema``."""
    tools = []
    for name, tool in TOOLS.items():
        schema = _arguments(name).model_json_schema()
        tools.append({"name": name, "description": inspect.getdoc(tool), "input_schema": schema})
    return tuple(tools)


@cache
def _arguments(name: str) -> type[BaseModel]:
    """The arguments of a tool as a model that checks them: all parameters but the world."""
    _, *parameters = inspect.signature(TOOLS[name]).parameters.values()
    fields: Any = {}
    for parameter in parameters:
        is_required = parameter.default is parameter.empty
        fields[parameter.name] = (parameter.annotation, ... if is_required else parameter.default)
    return create_model(name, __config__=ConfigDict(extra="forbid"), **fields)
