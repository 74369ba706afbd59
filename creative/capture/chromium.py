"""A Chromium on this machine: where it is, how it is started, and that it always ends.

It is driven over a pipe, not a port: no other user of the machine can reach it, and when our
process ends for whatever reason, kill -9 included, the kernel closes the pipe and Chromium
exits. A shell stands between us and it: it hands Chromium the pipe as the descriptors 3 and
4 (Popen cannot without code between fork and exec) and removes the profile afterwards, which
a killed process could not.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from creative.capture import fonts, profiles
from creative.capture.cdp import BrowserGone, Connection, PipeTransport
from creative.deadline import Deadline
from creative.errors import EngineUnavailable, shorten

VARIABLES = ("STUDIO_CHROMIUM", "CHROME_PATH")
NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "chrome-headless-shell",
    "microsoft-edge",
    "microsoft-edge-stable",
)
PLACES = (
    "/usr/lib/chromium/chromium",
    "/usr/lib64/chromium-browser/chromium-browser",
    "/snap/bin/chromium",
    "/opt/google/chrome/chrome",
    "/opt/microsoft/msedge/msedge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
CACHES = (
    # What `playwright install chromium` and `npx @puppeteer/browsers install` leave behind.
    (".cache/ms-playwright", "chromium-*/chrome-linux*/chrome"),
    (".cache/puppeteer", "chrome/*/chrome-linux*/chrome"),
    ("Library/Caches/ms-playwright", "chromium-*/chrome-mac*/*.app/Contents/MacOS/*"),
)
INSTALL_HINT = (
    "Install Chromium on the machine that runs the plugin (Debian: apt install chromium; "
    "Ubuntu: snap install chromium, or Google's package of Chrome), "
    "or set 'browser_url' in the plugin's authorization form to a browser's DevTools address, for "
    "example http://chrome:9222; without a browser, set 'screenshot_service' and its key."
)

STOP_SECONDS = 3.0
"""How long Chromium may take to exit by itself; then it is killed."""

# What Chromium and its font and name services read. The rest of our environment (credentials
# among it) is none of a browser's business.
_ENVIRONMENT = frozenset(
    {"PATH", "HOME", "USER", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH"}
    | {"FONTCONFIG_PATH", "FONTCONFIG_FILE", "XDG_CACHE_HOME", "XDG_DATA_DIRS"}
    | {"SSL_CERT_FILE", "SSL_CERT_DIR", "SNAP", "SNAP_NAME"}
    | {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}
    | {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}
)

# dash and bash hand descriptor 0 on as 3 and 4; single digits are all that POSIX promises.
_LAUNCH = """
profile=$1; shift
exec 3<&0 4>&0 </dev/null
"$@" &
exec 3<&- 4>&-
wait $!
status=$?
rm -rf -- "$profile"
exit $status
"""

_OFF_FEATURES = (
    "DialMediaRouteProvider,MediaRouter,OptimizationHints,Translate,InterestFeedContentSuggestions,"
    "AutofillServerCommunication,CertificateTransparencyComponentUpdater,PrivacySandboxSettings4,"
    # An http address is opened as it was given, not tried as https first.
    "HttpsUpgrades,HttpsFirstBalancedMode,HttpsFirstBalancedModeAutoEnable,"
    # Requests that DevTools cannot hold back: speculation, and the reports of a page's policies.
    "Prerender2,SpeculationRulesPrefetchFuture,PrefetchProxy,Reporting,NetworkErrorLogging,"
    "BackForwardCache,"
    # Such frames would run for a moment before DevTools sees their traffic (see gate.py).
    "IsolateSandboxedIframes,"
    # What an address bar would show, loaded anew for every page that we open, and a process in
    # reserve, which our pages, opened ahead, never take: half of a screenshot's processor time.
    "WebUIOmniboxPopup,WebUIOmniboxAimPopup,SpareRendererForSitePerProcess,"
    # The guard decides about private addresses; the browser's own check knows no allowed ones.
    "LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets"
)


def find_browser() -> str | None:
    """Path of a Chromium or Chrome on this machine, or None.

    STUDIO_CHROMIUM and CHROME_PATH come first, then the PATH, then the usual places, then
    what Playwright and Puppeteer have downloaded (the newest).
    """
    for variable in VARIABLES:
        given = os.environ.get(variable)
        if given:
            return shutil.which(given)
    for name in (*NAMES, *PLACES):
        found = shutil.which(name)
        if found:
            return found
    for folder, pattern in CACHES:
        for candidate in sorted(Path.home().joinpath(folder).glob(pattern), reverse=True):
            if os.access(candidate, os.X_OK) and candidate.is_file():
                return str(candidate)
    return None


def browser_stamp() -> str:
    """What tells one installed browser, and one version of it, from another; "" for none."""
    found = find_browser()
    if found is None:
        return ""
    about = Path(found).stat()
    return f"{found} {about.st_size} {about.st_mtime_ns}"


def require_browser() -> str:
    """`find_browser`, or an error that says what to install.

    Raises:
        EngineUnavailable: there is none.
    """
    found = find_browser()
    if found is not None:
        return found
    for variable in VARIABLES:
        given = os.environ.get(variable)
        if given:
            raise EngineUnavailable(
                "Chromium",
                f"{variable} names {given}, which is no program",
                f"Correct or remove {variable}.",
            )
    raise EngineUnavailable("Chromium", "none was found on this machine", INSTALL_HINT)


def arguments(program: str, profile: str) -> list[str]:
    """The command line. What is switched off is switched off for one of two reasons: it
    reaches servers that nobody asked for, or it makes pictures differ."""
    flags = [
        program,
        "--headless",
        "--remote-debugging-pipe",
        f"--user-data-dir={profile}",
        "--no-startup-window",
        "--no-first-run",
        "--no-default-browser-check",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-domain-reliability",
        "--disable-client-side-phishing-detection",
        "--disable-default-apps",
        "--disable-extensions",
        "--disable-sync",
        "--disable-breakpad",
        "--disable-crash-reporter",
        "--disable-search-engine-choice-screen",
        "--metrics-recording-only",
        "--no-pings",
        "--deny-permission-prompts",
        "--dns-prefetch-disable",
        # HTTP/2 and 3 bring Early Hints: what a server's 103 names is fetched, and never held.
        "--disable-http2",
        "--disable-quic",
        "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
        "--webrtc-ip-handling-policy=disable_non_proxied_udp",
        f"--disable-features={_OFF_FEATURES}",
        # Containers have a /dev/shm of 64 MB, on which large pages crash.
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--mute-audio",
        "--hide-scrollbars",
        "--force-color-profile=srgb",
        "--disable-background-timer-throttling",
        "--disable-backgrounding-occluded-windows",
        "--disable-renderer-backgrounding",
        "--password-store=basic",
        "--use-mock-keychain",
    ]
    if os.geteuid() == 0:
        # Chromium refuses to start its sandbox as root. Never for anybody else.
        flags.append("--no-sandbox")
    return flags


class LocalBrowser:
    """A running Chromium with an empty profile of its own.

    Raises:
        EngineUnavailable: there is none, or it ended at once; the error says why.
        DeadlineExceeded: it did not answer in time.
    """

    def __init__(self, deadline: Deadline) -> None:
        if platform.system() == "Windows":
            raise EngineUnavailable(
                "Chromium",
                "driving a local browser is not supported on Windows",
                "Set 'browser_url' to a browser's DevTools address.",
            )
        self.program = require_browser()
        self.profile, self._claim = profiles.claim()
        # Not in the profile: the shell removes that before we can read the last words in it.
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - stop() closes it
        _quiet_profile(Path(self.profile))
        ours, theirs = socket.socketpair()
        with theirs:
            launch = ["/bin/sh", "-c", _LAUNCH, "sh", self.profile]
            self._process = subprocess.Popen(
                launch + arguments(self.program, self.profile),
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=self._log,
                env=_environment(self.profile) | fonts.environment(Path(self.profile)),
                start_new_session=True,
            )
        self.connection = Connection(PipeTransport(ours), "Chromium")
        try:
            version = self.connection.call(
                "Browser.getVersion", deadline=deadline, doing="starting Chromium"
            )
        except BrowserGone:
            raise self._failed() from None
        except BaseException:
            self.stop()
            raise
        self.version = str(version.get("product", "Chromium"))

    @property
    def alive(self) -> bool:
        """Whether it still answers to us."""
        return self.connection.alive and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process group of Chromium and the shell before it."""
        return self._process.pid

    def stop(self) -> None:
        """End it, at the latest after STOP_SECONDS, and remove its profile."""
        self.connection.close()
        # Polled: Popen.wait with a time-out is not to be had at interpreter exit under gevent.
        end = time.monotonic() + STOP_SECONDS
        while self._process.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._log.close()
        shutil.rmtree(self.profile, ignore_errors=True)
        self._claim.close()

    def _failed(self) -> EngineUnavailable:
        lines = self._said()
        self.stop()
        hint = INSTALL_HINT
        if "sandbox" in lines.lower():
            hint = (
                "Allow unprivileged user namespaces on this machine (Chromium's sandbox needs "
                "them), or set 'browser_url' to a browser elsewhere."
            )
        elif "shared libraries" in lines:
            hint = "Install the missing library, or Chromium from your distribution's packages."
        return EngineUnavailable(
            f"Chromium ({self.program})",
            f"it ended when it was started; its last words: {shorten(lines, 300) or '(none)'}",
            hint,
        )

    def _said(self) -> str:
        log = self._log.fileno()
        size = os.fstat(log).st_size
        return os.pread(log, 2000, max(0, size - 2000)).decode(errors="replace")


def _quiet_profile(profile: Path) -> None:
    """Preferences that no flag sets: no speculative connections, downloads, signed pages."""
    import json

    folder = profile / "Default"
    folder.mkdir()
    (folder / "Preferences").write_text(
        json.dumps(
            {
                "net": {"network_prediction_options": 2},  # 2: never
                "download": {"prompt_for_download": False, "default_directory": str(profile)},
                "webrtc": {"ip_handling_policy": "disable_non_proxied_udp"},
                # A signed page names the address of its certificate, which is not always held.
                "web_package": {"signed_exchange": {"enabled": False}},
            }
        )
    )


def _environment(profile: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _ENVIRONMENT or name.startswith("LC_")
    }
    # Chromium's crash handler insists on a writable folder; a container's user may have none.
    kept["XDG_CONFIG_HOME"] = profile
    kept["DBUS_SESSION_BUS_ADDRESS"] = "disabled:"
    return kept
