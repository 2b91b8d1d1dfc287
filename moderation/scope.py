"""What stands around a hit: negation, tense, who is meant, quotation, jest; code over the words nearby."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import re2

from moderation.lexicon import NEVER, Lexicon, RuleError
from moderation.verdict import Severity

_REACH = 160  # characters looked at on each side of a hit
_FEW = 5  # words and marks around a quotation that is spoken about
_WORD = re.compile(r"[a-z0-9]+|[,.!?;:\n\"()]")
_FRAGMENT = 5  # and one that is no sentence of its own, at most
_CLAUSE = 3  # words that a clause has at least
_STOPS = frozenset(".!?;\n")
_SELF = frozenset(("i", "im", "ive", "id", "ill", "ima", "imma", "me", "myself"))
_SECOND = frozenset(("you", "u", "ur", "youre", "your", "ya", "yall", "youve", "youd"))
# "Does anyone know", "anyone else": who asks so asks the room, and counts themselves in.
_ANY = frozenset(("anyone", "anybody"))
_TO_ALL = frozenset(("else", "know", "knows", "here"))
_OWN_WORDS = _SELF | {"my"}
_OURS = frozenset(("my", "mine", "our", "we", "us", "weve", "were"))
# "Not once did I think of it": what stands before the subject when a negation opens the sentence.
_WISHES = frozenset(
    ("want", "wanted", "wanna", "wish", "hope", "myself", "tired", "rather", "should", "ready", "pray")
)
_TOLD = frozenset(("tell", "tells", "told", "telling", "to", "with"))
_PRESENT = frozenset(
    ("im", "am", "is", "want", "wanna", "gonna", "ima", "imma", "ill", "cant", "dont", "keep")
)
_BARE = frozenset(("want", "wanna", "keep"))  # of the past after "didnt"
_WERE = frozenset(("was", "were", "wasnt", "werent"))  # "suicidal thoughts were what I woke up to"
_INVERTED = frozenset(("did", "do", "have", "had", "would", "could", "am", "was", "will", "can"))
_CONNECTORS = frozenset(("and", "so", "because", "cause", "cuz", "bc", "but", "then", "now", "anymore", ","))


# The lists of contexts whose entries are patterns; those of all others are words and phrases.
PATTERNS = (
    "answered", "back", "dismissed", "fresh", "long_ago", "not_back", "not_owned", "owned", "play", "well",
)  # fmt: skip


def _quiet() -> Any:
    options = re2.Options()
    options.log_errors = False
    return options


class Words:
    """The word sets that the readings use, taken from the lexicon once."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self._sets: dict[str, frozenset[str]] = {}
        self._phrases: dict[str, re.Pattern[str] | None] = {}
        self._patterns = {name: self._compiled(name) for name in PATTERNS}

    def __getitem__(self, name: str) -> frozenset[str]:
        found = self._sets.get(name)
        if found is None:
            found = self._sets[name] = frozenset(self.lexicon.words("context." + name))
        return found

    def _compiled(self, name: str) -> Any:
        """The patterns of a list as one, in linear time whatever they are; RuleError where one is none."""
        lists = self.lexicon.lists.get("context." + name, ())
        for one in lists:
            try:
                re2.compile("|".join(map(self.lexicon.expand, one.words)), _quiet())
            except (KeyError, re2.error) as error:
                raise RuleError(*one.place, f"{one.name}: {error.args[0]}") from error
        inner = "|".join(map(self.lexicon.expand, self.lexicon.words("context." + name))) or NEVER
        return re2.compile(f"(?:^|[^a-z0-9])(?:{inner})(?:[^a-z0-9]|$)", _quiet())

    def meets(self, name: str, text: str) -> bool:
        """Whether one of the list's entries, which are patterns, stands in the text as whole words."""
        return self._patterns[name].search(text) is not None

    def cut(self, name: str, text: str) -> str:
        """The text without what `meets` finds in it."""
        pattern = self._patterns[name]
        return str(pattern.sub(" ", text)) if pattern.search(text) is not None else text

    def within(self, name: str, text: str) -> bool:
        """Whether a word or phrase of the list stands in the text as whole words."""
        if name not in self._phrases:
            words = sorted(self.lexicon.words("context." + name), key=len, reverse=True)
            inner = "|".join(re.escape(word).replace(r"\ ", r"[\s,]+") for word in words)
            self._phrases[name] = re.compile(rf"(?<![a-z0-9])(?:{inner})(?![a-z0-9])") if words else None
        pattern = self._phrases[name]
        return pattern is not None and pattern.search(text) is not None


class Scene:
    """One hit with the words around it; worked out when a reading asks."""

    __slots__ = ("_after", "_before", "_inside", "end", "plain", "start", "words")

    def __init__(self, words: Words, plain: str, start: int, end: int) -> None:
        self.words = words
        self.plain = plain
        self.start = start
        self.end = end
        self._before: list[str] | None = None
        self._after: list[str] | None = None
        self._inside: list[str] | None = None

    @property
    def before(self) -> list[str]:
        """The words of the same sentence before the hit, in order."""
        if self._before is None:
            words = _WORD.findall(self.plain[max(0, self.start - _REACH) : self.start])
            cut = max((n for n, word in enumerate(words) if word in _STOPS), default=-1)
            self._before = words[cut + 1 :]
        return self._before

    @property
    def after(self) -> list[str]:
        """The words of the same sentence after the hit, with the mark that ends it."""
        if self._after is None:
            words = _WORD.findall(self.plain[self.end : self.end + _REACH])
            cut = next((n for n, word in enumerate(words) if word in _STOPS), len(words))
            self._after = words[: cut + 1]
        return self._after

    @property
    def fragment(self) -> list[str]:
        """The words of the next sentence where it is so short that it belongs to this one, as "years ago" does."""
        rest = _WORD.findall(self.plain[self.end : self.end + _REACH])[len(self.after) :]
        cut = next((n for n, word in enumerate(rest) if word in _STOPS), len(rest))
        return rest[:cut] if cut <= _FRAGMENT else []

    @property
    def inside(self) -> list[str]:
        """The words of the hit itself."""
        if self._inside is None:
            self._inside = _WORD.findall(self.plain[self.start : self.end])
        return self._inside

    @property
    def sentence(self) -> str:
        """The sentence around the hit, single spaces between words."""
        return " ".join((*self.before, *self.inside, *self.after))

    def subject(self) -> str:
        """Who is spoken of: `self`, `second`, `third`, or nothing where none is named."""
        if any(word in _SELF or word == "my" for word in self.inside):
            return "self"
        thirds = self.words["thirds"]
        after = ""
        for word in reversed(self.before[-6:]):
            if word in _SELF:
                return "self"
            if word in _SECOND:
                return "second"
            if word in thirds and not (word in _ANY and after in _TO_ALL):
                return "third"
            after = word
        return ""


def _clause(inside: list[str]) -> list[str]:
    """The words of a hit up to where another clause begins, which denies nothing of the first."""
    cut = next((at for at, word in enumerate(inside) if at >= _CLAUSE and word in _CONNECTORS), len(inside))
    return inside[:cut]


def _negators(scene: Scene, *, inside: bool) -> int:
    """How many negations bear on the hit; a new clause with its own subject ends their reach."""
    words = scene.words
    negators, bridges = words["negators"], words["bridges"]
    spoken = scene.before + (_clause(scene.inside) if inside else [])
    first_inside = len(scene.before)
    reset = (
        scene.inside
        and scene.inside[0] in _SELF
        and scene.before
        and scene.before[-1] not in bridges | _INVERTED
    )
    if not inside and reset:
        return 0
    count = 0
    steps = 0
    for index in range(len(spoken) - 1, -1, -1):
        word = spoken[index]
        if index < first_inside:
            if index == first_inside - 1 and reset:
                break
            steps += 1
            if steps > 9 or word in _CONNECTORS:
                break
            if word in _SELF and word not in {"me", "myself"}:
                previous = spoken[index - 1] if index else ""
                if previous and previous not in bridges | negators | _INVERTED:
                    break
        if word not in negators:
            continue
        following = spoken[index + 1] if index + 1 < len(spoken) else ""
        previous = spoken[index - 1] if index else ""
        if word == "no" and following == "longer":
            count += 1
            continue
        if _is_idle(words, word, previous, following):
            continue
        if (
            word == "no"
            and index < first_inside - 1
            and words["deniable"].isdisjoint(spoken[index + 1 : index + 3])
        ):
            continue
        count += 1
    return count


def _is_idle(words: Words, word: str, previous: str, following: str) -> bool:
    """Whether a negation denies nothing of what follows: "cannot stop wanting", "I told nobody that …"."""
    if word in {"stop", "stopped"} and previous in words["negators"]:
        return True
    if word == "nobody" and previous in _TOLD:
        return True
    return following in words["pseudo"] or previous in {"why", "if", "reason", "reasons"}


def _answered(scene: Scene) -> bool:
    """Whether what follows says no: "… has never crossed my mind", or "… and I said no" to what was asked."""
    words, after = scene.words, scene.plain[scene.end : scene.end + 60]
    if words.within("answers_no", after) or words.meets("dismissed", " ".join(scene.after[:8])):
        return True
    return words.meets("answered", after) and not words["asked"].isdisjoint((*scene.before, *scene.inside))


def _admitted(scene: Scene) -> bool:
    """Whether what was denied is then owned to: "… but I lied", "… so they let me go"."""
    words, after = scene.words, scene.plain[scene.end : scene.end + 110]
    return words.within("admissions", after) or words.meets("owned", words.cut("not_owned", after))


def negation(scene: Scene) -> bool:
    """Denied, before the hit or in it; two negations are none."""
    return (_negators(scene, inside=True) % 2 == 1 or _answered(scene)) and not _admitted(scene)


def denial(scene: Scene) -> bool:
    """Denied from before the hit, for hits that carry a negation of their own."""
    return (_negators(scene, inside=False) % 2 == 1 or _answered(scene)) and not _admitted(scene)


def _told_as_past(scene: Scene) -> bool:
    """Whether the verb of the hit is one of the past."""
    said = {*scene.before[-5:], *scene.inside, *_WERE.intersection(scene.after[:2])}
    present = _PRESENT - _BARE if "didnt" in said else _PRESENT
    return not scene.words["pasts"].isdisjoint(said) and present.isdisjoint(_clause(scene.inside))


def _long_ago(scene: Scene) -> bool:
    """Told in the past tense of a time that is named, and nothing says that it went on."""
    if not _told_as_past(scene):
        return False
    words, sentence = scene.words, f"{scene.sentence} {' '.join(scene.fragment)}"
    return words.meets("long_ago", sentence) and not words.meets("back", _without(words, sentence))


def _without(words: Words, text: str) -> str:
    """A text without words of a return that speak of none: "since my last relapse"."""
    return words.cut("not_back", text)


def past(scene: Scene) -> bool:
    """Told of a time that is over, and nothing says that it is back."""
    words = scene.words
    if _long_ago(scene):
        return True
    if "used to" in " ".join((*scene.before[-4:], *scene.inside)):
        return not words.within("relapse", scene.plain[scene.end : scene.end + 80])
    around = " ".join((*scene.before[-12:], *scene.inside, *scene.after[:10]))
    if not words.within("past", around):
        return False
    near = " ".join((*scene.before[-6:], *scene.inside, *scene.after[:10]))
    return not words.within("present", near)


def recovery(scene: Scene) -> bool:
    """Told as something that was got through."""
    words = scene.words
    reach = words.cut("not_back", scene.plain[max(0, scene.start - 90) : scene.end + 90])
    if words.within("recovery", reach) and not words.within("relapse", reach):
        return not words.meets("fresh", scene.plain[max(0, scene.start - 40) : scene.end + 40])
    if not _told_as_past(scene):
        return False
    wide = scene.plain[max(0, scene.start - _REACH) : scene.end + _REACH]
    return words.meets("well", wide) and not words.meets("back", words.cut("not_back", wide))


def third_person(scene: Scene) -> bool:
    """Said of somebody else."""
    return scene.subject() in ("third", "second")


def addressed(scene: Scene) -> bool:
    """Said to another or of people at large, as advice is: "you", and nothing of the author, in the sentence."""
    spoken = {*scene.before, *scene.inside, *scene.after}
    return bool(_SECOND & spoken) and not (_SELF | _OURS) & spoken


def question(scene: Scene) -> bool:
    """Asked of another, as a supporter does."""
    return scene.subject() == "second" and (
        "?" in scene.after or bool(scene.words["asking"].intersection(scene.before[:4] + scene.inside[:1]))
    )


def quotation(scene: Scene) -> bool:
    """Somebody else's words: in quotation marks or after "he said", and not the author's own thought."""
    plain, words = scene.plain, scene.words
    opened = plain.rfind('"', max(0, scene.start - _REACH), scene.start + 1)
    inside = opened >= 0 and plain.count('"', 0, scene.start + 1) % 2 == 1 and '"' in plain[scene.end - 1 :]
    lead = _WORD.findall(plain[max(0, opened - 80) : opened])[-8:] if inside else scene.before[-6:]
    if _says(words, lead):
        return words["asked"].isdisjoint(lead) or not _admitted(scene)
    if not inside:
        return False
    if words["works"].intersection(lead):
        return True
    closed = plain.find('"', scene.end - 1)
    tail = _WORD.findall(plain[closed + 1 : closed + 40])[:4]
    return bool(words["reporting"].intersection(tail) and words["thirds"].intersection(tail))


def _says(words: Words, lead: list[str]) -> bool:
    """Whether somebody other than the author speaks: a verb of speech with another before it."""
    others, verbs = words["thirds"] | _SECOND, words["reporting"]
    return any(
        word in verbs
        and any(before in others for before in lead[max(0, at - 3) : at])
        and not _SELF.intersection(lead[max(0, at - 1) : at])
        for at, word in enumerate(lead)
    )


def told(scene: Scene) -> bool:
    """What others did to the author, told: "they call me …", "he said I should …", "my brain tells me"."""
    return quotation(scene) or scene.words.within("told", " ".join((*scene.before, *scene.inside)))


def reported(scene: Scene) -> bool:
    """An attack that the author met with, told, or set apart in quotation marks and spoken about."""
    if told(scene):
        return True
    near = " ".join((*scene.before, *scene.inside, *scene.after[:8]))
    return scene.words.within("reported", near) or _set_apart(scene)


def _set_apart(scene: Scene) -> bool:
    """Between quotation marks, and what stands around them speaks to nobody."""
    opened = scene.plain.rfind('"', max(0, scene.start - _REACH), scene.start + 1)
    closed = scene.plain.find('"', scene.end)
    if opened < 0 or closed < 0 or scene.plain.count('"', 0, opened) % 2:
        return False
    around = _WORD.findall(
        scene.plain[max(0, opened - _REACH) : opened] + scene.plain[closed : closed + _REACH]
    )
    return len(around) > _FEW and _SECOND.isdisjoint(around)


def hyperbole(scene: Scene) -> bool:
    """A laugh or a jest in the same breath."""
    return scene.words.within("laughs", " ".join((*scene.before[-4:], *scene.inside, *scene.after[:8])))


def conditional(scene: Scene) -> bool:
    """Hung on something small that may happen."""
    return scene.words.within("conditions", scene.sentence)


def education(scene: Scene) -> bool:
    """Spoken about as a subject: news, study, film, training; what the hit says of the author is no subject."""
    if not _OWN_WORDS.isdisjoint(scene.inside):
        return False
    return scene.words.within("education", scene.sentence)


def studied(scene: Scene) -> bool:
    """Spoken about as a subject by somebody who says "I" of the study, and of no wish."""
    if not _WISHES.isdisjoint(scene.inside):
        return False
    return scene.words.within("education", scene.sentence)


def playing(scene: Scene) -> bool:
    """Said of a game, near the hit."""
    return scene.words.meets("play", scene.plain[max(0, scene.start - _REACH) : scene.end + _REACH])


def helpline(scene: Scene) -> bool:
    """A number or address of a service, not of a person; the hit itself does not tell."""
    before = scene.plain[max(0, scene.start - 80) : scene.start]
    if scene.words.within("personal", before[-40:]):
        return False
    return scene.words.within("helplines", f"{before} | {scene.plain[scene.end : scene.end + 60]}")


def advised(scene: Scene) -> bool:
    """What a professional said to take, told as one's own."""
    return scene.words.within("prescribers", scene.plain[max(0, scene.start - 80) : scene.end + 60])


def wish_of_dead(scene: Scene) -> bool:
    """Of somebody who has died, as the sentence says, or what stands near it in the next."""
    return scene.words.within(
        "bereaved", f"{' '.join(scene.before)} {scene.plain[scene.start : scene.end + 80]}"
    )


# What each reading does to a signal: the most that is left of it, or how far it is lowered.
READINGS: Mapping[str, Callable[[Scene], bool]] = {
    "negation": negation,
    "denial": denial,
    "quotation": quotation,
    "told": told,
    "reported": reported,
    "third_person": third_person,
    "question": question,
    "addressed": addressed,
    "education": education,
    "wish_of_dead": wish_of_dead,
    "studied": studied,
    "playing": playing,
    "helpline": helpline,
    "advised": advised,
    "recovery": recovery,
    "past": past,
    "conditional": conditional,
    "hyperbole": hyperbole,
}
_CAPS: Mapping[str, Severity] = {"conditional": Severity.MODERATE}


def weigh(severity: Severity, readings: list[str]) -> Severity:
    """What is left of a signal after its readings."""
    for reading in readings:
        if reading == "hyperbole":
            severity = Severity(max(severity - 1, 0))
        else:
            severity = min(severity, _CAPS.get(reading, Severity.NONE))
    return severity
