"""Runware's tasks on their way: sent once, looked at until done, turned into pictures."""

from __future__ import annotations

import time
import uuid
from typing import Any

from creative.errors import CreativeError, DeadlineExceeded, EngineUnavailable, shorten
from creative.http import Client, Reply
from creative.images.engines import runware_tasks
from creative.images.engines.base import Drawn, Raw, Unfinished
from creative.images.engines.pictures_in import MAX_ENCODED_BYTES, decoded
from creative.images.engines.replies import pictures_missing
from creative.images.engines.runware_tasks import Answer
from creative.images.infotext import compose, parse
from creative.steps import Step

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 5.0
"""Runware asks for one to two seconds between looks, growing."""
LAST_LOOK_SECONDS = 0.5
"""So long before the deadline comes the last look."""
OUTAGE_SECONDS = 60.0
"""A job is not given up before Runware was away for so long."""
QUIET_LOOKS = 3
"""Looks that show neither "processing" nor all pictures, until what is there is all there is."""
SEARCH_LIMIT = 100


class Jobs:
    """Tasks of one account within one call.

    Args:
        client: ends at the call's deadline.
        address: Runware's.
        key: the account's.
    """

    def __init__(self, client: Client, address: str, key: str) -> None:
        self._client = client
        self._address = address
        self._key = key
        self._deadline = client.deadline

    def search(self, category: str, text: str) -> list[dict[str, Any]]:
        """Models (`category` checkpoint, lora, …) that Runware finds for a text; each has `air`.

        Raises:
            EngineUnavailable, EngineRejected, AnswerInvalid, DeadlineExceeded
        """
        uid = str(uuid.uuid4())
        task = {"taskType": "modelSearch", "taskUUID": uid, "search": text, "category": category,
                "visibility": "all", "limit": SEARCH_LIMIT, "offset": 0}  # fmt: skip
        answer = runware_tasks.read(self._post(task, MAX_ENCODED_BYTES), uid, self._key)
        if answer.errors and not answer.done:
            raise runware_tasks.refusal(answer.errors, self._key)
        results = answer.done[0].get("results") if answer.done else None
        rows = results if isinstance(results, list) else []
        return [row for row in rows if isinstance(row, dict) and isinstance(row.get("air"), str)]

    def start(self, task: dict[str, Any], count: int) -> Answer:
        """Hand a task over, once; it may be billed from here on.

        Raises:
            DeadlineExceeded, EngineUnavailable: with the task's id, if Runware may have taken it.
            EngineRejected, AnswerInvalid
        """
        uid = task["taskUUID"]
        try:
            reply = self._post(task, count * MAX_ENCODED_BYTES)
        except DeadlineExceeded:
            raise self._deadline.error(
                f"handing a task to Runware; if it arrived, it goes on there as {uid} and is billed"
            ) from None
        except EngineUnavailable as error:
            # The line can break after the task arrived: then it is there, and paid for.
            known = self._arrived(uid, count)
            if known is None:
                raise error
            return known
        answer = runware_tasks.read(reply, uid, self._key)
        if answer.errors and not (answer.done or answer.working):
            raise runware_tasks.refusal(answer.errors, self._key)
        return answer

    def _arrived(self, uid: str, count: int) -> Answer | None:
        try:
            answer = self._look(uid, count)
        except CreativeError:
            # Also "no such task": the first error says what happened.
            return None
        return answer if answer.done or answer.working else None

    def wait(self, uid: str, count: int, step: Step, sent: Answer | None = None) -> Answer:
        """Look until each of `count` generations is done or failed.

        Args:
            uid: the task's id.
            count: generations of the task.
            step: told how many are done.
            sent: what `start` said; None: the job was submitted by an earlier call.

        Raises:
            Unfinished: the deadline passed and the job, of an earlier call, goes on.
            DeadlineExceeded: the same for a job of this call.
            EngineUnavailable: Runware was away for too long.
            EngineRejected: the task is not known.
        """
        answer = sent or Answer()
        pause, quiet = FIRST_PAUSE_SECONDS, 0
        began = heard = time.monotonic()
        wait = sent is not None
        while True:
            ended = len(answer.done) + len(answer.errors)
            if ended >= count or quiet >= QUIET_LOOKS:
                return answer
            if wait:
                label = f"Runware: {len(answer.done)} of {count} done"
                step.progress(ended / count, f"{label}, {time.monotonic() - began:.0f} s")
                left = self._deadline.remaining()
                if left < LAST_LOOK_SECONDS:
                    raise self._late(uid, count, answer, sent is None)
                time.sleep(min(pause, left - LAST_LOOK_SECONDS / 2))
                pause = min(pause * 1.3, LONGEST_PAUSE_SECONDS)
            wait = True
            try:
                answer = self._look(uid, count)
                heard = time.monotonic()
            except DeadlineExceeded:
                raise self._late(uid, count, answer, sent is None) from None
            except EngineUnavailable as error:
                if time.monotonic() - heard > OUTAGE_SECONDS:
                    raise _lost(uid, error) from error
                continue
            seen = answer.done or answer.errors
            quiet = quiet + 1 if seen and not answer.working else 0

    def drawn(self, answer: Answer, count: int, model: str, infotext: str) -> Drawn:
        """The whole pictures, their cost and what went wrong with the others.

        Raises:
            EngineRejected, AnswerInvalid: there is none.
        """
        pictures: list[Raw] = []
        broken: list[CreativeError] = []
        for row in answer.done[:count]:
            try:
                data = decoded(runware_tasks.picture_text(row), "Runware")
            except CreativeError as error:
                broken.append(error)
                continue
            seed = row.get("seed")
            known = seed if isinstance(seed, int) and not isinstance(seed, bool) else None
            pictures.append(Raw(data=data, seed=known, infotext=_seeded(infotext, known)))
        if not pictures:
            if broken:
                raise broken[0]
            if answer.errors:
                raise runware_tasks.refusal(answer.errors, self._key)
            raise pictures_missing("Runware")
        notes = []
        if len(pictures) < count:
            said = [error.message for error in broken]
            if answer.errors:
                said.append(runware_tasks.words(answer.errors, self._key))
            why = shorten("; ".join(said) or "Runware gave no more", 300)
            notes.append(f"count: {count - len(pictures)} of {count} pictures are missing: {why}")
        flagged = sum(row.get("NSFWContent") is True for row in answer.done)
        if flagged:
            notes.append(f"safety: Runware flags {flagged} of {len(pictures)} as not safe for work")
        return Drawn(
            pictures=tuple(pictures), model=model, cost=_cost(answer.done), notes=tuple(notes)
        )

    def _post(self, task: dict[str, Any], max_bytes: int) -> Reply:
        return self._client.post(
            self._address,
            json=[task],
            headers={"Authorization": f"Bearer {self._key}"},
            max_bytes=max_bytes,
            allow_redirects=False,
        )

    def _look(self, uid: str, count: int) -> Answer:
        """The state of a task. Asking changes nothing, so it is asked again after a fault."""
        task = {"taskType": "getResponse", "taskUUID": uid}
        reply = self._post(task, count * MAX_ENCODED_BYTES)
        if reply.status == 429 or reply.status >= 500:
            raise EngineUnavailable("Runware", f"it answers with status {reply.status}")
        return runware_tasks.read(reply, uid, self._key)

    def _late(self, uid: str, count: int, answer: Answer, earlier: bool) -> DeadlineExceeded:
        reached = f"{len(answer.done)} of {count} pictures were done"
        if earlier:
            return Unfinished(self._deadline, reached, 100 * len(answer.done) / count)
        return self._deadline.error(
            f"waiting for Runware; {reached}. Its task {uid} cannot be cancelled, goes on there "
            "and is billed"
        )


def _lost(uid: str, error: CreativeError) -> CreativeError:
    return EngineUnavailable(
        "Runware",
        f"it was away for over {OUTAGE_SECONDS:.0f} s while its task {uid} ran: {error.message}",
        "The account at Runware lists the task and its pictures.",
    )


def _cost(rows: list[dict[str, Any]]) -> float | None:
    """US dollars; None if a row does not say."""
    costs = [row.get("cost") for row in rows]
    known = [float(c) for c in costs if isinstance(c, int | float) and not isinstance(c, bool)]
    return sum(known) if known and len(known) == len(costs) else None


def _seeded(infotext: str, seed: int | None) -> str:
    if not infotext or seed is None:
        return infotext
    return compose(parse(infotext).with_fields({"Seed": str(seed)}))
