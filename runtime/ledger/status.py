"""What may have become of a run or a step."""

RUNNING = "running"
SUCCEEDED = "succeeded"
PARTIAL = "partial-succeeded"
"""A workflow that reached its end although nodes failed; Dify's name for it."""
FAILED = "failed"
STOPPED = "stopped"
"""By Ctrl-C or a polite signal."""
CUT_OFF = "cut off"
"""By a kill or a power loss."""

GOOD = (SUCCEEDED, PARTIAL)
