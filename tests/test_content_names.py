"""Whose names are found in an article, and what only looks like one."""

from __future__ import annotations

import pytest

from creative import languages
from creative.content import names


def people(text: str) -> tuple[str, ...]:
    return names.find(text).people


def marks(text: str) -> set[str]:
    return set(names.find(text).trademarks)


@pytest.mark.parametrize(
    ("text", "name"),
    [("Emma Chen said hello.", "Emma Chen"), ("Dr. Watson arrived.", "Watson"),
     ("We met photographer Ansel Adams by the lake.", "Ansel Adams"),
     ("Bread was all that Christian Meyer baked.", "Christian Meyer"),
     ("Meet Professor Okafor", "Okafor"), ("Queen Anne sat there with her dog.", "Anne"),
     ("Seu Antônio da assistência trocou o botão.", "Antônio"), ("田中さんの家", "田中"),
     ("林さんの家", "林"), ("邻居王德顺种菜", "王德顺"),
     ("We wanted light, said chief executive Fiona Gallagher.", "Fiona Gallagher"),
     ("Das meint Geschäftsführer Olaf Bremer dazu.", "Olaf Bremer"),
     ("董事长刘明远表示满意", "刘明远"), ("佐久間社長は語った", "佐久間"),
     ("马老师在教室里", "马")],
)  # fmt: skip
def test_people(text: str, name: str) -> None:
    assert name in people(text)


@pytest.mark.parametrize(
    "text",
    ["Don't Miss Out on Lisbon", "Sights You Should Not Miss In Porto", "King Size Beds Compared",
     "Teacher Training Day", "Guide Dogs Helping", "Seu Primeiro Imposto",
     "You will not want to Miss Out on the harbour.", "A Christian church in Virginia",
     "Aloe Vera on the windowsill", "Frank and honest advice", "Austin and Jordan",
     "De São Paulo a São José", "San Francisco", "Im Kölner Dom Kerzen anzünden", "Im Jan. 2024",
     "同社社長と取締役会長", "大工さんと赤ちゃんと猫ちゃん", "仕様です。同様に、模様のある皿"],
)  # fmt: skip
def test_nobody(text: str) -> None:
    assert people(text) == ()


@pytest.mark.parametrize(
    ("text", "found"),
    [("I bought it on Amazon.", {"Amazon"}), ("The Amazon river, an Amazon rainforest", set()),
     ("Mit Kraft, Staub und viel Braun", set()), ("A Staub pot", {"Staub"}),
     ("Eine Schwalbe nistet unter dem Dach.", set()), ("Reifen von Schwalbe", {"Schwalbe"}),
     ("LEGO and Lego", {"LEGO", "Lego"}), ("楽天的な人", set()), ("楽天で買う", {"楽天"}),
     ("马在草原上奔驰着", set()), ("excel at it", set()), ("an Excel sheet", {"Excel"})],
)  # fmt: skip
def test_trademarks(text: str, found: set[str]) -> None:
    assert marks(text) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [("The Harbour Lane Ltd. bakes, and Harbour Lane delivers.",
      "The company bakes, and a company delivers"),
     ("Die Nordwerk GmbH baut. Nordwerk liefert", "Die Firma baut. eine Firma liefert"),
     ("位于杭州的云帆科技有限公司很大", "位于杭州的公司很大"),
     ("株式会社青葉フーズの店", "会社の店"),
     ("A limited company.", "A limited company.")],
)  # fmt: skip
def test_firms_are_known_by_their_form(text: str, said: str) -> None:
    language = languages.detect(text)
    assert names.without(text, names.find(text), language).text.rstrip(".") == said.rstrip(".")


@pytest.mark.parametrize(
    ("text", "said"),
    [("I bought it on Amazon in May.", "I bought it on an online shop in May."),
     ("My Toyota is old.", "My car is old."), ("With Nescafé it works.", "With coffee it works."),
     ("A Le Creuset pot.", "A pot."), ("The Emma Chen story.", "The person story."),
     ("Emma Chen bakes.", "a person bakes.")],
)  # fmt: skip
def test_what_stands_in(text: str, said: str) -> None:
    assert names.without(text, names.find(text)).text == said.rstrip(".") + "."


@pytest.mark.parametrize(
    ("language", "text", "said"),
    [
        ("de", "Der Wagen der Deutschen Bahn fährt nicht.", "Der Wagen fährt nicht."),
        ("de", "Das habe ich bei Amazon gekauft.", "Das habe ich gekauft."),
        ("de", "Auf der Nikon Kamera liegt Schnee.", "Auf der Kamera liegt Schnee."),
        ("pt", "Abra o mapa do Google antes de sair.", "Abra o mapa antes de sair."),
    ],
)
def test_what_belongs_to_a_trademark_goes_with_it(language: str, text: str, said: str) -> None:
    assert names.without(text, names.find(text), language).text == said


def test_each_rule_is_about_a_trademark_of_the_table() -> None:
    table = names._trademarks()
    every = {name for listed in table.kinds.values() for name in listed}
    assert set(table.exact) | set(table.only_with) | set(table.not_before) <= every
    assert set(table.only_with) <= set(table.exact)
