"""Closed word classes of English, as the rules need them (lower case, straight apostrophes)."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


ARTICLES = words("a an the")
QUANTIFIERS = words(
    "each every some any no most many several few all both either neither another other such more less "
    "certain various numerous enough much"
)
POSSESSIVES = words("my your his her its our their")
DEMONSTRATIVES = words("this that these those")
DETERMINERS = ARTICLES | QUANTIFIERS | POSSESSIVES | DEMONSTRATIVES

DANGLING = words("it its itself they them their theirs themselves he him his she her hers here there")
"""Pronouns and adverbs that need something said before."""

FIRST_PERSON = words("i me my mine we us our ours ourselves")

PREPOSITIONS = words(
    "about above across after against along among around as at before behind below beneath beside between "
    "beyond by despite down during except for from in inside into like near of off on onto out outside over "
    "per since than through throughout to toward towards under until up upon via with within without "
    "instead because"
)
SUBORDINATORS = words(
    "that which who whom whose when whenever where wherever while whereas if unless because although though "
    "since until so how why what whether once"
)
COORDINATORS = words("and or but nor yet")

BE = words("is are was were")
MODALS = words("can could will would must should may might cannot")
AUXILIARIES = BE | MODALS | words("has have had does do did")
CONTRACTED = {
    "isn't": "is", "aren't": "are", "wasn't": "was", "weren't": "were", "can't": "can", "couldn't": "could",
    "won't": "will", "wouldn't": "would", "mustn't": "must", "shouldn't": "should", "doesn't": "does",
    "don't": "do", "didn't": "did", "hasn't": "has", "haven't": "have",
}  # fmt: skip

ADVERBS = words(
    "also always often usually generally typically commonly normally sometimes never ever "
    "only just even still "
    "already then now again too very quite rather instead however therefore thus hence currently simply "
    "directly actually really probably likely mostly mainly not almost soon later once today "
    "first second third finally originally initially formerly subsequently eventually officially "
    "automatically explicitly implicitly"
)
NUMBERS = words("two three four five six seven eight nine ten eleven twelve twenty")
ONES = words("one zero") | NUMBERS

KINDS = words(
    "macro keyword operator crate command trait type flag attribute enum method function option library "
    "tool package module program statement expression protocol format service framework class "
    "button switch setting mode key menu variant syntax directive file property tag element parameter"
)
"""Nouns that tell what a named thing is, as in "the `cargo` command"."""

LOCAL_KINDS = words("variable field argument instance struct parameter value binding constant line module")
"""Kinds of things that examples make up: their names mean nothing outside of the passage."""

UNIQUE = words(
    "compiler stack heap user users employee employees company customer customers patient reader internet "
    "world sun earth moon sea ocean atmosphere government law public terminal keyboard mouse operating "
    "system standard brain heart body immune economy market future past present weather climate soil "
    "environment web command-line filesystem screen disk"
)
"""Nouns that "the" may precede without anything said before."""

PROPER_STOP = words(
    "chapter chapters section sections listing listings figure figures table tables appendix note page "
    "january february march april may june july august september october november december monday tuesday "
    "wednesday thursday friday saturday sunday i eq equation example step part"
)

COMMON_SUFFIXES = ("tion", "sion", "ment", "ness", "ity", "ship", "ance", "ence", "ism", "ing", "age", "ure")

STOPWORDS = (
    DETERMINERS
    | DANGLING
    | FIRST_PERSON
    | PREPOSITIONS
    | SUBORDINATORS
    | COORDINATORS
    | AUXILIARIES
    | frozenset(CONTRACTED)
    | words(
        "be been being you yours yourself not also just only very too then there's it's that's "
        "let's i'm you're "
        "we're they're we'll you'll we've you've one ones own same well does doing done do having "
        "had s t re ve "
        "ll d m according happens happen mean means used use uses using called difference differ example "
        "way ways kind kinds know need get got make made"
    )
)
"""Words without content of their own, for overlap measures."""

LANGUAGES = dict(
    entry.rsplit(":", 1)
    for entry in [
        "rust:Rust",
        "python:Python",
        "py:Python",
        "java:Java",
        "javascript:JavaScript",
        "js:JavaScript",
        "typescript:TypeScript",
        "ts:TypeScript",
        "go:Go",
        "c:C",
        "cpp:C++",
        "c++:C++",
        "csharp:C#",
        "cs:C#",
        "ruby:Ruby",
        "rb:Ruby",
        "php:PHP",
        "kotlin:Kotlin",
        "swift:Swift",
        "scala:Scala",
        "haskell:Haskell",
        "r:R",
        "julia:Julia",
        "sql:SQL",
        "css:CSS",
        "html:HTML",
        "lua:Lua",
        "perl:Perl",
        "bash:Bash",
        "powershell:PowerShell",
        "elixir:Elixir",
        "dart:Dart",
        "zig:Zig",
    ]
)
"""Languages by the info string of a code fence, and as they are written."""

SHELLS = frozenset(["Bash", "PowerShell", "HTML", "CSS"])
"""Languages of fences that do not tell what a text is about."""
