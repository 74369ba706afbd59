"""The sockets behind a session of `requests`: judged when they open, shut when time is up."""

from __future__ import annotations

import contextlib
import socket
import weakref
from collections.abc import Callable
from typing import Any

import requests
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class Sockets:
    """The sockets that a session has opened, so that a timer can shut them."""

    def __init__(self) -> None:
        self._open: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self.judge: Callable[[str], None] | None = None

    def adapter(self) -> requests.adapters.HTTPAdapter:
        """An adapter whose connections are remembered here."""

        def remember(opened: socket.socket) -> None:
            self._open.add(opened)
            if self.judge is not None:
                try:
                    self.judge(str(opened.getpeername()[0]))
                except BaseException:
                    opened.close()
                    raise

        class Plain(HTTPConnection):
            def connect(self) -> None:
                super().connect()
                if self.sock is not None:
                    remember(self.sock)

        class Tls(HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                if self.sock is not None:
                    remember(self.sock)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class TlsPool(HTTPSConnectionPool):
            ConnectionCls = Tls

        pools = {"http": PlainPool, "https": TlsPool}

        class Adapter(requests.adapters.HTTPAdapter):
            def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
                super().init_poolmanager(*args, **kwargs)
                self.poolmanager.pool_classes_by_scheme = pools

            def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
                manager = super().proxy_manager_for(*args, **kwargs)
                manager.pool_classes_by_scheme = pools
                return manager

        return Adapter()

    def shut(self) -> None:
        """Wake whoever waits for one of them."""
        for opened in list(self._open):
            with contextlib.suppress(OSError):  # already closed
                opened.shutdown(socket.SHUT_RDWR)
