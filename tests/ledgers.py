"""Reading the ledger back, and what a tool logs; for the tests of the ledger."""

from __future__ import annotations

import os
from typing import Any

from runtime.ledger.history import history
from runtime.settings import Settings


def past(address: str = "") -> Any:
    """The history of the ledger of the environment."""
    if address:
        os.environ["STUDIO_DATABASE_URL"] = address
    try:
        return history(Settings())
    finally:
        os.environ.pop("STUDIO_DATABASE_URL", None)


def log(id: str, status: str, label: str = "Work", **more: Any) -> dict[str, Any]:
    return {"id": id, "label": label, "status": status, "data": {"phase": "PREP"}, **more}
