"""creative.keywords: names that an editor would put over a page."""

from __future__ import annotations

import pytest

from creative.keywords.name import name_groups, name_topics
from creative.keywords.terms import Terms, whole_runs, words


def test_spaces_part_words_in_every_script() -> None:
    assert words("京都 観光 モデルコース") == ["京都", "観光", "モデルコース"]
    assert words("crm系统 免费") == ["crm系统", "免费"]
    assert words("C++ kurs, wh-1000xm5") == ["C++", "kurs", "wh-1000xm5"]


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        (["夜行バス 予約", "夜行バス 3列", "夜行バス 女性専用"], "夜行バス"),
        (["草津温泉 旅館", "箱根温泉", "道後温泉", "温泉 日帰り"], "温泉"),
        (["硬盘数据恢复", "u盘数据恢复", "数据恢复软件", "sd卡数据恢复"], "数据恢复"),
        (["crm系统", "crm软件", "外贸crm", "免费crm"], "crm"),
        (["hundehaftpflicht", "privathaftpflichtversicherung", "haftpflicht kosten"],
         "haftpflicht"),
        (["pflicht", "hundehaftpflicht", "haftpflicht", "haftpflicht single", "haftpflicht kind"],
         "haftpflicht"),
        (["rechtsschutzversicherung", "mietrechtsschutz", "rechtsschutz familie"], "rechtsschutz"),
        (["brush for cats", "dog coat winter", "dog coat", "dog raincoat", "dog coat xl"],
         "dog coat"),
        (["dog car seat", "dog seat belt", "dog seat cover", "booster seat"], "dog seat"),
        (["raw dog food", "dry dog food", "dog food", "wet cat food", "cat food"],
         "dog food / cat food"),
    ],
)  # fmt: skip
def test_a_name_is_what_the_members_share(group: list[str], expected: str) -> None:
    others = [
        ["solar panels", "wind power", "hydro power"],
        ["ノート 価格", "ペン"],
        ["会计培训", "驾照"],
    ]
    others += [["hausrat", "riester rente", "autokredit"], ["fish tank", "aquarium", "fish"]]
    assert name_groups([group, *others])[0] == expected


def test_a_cut_in_the_middle_of_a_word_is_no_name() -> None:
    assert "田空港" not in whole_runs(["成田空港 アクセス", "羽田空港 駐車場"])
    assert "理系统" not in whole_runs(["人事管理系统", "仓库管理系统", "管理系统"])
    assert "管理系统" in whole_runs(["人事管理系统", "仓库管理系统", "管理系统"])


def test_parts_of_compounds_are_words_of_the_list() -> None:
    terms = Terms(["hundehaftpflichtversicherung", "haftpflicht", "versicherung vergleich"])
    assert {"haftpflicht", "versicherung"} <= set(terms.of("hundehaftpflichtversicherung"))
    assert "hundeh" not in terms.of("hundehaftpflichtversicherung")


@pytest.mark.parametrize(
    "group",
    [
        ["best blender", "best toaster", "blender review", "toaster"],
        ["bu versicherung", "bu rente", "rente vergleich", "bu versicherung vergleich"],
        ["财务软件", "记账软件", "财务报表", "记账"],
    ],
)
def test_a_word_that_says_nothing_is_no_name(group: list[str]) -> None:
    others = [["dog food", "cat food"], ["riester", "hausrat"], ["视频剪辑", "录屏"], ["a", "b"]]
    name = name_groups([group, *others])[0]
    assert name not in {"best", "review", "vergleich", "versicherung vergleich", "软件"}


def test_a_word_that_says_nothing_names_a_group_that_is_about_it() -> None:
    compared = ["kfz vergleich", "hausrat vergleich", "riester vergleich"]
    others = [["kfz kennzeichen", "kfz steuer"], ["dog", "cat"], ["tea", "cup"], ["sofa", "bed"]]
    assert name_groups([compared, *others])[0] == "vergleich"
    assert name_groups([[*compared, "eis"], *others])[0] != "vergleich", "three of four are not all"


def test_two_things_that_share_a_word_are_both_named() -> None:
    cats = ["cat tree", "tall cat tree", "cat tree xl", "cat flap", "microchip cat flap"]
    elsewhere = [["cat food", "wet cat food", "cat food senior", "dry cat food"]]
    elsewhere += [["cat litter", "cat litter box", "clumping cat litter", "wood cat litter"]]
    elsewhere += [["cat brush", "cat toys", "cat bed"], ["dog", "dog bed", "dog toys"]]
    assert name_groups([cats, *elsewhere])[0] == "cat tree / cat flap"


def test_a_topic_of_joined_names_stays_short() -> None:
    one = ("cat tree / cat flap", ["cat tree", "cat flap"])
    other = ("bird table", ["bird table", "robin"])
    rest = [[("tea", ["tea", "tea pot"])], [("sofa", ["sofa", "settee"])]]
    assert name_topics([[one, other], *rest])[0] == "cat tree / bird table"


def test_half_of_a_phrase_that_says_nothing_is_no_name() -> None:
    group = [
        "crm small business pricing",
        "crm for small business",
        "crm small business",
        "best small business crm",
        "crm trial",
    ]
    others = [["solar panels", "wind power", "hydro"], ["dog bed", "cat bed"], ["tax", "audit"]]
    assert name_groups([group, *others])[0] == "crm"
