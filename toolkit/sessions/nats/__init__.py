"""A log on JetStream. `NatsServer` starts a real nats-server as a child process, `NatsLog` writes
on it.
"""

from toolkit.sessions.nats.log import NatsLog
from toolkit.sessions.nats.server import NatsServer, server_binary

__all__ = ["NatsLog", "NatsServer", "server_binary"]
