#!/bin/sh
# A Chromium for the screenshot node: installed where that is possible without asking anybody
# (apt as root), else a sentence about how to get one. Never fails: the rest works without.
set -eu
cd "$(dirname "$0")/.."

found() {
    .venv/bin/python -c 'import sys
from creative.capture import find_browser
from runtime.settings import Settings
settings = Settings()
settings.export()
sys.exit(0 if settings.get("browser_url") or find_browser() else 1)'
}

if found; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing Chromium (apt)…" >&2
    export DEBIAN_FRONTEND=noninteractive
    # Debian has the package; Ubuntu's is a snap stub that does not run everywhere.
    { apt-get install -y -qq chromium || { apt-get update -qq && apt-get install -y -qq chromium; } ||
        apt-get install -y -qq chromium-browser; } >/dev/null 2>&1 || true
    if found; then
        exit 0
    fi
fi
cat >&2 <<'TEXT'
No Chromium or Chrome was found: screenshots need one, the rest works without.
  Debian:         sudo apt install chromium
  Ubuntu:         sudo snap install chromium     (or Google's .deb of Chrome)
  elsewhere:      install Chrome or Chromium, or set STUDIO_CHROMIUM=/path/to/it,
                  or STUDIO_BROWSER_URL=http://host:9222 for one that runs already
TEXT
