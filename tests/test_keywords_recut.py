"""creative.keywords: a group that is large for a short list is cut once more where it is plain."""

from __future__ import annotations

import numpy as np
import pytest

from creative.keywords import recut
from creative.keywords.embed import Vectors, unit
from creative.keywords.tree import Labels

CARROT, CAKES, OTHERS = 8, 24, 24
ENDS = "fubá aipim banana limão laranja coco milho mel nozes café maçã pera uva figo manga kiwi"
DISHES = "frango peixe arroz feijão sopa salada massa molho farofa pirão tutu vatapá"


def listed(second: str = "cenoura") -> list[str]:
    """Cakes, of which the first ones share a second word, and other dishes."""
    carrot = [f"bolo {second} {number}" for number in range(CARROT)]
    cakes = [f"bolo {end}" for end in ENDS.split()]
    dishes = [f"{dish} {way}" for dish in DISHES.split() for way in ("assado", "cru")]
    assert len(carrot + cakes) == CAKES
    return carrot + cakes + dishes


def drawn(alike: float = 2.0) -> Vectors:
    """Cakes are near each other, those with the second word nearer by `alike`; dishes are not."""
    rows = np.random.default_rng(7).normal(size=(CAKES + OTHERS, 64)) / 8
    rows[:CAKES, 0] += 2.0
    rows[:CARROT, 1] += alike
    return unit(rows.astype(np.float32))


def labelled() -> Labels:
    return np.array([0] * CAKES + [1 + number // 2 for number in range(OTHERS)])


def test_a_part_with_a_phrase_of_its_own_becomes_a_group() -> None:
    made = recut.split(drawn(), labelled(), listed(), 2)
    fresh = made == labelled().max() + 1
    assert np.flatnonzero(fresh).tolist() == list(range(CARROT))
    assert (made[~fresh] == labelled()[~fresh]).all()


def test_a_keyword_without_the_phrase_comes_along_where_it_belongs() -> None:
    vectors = drawn()
    vectors[CARROT] = vectors[0]
    assert (recut.split(vectors, labelled(), listed(), 2)[: CARROT + 1] == 13).all()


@pytest.mark.parametrize(
    ("texts", "alike", "min_size", "fixed"),
    [
        (listed(), 0.0, 2, 0),  # no more alike than the others
        (listed("online"), 2.0, 2, 0),  # a word that is said of many things
        ([text.replace("assado", "cenoura") for text in listed()], 2.0, 2, 0),  # not rare
        ([text.replace("bolo cenoura", "haftpflichtversicherung").replace("bolo", "haftpflicht")
          .replace("assado", "versicherung") for text in listed()], 2.0, 2, 0),
        (listed(), 2.0, CARROT + 1, 0),
        (listed(), 2.0, 2, 1),  # an existing cluster
    ],
)  # fmt: skip
def test_other_groups_stay(texts: list[str], alike: float, min_size: int, fixed: int) -> None:
    assert (recut.split(drawn(alike), labelled(), texts, min_size, fixed) == labelled()).all()


def test_only_in_short_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recut, "LONGEST_LIST", CAKES + OTHERS - 1)
    assert (recut.split(drawn(), labelled(), listed(), 2) == labelled()).all()


def test_order_of_groups_within_the_list_decides_nothing() -> None:
    turn = np.arange(CAKES + OTHERS)[::-1]
    texts = listed()
    turned = recut.split(drawn()[turn], labelled()[turn], [texts[row] for row in turn], 2)
    assert (turned[turn] == recut.split(drawn(), labelled(), texts, 2)).all()
