"""The verb `extract_prompts`: an article in, prompts for its pictures out."""

from __future__ import annotations

import hashlib

from creative import languages
from creative.content import by_model, names
from creative.content.document import Document, read_document
from creative.content.request import (
    DEFAULT_SIZE,
    MAX_IMAGES,
    MAX_SEED,
    Draft,
    Drafts,
    Extraction,
    ExtractRequest,
    ImagePrompt,
)
from creative.content.scenes import scenes
from creative.deadline import Deadline
from creative.errors import InvalidInput
from creative.images.size import read_size
from creative.keywords.process import WORKER
from creative.language import Budget, LanguageModel
from creative.settings import Settings
from creative.steps import Phase, Step, Steps
from creative.worker import Worker

IN_PROCESS_BYTES = 3_000
"""A longer article is read in a child process: names and markup of so much take up to 50 ms, in
which nobody else's call goes on."""
LONG_SIDE = 1024
MOST_DROPPED = 100
_READER = Worker("reading articles", idle_seconds=60.0)


def extract_prompts(
    request: ExtractRequest,
    settings: Settings,
    deadline: Deadline,
    steps: Steps,
    model: LanguageModel | None = None,
    budget: Budget | None = None,
) -> Extraction:
    """Prompts for a featured picture and for up to `max_images` pictures in an article.

    With `model`, it chooses and describes; without, the embedded model chooses sentences and nouns
    (`extractive`). Names of people and trademarks stay out of prompts, alternative texts and
    captions unless `allow_names`. `budget` is of all questions to the model; what came before
    it was spent is kept.

    Raises:
        InvalidInput: a parameter cannot be used, or there is no article in `content`.
        TooLarge: the article is over `document.MAX_BYTES`.
        AnswerInvalid: of what `model` answered, nothing can be used.
        DeadlineExceeded: out of time.
        CreativeError: whatever kept `model` from answering.
    """
    with steps.step(Phase.INIT, "Checking what is wanted"):
        _check(request)
        width, height = _pixels(request)
        tag = languages.check(request.language_of_prompts or "en", "language_of_prompts")
    with steps.step(Phase.PREP, "Reading the article"):
        document, title, found = _read(request, deadline)
    label = "Choosing places and nouns" if model is None else f"Asking {model.name}"
    with steps.step(Phase.AI_CALL, label) as step:
        if model is None:
            made = _extractive(request, document, title, tag, found, deadline, step)
        else:
            made = by_model.drafts(
                request, document, title, tag, found, settings, model, deadline, step, budget
            )
    with steps.step(Phase.PARSE, "Putting the prompts together"):
        kept_out = [f"{name} (a name)" for name in _whole(found.people)]
        kept_out += [f"{name} (a trademark)" for name in found.trademarks]
        said = {entry.partition(" (a ")[0] for entry in kept_out}
        others = [entry for entry in made.dropped if entry.partition(" (a ")[0] not in said]
        base = _seed(request, title, document)

        def picture(draft: Draft, number: int) -> ImagePrompt:
            heading = document.sections[draft.section].heading if draft.section >= 0 else ""
            return ImagePrompt(
                prompt=draft.prompt,
                negative_prompt=request.negative_prompt or scenes().negative_prompt,
                heading=heading,
                offset=draft.offset,
                alt_text=draft.alt_text,
                caption=draft.caption,
                width=width,
                height=height,
                seed=(base + number) % (MAX_SEED + 1),
            )

        return Extraction(
            featured=picture(made.featured, 0),
            in_article_prompts=tuple(
                picture(draft, number) for number, draft in enumerate(made.pictures, 1)
            ),
            method="extractive" if model is None else "model",
            title=title,
            language=document.language,
            dropped=_bounded([*kept_out, *others]),
            notes=made.notes,
        )


def read_job(request: ExtractRequest, progress: object) -> tuple[Document, str, names.Names]:
    """A job of the reading worker: the article, its title, and names that must not be used."""
    document = read_document(request.content, request.filename, parameter=request.parameter)
    title = " ".join((request.title or document.title).split())
    if request.allow_names:
        return document, title, names.Names((), {})
    parts = [title, *(f"{section.heading}\n{section.text}" for section in document.sections)]
    return document, title, names.find("\n".join(parts))


def _check(request: ExtractRequest) -> None:
    if not 1 <= request.max_images <= MAX_IMAGES:
        raise InvalidInput("max_images", request.max_images, f"1 to {MAX_IMAGES}")
    if request.seed is not None and not 0 <= request.seed <= MAX_SEED:
        raise InvalidInput("seed", request.seed, f"0 to {MAX_SEED}")
    if request.size.strip() and request.aspect_ratio.strip():
        raise InvalidInput(
            "aspect_ratio", request.aspect_ratio, "nothing while size is given", "Give one of them."
        )


def _pixels(request: ExtractRequest) -> tuple[int, int]:
    """Width and height of the pictures."""
    named = "aspect_ratio" if request.aspect_ratio.strip() else "size"
    typed = request.aspect_ratio.strip() or request.size.strip() or DEFAULT_SIZE
    try:
        wanted = read_size(typed)
        if wanted.exact is None:
            wanted = read_size(f"{typed}@{LONG_SIDE}")
    except InvalidInput as error:
        if named == "size":
            raise
        raise InvalidInput(named, typed, 'a ratio such as "16:9"') from error
    if wanted.exact is None:
        raise InvalidInput(named, typed, 'a size such as "1200x630" or a ratio such as "16:9"')
    return wanted.exact


def _read(request: ExtractRequest, deadline: Deadline) -> tuple[Document, str, names.Names]:
    if len(request.content) <= IN_PROCESS_BYTES:
        return read_job(request, None)
    found: tuple[Document, str, names.Names] = _READER.call(
        "creative.content.extract:read_job", request, deadline
    )
    return found


def _whole(people: tuple[str, ...]) -> list[str]:
    """Full names, without the parts that stand for them alone."""
    parts = {part for name in people if " " in name for part in name.split()}
    return [name for name in people if name not in parts]


def _bounded(dropped: list[str]) -> tuple[str, ...]:
    """Each once, and of thousands only as many as somebody reads."""
    unique = list(dict.fromkeys(dropped))
    more = len(unique) - MOST_DROPPED
    return (*unique[:MOST_DROPPED], *([f"and {more} more"] if more > 0 else []))


def _extractive(
    request: ExtractRequest,
    document: Document,
    title: str,
    tag: str,
    found: names.Names,
    deadline: Deadline,
    step: Step,
) -> Drafts:
    own = languages.base(document.language) or "en"
    asked = languages.base(tag)
    payload = {
        "document": document,
        "title": title,
        "count": request.max_images,
        "english": asked != own or asked == "en",
        "style": request.style,
        "names": found,
    }
    made: Drafts = WORKER.call(
        "creative.content.extractive:drafts_job",
        payload,
        deadline,
        step.progress,
        name="prompts of an article",
    )
    notes = list(made.notes)
    if asked not in ("en", own):
        notes.append(
            f"Without a model, prompts cannot be in {languages.name(tag)}: they are in English."
        )
    elif asked != "en":
        notes.append(
            "The subjects are in the article's language; setting, light, framing and style are "
            "English, which image models read best."
        )
    ignored = [name for name in ("instructions", "audience") if getattr(request, name)]
    if ignored:
        notes.append(f"Without a model, {' and '.join(ignored)} cannot be followed.")
    return made.model_copy(update={"notes": tuple(notes)})


def _seed(request: ExtractRequest, title: str, document: Document) -> int:
    """The given seed, or one that is always the same for an article."""
    if request.seed is not None:
        return request.seed
    told = f"{title}\n{document.text}".encode(errors="replace")
    return int.from_bytes(hashlib.sha256(told).digest()[:4]) // 2
