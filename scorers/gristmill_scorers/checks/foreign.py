"""How assistants decline and name themselves in languages other than English.

One pattern a language, for the plainest forms: an opening of regret or "I cannot" with a verb of helping.
What a speaker of the language would say in other words goes unnoticed.
"""

from __future__ import annotations

from gristmill_scorers.checks import Clued

_THEN = r"[,.;:!–—-]*\s*"


def _declines(regret: str, cannot: str, helping: str, *clues: str) -> Clued:
    return Clued.of(
        rf"\A\W*(?:(?:{regret}){_THEN})?{cannot}[^.\n]{{0,80}}\b(?:{helping})[^.\n]{{0,80}}", *clues
    )


FOREIGN_REFUSALS: tuple[Clued, ...] = (
    _declines(
        r"(?:es )?tut mir (?:sehr |wirklich )?leid|leider|entschuldigung|ich bedau(?:er|r)e",
        r"(?:aber |doch |dass )?(?:ich kann|kann ich|ich darf|darf ich|ich bin)\b"
        r"(?=[^.\n]{0,100}\b(?:nicht|keine?[nr]?)\b)",
        r"(?:weiter)?(?:helfen|zuhelfen)|(?:be)?antworten|unterstützen|erfüllen|bereitstellen|nachkommen",
        *("ich kann", "kann ich", "ich darf", "darf ich", "ich bin"),
    ),
    _declines(
        r"(?:je suis )?(?:désolée?|navrée?)|malheureusement|je regrette",
        r"(?:mais )?je ne (?:peux|puis|pourrai|suis) pas\b",
        r"aider|répondre|fournir|satisfaire|assister|donner suite|accéder à",
        "je ne ",
    ),
    _declines(
        r"lo siento(?: mucho)?|lo lamento|disculp[ae]|perdón|desafortunadamente|lamentablemente",
        r"(?:pero )?no (?:puedo|me es posible)\b",
        r"ayudar|responder|proporcionar|cumplir|contestar|asistir",
        *("no puedo", "no me es posible"),
    ),
    _declines(
        r"mi dispiace|sono spiacente|spiacente|purtroppo",
        r"(?:ma )?non (?:posso|sono in grado di)\b",
        r"aiutar|risponder|fornir|soddisfar|assister",
        *("non posso", "non sono in grado"),
    ),
    _declines(
        r"desculp[ae]|lamento|sinto muito|infelizmente",
        r"(?:mas )?(?:eu )?não (?:posso|consigo)\b",
        r"ajudar|ajudá|responder|fornecer|atender|auxiliar",
        *("não posso", "não consigo"),
    ),
    _declines(
        r"(?:het )?spijt me|sorry|helaas",
        r"(?:maar )?(?:ik kan|kan ik)\b[^.\n]{0,40}\b(?:niet|geen)\b",
        r"helpen|beantwoorden|verstrekken|voldoen",
        *("ik kan", "kan ik"),
    ),
    _declines(
        r"извините|простите|к сожалению|сожалею",
        r"(?:но )?я не (?:могу|в состоянии)\b",
        r"помочь|ответить|предоставить|выполнить",
        "я не ",
    ),
    Clued.of(
        r"\A\W*(?:(?:很|非常)?抱歉|对不起|對不起|不好意思)\W{0,2}(?:但)?我?(?:无法|無法|不能|没办法)[^。\n]{0,20}"
        r"(?:回答|帮助|幫助|协助|提供|满足|完成)[^。\n]{0,40}",
        *("抱歉", "对不起", "對不起", "不好意思"),
    ),
    Clued.of(
        r"\A\W*(?:申し訳(?:ありません|ございません)|すみません)[^。\n]{0,40}(?:答え|回答|手伝い|対応|提供)"
        r"[^。\n]{0,16}(?:できません|できかねます|出来ません)",
        *("申し訳", "すみません"),
    ),
)

# "ich bin nicht ChatGPT" and "ich bin nicht von OpenAI" are no claims
_AM = r"(?:\b(?:[Ii]ch bin|[Jj]e suis|[Ss]oy|[Ss]ono|[Ss]ou|[Ii]k ben)\b|我是|私は)"
FOREIGN_NAMES: tuple[str, ...] = (
    rf"{_AM}\s*(?:{{names}})(?![A-Za-z])",
    rf"{_AM}(?:(?! nicht| geen| niet| pas |不)[^.\n。]){{{{0,60}}}}?(?:(?<![A-Za-z])(?:KI|IA|AI)(?![a-z])|"
    r"[Ss]prachmodell|[Mm]odèle|[Mm]odelo|[Mm]odello|[Tt]aalmodel|[Aa]ssistent[ea]?|模型|助手|アシスタント)"
    rf"[^.\n。]{{{{0,40}}}}?(?<![A-Za-z])(?:{{makers}})(?![A-Za-z])",
    rf"{_AM}[^.\n。]{{{{0,4}}}}(?<![A-Za-z])(?:{{makers}})[^.\n。]{{{{0,12}}}}(?:模型|助手|训练|開発|开发|アシスタント)",
)
"""With ``{names}`` and ``{makers}`` left open; compared with case."""
I_AM: tuple[str, ...] = ("ich bin", "je suis", "soy ", "sono ", "sou ", "ik ben", "我是", "私は")
"""Clues: one of them stands in every folded text that such a pattern matches."""
