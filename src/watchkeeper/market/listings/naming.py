"""What produce is called: a word or few, written in one way, so that lots join and nothing else can be said in the name.

A buyer reads these names and no price, cost or fee, and nobody reads who somebody is (domain, Roles; Inventory, storage
fee, purchase). Pure.
"""

from __future__ import annotations

import unicodedata

from watchkeeper.base import disclosure
from watchkeeper.market.refusals import Refusal

LENGTH_MAX = 40
WORDS_MAX = 4
#: Marks on one letter; scripts need two or three, and a tower of them hides what stands above.
_MARKS_MAX = 3
#: What a buyer reads instead of a name from before names were checked that says more than a name.
UNNAMED = "Produce"
_SAME = str.maketrans({"\u2019": "'", "\u02bc": "'", "\u2018": "'", "`": "'", "\u2010": "-", "\u2011": "-"})


def canonical(text: str) -> str:
    """The one way to write a name: NFKC, single spaces, casefolded with the first letter large. Writing it again changes
    nothing.
    """
    folded = unicodedata.normalize("NFKC", text).translate(_SAME).casefold()
    plain = " ".join(unicodedata.normalize("NFKC", folded).translate(_SAME).split())
    first = plain[:1].upper()
    # A letter whose large form is two, or folds into another, stays as it is.
    return first + plain[1:] if len(first) == 1 and first.casefold() == plain[:1] else plain


def checked(text: str) -> str:
    """The name of produce in its one way; `Refusal` validation-failed when it is none."""
    name = canonical(text[: 4 * LENGTH_MAX])
    if len(text) > 4 * LENGTH_MAX or not 0 < len(name) <= LENGTH_MAX or len(name.split()) > WORDS_MAX:
        raise _refused(f"Name the produce in 1 to {WORDS_MAX} words, {LENGTH_MAX} characters at most.")
    if not _is_spelt(name):
        raise _refused(
            "Name the produce in letters alone, with a hyphen or apostrophe where it has one: no digits and no other signs."
        )
    if disclosure.points_elsewhere(name):
        raise _refused("Say only what the produce is: no price, no number, and nobody to call.")
    return name


def for_a_buyer(text: str) -> str:
    """What a buyer reads of a name that stands in the books."""
    try:
        checked(text)
    except Refusal:
        return UNNAMED
    return text


def _refused(detail: str) -> Refusal:
    return Refusal("validation-failed", detail, field="produce")


def _is_spelt(name: str) -> bool:
    """Whether every word begins with a letter, and holds letters with their marks, single hyphens and apostrophes."""
    marks, before = 0, " "
    for character in name:
        category = unicodedata.category(character)
        if category[0] == "M":
            marks += 1
            if before in " -'" or marks > _MARKS_MAX:
                return False
            continue
        marks = 0
        if category[0] != "L" and (
            character not in " -'" or before == " " or (before in "-'" and character != " ")
        ):
            return False
        before = character
    return before[0] != "-"
