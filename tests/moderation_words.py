"""What the tests of moderation draw their texts from."""

from __future__ import annotations

from hypothesis import strategies as st

HEAVY = (
    "I want to die",
    "I am going to kill myself tonight",
    "kys",
    "you are an idiot",
    "call me on +44 7700 900123",
    "the pills are in front of me",
    "my husband hits me",
    "good morning",
    "https://example.com",
    "I feel worthless",
    "how many pills would kill me",
    "I don't want to die",
    'he said "kill yourself"',
    "selling xanax, dm me",
    "I cut myself last night",
    "haha lol",
    "my insta is quiet.fox92",
    "goodbye everyone",
    "just do it already",
)

ANYTHING = st.one_of(
    st.text(
        st.one_of(
            st.characters(codec=None), st.integers(0xD800, 0xDFFF).map(chr), st.sampled_from(" .\"'\n@1")
        ),
        max_size=120,
    ),
    st.lists(st.one_of(st.sampled_from(HEAVY), st.text(max_size=12)), max_size=6).map(" ".join),
)
