"""Letters of Chinese, Japanese and Korean on machines that have none, as slim containers do.

The plugin brings Noto Sans CJK with it, for its maps of keywords; a local Chromium gets it
beside the machine's own fonts, which come first.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from xml.sax.saxutils import escape

PACKAGE = "noto_cjk_sans_jp_regular"
_SYSTEM = "/etc/fonts/fonts.conf"
_CONFIGURATION = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">{system}</include>
  <dir>{folder}</dir>
  <cachedir>{cache}</cachedir>
</fontconfig>
"""


def environment(profile: Path) -> dict[str, str]:
    """Variables for Chromium; its configuration of fonts is written into `profile`.

    Empty if the package is not there, or if FONTCONFIG_FILE or FONTCONFIG_PATH say that
    somebody has chosen the fonts.
    """
    found = importlib.util.find_spec(PACKAGE)
    chosen = os.environ.get("FONTCONFIG_FILE") or os.environ.get("FONTCONFIG_PATH")
    if found is None or found.origin is None or chosen:
        return {}
    file = profile / "fonts.conf"
    file.write_text(
        _CONFIGURATION.format(
            system=_SYSTEM,
            folder=escape(str(Path(found.origin).parent)),
            # Where the machine's own cache cannot be written, every start would read all fonts.
            cache=escape(str(profile / "fontconfig")),
        ),
        encoding="utf-8",
    )
    return {"FONTCONFIG_FILE": str(file)}
