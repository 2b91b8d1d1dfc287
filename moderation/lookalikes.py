# ruff: noqa: RUF001, RUF003 -- characters that look like others are what this file is about
"""Characters that stand for others: look-alikes of other scripts, and emoji that say a word."""

# Pairs of one character and what it looks like in Latin; NFKC has already resolved full-width, mathematical,
# circled and superscript forms. Chosen from Unicode's confusables by hand: single letters only.
_PAIRS = (
    # Cyrillic
    "аa вb еe кk мm нh оo рp сc тt уy хx ѕs іi јj ԁd ԛq ԝw һh ӏl ґr зe гr пn иu ё\u0065 єe ьb эe"
    # Greek
    " αa βb εe ηn ιi κk μm νv οo ρp σo τt υu χx ωw γy ϲc ϳj"
    # Armenian, Cherokee (capitals fold to themselves), Lisu
    " ոn սu օo հh յj ցg զq ԍg Ꭺa Ꭼe Ꮋh Ꭵi Ꭻj Ꮶk Ꮮl Ꮇm Ꮲp Ꮪs Ꭲt Ꮩv Ꮃw Ꮓz ꓐb ꓚc ꓓd ꓰe ꓗk ꓡl ꓢs"
    # Latin letters without a decomposition
    " ıi łl øo đd ħh ŧt ðd ɑa ɡg ɩi ɪi ʟl ɴn ʀr ʏy ʜh ɢg ʙb ɛe ɔo ʌa ɐa ǝe ɯm ʞk ʇt ʎy ƙk ɗd ɓb"
    " ʋv ƶz ƴy ꞓc ɨi ʉu"
    # small capitals
    " ᴀa ᴄc ᴅd ᴇe ᴊj ᴋk ᴍm ᴏo ᴘp ꜱs ᴛt ᴜu ᴠv ᴡw ᴢz ꜰf"
    # typography
    " ‐- ‑- ‒- –- —- ―- −- ﹘- ·. •. ․. 。. ，, ؛; ‚, ⁄/ ∕/ ｡."
    ' “" ”" „" ‟" «" »" ‹" ›" ″"'
)

# What takes more than one character, or a whole word.
_WORDS = {
    "æ": "ae", "œ": "oe", "ß": "ss", "þ": "th", "ы": "bl", "ю": "io", "ф": "f", "б": "b", "ш": "w", "щ": "w",
    "🔫": " gun ", "🔪": " knife ", "🗡": " knife ", "💊": " pills ", "🪢": " rope ", "🩸": " blood ",
    "😴": " sleep ", "💤": " sleep ", "🪦": " grave ", "⚰": " coffin ", "🪒": " razor ", "🌉": " bridge ",
    "😂": " lol ", "🤣": " lol ", "💀": " lol ", "☠": " lol ", "😆": " lol ", "😹": " lol ", "😅": " lol ",
    "🖕": " fuck you ", "🐷": " pig ", "🐖": " pig ", "🐒": " monkey ", "🐵": " monkey ",
    "\u2800": " ", "\u115f": " ", "\u1160": " ", "\u3164": " ", "\uffa0": " ",
}  # fmt: skip

LOOKALIKES: dict[str, str] = {pair[0]: pair[1] for pair in _PAIRS.split()}
LOOKALIKES.update(_WORDS)
# Regional indicators, and the negative squared and circled capitals that NFKC leaves alone.
for _first in (0x1F1E6, 0x1F150, 0x1F170):
    LOOKALIKES.update({chr(_first + n): chr(ord("a") + n) for n in range(26)})

# Dropped inside words, so that "don't", "don’t" and "dont" are one word.
APOSTROPHES = frozenset("'’‘`´ʼʹ＇‛ʻʽ′")
