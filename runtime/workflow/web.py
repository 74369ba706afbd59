"""What http-request nodes reach: public addresses, and the private ones that the settings open.

Dify sends these requests through its SSRF proxy, which refuses private addresses; here the guard
of screenshots judges each address (redirects too), and the connection goes to the very number
that was judged.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx
from graphon.http.client import HttpClientMaxRetriesExceededError
from graphon.http.response import HttpResponse

from creative.capture.guard import Guard, environment_proxy
from creative.deadline import Deadline
from creative.errors import BlockedAddress, CreativeError
from creative.http import redact

MAX_BYTES = 10 * 1024 * 1024
"""Dify's HTTP_REQUEST_NODE_MAX_BINARY_SIZE."""
MAX_REDIRECTS = 10
_SAFE = frozenset({"GET", "HEAD"})
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout)


class Web:
    """graphon's `HttpClientProtocol`, with a guard.

    Args:
        private_hosts: host or host:port on private addresses that may be reached.
        remaining: seconds left for the whole run.
        stopped: whether the run has been stopped.
    """

    def __init__(
        self,
        private_hosts: Sequence[str],
        remaining: Callable[[], float],
        stopped: Callable[[], bool],
    ) -> None:
        self._guard = Guard(private_hosts)
        self._remaining = remaining
        self._stopped = stopped

    @property
    def max_retries_exceeded_error(self) -> type[Exception]:
        """What is raised when trying again did not help."""
        return HttpClientMaxRetriesExceededError

    @property
    def request_error(self) -> type[Exception]:
        """What is raised when a request fails."""
        return httpx.RequestError

    def get(self, url: str, max_retries: int = 0, **options: Any) -> HttpResponse:
        """GET."""
        return self._request("GET", url, max_retries, options)

    def head(self, url: str, max_retries: int = 0, **options: Any) -> HttpResponse:
        """HEAD."""
        return self._request("HEAD", url, max_retries, options)

    def post(self, url: str, max_retries: int = 0, **options: Any) -> HttpResponse:
        """POST."""
        return self._request("POST", url, max_retries, options)

    def put(self, url: str, max_retries: int = 0, **options: Any) -> HttpResponse:
        """PUT."""
        return self._request("PUT", url, max_retries, options)

    def delete(self, url: str, max_retries: int = 0, **options: Any) -> HttpResponse:
        """DELETE."""
        return self._request("DELETE", url, max_retries, options)

    def patch(self, url: str, max_retries: int = 0, **options: Any) -> HttpResponse:
        """PATCH."""
        return self._request("PATCH", url, max_retries, options)

    def _request(
        self, method: str, url: str, max_retries: int, options: dict[str, Any]
    ) -> HttpResponse:
        """Ask, and again up to `max_retries` times where nothing can have happened yet.

        Raises:
            httpx.RequestError: it failed, or the guard refused the address.
        """
        verify = options.pop("ssl_verify", None)
        timeout = options.pop("timeout", None)
        if isinstance(timeout, Sequence) and len(timeout) == 3:
            connect, read, write = timeout
            timeout = httpx.Timeout(None, connect=connect, read=read, write=write)
        follow = bool(options.pop("follow_redirects", False))
        with httpx.Client(
            transport=_Guarded(self._guard, self._remaining, True if verify is None else verify),
            timeout=timeout or httpx.Timeout(60.0),
            max_redirects=MAX_REDIRECTS,
        ) as client:
            for attempt in range(max_retries + 1):
                try:
                    return self._once(client, method, url, follow, options)
                except httpx.RequestError as error:
                    again = method in _SAFE or isinstance(error, _NOT_SENT)
                    if isinstance(error, Refused) or not again or attempt == max_retries:
                        raise
        raise HttpClientMaxRetriesExceededError(f"{method} {url}")

    def _once(
        self, client: httpx.Client, method: str, url: str, follow: bool, options: dict[str, Any]
    ) -> HttpResponse:
        end = time.monotonic() + self._remaining()
        request = client.build_request(method, url, **options)
        answer = client.send(request, stream=True, follow_redirects=follow)
        try:
            content = b""
            for piece in answer.iter_bytes():
                content += piece
                if len(content) > MAX_BYTES:
                    raise Refused(
                        f"the answer of {url} is over {MAX_BYTES // 2**20} MB "
                        "(HTTP_REQUEST_NODE_MAX_BINARY_SIZE)"
                    )
                if self._stopped() or time.monotonic() > end:
                    raise Refused("the run has ended (WORKFLOW_MAX_EXECUTION_TIME)")
        finally:
            answer.close()
        headers = [(k, v) for k, v in answer.headers.items() if k.lower() != "content-encoding"]
        whole = httpx.Response(answer.status_code, headers=headers, content=content)
        whole.request = answer.request
        return HttpResponse.from_httpx(whole)


class Refused(httpx.RequestError):
    """The guard, or a limit, ended a request; trying again does not help."""


class _Guarded(httpx.BaseTransport):
    """Judges each address; then straight to the number that was judged, or, where the environment
    names a proxy (HTTP_PROXY, HTTPS_PROXY, NO_PROXY), to that with the name: it resolves itself.
    """

    def __init__(self, guard: Guard, remaining: Callable[[], float], verify: Any) -> None:
        self._guard = guard
        self._remaining = remaining
        self._verify = verify
        self._ways: dict[str, httpx.HTTPTransport] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        deadline = Deadline(self._remaining(), "WORKFLOW_MAX_EXECUTION_TIME", "Use --timeout.")
        try:
            place = self._guard.check(str(request.url), deadline)
        except BlockedAddress as error:
            raise Refused(
                f"{error.message} Add the host to STUDIO_ALLOWED_PRIVATE_HOSTS if workflows may "
                "reach it; Dify refuses it too (SSRF proxy)",
                request=request,
            ) from error
        except CreativeError as error:
            reason = error.message.replace("The page ", "The address ", 1)
            raise Refused(reason, request=request) from error
        proxy = environment_proxy(request.url.scheme, place.host)
        way = self._way(proxy, request)
        if proxy or not place.addresses:
            return way.handle_request(request)
        pinned = httpx.Request(
            request.method,
            request.url.copy_with(host=place.addresses[0].partition("%")[0]),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": place.host},
        )
        return way.handle_request(pinned)

    def _way(self, proxy: str, request: httpx.Request) -> httpx.HTTPTransport:
        way = self._ways.get(proxy)
        if way is None:
            if proxy and not proxy.startswith(("http://", "https://")):
                raise Refused(
                    f"the proxy {redact(proxy)} of the environment is no HTTP proxy; "
                    "set HTTP_PROXY and HTTPS_PROXY to one, or name the host in NO_PROXY",
                    request=request,
                )
            way = httpx.HTTPTransport(verify=self._verify, trust_env=False, proxy=proxy or None)
            self._ways[proxy] = way
        return way

    def close(self) -> None:
        for way in self._ways.values():
            way.close()
