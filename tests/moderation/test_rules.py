from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from moderation import Pipeline, RuleError, load
from moderation.rules import Mode

RULE = """
[[rule]]
id = "room.pear"
kind = "room"
action = "block"
text = "No pears in this room, please."
tier = 1
source = "a test"
date = 2026-11-24
patterns = ["pears?"]
match = ["I like pears"]
spare = ["I like pearls"]
"""


@pytest.fixture
def copy(config: Path, tmp_path: Path) -> Path:
    """A configuration that a test may change."""
    shutil.copytree(config / "rules", tmp_path / "rules")
    shutil.copytree(config / "lexicons", tmp_path / "lexicons")
    return tmp_path


def _with(copy: Path, rule: str) -> Path:
    (copy / "rules" / "zz.toml").write_text(rule, "utf-8")
    return copy


def test_a_rule_more(copy: Path) -> None:
    """An operator's own rule acts, with its sentence and span."""
    judgement = load(_with(copy, RULE)).judge("two PEARS")
    assert judgement.action == "block"
    assert [(one.rule, one.span) for one in judgement.reasons] == [("room.pear", (4, 9))]


@pytest.mark.parametrize(
    ("mode", "action", "shadowed"), [("live", "block", 0), ("shadow", "deliver", 1), ("off", "deliver", 0)]
)
def test_modes(copy: Path, mode: str, action: str, shadowed: int) -> None:
    """A rule on trial says what it would have done and changes nothing; one that is off says nothing."""
    judgement = load(_with(copy, RULE.replace("tier = 1", f'tier = 1\nmode = "{mode}"'))).judge("pears")
    assert judgement.action == action
    assert len(judgement.shadow) == shadowed
    assert not judgement.flag or mode == "live"


def test_the_longest_prefix_decides(copy: Path) -> None:
    """A profile turns groups of rules on and off by the beginning of their ids."""
    pipeline = load(_with(copy, RULE + '[profile.orchard]\n"room" = "off"\n"room.pear" = "shadow"\n'))
    modes = dict(
        zip((rule.id for rule in pipeline.rules.rules), pipeline.rules.profiles["orchard"], strict=True)
    )
    assert modes["room.pear"] is Mode.SHADOW
    assert modes["room.link"] is Mode.OFF
    assert modes["suicide.active"] is Mode.LIVE


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (RULE.replace('id = "room.pear"', 'id = "Pear"'), "id"),
        (RULE.replace('kind = "room"', 'kind = "rule"'), "rule"),
        (RULE.replace('action = "block"', 'action = "deliver"'), "needs an action"),
        (RULE.replace('action = "block"', 'action = "shout"'), "shout"),
        (RULE.replace('["pears?"]', '["pears?("]'), "room.pear"),
        (
            RULE.replace('["pears?"]', '["(?:pear)*"]').replace("tier = 1", "tier = 1\nraw = true"),
            "everywhere",
        ),
        (RULE.replace('["pears?"]', '["<fruits>"]'), "no list named fruits"),
        (RULE.replace('["I like pears"]', '["I like plums"]'), "must match but does not"),
        (RULE.replace('["I like pearls"]', '["one pear"]'), "must not match but does"),
        (RULE.replace('match = ["I like pears"]', ""), "needs examples"),
        (RULE.replace('text = "No pears in this room, please."', ""), "kind sentence"),
        (RULE.replace("tier = 1", 'tier = 1\nholds = "room.none"'), "holds"),
        (RULE.replace("tier = 1", 'tier = 1\nneeds = ["no_such"]'), "facet"),
        (RULE.replace("tier = 1", 'tier = 1\nheeds = ["moon"]'), "moon"),
        (RULE.replace("tier = 1", 'tier = 1\ncheck = "moon"'), "moon"),
        (RULE.replace("tier = 1", "tier = 1\ncolour = 3"), "colour"),
        (RULE + RULE, "second rule"),
        (RULE + '[profile.x]\n"room" = "loud"\n', "loud"),
        (RULE + "[other]\n", "only"),
        (
            '[[rule]]\nid = "a.b"\nkind = "signal"\ntext = "x"\ntier = 1\nsource = "x"\ndate = 2026-11-24\n',
            "category",
        ),
    ],
)
def test_a_wrong_rule_is_refused_with_its_place(copy: Path, rule: str, why: str) -> None:
    """The whole set is refused, with file, line and reason."""
    with pytest.raises(RuleError, match=why) as caught:
        load(_with(copy, rule))
    assert caught.value.file == "zz.toml"
    assert caught.value.line >= 1


def test_no_rules_at_all(tmp_path: Path) -> None:
    """An empty configuration loads; its pipeline finds only what the words alone say."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "lexicons").mkdir()
    assert load(tmp_path).judge("kys").action == "deliver"


def test_the_digest_is_of_everything(copy: Path, pipeline: Pipeline) -> None:
    """One word more is another rule set; the same files are the same."""
    assert load(copy).digest == pipeline.digest
    assert load(_with(copy, RULE)).digest != pipeline.digest


def test_every_rule_says_where_it_comes_from(pipeline: Pipeline) -> None:
    """Tier, source and date for each; a sentence for each that an author may read, without blame for risk."""
    for rule in pipeline.rules.rules:
        assert rule.source
        assert rule.tier in (1, 2, 3)
        assert "violat" not in rule.text.lower()
        assert "blocked" not in rule.text.lower()
