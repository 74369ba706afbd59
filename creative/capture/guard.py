"""The guard: which addresses a user, or a page, may make us reach.

The machine that runs this stands inside somebody's network and can see databases, admin
pages and the cloud's metadata service. So every address that a user gives is checked here,
and every request that a page makes. The rules:

- only http and https;
- the host is read as browsers read it (see address.py);
- names are resolved, and *every* address must be public in the sense of IANA's special-purpose
  registries (RFC 6890); addresses that carry an IPv4 address inside (mapped, 6to4, NAT64,
  ISATAP) are judged by it too;
- `allowed_private_hosts` opens a host (all ports) or host:port, by its exact name only.

A name can resolve to something else a moment later (DNS rebinding); `check_connected` judges
the address that a connection really had.
"""

from __future__ import annotations

import ipaddress
import queue
import re
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from creative.capture.address import Address, ipv6_text, read
from creative.deadline import Deadline
from creative.errors import BlockedAddress, EngineUnavailable, InvalidInput
from creative.http import redact

Resolve = Callable[[str], list[str]]
"""From a name to its addresses as text; raises OSError if there are none."""

_METADATA = {
    # Public by its number, yet only reachable inside Azure: its host agent.
    ipaddress.ip_address("168.63.129.16"): "Azure's host agent",
    ipaddress.ip_address("169.254.169.254"): "the cloud's metadata service",
    ipaddress.ip_address("100.100.100.200"): "Alibaba Cloud's metadata service",
    ipaddress.ip_address("192.0.0.192"): "Oracle Cloud's metadata service",
    ipaddress.ip_address("fd00:ec2::254"): "AWS's metadata service",
}
_SHARED = ipaddress.ip_network("100.64.0.0/10")  # RFC 6598, carrier-grade NAT
_RELAY = ipaddress.ip_network("192.88.99.0/24")  # RFC 7526, 6to4 relays: deprecated
_UNICAST = ipaddress.ip_network("2000::/3")  # all public IPv6 there is
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: IPv4 in the last 32 bits
_DOCUMENTATION = ipaddress.ip_network("3fff::/20")  # RFC 9637, newer than Python's tables
_SITE_LOCAL_ISATAP = (0x00005EFE, 0x02005EFE)  # RFC 5214: the third 32 bits

PROXY_SECONDS = 10.0
"""How long the addresses of a proxy's name count: each answer of a page is compared with them."""
PROXY_PORTS = {"http": 80, "https": 443, "socks5": 1080}
"""Proxies that a user may give, and the port of one without (as Chromium takes it)."""


@dataclass(frozen=True)
class Place:
    """A checked address.

    Attributes:
        url: as a browser writes it: scheme and host in lower case, numbers as numbers.
        host: name in ASCII, or an IP address (IPv6 without brackets).
        port: also where the address names none.
        addresses: what the host resolved to; empty for an allowed private host and where a
            proxy resolves.
    """

    url: str
    host: str
    port: int
    addresses: tuple[str, ...] = ()


def system_resolve(name: str) -> list[str]:
    """All addresses of `name`, from the machine's resolver."""
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def environment_proxy(scheme: str, host: str) -> str:
    """The proxy from HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY for `host`, or ""."""
    proxies = urllib.request.getproxies()
    proxy = proxies.get(scheme) or proxies.get("all") or ""
    return "" if not proxy or urllib.request.proxy_bypass(host) else proxy


class Guard:
    """Says which addresses may be reached.

    Args:
        allowed: `allowed_private_hosts`: host or host:port.
        resolve: name to addresses.
        proxy: scheme and host to the proxy in between, or "". A proxied name that has no
            address here goes through, since only the proxy can resolve it.

    Raises:
        InvalidInput: an entry of `allowed` is no host.
    """

    def __init__(
        self,
        allowed: Iterable[str] = (),
        resolve: Resolve = system_resolve,
        proxy: Callable[[str, str], str] = environment_proxy,
    ) -> None:
        self._allowed = frozenset(_allowed_entry(entry) for entry in allowed)
        self._resolve = resolve
        self._proxy = proxy
        self._given_proxy: Place | None = None
        self._proxies: dict[str, tuple[float, set[str]]] = {}

    def through(self, proxy: str, deadline: Deadline) -> tuple[Guard, str]:
        """A guard for what goes through a proxy that a user gave, and that proxy's address.

        The proxy is an address like any other, so it is checked here first. A private one must
        be in `allowed_private_hosts`.

        Args:
            proxy: http://, https:// or socks5://, host and port; a user and password in it are
                left out of what is returned.
            deadline: resolving ends with it.

        Returns:
            The guard, and scheme://host:port for the browser. The host is the number that was
            checked, so that the name cannot mean another a moment later; only https keeps the
            name, which its certificate is for (`check_connected` judges that one).

        Raises:
            InvalidInput: it is no proxy's address.
            BlockedAddress, EngineUnavailable, DeadlineExceeded: see `check`.
        """
        scheme, colon, rest = proxy.strip().partition("://")
        scheme = scheme.lower()
        if not colon or scheme not in PROXY_PORTS:
            raise InvalidInput(
                "proxy",
                redact(proxy),
                "an address that begins with http://, https:// or socks5://",
            )
        port = "" if re.search(r":\d+$", rest.rstrip("/")) else f":{PROXY_PORTS[scheme]}"
        try:
            place = self.check(f"http://{rest.rstrip('/')}{port}", deadline, "proxy")
        except BlockedAddress as error:
            # Not the page's address, which the user sees right beside it.
            error.message = error.message.replace("The address", "The proxy", 1)
            error.hint = error.hint.replace("this page may be opened", "this proxy may be used")
            raise error.without(()) from None
        if re.search(r"[/?#]", place.url.partition("://")[2].rstrip("/")):
            raise InvalidInput("proxy", redact(proxy), "host and port, without a path")
        host = place.host
        if scheme != "https" and place.addresses:
            host = place.addresses[0].partition("%")[0]
        host = f"[{host}]" if ":" in host else host
        shown = f"{scheme}://{host}:{place.port}"
        other = Guard((), self._resolve, lambda scheme, host: shown)
        other._allowed, other._given_proxy = self._allowed, place
        return other, shown

    def check(self, url: str, deadline: Deadline, parameter: str = "url") -> Place:
        """Check an address that somebody gave.

        Args:
            url: absolute address.
            deadline: resolving ends with it.
            parameter: where the address came from, for errors.

        Raises:
            InvalidInput: it is no http or https address.
            BlockedAddress: it is one that must not be reached.
            EngineUnavailable: its name cannot be resolved.
            DeadlineExceeded: resolving took too long.
        """
        scheme, host, port, canonical = read(url, parameter)
        shown = redact(canonical)
        if self.allows(host.name, port):
            return Place(canonical, host.name, port)
        if host.address is not None:
            self._judge(shown, host.name, host.address, "")
            return Place(canonical, host.name, port, (host.name,))
        if host.name == "localhost" or host.name.endswith(".localhost"):
            # Browsers take these for the machine itself and ask no resolver (RFC 6761).
            raise _blocked(shown, host.name, f"{host.name} is this machine itself")
        try:
            addresses = self._addresses(host.name, deadline)
        except (OSError, UnicodeError):
            if self._proxy(scheme, host.name):
                return Place(canonical, host.name, port)
            raise EngineUnavailable(
                f"The page {shown}",
                f"the name {host.name} cannot be resolved",
                "Check the spelling of the address, and that this machine can resolve names.",
            ) from None
        for text in addresses:
            address = ipaddress.ip_address(text.partition("%")[0])
            self._judge(shown, host.name, address, f"{host.name} resolves to ")
        return Place(canonical, host.name, port, tuple(addresses))

    def check_connected(self, url: str, address: str, deadline: Deadline) -> None:
        """Check what a connection to `url` really was connected to.

        Raises:
            BlockedAddress: a private address that was not allowed.
        """
        scheme, host, port, canonical = read(url)
        if self.allows(host.name, port):
            return
        connected = ipaddress.ip_address(address.strip("[]").partition("%")[0])
        if refusal(connected) is None:
            return
        given = self._given_proxy
        if given is not None:
            # Then every connection is one to the proxy.
            if not self.allows(given.host, given.port):
                self._judge(f"{given.host}:{given.port}", given.host, connected, "it leads to ")
            return
        proxy = self._proxy(scheme, host.name)
        if proxy and str(connected) in self._proxy_addresses(proxy, deadline):
            return  # the proxy's own address says nothing about the page's
        self._judge(redact(canonical), host.name, connected, "it was answered by ")

    def asks_the_machine(self, url: str, deadline: Deadline) -> bool:
        """Whether `url` leads to where a cloud answers questions about this machine: a
        link-local address or a metadata service, written in whatever way, or a name for one.

        For addresses that may be private but never this; a name that has no address is none.

        Raises:
            InvalidInput, BlockedAddress: it is no http or https address.
            DeadlineExceeded: resolving took too long.
        """
        host = read(url).host
        try:
            found = [host.name] if host.address else self._addresses(host.name, deadline)
        except (OSError, UnicodeError):
            return False
        addresses = [ipaddress.ip_address(text.partition("%")[0]) for text in found]
        carried = [_embedded(a) for a in addresses if isinstance(a, ipaddress.IPv6Address)]
        return any(
            address in _METADATA or address.is_link_local
            for address in (*addresses, *carried)
            if address is not None
        )

    def allows(self, host: str, port: int) -> bool:
        """Whether `allowed_private_hosts` names this host."""
        return (host, None) in self._allowed or (host, port) in self._allowed

    def _judge(self, shown: str, host: str, address: Address, how: str) -> None:
        why = refusal(address)
        if why is not None:
            raise _blocked(shown, host, f"{how}{address}, {why}")

    def _addresses(self, name: str, deadline: Deadline) -> list[str]:
        """Resolve in a thread: the resolver has a patience of its own."""
        answers: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answers.put(self._resolve(name))
            except (OSError, UnicodeError) as error:
                answers.put(error)

        doing = f"resolving the name {name}"
        seconds = deadline.timeout(doing)
        threading.Thread(target=ask, name="resolve", daemon=True).start()
        try:
            answer = answers.get(timeout=seconds)
        except queue.Empty:
            raise deadline.error(doing) from None
        if isinstance(answer, Exception):
            raise answer
        if not answer:
            raise OSError("no address")
        return answer

    def _proxy_addresses(self, proxy: str, deadline: Deadline) -> set[str]:
        host = read(proxy if "://" in proxy else f"http://{proxy}", "the proxy").host
        if host.address is not None:
            return {str(host.address)}
        known = self._proxies.get(host.name)
        if known is not None and time.monotonic() - known[0] < PROXY_SECONDS:
            return known[1]
        try:
            found = {str(ipaddress.ip_address(a)) for a in self._addresses(host.name, deadline)}
        except OSError:
            return set()
        self._proxies[host.name] = (time.monotonic(), found)
        return found


def refusal(address: Address) -> str | None:
    """Why an IP address must not be reached, or None if it is public."""
    if address in _METADATA:
        return f"which is {_METADATA[address]}"
    if isinstance(address, ipaddress.IPv6Address):
        return _refusal6(address)
    for is_so, what in (
        (address.is_unspecified or address in ipaddress.ip_network("0.0.0.0/8"), "unspecified"),
        (address.is_loopback, "loopback"),
        (address.is_link_local, "link-local"),
        (address.is_multicast, "multicast"),
        (address in _SHARED, "shared (carrier-grade NAT)"),
        (address in ipaddress.ip_network("240.0.0.0/4"), "reserved"),
        (address.is_private, "private"),
        (address in _RELAY or not address.is_global, "special-purpose"),
    ):
        if is_so:
            return f"which is {what}"
    return None


def _refusal6(address: ipaddress.IPv6Address) -> str | None:
    inside = _embedded(address)
    if inside is not None:
        why = refusal(inside)
        if why is not None:
            return f"which carries {inside}, {why}"
        if address.ipv4_mapped is not None or address in _NAT64:
            return None
    for is_so, what in (
        (address.is_unspecified, "unspecified"),
        (address.is_loopback, "loopback"),
        (address.is_link_local, "link-local"),
        (address.is_multicast, "multicast"),
        (address.is_site_local, "site-local"),
        (address in ipaddress.ip_network("fc00::/7"), "private"),
        (address not in _UNICAST, "reserved"),
        # Python says since 3.12.4 that 6to4 addresses are not global; so do we on all Pythons.
        (address.sixtofour is not None, "6to4, which is out of use"),
        (address in _DOCUMENTATION or not address.is_global, "special-purpose"),
    ):
        if is_so:
            return f"which is {what}"
    return None


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    number = int(address)
    if address in _NAT64 or (number >> 32) & 0xFFFFFFFF in _SITE_LOCAL_ISATAP:
        return ipaddress.IPv4Address(number & 0xFFFFFFFF)
    return None


def _allowed_entry(entry: str) -> tuple[str, int | None]:
    """host, host:port, [IPv6]:port, a bare IPv6 address, or an address with its scheme."""
    name = "allowed_private_hosts"
    text = entry.strip()
    try:
        bare = ipaddress.IPv6Address(text)
    except ValueError:
        pass
    else:
        return ipv6_text(bare), None
    with_scheme = text if "://" in text else f"http://{text}"
    after = with_scheme.partition("://")[2].rstrip("/")
    if re.search(r"[/\\*?#@]", after):
        raise InvalidInput(
            name, entry, "a host or host:port, without path, network mask or wildcard"
        )
    _, host, port, _ = read(with_scheme, name)
    return host.name, port if re.search(r":\d+$", after) else None


def _blocked(shown: str, host: str, reason: str) -> BlockedAddress:
    # Without a port, all of the host's would be open.
    port = re.search(r"^[a-z]+://[^/]*?(:\d+)(?:/|$)", shown)
    opened = (f"[{host}]" if ":" in host else host) + port[1] if port else host
    hint = (
        f"If this page may be opened from here, add {opened} to the plugin's setting "
        "allowed_private_hosts."
    )
    if any(what in reason for what in _METADATA.values()):
        hint = "It hands out the keys of the machine it runs on; give the address of a web page."
    return BlockedAddress(shown, reason, hint)
