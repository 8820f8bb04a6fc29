"""Models: who answers, what it cost, and whether it was real."""

from toolkit.models.model import Model, Reply, Request, Stopped, ToolCall, Usage

__all__ = ["Model", "Reply", "Request", "Stopped", "ToolCall", "Usage"]
