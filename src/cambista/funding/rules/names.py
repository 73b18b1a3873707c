"""Whether two names are the same person's or company's. Pure.

The rule: both names are folded to tokens (accents, case, punctuation, order and particles do not count). They match
when they are the same tokens, or when the shorter one has at least two and all of them stand in the longer one
("PEREZ GOMEZ MARIA" pays for "María José Pérez Gómez"). Anything else is for a person to look at; a name never matches
by likeness.
"""

import unicodedata
from collections import Counter

_PARTICLES = frozenset(("de", "del", "la", "las", "los", "y", "e", "da", "das", "do", "dos", "di", "van", "von", "der"))
# Letters that no decomposition turns into plain ones.
_PLAIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i"})
# Signs written inside a word: S.A.S., O'Brien, N´Diaye.
_INSIDE = str.maketrans(dict.fromkeys(".'’‘´`ʼ"))


def tokens(name: str) -> Counter[str]:
    """The words of a name, folded, without particles (unless it has nothing else)."""
    folded = unicodedata.normalize("NFKD", name.translate(_INSIDE).casefold()).translate(_PLAIN)
    plain = "".join(
        sign if sign.isalnum() else " " for sign in folded if not unicodedata.category(sign).startswith("M")
    )
    words = plain.split()
    return Counter([word for word in words if word not in _PARTICLES] or words)


def names_match(one: str, other: str) -> bool:
    """Whether the names are one person's, by the rule of this file; symmetric."""
    first, second = tokens(one), tokens(other)
    if first == second:
        return bool(first)
    shorter, longer = sorted((first, second), key=Counter.total)
    return shorter.total() >= 2 and shorter <= longer
