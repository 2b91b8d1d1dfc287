from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from moderation import Pipeline, RuleError, load
from moderation.pipeline import PROVED, digest_of, proof_of, prove
from moderation.rule import Mode

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
    shutil.copy(config / "helplines.toml", tmp_path)
    return tmp_path


@pytest.fixture
def bare(config: Path, tmp_path: Path) -> Path:
    """A configuration without rules, which loads in no time."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "lexicons").symlink_to(config / "lexicons")
    return tmp_path


def _with(copy: Path, rule: str) -> Path:
    (copy / "rules" / "zz.toml").write_text(rule, "utf-8")
    return copy


def test_a_rule_more(bare: Path) -> None:
    """An operator's own rule acts, with its sentence and span."""
    judgement = load(_with(bare, RULE)).judge("two PEARS")
    assert judgement.action == "block"
    assert [(one.rule, one.span) for one in judgement.reasons] == [("room.pear", (4, 9))]


@pytest.mark.parametrize(
    ("mode", "action", "shadowed"), [("live", "block", 0), ("shadow", "deliver", 1), ("off", "deliver", 0)]
)
def test_modes(bare: Path, mode: str, action: str, shadowed: int) -> None:
    """A rule on trial says what it would have done and changes nothing; one that is off says nothing."""
    judgement = load(_with(bare, RULE.replace("tier = 1", f'tier = 1\nmode = "{mode}"'))).judge("pears")
    assert judgement.action == action
    assert len(judgement.shadow) == shadowed
    assert not judgement.flag or mode == "live"


CUES = """
[[rule]]
id = "cue.pear"
kind = "cue"
tier = 1
source = "a test"
date = 2026-11-27
facets = ["pear"]
patterns = ["pears?"]
match = ["a pear"]

[[rule]]
id = "cue.ripe"
kind = "cue"
tier = 1
source = "a test"
date = 2026-11-27
facets = ["ripe"]
late = true
heeds = ["quotation"]
patterns = ["ripe"]
match = ["ripe"]

[[rule]]
id = "room.ripe_pear"
kind = "room"
action = "hold"
text = "No ripe pears in this room, please."
tier = 1
source = "a test"
date = 2026-11-27
needs = ["pear", "ripe"]
match = ["this pear is ripe"]
spare = ["this plum is ripe"]
"""


def test_a_late_cue_completes_a_compound(bare: Path) -> None:
    """A late cue is tried beside what it may complete, in either order, and read in its context."""
    pipeline = load(_with(bare, CUES))
    assert pipeline.judge("so ripe, these pears").action == "hold"
    assert pipeline.judge("pears, and ripe ones").action == "hold"
    assert pipeline.judge('she said "ripe" of the pears').action == "deliver"


def test_a_compound_within(bare: Path) -> None:
    """Cues that stand too far apart do not come together, wherever else one of them is."""
    pipeline = load(_with(bare, CUES.replace('needs = ["pear"', 'within = 40\nneeds = ["pear"')))
    far = "and so on " * 5
    assert pipeline.judge(f"a ripe fruit {far} these pears").action == "deliver"
    assert pipeline.judge(f"ripe {far} these pears {far} ripe, and a pear {far}").action == "hold"


def test_a_late_cue_is_not_tried_alone(bare: Path) -> None:
    """What no compound waits for costs nothing and is not among the facets that later messages see."""
    pipeline = load(_with(bare, CUES))
    assert pipeline.rules.late_hits("so ripe", frozenset()) == []
    assert pipeline.rules.hits("so ripe") == []
    assert len(pipeline.rules.late_hits("so ripe", frozenset(("pear",)))) == 1
    assert pipeline.judge("so ripe").reading.facets == frozenset()


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
        (RULE.replace("tier = 1", "tier = 1\nlate = true"), "only a cue"),
        (CUES.replace('needs = ["pear", "ripe"]', 'needs = ["ripe"]'), "at once"),
        (RULE.replace("tier = 1", 'tier = 1\nheeds = ["moon"]'), "moon"),
        (RULE.replace("tier = 1", 'tier = 1\ncheck = "moon"'), "moon"),
        (RULE.replace("tier = 1", "tier = 1\ncolour = 3"), "colour"),
        (RULE + RULE, "second rule"),
        (RULE + '[profile.x]\n"room" = "loud"\n', "loud"),
        (RULE + "[other]\n", "only"),
        (RULE.replace("tier = 1", 'tier = 1\ngate = "pear("'), "gate"),
        (RULE.replace("tier = 1", 'tier = 1\ngate = "<fruits>"'), "gate: no list named fruits"),
        (RULE.replace("tier = 1", 'tier = 1\ngate = "plum"'), "must match but does not"),
        (RULE.replace("tier = 1", 'tier = 1\nbar = "pear("'), "bar: "),
        (RULE.replace("tier = 1", 'tier = 1\nunless = ["pears("]'), "room.pear"),
        (RULE.replace("tier = 1", 'tier = 1\nunless = ["pears"]'), "must match but does not"),
        (RULE.replace('patterns = ["pears?"]', 'patterns = "pears?"'), "patterns must be a list"),
        (RULE.replace('patterns = ["pears?"]', "patterns = [1]"), "patterns must be a list"),
        (RULE.replace('["pears?"]', '["(?<=two )pears"]'), "room.pear"),
        (RULE.replace("tier = 1", "tier = 7"), "tier"),
        (RULE.replace('source = "a test"', 'source = ""'), "source"),
        (RULE.replace("2026-11-24", '"today"'), "date"),
        (RULE.replace("tier = 1", 'tier = 1\nmode = "sometimes"'), "sometimes"),
        (RULE.replace("tier = 1", 'tier = 1\nseverity = "huge"'), "huge"),
        (RULE.replace("tier = 1", 'tier = 1\ncategory = "fruit"'), "fruit"),
        (RULE.replace("tier = 1", 'tier = 1\nheard = ["no_such"]'), "facet"),
        (RULE + "[profile]\nx = 1\n", "a table of rule"),
        (RULE + '[allow]\norchard = ["example.org"]\n', "no profile named orchard"),
        (RULE + '[allow]\ndefault = "example.org"\n', "list of hosts"),
        (RULE + '[allow]\ndefault = ["https://example.org"]\n', "list of hosts"),
        ("allow = 1\n" + RULE, "a table of profile"),
        (RULE + "[[rule]\n", "zz.toml:13"),
        (
            '[[rule]]\nid = "a.b"\nkind = "signal"\ntext = "x"\ntier = 1\nsource = "x"\ndate = 2026-11-24\n',
            "category",
        ),
    ],
)
def test_a_wrong_rule_is_refused_with_its_place(bare: Path, rule: str, why: str) -> None:
    """The whole set is refused, with file, line and reason."""
    with pytest.raises(RuleError, match=why) as caught:
        load(_with(bare, rule))
    assert caught.value.file == "zz.toml"
    assert caught.value.line >= 1


def test_the_line_is_that_of_the_rule(bare: Path) -> None:
    """Of several rules in a file the one at fault is pointed at."""
    second = RULE.replace("room.pear", "room.plum").replace('["pears?"]', '["plums("]')
    with pytest.raises(RuleError) as caught:
        load(_with(bare, RULE + second))
    assert str(caught.value).startswith("zz.toml:15: room.plum: ")


def test_a_group_marks_the_detail(bare: Path) -> None:
    """What a pattern needs around a detail is not told as the detail."""
    judgement = load(_with(bare, RULE.replace('["pears?"]', '["(?:two|like) (pears?)"]'))).judge(
        "two pears, eaten"
    )
    assert [one.span for one in judgement.reasons] == [(4, 9)]


def test_what_stands_behind_a_gate(bare: Path) -> None:
    """Patterns are tried only where their gate is met."""
    rule = RULE.replace("tier = 1", 'tier = 1\ngate = "like|eat"')
    pipeline = load(_with(bare, rule))
    assert pipeline.judge("they eat pears").action == "block"
    assert pipeline.judge("two pears").action == "deliver"


def test_what_bars_a_rule(bare: Path) -> None:
    """Where the words that bar a rule stand, anywhere in the text, it has nothing to say."""
    rule = RULE.replace("tier = 1", 'tier = 1\nbar = "allerg"')
    pipeline = load(_with(bare, rule))
    assert pipeline.judge("I like pears").action == "block"
    assert pipeline.judge("I like pears. I am allergic to them, though").action == "deliver"


def test_a_pattern_may_end_in_a_mark(bare: Path) -> None:
    """A word ends at its boundary, a mark where it stands."""
    pipeline = load(_with(bare, RULE.replace('["pears?"]', '["like pears(?:[!.]|$)", "no pear"]')))
    assert pipeline.judge("I like pears! Do you?").action == "block"
    assert pipeline.judge("I like pears").action == "block"
    assert pipeline.judge("I like pears too").action == "deliver"
    assert pipeline.judge("no pearls").action == "deliver"


def test_hosts_by_room(copy: Path) -> None:
    """A profile allows websites, and all within them, for its rooms alone."""
    allow = '[profile.library]\n[allow]\nlibrary = ["books.example.com"]\n'
    pipeline = load(_with(copy, allow))
    for text in (
        "read https://www.books.example.com/pears",
        "see my.books.example.com",
        "books dot example dot com",
    ):
        assert pipeline.judge(text).action != "deliver"
        assert pipeline.judge(text, profile="library").action == "deliver"
    assert pipeline.judge("https://example.com/pears", profile="library").action == "block"
    assert pipeline.judge("read https://notbooks.example.com", profile="library").action == "block"


def test_the_rules_of_the_manual_load(bare: Path) -> None:
    """What the settings' page shows of rules and profiles can be copied from there."""
    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text("utf-8")
    blocks = [part.partition("```")[0] for part in page.split("```toml\n")[1:]]
    shown = [block for block in blocks if "[[rule]]" in block or "[allow]" in block]
    assert len(shown) == 2
    for number, block in enumerate(shown):
        (bare / "rules" / f"{number}.toml").write_text(block, "utf-8")
    pipeline = load(bare)
    assert [one.span for one in pipeline.judge("they eat pears").reasons] == [(9, 14)]
    assert pipeline.judge("they eat a pear tree").action == "deliver"


def test_no_rules_at_all(tmp_path: Path) -> None:
    """An empty configuration loads; its pipeline finds only what the words alone say."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "lexicons").mkdir()
    assert load(tmp_path).judge("kys").action == "deliver"


def test_the_digest_is_of_everything(copy: Path, pipeline: Pipeline) -> None:
    """One word more is another rule set; the same files are the same."""
    assert load(copy).digest == pipeline.digest
    assert load(_with(copy, RULE)).digest != pipeline.digest


def test_the_shipped_rules_hold_on_their_examples(config: Path, pipeline: Pipeline) -> None:
    """A start takes the shipped rules as proved, so they are proved here."""
    prove(pipeline)
    assert PROVED.read_text("ascii").strip() == proof_of(config), "run .ci/prove after a change of rules"


def test_rules_that_were_changed_are_proved_at_each_start(copy: Path) -> None:
    """One wrong example in an operator's copy is refused."""
    with pytest.raises(RuleError, match=r"room\.pear: must match but does not"):
        load(_with(copy, RULE.replace('match = ["I like pears"]', 'match = ["I like plums"]')))


def test_every_rule_says_where_it_comes_from(pipeline: Pipeline) -> None:
    """Tier, source and date for each; a sentence for each that an author may read, without blame for risk."""
    for rule in pipeline.rules.rules:
        assert rule.source
        assert rule.tier in (1, 2, 3)
        assert "violat" not in rule.text.lower()
        assert "blocked" not in rule.text.lower()


def test_where_a_long_text_begins_and_ends(copy: Path) -> None:
    """A rule on the beginning or the end of a text reads the whole of it, not a part that is looked at."""
    for pattern in ("^pears", "pears$"):
        (copy / "rules" / "pear.toml").write_text(
            RULE.replace('["pears?"]', f'["{pattern}"]')
            .replace("I like pears", "pears")
            .replace("pearls", "figs")
        )
        pipeline = load(copy)
        filler = "and so on it went for all of us " * 40
        hits = [
            {pipeline.rules.rules[hit.rule].id for hit in pipeline.rules.hits(text.strip())}
            for text in (f"pears {filler}", f"{filler} pears", f"{filler} pears {filler}")
        ]
        assert ["room.pear" in one for one in hits] == [pattern == "^pears", pattern == "pears$", False]


def test_where_a_rule_is_live_is_no_part_of_its_proof(copy: Path) -> None:
    """A profile that changes needs no example tried; a rule beside it, or in the midst of it, does."""
    profiles = copy / "rules" / "profiles.toml"
    proof, digest = proof_of(copy), digest_of(copy)
    profiles.write_text(
        profiles.read_text("utf-8").replace("[profile.gentle]\n", '[profile.gentle]\n"room.flood" = "off"\n')
    )
    assert (proof_of(copy) == proof, digest_of(copy) == digest) == (True, False)
    profiles.write_text(profiles.read_text("utf-8") + RULE)
    assert proof_of(copy) != proof


@pytest.mark.parametrize("entry", ["since (", "since <no.such.list>"])
def test_a_bad_pattern_of_a_context_is_refused_with_its_place(copy: Path, entry: str) -> None:
    """What a context is told by is checked when it is read, not when the first text meets it."""
    path = copy / "lexicons" / "scope_en.toml"
    text = path.read_text("utf-8")
    start = text.index("words = [", text.index('"context.long_ago"')) + len("words = [")
    path.write_text(f'{text[:start]}"{entry}", {text[start:]}')
    with pytest.raises(RuleError) as refused:
        load(copy)
    assert refused.value.file == "scope_en.toml"
    assert refused.value.line > 1
    assert "context.long_ago" in refused.value.why
