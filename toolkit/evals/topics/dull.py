"""Dull words: those that name no topic, as stop words, greetings, days and people's names."""

import re
from collections import Counter
from functools import cache

import numpy as np

TOKEN = r"\b\w[\w'’-]+\b|\S"
WORD_OR_SIGN = re.compile(r"\n|" + TOKEN)
SENTENCE_ENDS = frozenset('.!?:;\n"“”„()')
LEAST_LETTERS = 3
SAYS_NOTHING = frozenset(
    "time bit lot thing things stuff way anything something half day days hour hours goodness bah "
    "hello hey hiya dear please thank thanks thankyou sorry okay yes yeah yep sure perfect great "
    "awesome lovely cheers bye goodbye hallo moin servus bitte danke tschüss perfekt bonjour "
    "salut merci parfait coucou hola gracias vale perfecto adiós ciao grazie prego salve olá "
    "obrigado obrigada hej tack dag bedankt dank ace bonsoir buenos buenas boa guten tag "
    "oui".split()
)
"""Vague words, greetings, thanks and assents, which no list of stop words has whole."""
NAME_SHARE = 0.9
"""A word is a name where so many of its places within sentences begin with a capital."""
MOST_CAPITALS = 0.3
"""A text with a larger share of capitals is a title, or a table, and says nothing of names."""


def dull_words(vocabulary: np.ndarray, counts: np.ndarray, names: set[str]) -> np.ndarray:
    """Which words tell nothing of each topic: ``(n_topics, n_words) bool``.

    `counts` says how often each topic has each word of `vocabulary`.
    """
    is_dull = []
    for word in vocabulary:
        has_sign = not word.replace("-", "").isalpha()
        says_nothing = word in names or word in SAYS_NOTHING
        is_dull.append(len(word) < LEAST_LETTERS or has_sign or says_nothing)
    return np.asarray(common_words(vocabulary, counts) | np.array(is_dull))


def names_in(texts: list[str]) -> set[str]:
    """Names of people and places, in small letters: words that begin with a capital nearly
    wherever they stand within a sentence.
    """
    n_within: Counter[str] = Counter()
    n_capital: Counter[str] = Counter()
    for text in texts:
        words = _words_within_sentences(text)
        capitals = [word for word in words if word.istitle()]
        if _tells_names(words, len(capitals)):
            n_within.update(word.lower() for word in words)
            n_capital.update(word.lower() for word in capitals)
    return {word for word, n in n_capital.items() if n >= NAME_SHARE * n_within[word]}


def _tells_names(words: list[str], n_capitals: int) -> bool:
    """Whether the capitals of a text tell names: not where it has none, nor in a title, nor in
    German, which gives a capital to each noun.
    """
    if n_capitals == 0 or n_capitals > MOST_CAPITALS * len(words):
        return False
    n_german = len(_common_words_of("de").intersection(words))
    n_english = len(_common_words_of("en").intersection(words))
    return n_german <= n_english


def _words_within_sentences(text: str) -> list[str]:
    """The words of `text` but for the first of each sentence, which has a capital anyway."""
    words = []
    is_first = True
    for word in WORD_OR_SIGN.findall(text):
        if word in SENTENCE_ENDS:
            is_first = True
        elif len(word) > 1:
            if not is_first:
                words.append(word)
            is_first = False
    return words


def common_words(vocabulary: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Which words are stop words, days or months of English, or of the two languages that most such
    words of a topic are of: ``(n_topics, n_words) bool``.
    """
    from stop_words import LANGUAGE_MAPPING

    parts = [{word, *word.split("-")} for word in vocabulary]  # of "puis-je" both too
    codes = list(LANGUAGE_MAPPING)
    rows = []
    for code in codes:
        words = _common_words_of(code)
        rows.append([not words.isdisjoint(part) for part in parts])
    is_common = np.array(rows)
    hits = counts @ is_common.T
    order = np.argsort(-hits, axis=1, kind="stable")
    english = is_common[codes.index("en")]
    first = is_common[order[:, 0]]
    second = is_common[order[:, 1]]
    return np.asarray(first | second | english)


@cache
def _common_words_of(code: str) -> frozenset[str]:
    """The stop words, days and months of a language."""
    from babel import Locale
    from stop_words import get_stop_words

    locale = Locale.parse(code)
    words = set(get_stop_words(code))
    for names in (locale.days, locale.months):
        for form in ("format", "stand-alone"):
            words.update(name.lower() for name in names[form]["wide"].values())
    return frozenset(words)
