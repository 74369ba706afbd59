"""The one worker process of `creative.keywords`."""

from __future__ import annotations

from creative.worker import Worker

WORKER = Worker("keyword clustering")
"""One warm child for all calls: it holds the model (150 MB) until it has idled."""
