"""Each promise in a few words, for a table; PROMISES.md says them in a sentence."""

from __future__ import annotations

WORDS: dict[str, str] = {
    "F5": "whoever goes on says what became of its attempt",
    "G29": "no attempt begins under a pause",
    "I1": "what was acknowledged is in the log, once",
    "I2": "a reader never misses an earlier fact",
    "I3": "of two at one version one wins, on any store",
    "I4": "an append whose answer was lost stays one fact",
    "I6": "a view says what the log says",
    "I7": "copies change nothing; the feed tells all, once",
    "I8": "reading again calls nobody and says nothing",
    "I9": "every fact is read back as it was told",
    "I10": "at most one live object for each post",
    "I11": "no call without a durable, complete intent",
    "I12": "nothing is sent again without proof or a person",
    "I13": "published is live, failed is not",
    "I14": "every post ends, or waits for something named",
    "I15": "what is shown is what was approved",
    "I16": "a granted cancel stops the post",
    "I17": "a limit is kept, and uses up no try",
    "I18": "again after 1, 5 and 25 minutes, restarts or not",
    "I19": "one in flight for each connection, in order",
    "I20": "disconnected: no call, and no burst afterwards",
    "I22": "no attempt while wall and house differ",
    "I24": "recorded times never go back",
    "I25": "a fact nobody can take holds up its own story alone",
    "I28": "a full disk ends nobody",
    "I29": "leaving leaves no attempt without an outcome",
}


def said(promise: str) -> str:
    return f"{promise} {WORDS[promise]}"
