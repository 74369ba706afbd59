"""Ideas for articles from clusters of keywords; no two of them alike."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from creative import languages
from creative.content import alike, ideas_builtin, words
from creative.content.idea import Dropped, Group, Idea, Ideas, IdeasRequest
from creative.content.ideas_model import Asker
from creative.csv_cells import cell
from creative.deadline import Deadline
from creative.errors import AnswerInvalid, CreativeError, InvalidInput, shorten
from creative.language import Budget, LanguageModel
from creative.settings import Settings
from creative.steps import Phase, Steps

COLUMNS = ("id", "title", "angle", "outline", "primary_keyword", "target_keywords", "intent",
           "content_type", "estimated_words", "cluster", "notes")  # fmt: skip
MOST_BYTES = 150_000
"""Of the ideas as JSON; a workflow variable has 204,800."""
MOST_DROPPED = 50


def find_ideas(
    request: IdeasRequest,
    settings: Settings,
    deadline: Deadline,
    steps: Steps,
    model: LanguageModel | None = None,
    budget: Budget | None = None,
) -> Ideas:
    """Ideas for each group, up to `max_ideas`: the first of every group, then the second ones.

    Args:
        request: what to find ideas for.
        settings: the provider's; `prompts` is read.
        deadline: the call's clock.
        steps: told what is going on.
        model: who has the ideas; None: templates with the groups' own keywords.
        budget: of all questions to the model.

    Raises:
        InvalidInput: without a model: no templates in the language; or all ideas there are exist
            already.
        AnswerInvalid: nothing of the model's answers can be used.
        CreativeError: whatever kept the model from answering the first question.
    """
    if model is None:
        ideas_builtin.check_language(request.language)
    finder = _Finder(request, deadline)
    with steps.step(Phase.PREP, "Reading the clusters"):
        groups = finder.groups()
    if model is None:
        with steps.step(Phase.AI_CALL, "Filling in templates"):
            every = [
                (group, idea)
                for group in groups
                for idea in ideas_builtin.candidates(request, group, finder.intents[group.name])
            ]
            finder.take(every, per_group=request.ideas_per_cluster)
        return finder.result("builtin")
    asker = Asker(request, finder.intents, model, settings.prompts, deadline, budget)
    finder.asked(asker, groups, steps)
    return finder.result("model", model.name)


class _Finder:
    """Collects ideas that are unlike each other."""

    def __init__(self, request: IdeasRequest, deadline: Deadline) -> None:
        self.request = request
        self.deadline = deadline
        self.intents: Mapping[str, str] = {}
        self.kept: list[tuple[Group, Idea]] = []
        self.dropped: list[Dropped] = []
        self.notes = list(request.notes)
        self.wanted = 0

    def groups(self) -> list[Group]:
        """Those that ideas are wanted for: as many as `max_ideas` has room for."""
        chosen = list(self.request.groups[: self.request.max_ideas])
        self.intents = {
            one.name: ideas_builtin.group_intent(one, self.request.groups) for one in chosen
        }
        left = len(self.request.groups) - len(chosen)
        if left:
            self.notes.append(
                f"max_ideas is {self.request.max_ideas}: {left} clusters got no idea."
            )
        asked = len(chosen) * self.request.ideas_per_cluster
        self.wanted = min(asked, self.request.max_ideas)
        return chosen

    def asked(self, asker: Asker, groups: Sequence[Group], steps: Steps) -> None:
        """Ask for ideas, and once more for those that were like others or of no use."""
        batches = list(asker.batches(groups))
        name = asker.model.name
        for number, batch in enumerate(batches, 1):
            until = 25 + round(35 * number / len(batches))
            label = f"Asking {name} for ideas ({number} of {len(batches)})"
            if not self._one_batch(asker, batch, steps, label, until):
                return
            if len(self.kept) >= self.request.max_ideas:
                return
        missing = [g for g in groups if self._count(g) < self.request.ideas_per_cluster]
        if not missing:
            return
        again = next(asker.batches(missing))
        self._one_batch(asker, again, steps, f"Asking {name} for others instead", 70)

    def _one_batch(
        self, asker: Asker, batch: Sequence[Group], steps: Steps, label: str, until: int
    ) -> bool:
        """Whether to go on."""
        taken = [*self.request.avoid, *(idea.title for _, idea in self.kept)]
        try:
            with steps.step(Phase.AI_CALL, label, until, function="content.ideas") as step:
                wrong = [one.reason for one in self.dropped if one.reason]
                found, dropped = asker.ideas(batch, taken, step, wrong)
                self.dropped += dropped
                self.take(found, per_group=self.request.ideas_per_cluster)
        except CreativeError as error:
            if not self.kept:
                raise
            # What came until now is paid for; the next question would most likely end like this.
            # That holds for a call out of time too: nothing that is left to do waits.
            self.notes.append(f"{asker.model.name} gave only a part: {error.message}")
            return False
        return True

    def _count(self, group: Group) -> int:
        return sum(one is group for one, _ in self.kept)

    def take(self, found: Sequence[tuple[Group, Idea]], per_group: int) -> None:
        """Keep the ideas that are like none before them, at most `per_group` for each group."""
        before = [*self.request.avoid, *(idea.title for _, idea in self.kept)]
        first = len(self.request.avoid)
        near = alike.compare(before, [idea.title for _, idea in found], self.deadline)
        places: dict[int, tuple[Group, Idea]] = dict(enumerate(self.kept, first))
        same = {alike.folded(title): place for place, title in enumerate(before)}
        for number, (group, idea) in enumerate(found):
            if self._count(group) >= per_group:
                continue  # a spare one
            place = len(before) + number
            copy = _copy_of(group, idea, near[number], places, same, first)
            if copy is not None:
                other, cosine = copy
                title = before[other] if other < first else places[other][1].title
                self.dropped.append(Dropped(title=idea.title, like=title, similarity=cosine))
                continue
            same[alike.folded(idea.title)] = place
            places[place] = (group, idea)
            self.kept.append((group, idea))

    def result(self, method: str, model: str = "") -> Ideas:
        """What was found: the first ideas of all groups, then the second ones.

        Args:
            method: "builtin" or "model".
            model: who was asked.

        Raises:
            InvalidInput, AnswerInvalid: nothing was found.
        """
        rank: dict[int, int] = {}
        ordered: list[tuple[int, int, Idea]] = []
        place = {id(group): n for n, group in enumerate(self.request.groups)}
        for group, idea in self.kept:
            turn = rank[id(group)] = rank.get(id(group), 0) + 1
            ordered.append((turn, place[id(group)], idea))
        ordered.sort(key=lambda one: one[:2])
        chosen = [idea for _, _, idea in ordered[: self.request.max_ideas]]
        if not chosen:
            self._nothing(method, model)
        if len(chosen) < self.wanted:
            left = self.wanted - len(chosen)
            self.notes.append(
                f"{left} of {self.wanted} ideas are missing: what was found was like others or "
                "could not be used (see dropped)."
            )
        return Ideas.model_validate(
            {
                "ideas": [
                    idea.model_copy(update={"id": f"idea-{number}"})
                    for number, idea in enumerate(chosen, 1)
                ],
                "dropped": self.dropped,
                "method": method,
                "language": self.request.language,
                "notes": self.notes,
            }
        )

    def _nothing(self, method: str, model: str) -> None:
        told = dict.fromkeys(
            f"'{shorten(one.title, 60)}' " + (one.reason or f"is like '{shorten(one.like, 60)}'")
            for one in self.dropped
        )
        why = "; ".join(list(told)[:3])
        if method == "builtin":
            raise InvalidInput(
                "avoid",
                f"{len(self.request.avoid)} titles",
                f"titles that leave room for another ({why or 'no template fits'})",
                "Allow more content_types, or choose a model, which has ideas of its own.",
            )
        raise AnswerInvalid(
            model,
            f"none of its ideas can be used ({why})",
            "Choose a model that follows instructions better, or leave the model empty: then the "
            "ideas come from templates.",
        )


def _copy_of(
    group: Group,
    idea: Idea,
    near: Mapping[int, float],
    places: Mapping[int, tuple[Group, Idea]],
    same: Mapping[str, int],
    first: int,
) -> tuple[int, float] | None:
    """The place of the title that an idea is like most, and how much; None: there is none."""
    exact = same.get(alike.folded(idea.title))
    if exact is not None:
        return exact, 1.0
    found = []
    for other, cosine in near.items():
        if other >= first and other not in places:
            continue  # it was left out itself
        elsewhere = other >= first and places[other][0] is not group
        if cosine >= (alike.ALIKE_ELSEWHERE if elsewhere else alike.ALIKE):
            found.append((cosine, -other))
    return (-max(found)[1], max(found)[0]) if found else None


def ideas_csv(ideas: Ideas) -> bytes:
    """A line for each idea, in UTF-8 with a mark that Excel knows."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for idea in ideas.ideas:
        row = idea.model_dump()
        cells = (" | ".join(v) if isinstance(v := row[name], tuple) else v for name in COLUMNS)
        writer.writerow([cell(one) if isinstance(one, str) else one for one in cells])
    return out.getvalue().encode("utf-8-sig")


def variables(ideas: Ideas) -> dict[str, Any]:
    """By the names of the node's outputs; together under MOST_BYTES.

    Ideas that there is no room for are in the CSV file, and a note says so.
    """
    every = [idea.model_dump(mode="json") for idea in ideas.ideas]
    kept: list[dict[str, Any]] = []
    room = MOST_BYTES
    for idea in every:
        room -= len(json.dumps(idea, ensure_ascii=False).encode(errors="replace"))
        if room < 0:
            break
        kept.append(idea)
    notes = list(ideas.notes)
    if len(kept) < len(every):
        notes.append(f"{len(every) - len(kept)} ideas are in ideas.csv only: there is no room.")
    return {
        "ideas": kept,
        "count": len(kept),
        "dropped": [one.model_dump(mode="json") for one in ideas.dropped[:MOST_DROPPED]],
        "method": ideas.method,
        "language": ideas.language,
        "notes": notes,
    }


def markdown(ideas: Ideas) -> str:
    """Ideas for people to read."""
    count = len(ideas.ideas)
    how = "by the model" if ideas.method == "model" else "from built-in templates, no model asked"
    name = languages.name(ideas.language)
    parts = [f"{count} {'idea' if count == 1 else 'ideas'} in {name} ({how})."]
    for idea in ideas.ideas:
        outline = "".join(f"\n- {heading}" for heading in idea.outline)
        kind = idea.content_type.replace("_", " ")
        parts.append(
            f"## {idea.title}\n\n{idea.angle}\n\n{kind}, {idea.intent}, about "
            f"{idea.estimated_words} {words.unit(ideas.language)}; keyword: "
            f"{idea.primary_keyword}\n{outline}"
        )
    if ideas.dropped:
        parts.append(f"Left out: {len(ideas.dropped)}.")
    return "\n\n".join([*parts, *ideas.notes])
