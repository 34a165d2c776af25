"""How soon a guesser would come to a password: by common passwords, words, walks over the keyboard, sequences, repetitions.

At fifteen characters a list of common passwords holds little: the common ones are short ones strung together. So the guesses
are counted that it takes to put the password together from such parts; the estimator is zxcvbn.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from zxcvbn import matching, scoring

from watchkeeper.market.signin.contact import Contact

#: Fewer than these and a guesser who has stolen the hash is through within days, slow as the hash is.
GUESSES_MIN = 10**10
#: The estimate takes time that grows with the square of the length; what stands beyond can only make it harder.
_ESTIMATED_MAX = 128
#: Words of this place, and long phrases that every guesser knows; the library's lists have neither.
_OURS = (
    "farm2market", "farmtomarket", "watchkeeper", "uganda", "kampala", "entebbe", "mbarara", "jinja", "gulu", "mukono",
    "masaka", "matooke", "webale", "oliotya", "katonda", "mukama", "yesu", "correcthorsebatterystaple", "thequickbrownfox",
    "jumpsoverthelazydog", "tobeornottobe", "thatisthequestion", "loremipsumdolorsitamet", "ourfatherwhoartinheaven",
    "forgodandmycountry", "changeme", "administrator",
)  # fmt: skip
#: Punctuation that stands for a letter. The library would try every choice of every sign, which takes seconds for some.
_SIGNS = str.maketrans("@$!|+%([{<", "asiltxcccc")
#: The library knows a year as one until 2019.
_LATER_YEARS = re.compile(r"20[2-9]\d")
_SHORTEST_PART = 3


def too_common(password: str, *, alias: str, contact: Contact | None = None) -> bool:
    """Whether the password is put together from what anyone would try, or from what its owner's account says."""
    text = _folded(password)
    own = [*dict.fromkeys(_parts(alias, contact)), *_OURS]
    if any(_guesses(form, own) < GUESSES_MIN for form in _forms(text)):
        return True
    # Numbers strewn among words cost a guesser one choice of ten for each digit, and no more.
    letters = re.sub(r"[\W\d_]+", "", text)
    digits = sum(character.isdecimal() for character in text)
    return letters != "" and _guesses(letters[:_ESTIMATED_MAX], own) * 10**digits < GUESSES_MIN


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _forms(text: str) -> set[str]:
    """The password without signs for letters, with what stands between the words and without it."""
    joined = "".join(character for character in text if character.isalnum() or character in "@$!|+%([{<")
    # Without it nothing may be left, and signs alone are not common.
    forms = (text, joined or text)
    return {_LATER_YEARS.sub("2019", form.translate(_SIGNS))[:_ESTIMATED_MAX] for form in forms}


def _guesses(text: str, own: list[str]) -> int:
    # Its own front door keeps the words of the last caller for all threads; this way they are ours alone.
    known = matching.RANKED_DICTIONARIES | {"user_inputs": matching.build_ranked_dict(own)}
    found = scoring.most_guessable_match_sequence(text, matching.omnimatch(text, known))
    return int(found["guesses"])


def _parts(alias: str, contact: Contact | None) -> Iterator[str]:
    """What of the account somebody might take for a password, in the forms in which it is written."""
    yield from _written(alias)
    if contact is None:
        return
    yield from _written(contact.name)
    yield from _written(contact.email)
    digits = re.sub(r"\D", "", contact.phone)
    if len(digits) >= _SHORTEST_PART:
        yield digits
        # The same number as it is dialled within the country.
        yield f"0{digits[-9:]}"
        yield digits[-9:]


def _written(text: str) -> Iterator[str]:
    folded = _folded(text)
    words = [word for word in re.split(r"[\W_]+", folded) if word]
    whole = (folded, "".join(words))
    for part in (*whole, *words):
        if len(part) >= _SHORTEST_PART:
            yield part.translate(_SIGNS)
