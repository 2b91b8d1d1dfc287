from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation import EMPTY, Action, Category, Pipeline, Remark, Severity
from moderation.classifier import Classifier, load_classifier
from moderation.pipeline import FAILED, margin
from tests.moderation_words import ANYTHING, HEAVY


def _said(pipeline: Pipeline, *lines: tuple[str, str]) -> list[Remark]:
    return [Remark(author, 0, pipeline.read(text)) for author, text in lines]


@given(ANYTHING)
@settings(max_examples=200)
def test_any_text_is_judged(pipeline: Pipeline, text: str) -> None:
    """No text raises or fails, and each span lies within it."""
    judgement = pipeline.judge(text, author="a")
    assert not judgement.failed
    assert 0.0 <= judgement.score <= 1.0
    for reason in judgement.reasons:
        start, end = reason.span
        assert 0 <= start < end <= len(text)
        assert reason.text


def test_words_must_be_surer_where_context_calms_and_tell_nothing_where_it_reads_away() -> None:
    """Unless the text is long: it says more than one thing."""
    assert margin({"hopeless"}, 20, is_read_away=False) == 0.0
    assert 0.0 < margin({"calm"}, 20, is_read_away=False) < margin((), 20, is_read_away=True) == math.inf
    assert margin({"calm"}, 60, is_read_away=True) == 0.0


@given(st.lists(st.sampled_from(HEAVY), min_size=1, max_size=6), st.booleans())
@settings(max_examples=200)
def test_invariants_of_care(pipeline: Pipeline, parts: list[str], staff: bool) -> None:
    """A crisis is flagged, no signal blocked, nothing imminent delivered, and each refusal flagged."""
    judgement = pipeline.judge(". ".join(parts), author="a", staff=staff)
    assert judgement.crisis == (judgement.severity >= Severity.MODERATE)
    assert judgement.flag == (judgement.crisis or judgement.action in (Action.HOLD, Action.BLOCK))
    assert not (judgement.severity >= Severity.LOW and judgement.action is Action.BLOCK)
    assert judgement.severity < Severity.IMMINENT or judgement.action is Action.HOLD
    assert not judgement.crisis or judgement.categories
    assert all(not reason.risk for reason in judgement.author_reasons)


HOSTILE = (
    "",
    " ",
    "\n",
    "a",
    "😂",
    "😂🔪",
    "\u0301",
    "\u202e",
    "ﷺ",
    "kys ",
    "i want to die ",
    "k i l l ",
    "a.b@c.",
    "1 2 3 4 5 6 7 8 9 0 ",
    '"',
    "not ",
    "<0-3>",
    "\ud800\udfff",
    "((((",
    "s*",
    "http://",
    "I want to ",
    "my friend said ",
    "... ",
    "kill\u200b",
    "🅺",
    "iwantto",
    "\u05d0\u202b",
)


@pytest.fixture(scope="module")
def patient(pipeline: Pipeline) -> Pipeline:
    """A pipeline that waits for any machine, however slow."""
    return Pipeline(pipeline.rules, load_classifier(), limit=60.0)


@pytest.mark.parametrize("part", HOSTILE)
@pytest.mark.parametrize("size", [4_000, 10_000])
def test_hostile_texts_are_judged(patient: Pipeline, part: str, size: int) -> None:
    """Length, repetition and strange characters are read like any other, with spans inside the text."""
    text = (part * size)[:size]
    judgement = patient.judge(text, author="a", context=_said(patient, ("a", text)))
    assert not judgement.failed
    assert all(0 <= one.span[0] < one.span[1] <= len(text) for one in judgement.reasons)


def _work(pipeline: Pipeline, text: str) -> int:
    """Calls made to judge a text: a measure of work that is the same on every machine."""
    calls = 0

    def count_call(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count_call)
    try:
        pipeline.judge(text)
    finally:
        sys.setprofile(before)
    return calls


@pytest.mark.parametrize("part", HOSTILE[3:])
def test_work_grows_with_the_text(patient: Pipeline, part: str) -> None:
    """Twice the text is at most about twice the calls (RE2 itself is linear), whatever it repeats."""
    half, whole = (part * 2_000)[:2_000], (part * 4_000)[:4_000]
    _work(patient, whole)
    assert _work(patient, whole) <= 2.5 * _work(patient, half) + 500


class _Broken(Classifier):
    def raw(self, plain: str) -> None:  # type: ignore[override]
        raise RuntimeError(plain)


def test_a_failure_holds(pipeline: Pipeline) -> None:
    """What breaks inside holds the message, flagged, and says nothing of the fault."""
    broken = Pipeline(pipeline.rules, _Broken())
    judgement = broken.judge("good morning")
    assert (judgement.action, judgement.failed, judgement.flag) == (Action.HOLD, True, True)
    assert judgement.author_reasons[0].rule == FAILED
    assert judgement.text == "good morning"
    assert broken.read("good morning") is EMPTY


def _ticking() -> Callable[[], float]:
    ticks: Iterator[int] = count()
    return lambda: float(next(ticks))


def test_an_overrun_holds(pipeline: Pipeline) -> None:
    """A text that took longer than it may is held."""
    slow = Pipeline(pipeline.rules, Classifier(), watch=_ticking(), clock=_ticking())
    judgement = slow.judge("good morning")
    assert (judgement.action, judgement.failed, judgement.flag) == (Action.HOLD, True, True)
    assert slow.read("good morning") is EMPTY


def test_the_time_of_others_is_no_overrun(pipeline: Pipeline) -> None:
    """Where the processor was elsewhere meanwhile, the text's own time counts."""
    waiting = Pipeline(pipeline.rules, Classifier(), watch=_ticking(), clock=lambda: 0.0)
    assert not waiting.judge("good morning").failed
    assert waiting.read("I want to die").severity >= Severity.MODERATE


def test_an_unknown_profile_holds(pipeline: Pipeline) -> None:
    """A room whose profile nobody knows is not judged by another's."""
    assert pipeline.judge("hello", profile="no such").failed


def test_what_is_masked_is_not_delivered(pipeline: Pipeline) -> None:
    """A part is redacted, the rest stays as written."""
    judgement = pipeline.judge("Hi! Ring me: +44 7700 900123, evenings.")
    assert judgement.action is Action.MASK
    assert judgement.text == "Hi! Ring me: [removed], evenings."
    assert not judgement.flag


def test_profiles_change_the_room_only(pipeline: Pipeline) -> None:
    """Profanity and numbers count where a room says so."""
    assert pipeline.judge("this is shit").action is Action.DELIVER
    assert pipeline.judge("this is shit", profile="gentle").text == "this is [removed]"
    assert pipeline.judge("I weigh 47 kg").action is Action.DELIVER
    assert pipeline.judge("I weigh 47 kg", profile="eating_disorder").action is Action.MASK
    for profile in pipeline.profiles:
        assert pipeline.judge("I want to die", profile=profile).severity >= Severity.MODERATE


def test_an_attack_by_somebody_at_risk_is_held(pipeline: Pipeline) -> None:
    """The same words are refused of one author and held of another who also tells of a crisis."""
    assert pipeline.judge("you idiot, shut up").action is Action.BLOCK
    assert pipeline.judge("you idiot, shut up. I want to die").action is Action.HOLD


def test_flooding_is_held_but_never_of_a_crisis(pipeline: Pipeline) -> None:
    """Many messages at once wait for a person; those that signal a risk are neither counted nor held."""
    calm = [Remark("a", 1_000 * n, pipeline.read(f"message number {n} of many")) for n in range(1, 11)]
    assert pipeline.judge("one more", author="a", context=calm, now=10_500).action is Action.HOLD
    assert pipeline.judge("one more", author="b", context=calm, now=10_500).action is Action.DELIVER
    assert (
        pipeline.judge("one more", author="a", context=calm, now=10_500, staff=True).action is Action.DELIVER
    )
    unpaced = pipeline.judge("one more", author="a", context=calm, now=10_500, is_paced=False)
    assert unpaced.action is Action.DELIVER
    assert pipeline.judge("I want to die", author="a", context=calm, now=10_500).action is Action.DELIVER
    heavy = [Remark("a", 1_000 * n, pipeline.read("I want to die")) for n in range(1, 11)]
    assert pipeline.judge("good evening", author="a", context=heavy, now=10_500).action is Action.DELIVER


def test_repeats_are_refused(pipeline: Pipeline) -> None:
    """The same sentence a third time within two minutes; short words never count."""
    said = [Remark("a", n, pipeline.read("come to my birthday party")) for n in (1, 2)]
    assert (
        pipeline.judge("Come to my birthday party", author="a", context=said, now=500).action is Action.BLOCK
    )
    assert (
        pipeline.judge("Come to my birthday party", author="a", context=said, now=500_000).action
        is Action.DELIVER
    )
    short = [Remark("a", n, pipeline.read("thank you")) for n in (1, 2)]
    assert pipeline.judge("thank you", author="a", context=short, now=500).action is Action.DELIVER


def test_what_was_judged_does_not_hold_what_follows(pipeline: Pipeline) -> None:
    """A better version after a blocked one is read by itself; a sentence cut in two is read as one."""
    better = "The side effects are hard on me."
    said = _said(pipeline, ("a", "buy xanax from me"))
    assert pipeline.judge("buy xanax from me", author="a").action is not Action.DELIVER
    assert pipeline.judge(better, author="a", context=said).action is Action.DELIVER
    split = pipeline.judge("xanax from me", author="a", context=_said(pipeline, ("a", "buy")))
    assert split.action is not Action.DELIVER


def test_the_take_back_clears_nothing(pipeline: Pipeline) -> None:
    """After a disclosure "just joking" is heard beside it, and without one it is a joke."""
    said = _said(pipeline, ("a", "I am going to kill myself"))
    assert pipeline.judge("just joking lol", author="a", context=said).severity is Severity.HIGH
    assert pipeline.judge("just joking lol", author="b", context=said).severity is Severity.NONE
    late = [Remark("a", 1, said[0].reading)]
    assert (
        pipeline.judge("just joking lol", author="a", context=late, now=3_600_000).severity is Severity.NONE
    )


def test_a_word_torn_in_two_is_one(pipeline: Pipeline) -> None:
    """A word that matters is read over two messages; words that stand by themselves are not glued."""
    said = _said(pipeline, ("a", "feeling really suic"))
    assert pipeline.judge("idal tonight", author="a", context=said).severity >= Severity.HIGH
    calm = _said(pipeline, ("a", "the soup needs a"))
    assert pipeline.judge("live herb or two", author="a", context=calm).severity is Severity.NONE


def test_answers_count_where_they_were_asked_for(pipeline: Pipeline) -> None:
    """A yes, a number or a no says nothing alone, and much after a question."""
    asked = _said(pipeline, ("a", "I want to die"), ("s", "Have you taken anything?"))
    assert pipeline.judge("about 30", author="a", context=asked).severity is Severity.IMMINENT
    assert pipeline.judge("about 30", author="a").severity is Severity.NONE
    safe = _said(pipeline, ("s", "Are you safe where you are?"))
    assert pipeline.judge("no", author="a", context=safe).severity is Severity.HIGH
    assert pipeline.judge("yes", author="a", context=safe).severity is Severity.NONE


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("I want to kill myself", Category.SUICIDE),
        ("I cut myself last night", Category.SELF_HARM),
        ("my husband beats me", Category.ABUSE),
        ("I am going to kill him", Category.VIOLENCE),
        ("I purged again after dinner", Category.EATING_DISORDER),
        ("my sister just swallowed the whole bottle", Category.OVERDOSE),
    ],
)
def test_categories(pipeline: Pipeline, text: str, category: Category) -> None:
    """What a signal is about, the strongest first."""
    assert pipeline.judge(text).categories[0] is category


@pytest.mark.parametrize(
    "name",
    ["Admin", "Moderator Jo", "hearth_support", "kys all", "jo@example.org", "+44 7700 900123", "f4ggot"],
)
def test_names_that_are_refused(pipeline: Pipeline, name: str) -> None:
    """Staff-like, hurtful and contact names, bent ones too."""
    reason = pipeline.judge_name(name)
    assert reason is not None
    assert reason.text


@pytest.mark.parametrize(
    "name", ["Quiet Fox", "Jo", "Zoë", "李雷", "Evening circle", "How was your day?", "Modest Mouse"]
)
def test_names_that_stand(pipeline: Pipeline, name: str) -> None:
    """Names, titles and topics of people and rooms."""
    assert pipeline.judge_name(name) is None


def test_no_text_in_a_repr(pipeline: Pipeline) -> None:
    """What people say does not leave by a repr."""
    judgement = pipeline.judge("my secret garden")
    assert "secret" not in repr(judgement)
    assert "secret" not in repr(judgement.reading)
    assert "secret" not in repr(Remark("a", 0, judgement.reading))


def test_what_is_said_again_and_again(pipeline: Pipeline) -> None:
    """A text that repeats itself says it once; what comes at its end, or has to be masked, is found all the same."""
    calm = "I had soup with my sister and then we sat by the window for a while. " * 30
    assert pipeline.judge(calm + "I want to die.").severity >= Severity.MODERATE
    heavy = "I want to die. " * 200
    judgement = pipeline.judge(heavy)
    assert not judgement.failed
    assert judgement.severity >= Severity.MODERATE
    assert len(judgement.reasons) < 100
    rude = pipeline.judge(
        "well this is shit and that was a long day for all of us here. " * 30, profile="gentle"
    )
    assert "shit" not in rude.text
