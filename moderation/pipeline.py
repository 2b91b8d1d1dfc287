"""The whole way of one message: fold, match, read in context, score, decide; and it never fails open."""

import gc
import hashlib
import math
import re
import time
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path

from moderation.classifier import Classifier, Part, Score, load_classifier
from moderation.context import Heard, gather
from moderation.lexicon import RuleError, load_lexicon
from moderation.mend import Mender
from moderation.message import EMPTY, Reading, Remark
from moderation.policy import decide
from moderation.rule import Kind, Mode, Rule
from moderation.rulebook import load_rules
from moderation.rules import Hit, RuleSet
from moderation.scope import Words
from moderation.services import read_services
from moderation.signals import Finding, Findings, compound, read_hits
from moderation.text import Folded, fold
from moderation.verdict import Action, Judgement, Reason, Severity

_TAIL = 160
_LONG = 45  # words
# Where one of these stands the words alone must be surer: talk of it, an attack, a supporter's own question.
_CALMING = frozenset(("calm", "attack", "asks_after"))
_LIMIT = 0.040  # seconds for a message of up to the length below, which most need a tenth of
_AGAIN = 3  # times as long, of this thread's own time, for one that took longer than that
_ORDINARY = 4_000  # characters; a longer text may take longer in proportion
_SHORTEST_REPEAT = 12
_CALM_MARGIN = 1.5  # log odds
FAILED = "pipeline.failed"
PROVED = Path(__file__).with_name("proved.txt")
"""The digest of the rules that the project ships: its tests try their examples, so a start need not."""
_PROFILES = re.compile(rb"^\[(?:profile\.[^\]\n]*|allow)\]\n(?:(?!\[).*\n?)*", re.MULTILINE)
_FAILED_TEXT = "Something on our side went wrong while we looked at this, so a person will read it first."


def margin(facets: Collection[str], words: int, *, is_read_away: bool) -> float:
    """How much surer than their threshold the words alone must be, in log odds.

    Where a rule has found the words and its context has read them away, they tell nothing new; where a cue of calm
    stands, a little more is asked of them. A long text says more than one thing.
    """
    if words >= _LONG:
        return 0.0
    return math.inf if is_read_away else 0.0 if _CALMING.isdisjoint(facets) else _CALM_MARGIN


class OverrunError(Exception):
    """Reading a text took longer than it may."""


class Pipeline:
    """One rule set, ready to judge. It holds no state between messages."""

    def __init__(
        self,
        rules: RuleSet,
        classifier: Classifier,
        *,
        digest: str = "",
        watch: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.thread_time,
        limit: float = _LIMIT,
    ) -> None:
        self.rules = rules
        self.digest = digest
        self.profiles = frozenset(rules.profiles)
        self._words = Words(rules.lexicon)
        self._mender = Mender(rules.lexicon)
        self._classifier = classifier
        self._watch = watch
        self._clock = clock
        self._limit = limit
        self._name_rules = frozenset(
            index for index, rule in enumerate(rules.rules) if rule.id.startswith("name.")
        )

    def judge(
        self,
        text: str,
        *,
        author: str = "",
        context: Sequence[Remark] = (),
        now: int = 0,
        profile: str = "default",
        staff: bool = False,
        is_paced: bool = True,
    ) -> Judgement:
        """The judgement of one message; any failure or overrun holds it, flagged, and nothing is raised.

        `is_paced`: whether the room limits how fast people post; where it does not, no pace is a flood.
        """
        try:
            return self._in_time(
                partial(self._judge, text, author, context, now, profile, staff=staff, is_paced=is_paced)
            )
        except Exception:  # noqa: BLE001 -- whatever failed, the message waits for a person
            shown = str(text)
            reason = Reason(FAILED, (0, len(shown)), _FAILED_TEXT, False)
            return Judgement(Action.HOLD, Severity.NONE, True, (), 0.0, (reason,), shown, EMPTY, failed=True)

    def read(self, text: str) -> Reading:
        """What a stored text says by itself, to warm the context; an unreadable one says nothing."""
        try:
            return self._in_time(partial(self._judge, text, "", (), 0, "default")).reading
        except Exception:  # noqa: BLE001 -- a stored text that cannot be read says nothing
            return EMPTY

    def plain(self, text: str) -> str:
        """The form that rules and words are read in: folded, and mended where it was bent."""
        folded = fold(text)
        mended = self._mender.mend(folded)
        return folded.plain if mended is None else mended.plain

    def strongest(self, text: str, most: int) -> list[Part]:
        """What moved the learned score of a text most; an unreadable one tells nothing."""
        try:
            return self._classifier.strongest(self.plain(text), most)
        except Exception:  # noqa: BLE001 -- an explanation is never worth a failure
            return []

    def judge_name(self, name: str) -> Reason | None:
        """Why a name, topic or other short label cannot be shown, or None where it can."""
        try:
            return self._judge_name(name)
        except Exception:  # noqa: BLE001 -- a name that cannot be judged is refused
            return Reason(FAILED, (0, len(name)), _FAILED_TEXT, False)

    def _in_time(self, judged: Callable[..., Judgement]) -> Judgement:
        """What is judged within its time; OverrunError where it is not.

        Others may have had the processor in the midst of it, or the collector run: what overran is tried again by
        this thread's own time, a clock that costs too much to be asked for each message.
        """
        try:
            return judged(clock=self._watch, limit=self._limit)
        except OverrunError:
            return judged(clock=self._clock, limit=self._limit * _AGAIN)

    def _judge(
        self,
        text: str,
        author: str,
        context: Sequence[Remark],
        now: int,
        profile: str,
        *,
        staff: bool = False,
        is_paced: bool = True,
        clock: Callable[[], float],
        limit: float,
    ) -> Judgement:
        deadline = clock() + limit * max(1.0, len(text) / _ORDINARY)
        modes = self.rules.profiles[profile]
        folded = fold(text)
        findings = Findings([], set())
        whole = (0, len(text))
        hits = self.rules.hits(folded.plain)
        if hits:
            read_hits(self.rules, self._words, modes, folded, hits, findings)
        mended = self._mender.mend(folded)
        if mended is not None:
            self._read_mended(mended, folded, hits, modes, findings)
        if findings.facets:
            self._read_late((folded, mended), modes, findings)
            compound(self.rules, modes, findings, whole)
        raw = self._classifier.raw(folded.plain if mended is None else mended.plain)
        if findings.severity < Severity.MODERATE:
            self._attend(findings, raw, whole, modes)
        alone = self._classifier.score(raw, findings.severity)
        reading = self._reading(folded, findings, alone)
        if context:
            heard = gather(context, author, now)
            self._in_context(folded, findings, heard, reading, modes, whole, staff=staff, is_paced=is_paced)
        if clock() > deadline:
            raise OverrunError
        answers = decide(self.rules, text, findings, self.rules.allowed.get(profile, ()))
        score = alone
        if findings.severity != reading.severity:
            score = self._classifier.score(raw, findings.severity)
        return Judgement(
            answers.action,
            answers.severity,
            answers.flag,
            answers.categories,
            score,
            answers.reasons,
            answers.text,
            reading,
            shadow=answers.shadow,
            notes=findings.notes,
            is_read_away=findings.read_away,
        )

    def _read_mended(
        self, mended: Folded, folded: Folded, before: list[Hit], modes: tuple[Mode, ...], findings: Findings
    ) -> None:
        """Rules on the mended text, but for those that the plain form has already met."""
        seen = {hit.rule for hit in before}
        fresh = [hit for hit in self.rules.hits(mended.plain, folded.plain) if hit.rule not in seen]
        if fresh:
            read_hits(self.rules, self._words, modes, mended, fresh, findings)

    def _read_late(self, forms: Sequence[Folded | None], modes: tuple[Mode, ...], findings: Findings) -> None:
        """The cues that are tried only beside what they may complete, in each form of the text."""
        beside = frozenset(findings.facets)
        for one in forms:
            if one is not None:
                hits = self.rules.late_hits(one.plain, beside)
                read_hits(self.rules, self._words, modes, one, hits, findings)

    def _in_context(
        self,
        folded: Folded,
        findings: Findings,
        heard: Heard,
        reading: Reading,
        modes: tuple[Mode, ...],
        whole: tuple[int, int],
        *,
        staff: bool,
        is_paced: bool,
    ) -> None:
        """What the recent messages make of this one."""
        for joined, offset in heard.joined(folded.plain):
            self._read_joined(joined, offset, modes, findings, whole)
            if self._mender.is_torn(joined, offset):
                self._read_joined(joined[: offset - 1] + joined[offset:], offset - 1, modes, findings, whole)
        if findings.facets:
            compound(self.rules, modes, findings, whole, own=heard.own_facets, heard=heard.room_facets)
        if "takes_back" in findings.facets and heard.taken_back() > max(findings.severity, Severity.LOW):
            self._say("context.taken_back", findings, whole, modes, heard.taken_back())
        raised = heard.accumulated(findings.severity)
        if raised > findings.severity:
            self._say("context.accumulated", findings, whole, modes, raised)
        if findings.severity is Severity.NONE:
            for rule_id in heard.crowding(reading.mark, staff=staff, is_paced=is_paced):
                self._say(rule_id, findings, whole, modes, Severity.NONE)

    def _read_joined(
        self, joined: str, offset: int, modes: tuple[Mode, ...], findings: Findings, whole: tuple[int, int]
    ) -> None:
        """Hits that begin in an earlier message and end in this one.

        What the earlier words said by themselves was judged as they came: it is no fault of those that follow.
        """
        text = Folded(joined, joined)
        before = Folded(joined[:offset], joined[:offset])
        mended = self._mender.mend(text)
        for one, part in ((text, before), (mended, self._mender.mend(before) or before)):
            if one is None:
                continue
            across = [
                hit for hit in self.rules.hits(one.plain)
                if one.span(hit.start, hit.end)[0] < offset < one.span(hit.start, hit.end)[1]
            ]  # fmt: skip
            if not across:
                continue
            said = {(hit.rule, hit.start) for hit in self.rules.hits(part.plain)}
            across = [hit for hit in across if (hit.rule, hit.start) not in said]
            inner = Findings([], set())
            read_hits(self.rules, self._words, modes, one, across, inner)
            for found in inner.found:
                findings.add(Finding(found.rule, found.mode, whole, found.severity, found.readings))

    def _attend(
        self, findings: Findings, raw: Score, whole: tuple[int, int], modes: tuple[Mode, ...]
    ) -> None:
        """The learned score may raise attention, to moderate at most; it never holds or blocks."""
        surer = margin(findings.facets, raw.words, is_read_away=findings.read_away)
        level = self._classifier.attention(raw, surer)
        if level > findings.severity:
            self._say(self._classifier.speaker(raw), findings, whole, modes, level)

    def _say(
        self,
        rule_id: str,
        findings: Findings,
        whole: tuple[int, int],
        modes: tuple[Mode, ...],
        level: Severity,
    ) -> None:
        """Add a rule that code, not a pattern, found to hold; a rule that was taken out says nothing."""
        index = self.rules.by_id.get(rule_id)
        if index is None or modes[index] is Mode.OFF:
            return
        findings.add(Finding(self.rules.rules[index], modes[index], whole, level))

    def _reading(self, folded: Folded, findings: Findings, score: float) -> Reading:
        plain = folded.plain
        facets = set(findings.facets)
        if findings.severity >= Severity.MODERATE:
            facets.add("risk")
        mark = zlib.crc32(plain.encode()) if len(plain) >= _SHORTEST_REPEAT else 0
        return Reading(int(findings.severity), frozenset(facets), score, plain[-_TAIL:], mark)

    def _judge_name(self, name: str) -> Reason | None:
        folded = fold(name)
        mended = self._mender.mend(folded)
        for one in (folded, mended):
            if one is None:
                continue
            for hit in self.rules.hits(one.plain):
                rule = self.rules.rules[hit.rule]
                if self.rules.profiles["default"][hit.rule] is Mode.LIVE and _bars_name(rule):
                    return Reason(rule.id, one.span(hit.start, hit.end), rule.text, False)
        return None

    def speaks(self, rule: Rule, example: str) -> bool:
        """Whether the rule holds for a text by itself, whatever profile it is live in."""
        modes, index = self.rules.all_live, self.rules.by_id[rule.id]
        folded = fold(example)
        findings = Findings([], set())
        forms = (folded, self._mender.mend(folded))
        for one in forms:
            if one is not None:
                hits = self.rules.hits(one.plain) if rule.needs else self.rules.hits_of(index, one.plain)
                read_hits(self.rules, self._words, modes, one, hits, findings)
        if rule.needs:
            self._read_late(forms, modes, findings)
            compound(self.rules, modes, findings, (0, len(example)))
        return any(one.rule.id == rule.id for one in findings.found)


def _bars_name(rule: Rule) -> bool:
    """A name takes everything that the room would not, and no signal of risk either."""
    return (
        rule.kind is Kind.ROOM
        or rule.id.startswith("name.")
        or (rule.kind is Kind.SIGNAL and rule.severity >= Severity.MODERATE)
    )


def load(config: Path, classifier: Classifier | None = None) -> Pipeline:
    """The pipeline of a folder with `rules/`, `lexicons/`, `helplines.toml`; RuleError says what is wrong there.

    The learned score is the shipped one unless another is given. Rules are tried on their examples, but for those
    that are shipped, byte for byte.
    """
    with _uncollected():
        return _load(config, classifier)


def _load(config: Path, classifier: Classifier | None) -> Pipeline:
    lexicon = load_lexicon(config / "lexicons")
    services = config / "helplines.toml"
    if "numbers.services" in lexicon.lists:
        lexicon.learn("numbers.services", read_services(services))
    is_proved = proof_of(config) == PROVED.read_text("ascii").strip()
    rules = load_rules(config / "rules", lexicon, proved=is_proved)
    written = digest_of(config)
    if classifier is None:
        classifier = load_classifier()
    digest = hashlib.sha256(written.encode() + classifier.digest)
    pipeline = Pipeline(rules, classifier, digest=digest.hexdigest()[:32])
    if not is_proved:
        prove(pipeline)
    return pipeline


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collector, which would look at all that is made and kept here again and again: a quarter less."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def digest_of(config: Path) -> str:
    """One number for all that rules are made of in a folder: a change of any byte changes it."""
    return _digest(config, re.compile(rb"(?!)"))


def proof_of(config: Path) -> str:
    """The same for what their examples depend on: in which profile a rule is live is no part of it."""
    return _digest(config, _PROFILES)


def _digest(config: Path, left_out: re.Pattern[bytes]) -> str:
    digest = hashlib.sha256()
    files = (
        (config / "rules").glob("*.toml"),
        (config / "lexicons").glob("*.toml"),
        [config / "helplines.toml"],
    )
    for path in filter(Path.exists, sorted(chain(*files))):
        digest.update(path.name.encode() + b"\0" + left_out.sub(b"", path.read_bytes()) + b"\0")
    return digest.hexdigest()


def prove(pipeline: Pipeline) -> None:
    """Try each rule on its own examples; one RuleError that tells every example that fails."""
    wrong: list[RuleError] = []
    for rule in pipeline.rules.rules:
        wrong += [
            RuleError(*rule.place, f"{rule.id}: must match but does not: {example!r}")
            for example in rule.match
            if not pipeline.speaks(rule, example)
        ]
        wrong += [
            RuleError(*rule.place, f"{rule.id}: must not match but does: {example!r}")
            for example in rule.spare
            if pipeline.speaks(rule, example)
        ]
        pipeline.rules.forget()  # an example leaves more in memory than the patterns themselves
    if wrong:
        first, *others = wrong
        raise RuleError(first.file, first.line, "; ".join((first.why, *map(str, others))))
