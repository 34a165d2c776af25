"""What a text gives away: an amount, or where somebody can be reached.

Everything is judged by its form, and strictly: better that somebody says it in other words than that an amount reaches who
may not read it, or that a telephone number is sealed for ever. It is a net for the careless and the hurried; whoever writes
numbers out as riddles gets through.
"""

from __future__ import annotations

import re
import unicodedata

#: What has many digits and is nobody's number: UTIDs, incidents, digests, days.
_NOBODYS = re.compile(
    r"\b\d{8}-\d{6}-[a-z]{3}-[0-9a-z]{6}\b|\binc-\d{8}-\d{6}\b|\b(?=[0-9a-f]*[a-f])[0-9a-f]{32,128}\b"
    r"|\b(?:19|20)\d\d-(?:0\d|1[0-2])-[0-3]\d(?!\d)"
    r"|\b[0-3]?\d([./-])[01]?\d\1(?:19|20)\d\d\b"
)
_MAIL = re.compile(r"\S@\S|@\s*[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}|\w\s*[(\[{]\s*at\s*[)\]}]\s*\w")
#: Nine digits or more with nothing but telephone punctuation between them; commas too where it begins like a telephone number.
_PHONE = re.compile(r"\d(?:[\s().\-/_]*\d){8,}|(?:\+\s*|(?<!\d)0)\d?(?:[\s().\-/_,]*\d){8,}")
_MONEY_WORDS = (
    r"[kt]?shs?|ugx|ushs?|shillings?|shilingi|bobs?|s+ente|kes|tzs|rwf|usd|eur|dollars?|euros?"
    r"|prices?|priced|pricing|bei|costs?|costing|fees?|amounts?|profits?|earnings"
)
_MONEY = re.compile(
    rf"\b(?:{_MONEY_WORDS})\b|/[=\-]|(?:ugx|ushs?|shs?|shillings?)(?=\d)|(?<=\d)(?:ugx|ushs?|shs?|shillings?|bob)"
)
_NUMBER_WORDS = (
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen"
    r"|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|billion)s?"
)
_NUMBER = re.compile(rf"\d|\b{_NUMBER_WORDS}\b")
_GROUPED = re.compile(r"\d[,.'\u2019]\d{3}(?!\d)")
#: "25k", and nothing that is weighed.
_THOUSANDS = re.compile(r"\d\s?k\b(?!\s?g)")
_MEASURE = (
    r"(?:kgs?|kilos?|kilogram(?:me)?s?|g|grams?|tonnes?|tons?|bags?|sacks?|gunias?|units?|blocks?|lots?|crates?|basins?|tins?"
    r"|debes?|bunch(?:es)?|pieces?|heaps?|lit(?:er|re)s?|each|one)"
)
#: So much for so much: "1500/kg", "25 per bag", "fifteen hundred a kilo", "@ 1500".
_EACH = re.compile(
    rf"(?:\d|\b{_NUMBER_WORDS})\s*(?:/|\b(?:per|a|an|for\s+(?:a|an|one|each))\b)\s*{_MEASURE}\b|(?:\d|\b{_NUMBER_WORDS})\s+each\b"
    rf"|@\s*(?:\d|{_NUMBER_WORDS}\b)"
)
#: Four digits or more on their own that are no year, no weight or distance, and no number of a thing.
_BARE = re.compile(
    r"(?<![\w.,:/#-])(?<!\bblock )(?<!\bunit )(?<!\blot )(?<!\border )(?<!\bplot )(?<!\bno )(?<!\bno\. )(?<!\bnumber )"
    r"(?!(?:19|20)\d\d(?!\d))\d{4,}(?!\w)(?!\s*(?:kgs?|kilos?|kilograms?|g|grams?|tonnes?|km|m|hrs|hours|h)\b)"
)
#: Words that point to somebody, or to where money goes.
_REACHING = re.compile(
    r"\b(?:call|phone|tel|telephone|mobile|whats-?app|telegram|sms|e-?mail|contact|momo|mtn|airtel|pay|paid|www|https?)\b"
)


def plain(text: str) -> str:
    """A text as it is judged: one way to write each letter, digit and dash, nothing that is not seen, casefolded."""
    kept: list[str] = []
    for character in unicodedata.normalize("NFKC", text):
        category = unicodedata.category(character)
        if category == "Cf":
            continue
        digit = unicodedata.decimal(character, None)
        if digit is not None:
            kept.append(str(digit))
        elif category == "Pd" or character == "\u2212":
            kept.append("-")
        else:
            kept.append(character)
    return unicodedata.normalize("NFKC", "".join(kept).casefold())


def speaks_of_money(text: str) -> bool:
    """Whether a text may hold an amount: a number beside a word or sign for money, one written in thousands, so much for so
    much, or a large one that stands for nothing else.
    """
    judged = _NOBODYS.sub(" x ", plain(text))
    if any(form.search(judged) for form in (_GROUPED, _THOUSANDS, _EACH, _BARE)):
        return True
    signed = bool(_MONEY.search(judged)) or any(unicodedata.category(sign) == "Sc" for sign in judged)
    return signed and bool(_NUMBER.search(judged))


def holds_mail(text: str) -> bool:
    """Whether a text may hold an e-mail address."""
    return bool(_MAIL.search(plain(text)))


def names_somebody(text: str) -> bool:
    """Whether a text may hold a telephone number or an e-mail address."""
    return holds_mail(text) or bool(_PHONE.search(_NOBODYS.sub(" x ", plain(text))))


def points_elsewhere(text: str) -> bool:
    """Whether words of a text speak of money, of numbers or of reaching somebody; for names, in which none of them belongs."""
    judged = plain(text)
    return any(form.search(judged) for form in (_MONEY, _NUMBER, _REACHING))
