"""What the pictures of each variant stand on: an engine's drawing, the source's picture, nothing.

Nothing means a layout in the brand's colours, which is drawn later. An engine that fails is no
reason to fail: the variants that it did not serve fall back, and a note says why. What the user
can mend (a wrong setting) is one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from creative import images
from creative.ads.draw import BackgroundKind
from creative.ads.model import AdsRequest, Copy, Look, Size
from creative.ads.patience import share
from creative.deadline import Deadline
from creative.errors import (
    AnswerInvalid,
    DeadlineExceeded,
    EngineRejected,
    EngineUnavailable,
    NotConfigured,
)
from creative.images.engines import ENGINES, configured
from creative.images.request import MAX_SEED, Fit, Placement
from creative.images.size import Size as DrawnSize
from creative.settings import Settings
from creative.steps import Phase, Steps

MAX_REFUSALS = 2
"""An engine that refuses so many in a row (no credit, say) is not asked again."""
MAX_PROMPT_CHARACTERS = 1000
UNTIL_PERCENT = 88
"""Where the call is when all are drawn: finishing the variants takes the rest of the way."""
NO_TEXT = "text, letters, words, watermark, logo, signature"


@dataclass(frozen=True)
class Background:
    """What stands behind the texts of a variant.

    Attributes:
        data: a picture file; empty for a layout.
    """

    kind: BackgroundKind = "layout"
    data: bytes = field(default=b"", repr=False)


def backgrounds(
    copies: Sequence[Copy],
    sizes: Mapping[str, Sequence[Size]],
    request: AdsRequest,
    look: Look,
    settings: Settings,
    deadline: Deadline,
    keep: float,
    steps: Steps,
) -> tuple[dict[str, Background], list[str]]:
    """A background for each of `copies` that has pictures, and notes.

    Args:
        copies: the variants.
        sizes: for each of their ids what will be drawn; the largest is asked of the engine.
        request: `backgrounds` names the way, `seed` the engine's seeds.
        look: the source's picture.
        settings: which image engines are configured.
        deadline: the call's clock.
        keep: seconds that must be left afterwards.
        steps: told what happens.

    Raises:
        NotConfigured: an engine is asked for and none is configured.
        InvalidInput: an engine's setting is wrong.
    """
    wanted = [copy for copy in copies if sizes.get(copy.id)]
    fallback = _fallback(request, look)
    found = {copy.id: fallback for copy in wanted}
    able = any(configured(engine, settings) for engine in ENGINES)
    if request.backgrounds == "engine" and not able:
        raise NotConfigured("sd_base_url", "backgrounds 'engine'")
    if wanted and request.backgrounds == "source" and not look.image:
        return found, ["The source has no picture: layouts in the brand's colours instead."]
    if not wanted or not able or request.backgrounds in ("source", "layout"):
        return found, []
    drawer = _Drawer(request, look, settings, deadline, keep)
    first = steps.percent
    for number, copy in enumerate(wanted):
        if drawer.over:
            break
        until = first + (UNTIL_PERCENT - first) * (number + 1) // len(wanted)
        size = max(sizes[copy.id], key=_area)
        drawn = drawer.draw(copy, number, size, steps.part(Phase.AI_CALL, until))
        if drawn:
            found[copy.id] = Background("engine", drawn)
    missing = sum(background.kind != "engine" for background in found.values())
    if missing:
        instead = "the source's picture" if fallback.data else "layouts in the brand's colours"
        drawer.notes.append(f"{missing} of {len(wanted)} variants have {instead} instead.")
    return found, drawer.notes


def _fallback(request: AdsRequest, look: Look) -> Background:
    if request.backgrounds != "layout" and look.image:
        return Background("source", look.image)
    return Background()


def _area(size: Size) -> int:
    return size.width * size.height


class _Drawer:
    """Draws one background after the other, as long as that makes sense."""

    def __init__(
        self,
        request: AdsRequest,
        look: Look,
        settings: Settings,
        deadline: Deadline,
        keep: float,
    ) -> None:
        self._request = request
        self._look = look
        self._settings = settings
        self._deadline = deadline
        self._keep = keep
        self._refusals = 0
        self.notes: list[str] = []
        self.over = False
        """Whether nothing more is asked of the engine."""

    def draw(self, copy: Copy, number: int, size: Size, steps: Steps) -> bytes:
        """A picture file, or nothing; then a note says why."""
        clock = share(self._deadline, self._keep)
        if clock is None:
            self._stop("there is no time left for more backgrounds")
            return b""
        drawing = images.DrawRequest(
            prompt=self._prompt(copy),
            negative_prompt=NO_TEXT,
            size=DrawnSize(width=size.width, height=size.height),
            placement=Placement(fit=Fit.COVER, image_format="png", metadata=False),
            seed=(self._request.seed + number) % (MAX_SEED + 1),
        )
        try:
            made = images.generate(drawing, self._settings, clock, steps)
        except DeadlineExceeded:
            self._stop(f"the engine took too long for {copy.id}")
        except EngineUnavailable as error:
            self._stop(error.message)
        except (EngineRejected, AnswerInvalid) as error:
            self._refusals += 1
            if self._refusals >= MAX_REFUSALS:
                self._stop(error.message)
            else:
                self.notes.append(f"No background for {copy.id}: {error.message}")
        else:
            self._refusals = 0
            return made.pictures[0].data
        return b""

    def _stop(self, reason: str) -> None:
        self.over = True
        self.notes.append(f"Backgrounds: {reason}")

    def _prompt(self, copy: Copy) -> str:
        look, request = self._look, self._request
        text = copy.image_prompt.strip()
        if not text:
            text = ", ".join(part for part in (request.brief, look.title, look.description) if part)
        return text[:MAX_PROMPT_CHARACTERS]
