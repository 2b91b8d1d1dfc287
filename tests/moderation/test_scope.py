from __future__ import annotations

import pytest

from moderation import Pipeline, Severity

DENIED = (
    "I've never once wanted to hurt myself",
    "Never have I wanted to end it, not even then",
    "Not at any point did I want to kill myself",
    "There's no part of me that wants to die",
    "My GP asked about suicidal thoughts and I could honestly tell her there were none",
    "The form asked whether I think of ending my life and I ticked never",
    "Killing myself has never crossed my mind",
    "Nobody is hurting me, I'm in no danger at all",
    "My husband doesn't hit me, he is the gentlest man alive",
    "This isn't a suicide note, it's a shopping list",
)
OVER = (
    "Ten years ago I stood on a bridge and wanted to die. Today I teach swimming",
    "When my marriage ended I wanted to die, and I'm glad I waited",
    "In 2011 I took an overdose. I woke up and I've been grateful since",
    "I remember wanting to end it all. Therapy gave me my life back",
    "I spent my thirties wishing I was dead and my forties glad I'm not",
    "Today it is 3 years since my last relapse with cutting, there will be cake",
    "As a farm kid with no friends I didn't want to be alive, and I wouldn't swap my life now",
    "Suicidal thoughts were all I had as a student. Now I have an allotment",
    "I wanted to be dead before they found the right tablets. Thirty years ago.",
)
PRESENT = (
    "She asked if I think of killing myself and I said no. I do, all the time",
    "They asked whether I'm suicidal and I told them no so they let me go home",
    "I've never told anyone that I want to die",
    "I told nobody that my uncle raped me",
    "I was clean for three years and last night I cut myself",
    "Ten years ago I wanted to die, and now I want to die again",
    "I'm glad I have you all, but I want to die",
    "no, I want to die",
    "I wanted to be dead. Tonight still.",
    "As a farm kid I didn't want to be alive, and now I want to die again",
)


@pytest.mark.parametrize("text", DENIED + OVER)
def test_what_is_denied_or_over_is_no_crisis(pipeline: Pipeline, text: str) -> None:
    """Neither rules nor the learned score tell staff of what its context reads away."""
    assert pipeline.judge(text).severity < Severity.MODERATE


@pytest.mark.parametrize("text", PRESENT)
def test_what_is_owned_to_or_present_is_a_crisis(pipeline: Pipeline, text: str) -> None:
    """A denial that is taken back, a silence broken and a past that returned are read as present."""
    assert pipeline.judge(text).crisis
