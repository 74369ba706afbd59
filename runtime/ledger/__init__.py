"""The ledger: every run, its steps, costs, files and errors, in a database.

    with Ledger.open(settings) as ledger, ledger.run("node", "my_tool", "me/mine", given) as record:
        record.step(log_message)
        record.failed(error)

A run never waits for its ledger (a thread writes) and never fails because of it (a notice
instead), except that its end is written before anybody is told of it. `history` reads,
`listing` shows.
"""

from runtime.ledger.ledger import NO_LEDGER, Ledger
from runtime.ledger.recorder import Recorder

__all__ = ["NO_LEDGER", "Ledger", "Recorder"]
