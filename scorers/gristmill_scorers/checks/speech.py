"""What assistants say about themselves: refusals, identities, boilerplate, words to the judge.

A phrase that the source itself contains is never held against a response.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gristmill_scorers.checks import Clued, View, clipped, first_own, holds_any, in_source, own, possible
from gristmill_scorers.checks.foreign import FOREIGN_NAMES, FOREIGN_REFUSALS, I_AM
from gristmill_scorers.checks.text import Text

_I = re.IGNORECASE
_SORRY = (
    r"(?:(?:(?:I['’]m|I am|we['’]re|we are) )?(?:very |so |truly )?(?:sorry|afraid)|(?:my )?apologies|"
    r"I apologi[sz]e|unfortunately|regrettably)(?: for (?:the|any) \w+)?[,.;:!–—-]*\s+(?:but |that )?"
)
# only "I": a company's "we cannot provide refunds" is policy, not a refusal
_UNABLE = (
    r"I(?: can ?not| can['’]t| could not| couldn['’]t| won['’]t be able to|(?: am|['’]m) (?:un|not )able to|"
    r" (?:must|have to) decline to| (?:won['’]t|will not)(?= (?:assist|help|comply|do)\b))"
)
_ACT = (
    r"(?:assist|help(?! but\b)(?! \w+ing\b)(?! (?:my|our)sel)|answer|provide|comply|fulfil|share|discuss|"
    r"complete (?:this|that|your)|do (?:this|that)\b|generate|engage|continue with|respond|"
    r"(?:access|browse|open|find|see|determine|verify)\b[^.]{0,30}\b"
    r"(?:internet|links?|passage|document|information|answer|text))"
)
_OPENING = re.compile(r"\W*(?:i|we?|very|so|truly|sorry|afraid|my|apologies|unfortunately|regrettably)\b")
_REFUSALS = tuple(
    Clued.of(pattern, "")
    for pattern in (
        rf"\A\W*(?:{_SORRY})?{_UNABLE} {_ACT}[^.]*",
        rf"\A\W*{_SORRY}(?:this|that|your) (?:request|question)[^.]* (?:not|can['’]?t|cannot)[^.]*",
        rf"\A\W*(?:{_SORRY})?(?:I|we)(?: do(?:n['’]t| not) feel|(?: am|['’]m| are|['’]re) not) comfortable "
        r"(?:with|sharing|answering|providing|discussing|helping|assisting|writing|creating)\b[^.]*",
        r"\A\W*I (?:do not|don['’]t) (?:know\b(?! (?:if|how|who|where|when|what|whether|why)\b)|have "
        r"(?:enough|sufficient|any|access to)\b[^.]{0,40}\b(?:information|context|data))[^.]*",
    )
)
_HEAD = 400
_THE_TEXT = r"(?:the|this) (?:(?:given|provided|above) )?"
_NO_ANSWER = (
    Clued.of(
        rf"\b{_THE_TEXT}(?:passage|excerpt|context|text|document) (?:does not|doesn['’]t|do not) (?:\w+ly )?"
        r"(?:mention|say|state|specify|indicate|answer|discuss)\b[^.]*",
        *(" does not ", " doesn't ", " doesn’t ", " do not "),
    ),
    Clued.of(
        rf"\b{_THE_TEXT}(?:passage|excerpt|context) (?:does not|doesn['’]t) "
        r"(?:\w+ly )?(?:provide|contain|include|describe|explain|give|cover)\b[^.]*",
        *(" does not ", " doesn't ", " doesn’t "),
    ),
    Clued.of(
        r"\bis(?: not|n['’]t) (?:\w+ly )?(?:mentioned|specified|stated|provided|given|described) in the "
        r"(?:passage|text|context|excerpt|document)\b",
        *("is not ", "isn't ", "isn’t "),
    ),
    Clued.of(
        r"\A\W*(?:there is )?(?:no|not enough|insufficient) information (?:about|on|in|is|to|was)\b[^.]*",
        " information ",
    ),
    *FOREIGN_REFUSALS,
)
_DECLINING = (*_REFUSALS, *_NO_ANSWER)
_PLAIN_NAMES = r"ChatGPT|GPT-?[345o][\w.-]*|LLaMA|Qwen\w*|DeepSeek(?:-\w+)?|Mixtral|ERNIE Bot|Doubao|Vicuna"
# names that are also people, animals or places need an AI word beside them
_WORDY_NAMES = r"Claude|Gemini|Bard|Llama|Mistral|Copilot|Grok|Kimi|Falcon|Alpaca|Gemma|Phi"
_MAKERS = (
    r"OpenAI|Anthropic|Google(?: DeepMind| AI)?|DeepMind|Meta(?: AI)?|Mistral AI|Alibaba(?: Cloud)?|DeepSeek|"
    r"Microsoft|xAI|Baidu|Cohere|Moonshot AI|ByteDance|Amazon"
)
_SELF = (
    r"\b(?:I am|I['’]m|[Mm]y name is|[Yy]ou(?: are|['’]re) (?:talking|chatting|speaking) (?:to|with))"
    r"(?: actually| also)?"
)
_MADE = r"(?:created|trained|developed|built|made|designed|fine-tuned|deployed)"
# each of the patterns below needs one of these names, and an "I" that stands alone or words of oneself
_NAMES = (
    *("gpt", "llama", "qwen", "deepseek", "mixtral", "ernie", "doubao", "vicuna", "claude", "gemini", "bard"),
    *("mistral", "copilot", "grok", "kimi", "falcon", "alpaca", "gemma", "phi", "openai", "anthropic"),
    *("google", "deepmind", "meta", "alibaba", "microsoft", "xai", "baidu", "cohere", "moonshot"),
    *("bytedance", "amazon"),
)
_ALONE = re.compile(r"I(?!\w)")
_OF_ONESELF = (
    "my name is",
    " talking ",
    " chatting ",
    " speaking ",
    "my creator",
    "my developer",
    "my training",
    *I_AM,
)
_IDENTITY = tuple(
    Clued.of(pattern, "", flags=0)
    for pattern in (
        rf"{_SELF} (?:{_PLAIN_NAMES})\b(?!['’]s)",
        rf"\b[Aa]s (?:{_PLAIN_NAMES}|{_WORDY_NAMES}),? I\b",
        rf"{_SELF} (?:{_WORDY_NAMES})\b(?!['’]s)(?! [A-Z][a-z]+(?:['’]s|,? (?:and|the|of|"
        rf"from)))[^.\n]{{0,80}}"
        rf"\b(?:AI|language model|assistant|chatbot|(?i:{_MADE} by)|{_MAKERS})\b",
        rf"\bI(?: was|['’]ve been| have been| am) (?:\w+ly )?{_MADE}(?: and \w+)? by "
        rf"(?:{_MAKERS})\b(?!['’]s)",
        rf"\bI(?: am|['’]m) an? (?:[\w-]+ ){{0,4}}(?:AI|model|chatbot|assistant)\b[^.\n]{{0,40}}\bby "
        rf"(?:{_MAKERS})\b",
        rf"\b[Mm]y (?:creators?|developers?|training)\b[^.\n]{{0,20}}\b(?:at|by|from|is|are) (?:{_MAKERS})\b",
        *(pattern.format(names=_PLAIN_NAMES, makers=_MAKERS) for pattern in FOREIGN_NAMES),
    )
)
_ASKED_WHO = re.compile(
    r"\b(?:who are you|your name|what (?:model|AI) are you|are you an? (?:AI|bot|model))\b", _I
)
_ANY_NAME = re.compile(rf"\b(?:{_PLAIN_NAMES}|{_WORDY_NAMES}|{_MAKERS})\b")
_BOILERPLATE = (
    Clued.of(
        r"\bas an? (?:AI|artificial intelligence|(?:large )?language model|AI language model|"
        r"virtual assistant)"
        r"(?: model| assistant| chatbot)?,?(?= )(?: I\b|(?<=,)[^.]{0,80}\b(?:I|my|me)\b)",
        *(" ai ", " ai, ", " artificial intelligence", " language model", " virtual assistant"),
    ),
    Clued.of(
        r"\bI(?: am|['’]m)(?: only| just)? an AI(?: language)?(?: model| assistant|"
        r" chatbot)?\b(?= and|,|\.)",
        " an ai",
    ),
    Clued.of(
        r"\bmy (?:knowledge|training)(?: data)? (?:cut-?off|cutoff|only goes|was last)",
        *("my knowledge ", "my training "),
    ),
    Clued.of(r"\bI hope (?:this|that) (?:helps|answers|clarifies)\b", "i hope th"),
    Clued.of(
        r"\b(?:please )?(?:feel free to|don['’]t hesitate to) (?:ask|reach out|let me know)\b",
        *("feel free to ", "t hesitate to "),
    ),
    Clued.of(r"\blet me know if you (?:have|need|want|would like|['’]d like)\b", "let me know if you "),
    Clued.of(r"\bis there anything else (?:I|you)\b", "is there anything else "),
    Clued.of(
        r"\A\W*(?:certainly|sure(?: thing)?|of course|absolutely|great question|happy to help)(?:!|"
        r", here)",
        *("!", ", here"),
    ),
)
_TO_THE_JUDGE = (
    Clued.of(
        r"\b(?:ignore|disregard|forget) (?:all |any |the |your )*(?:previous|prior|above|earlier|preceding) "
        r"(?:instructions?|prompts?|rules|criteria|text)\b",
        *("ignore ", "disregard ", "forget "),
    ),
    Clued.of(
        r"\b(?:give|award|assign|grant|rate|score)\b[^.\n]{0,40}\b(?:full (?:marks|points|credit|score)|"
        r"(?:maximum|"
        r"highest|perfect|top) (?:score|rating|marks)|10/10|10 out of 10|(?:score|rating) of (?:10|100|"
        r"1\.0)\b)",
        *("full ", "score", "rating", " marks", "10/10", "10 out of 10"),
    ),
    Clued.of(
        r"\b(?:dear|attention,?|note to(?: the)?|message (?:to|for) the|instructions? (?:to|for) the) "
        r"(?:judge|grader|evaluator|rater|reviewer)\b",
        *(" judge", " grader", " evaluator", " rater", " reviewer"),
    ),
    Clued.of(
        r"\ball (?:the )?(?:rubric )?criteria (?:are|have been|should be marked) (?:met|satisfied|"
        r"fulfilled)\b",
        " criteria ",
    ),
    Clued.of(r"<<<\s*/?(?:END\s+)?[A-Z]+\b[^>\n]{0,40}>>>", "<<<"),
)


def refusal(view: View) -> str | None:
    """A response that declines, or says that there is no answer."""
    for text in view.responses:
        for match in refusals(text, view.source):
            return clipped(match.group())
    return None


def refusals(text: Text, source: str) -> Iterator[re.Match[str]]:
    """Where a response declines; offsets are those of the text."""
    # refusals open a response; further down the same words mostly quote somebody
    head = text if len(text.raw) <= _HEAD else Text(text.raw[:_HEAD])
    return own(_DECLINING if _OPENING.match(head.low) else _NO_ANSWER, head, source)


def identity(view: View) -> str | None:
    """A response that claims to be, or to be made by, somebody's language model."""
    for _, match in identities(view):
        return clipped(match.group())
    return None


def identities(view: View) -> Iterator[tuple[int, re.Match[str]]]:
    """Where responses (their number first) say whose model they are, or name one when they are asked."""
    found = False
    for number, text in enumerate(view.responses):
        for match in own(_IDENTITY, text, view.source) if _of_oneself(text) else ():
            found = True
            yield number, match
    prompt = view.prompts[-1]
    if found or not view.responses or "you" not in prompt.low or not _ASKED_WHO.search(prompt.raw):
        return
    named = _ANY_NAME.search(view.responses[-1].raw)
    if named and not in_source(named.group(), view.source):
        yield len(view.responses) - 1, named


def _of_oneself(text: Text) -> bool:
    if not _ALONE.search(text.raw) and not holds_any(text.low, _OF_ONESELF):
        return False
    return holds_any(text.low, _NAMES)


def boilerplate(view: View) -> str | None:
    """Phrases of a chat assistant that are no part of an answer."""
    return first_own(_BOILERPLATE, view.responses, view.source)


def judge_talk(view: View) -> str | None:
    """Words meant for whoever rates the response, in any text of the example."""
    return first_own(_TO_THE_JUDGE, view.texts, view.source)


def words_to_judge(text: str, source: str) -> list[tuple[int, int]]:
    """Where ``text`` speaks to whoever rates it, in words that are not those of ``source``."""
    found = (match for pattern in possible(_TO_THE_JUDGE, Text(text)) for match in pattern.finditer(text))
    return [match.span() for match in found if not source or not in_source(match.group(), source)]


def declines(text: str) -> bool:
    """Whether a text opens as a refusal does, whatever was asked."""
    head = Text(text[:_HEAD])
    return bool(_OPENING.match(head.low)) and any(
        pattern.search(head.raw) for pattern in possible(_DECLINING, head)
    )
