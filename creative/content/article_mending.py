"""After the draft: sections that are too short or too long, and keywords that are used too often,
are changed once each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from creative.content import words
from creative.content.article_plan import TOLERANCE, most_at_once
from creative.content.article_request import ArticleRequest
from creative.content.article_writer import Draft, Writer
from creative.deadline import Deadline
from creative.errors import CreativeError
from creative.steps import Phase, Step, Steps

NEAR = 0.03
"""Off by this share of the whole, it is near enough to be left."""
LEAST_SHARE, MOST_SHARE = 0.4, 2.0
"""Of what is there: more cannot be cut or added in one go."""
MOST_REWRITES = 3
"""Because of keywords."""
SAVING_SECONDS = 15.0
"""Left for putting the article together."""
SPARE_SECONDS = 45.0
"""With less time nothing is changed: the draft is worth more than its length."""


class Mender:
    """Changes sections of one article.

    Args:
        request: what the article is to be.
        writer: asks the model.
        deadline: the call's clock.
        steps: told what is changed.
        whole: puts the article together.
    """

    def __init__(
        self,
        request: ArticleRequest,
        writer: Writer,
        deadline: Deadline,
        steps: Steps,
        whole: Callable[[Sequence[Draft]], str],
    ) -> None:
        self.request = request
        self.writer = writer
        self.deadline = deadline
        self.steps = steps
        self.whole = whole
        self.unit = words.unit(request.language)

    def mended(self, drafts: Sequence[Draft], notes: list[str]) -> list[Draft]:
        """The parts after the changes that made the article better.

        A failure ends the changes with a note; the article is there already.
        """
        parts = list(drafts)
        with self.steps.step(
            Phase.PARSE, "Counting words and keywords", function="content.write_article"
        ) as step:
            try:
                self._lengths(parts, step)
                self._keywords(parts, step)
            except CreativeError as error:
                notes.append(f"The article was not brought nearer to its length: {error.message}")
        return parts

    def _total(self, parts: Sequence[Draft]) -> int:
        return words.count(self.whole(parts))

    def _clock(self) -> Deadline:
        left = max(1.0, self.deadline.remaining() - SAVING_SECONDS)
        return Deadline(left, self.deadline.limit, self.deadline.who)

    def _in_time(self) -> bool:
        return self.deadline.remaining() > SPARE_SECONDS

    def _lengths(self, parts: list[Draft], step: Step) -> None:
        wanted = self.request.words
        if abs(self._total(parts) - wanted) <= wanted * TOLERANCE:
            return
        left = list(range(len(parts)))
        while left and self._in_time():
            off = wanted - self._total(parts)
            if abs(off) <= wanted * NEAR:
                return
            # The part that is furthest from what was planned for it, in the direction of the whole.
            place = max(left, key=lambda n: (parts[n].part.target - parts[n].count) * off)
            left.remove(place)
            aim = self._aim(parts[place], off)
            if abs(aim - parts[place].count) < max(8, parts[place].count * 0.05):
                continue
            name = f"{'Expanding' if off > 0 else 'Trimming'} {_named(parts[place])}"
            step.progress(1 - len(left) / len(parts), f"{name} to {aim} {self.unit}")
            change = (
                f"Now it has {parts[place].count} {self.unit}; make it about {aim} {self.unit}: "
                + (
                    "add what its readers still want to know."
                    if off > 0
                    else "cut the least useful."
                )
            )
            made = self.writer.mended(parts[place], change, aim, "", self._clock(), step)
            changed = [*parts[:place], made, *parts[place + 1 :]]
            if abs(wanted - self._total(changed)) < abs(off) and made.text:
                parts[place] = made

    def _aim(self, draft: Draft, off: int) -> int:
        most = min(draft.count * MOST_SHARE, most_at_once(self.request.language))
        return round(max(draft.count * LEAST_SHARE, min(draft.count + off, most)))

    def _keywords(self, parts: list[Draft], step: Step) -> None:
        for _ in range(MOST_REWRITES):
            whole = self.whole(parts)
            stuffed = [
                one
                for one in words.keyword_use(self.request.keywords, whole)
                if one.warning == "stuffed"
            ]
            if not stuffed or not self._in_time():
                return
            worst = max(stuffed, key=lambda one: one.density)
            counts = [words.uses(worst.keyword, words.plain(one.text)) for one in parts]
            place = counts.index(max(counts))
            most = max(1, counts[place] // 4)
            if counts[place] <= 1:
                return
            step.progress(0.9, f"Using a keyword less often in {_named(parts[place])}")
            change = (
                f"The keyword below stands in it {counts[place]} times; use it at most {most} "
                f"times, say the same in other words, and keep it about {parts[place].count} "
                f"{self.unit} long."
            )
            made = self.writer.mended(
                parts[place], change, parts[place].count, worst.keyword, self._clock(), step
            )
            if words.uses(worst.keyword, words.plain(made.text)) >= counts[place]:
                return
            parts[place] = made


def _named(draft: Draft) -> str:
    return f"'{draft.part.heading}'" if draft.part.heading else "the opening"
