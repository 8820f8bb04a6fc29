"""The language that somebody writes, by its stop words: a scorer of our own, through public doors.

A language is told apart from its neighbours, or not told at all.
"""

import re
from collections import Counter

from toolkit.evals import Score, Scorer, scorer
from toolkit.evals.text import same_form
from toolkit.traces import Trace

KNOWN = {
    "de": (
        "der die das und ist nicht ich sie wir ihr mit für auf ein eine den dem zu es im "
        "haben kann bitte wird auch"
    ),
    "en": (
        "the and is are not you your we i it to of for on with that this have has can will be "
        "in my at please"
    ),
    "es": (
        "el la los las y es no un una que de en por para con su lo se del al puede está tiene "
        "usted gracias me mi hay más pero como ya son muy o si esta estoy hola quiero también "
        "cuando hoy mañana ha te yo sin sobre"
    ),
    "fr": (
        "le la les et est pas vous nous je un une des du pour avec que qui dans au votre vos "
        "ce ne sur peut"
    ),
    "pt": (
        "o a os as e é não um uma que de em por para com seu sua do da no na você está tem "
        "pode obrigado me meu minha já mas como sim são muito se à ao pelo pela isso foi "
        "quando hoje amanhã também eu sem sobre mais"
    ),
}
NEIGHBOURS = {
    "ca": (
        "el la els les i és no un una que de en per amb seu es del al ho pot està té vostè "
        "gràcies a dels aquest em meva hi més però com ja són molt o si aquesta estic hola "
        "vull també quan avui demà ha jo sense sobre"
    ),
    "da": (
        "og er ikke jeg du vi det en et den til for på med som har kan vil at af i din dig "
        "der eller men"
    ),
    "fi": "ja on ei se että en hän ole voi tai kun mutta myös niin sen minä sinä te me kiitos",
    "gl": (
        "o a os as e é non un unha que de en por para con seu do da no na vostede está ten "
        "pode grazas me meu hai máis pero como xa son moi se esta estou ola quero tamén cando "
        "hoxe mañá á ao eu sen sobre"
    ),
    "hu": "a az és nem hogy egy van ez meg csak de is kell vagy még ön mi köszönöm",
    "it": (
        "il lo la i gli le e è non un una che di in per con suo si del può sta ha lei grazie "
        "tuo della mi mio più ma come già sono molto o se questa ciao voglio anche quando "
        "oggi domani al dal nel io senza"
    ),
    "nl": (
        "de het een en is niet ik je wij we zij met voor op van te in hebben kan wordt ook "
        "dat zijn u uw tot"
    ),
    "no": (
        "og er ikke jeg du vi det en et den til for på med som har kan vil å av i din deg eller men"
    ),
    "pl": "i w nie na się że jest to z do dla jak ale czy po od przez proszę dziękuję",
    "ro": (
        "și este nu un o de la în pe cu sau să că puteți din pentru vă lua ce mai "
        "dumneavoastră mulțumesc"
    ),
    "sv": (
        "och är inte jag du vi det en ett den till för på med som har kan vill att av i din "
        "dig eller men"
    ),
    "tr": "ve bir bu için ile de da çok ama değil mi ne var evet lütfen teşekkürler",
}
LEAST_WORDS = 3
LEAST_SHARE = 1 / 6
"""Of all words: fewer stop words than that, and the language is one that is in neither list."""
LEAD = 1.5
WORD = re.compile(r"\w+")


def _languages_by_word() -> dict[str, list[str]]:
    by_word: dict[str, list[str]] = {}
    for language, words in (KNOWN | NEIGHBOURS).items():
        for word in words.split():
            by_word.setdefault(word, []).append(language)
    return by_word


LANGUAGES_BY_WORD = _languages_by_word()


def language(actor: str = "assistant") -> Scorer:
    """Which of de, en, es, fr and pt `actor` writes, by counting stop words; unscored where it is
    another language.

    Unscored too unless the first has three stop words at least, a sixth of all words, and half as
    many again as the second; a word of several languages counts for each of them by its share.
    """

    @scorer(name="language" if actor == "assistant" else f"language of {actor}")
    def read(trace: Trace) -> Score:
        return Score("language", *language_of(trace.text(actor)))

    return read


def language_of(text: str) -> tuple[str | None, str]:
    """A language of `KNOWN`, or None; and what it rests on.

    >>> language_of("The bike is free on Sunday, and you can have it.")[0]
    'en'
    """
    words = WORD.findall(same_form(text).casefold())
    seen: Counter[str] = Counter()
    scores: Counter[str] = Counter()
    for word in words:
        languages = LANGUAGES_BY_WORD.get(word, [])
        for language in languages:
            seen[language] += 1
            scores[language] += 1 / len(languages)  # type: ignore[assignment]
    ranked = [language for language, _ in scores.most_common(2)]
    why = "stop words: " + (
        ", ".join(f"{seen[language]} {language}" for language in ranked) or "none"
    )
    if not ranked or ranked[0] not in KNOWN:
        return None, why
    first = ranked[0]
    second_score = scores[ranked[1]] if len(ranked) > 1 else 0
    enough = seen[first] >= max(LEAST_WORDS, LEAST_SHARE * len(words))
    if not enough or scores[first] < LEAD * second_score:
        return None, why
    return first, why
