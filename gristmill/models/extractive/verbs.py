"""Forms of common English verbs: enough to ask questions about them without a tagger."""

from __future__ import annotations

from functools import cache
from typing import Literal

Form = Literal["base", "s", "ing", "past", "part"]

_REGULAR = """
accept access accompany account accumulate achieve acquire act activate adapt add address adjust adopt advance
advise affect agree aim align allocate allow alter analyse analyze annotate announce answer appear append
apply appoint approach approve argue arrange arrive ask assemble assert assess assign assist associate assume
attach attempt attend attract avoid await back bake balance base behave belong benefit blend block boil borrow
bound brush bundle cache calculate call cancel capture care carry cause celebrate certify challenge change
characterize charge check claim classify clean clear click clone close coat code collaborate collect combine
comment communicate compare compete compile complain complement complete comply compose compress compromise
compute concern conclude conduct configure confirm connect consider consist consolidate constrain construct
consult consume contact contain continue contract contribute control convert convey convince cook cool
coordinate copy correct correspond count cover crash create credit customize damage decide declare decline
decorate decrease dedicate define delay delegate delete deliver demand demonstrate deny depend deploy deposit
derive describe design desire destroy destructure detect determine develop deviate differ digest direct
disable disappear discharge disclose discontinue discourage discover discuss display dissolve distinguish
distribute divide document download drain drop dry duplicate earn edit eliminate embed emerge emit emphasize
employ empty enable encapsulate enclose encode encounter encourage end enforce engage enhance enjoy ensure
enter entitle equal erase escape establish estimate evaluate evaporate evolve examine exceed exchange exclude
execute exercise exhibit exist exit expand expect experience expire explain explore expose express extend
extract face facilitate fail fasten favor feature fetch fill filter finance finish fix flash flow focus fold
follow force form format found free fry function fund gain gather generate govern grab grant group guarantee
guard guess guide handle happen harvest heat help highlight hint hire host hurt identify ignore illustrate
imagine implement imply import impose improve include incorporate increase index indicate infer influence
inform inherit initialize inject insert inspect inspire install instantiate instruct integrate intend interact
interest interpret interrupt introduce invalidate invent invest investigate invite invoke involve isolate
issue iterate join judge jump kill knead label lack land last launch layer leak learn level leverage license
lift limit link list listen live load locate lock log look loop lower maintain manage manipulate manufacture
map mark market mask match matter maximize measure melt mention merge migrate minimize mix modify monitor
mount move multiply mutate name navigate need negotiate nest note notice notify number observe obtain occupy
occur offer omit open operate optimize order organize originate outline output overflow overlap overload
override own pack package panic park participate partition pass paste pause perform permit persist persuade
pick place plan plant play plug point polish pollute pop populate position possess post pour power practice
predict prefer prepare present preserve press prevent print process produce program prohibit project promise
promote prompt propagate propose protect prove provide publish pull purchase push qualify query question quote
raise range rank rate reach react realize reason receive recognize recommend record recover recycle reduce
refactor refer reference refine reflect refuse regard register regulate reimburse reject relate release rely
remain remember remove rename render renew repair repeat replace report represent request require rescue
research resemble reserve resign resist resolve respect respond rest restart restore restrict result retain
retire retrieve return reuse reveal reverse review revise reward rinse rotate round sample satisfy save scale
scan schedule scope score scrape search season secure seem select separate serialize serve settle shadow shape
share shift ship shorten sign signal simmer simplify simulate skip slice slow smooth soak soften solve sort
specialize specify sprinkle stack start state stay step stir stop store strain strengthen stress strip
structure struggle study subclass submit subscribe succeed suffer suggest suit summarize supply support
suppose surround survive suspend sustain swap switch synchronize tag talk target taste tend terminate test
thank tie touch trace track trade train transfer transform translate transmit transport trap travel treat
trigger trim trust try tune turn type uncover underline uninstall unite unlock unpack unplug update upgrade
upload urge use utilize validate vary verify view violate visit wait walk want warm warn wash waste watch
weigh whisk wipe wonder work worry wrap yank yield zip
"""
_DOUBLED = frozenset(
    "stop plan drop ship map wrap submit commit control refer permit occur log tag trim swap strip skip chop "
    "stir pop plug prefer trap embed propel emit omit transfer program scan step zip debug".split()
)

_IRREGULAR = """
be was been|become became become|begin began begun|bend bent bent|bind bound bound|blow blew blown|break broke broken
bring brought brought|build built built|burn burned burned|buy bought bought|catch caught caught|choose chose chosen
come came come|cost cost cost|cut cut cut|deal dealt dealt|do did done|draw drew drawn|drink drank drunk
drive drove driven|eat ate eaten|fall fell fallen|feed fed fed|feel felt felt|fight fought fought|find found found
fit fit fit|fly flew flown|forget forgot forgotten|freeze froze frozen|get got gotten|give gave given|go went gone
grow grew grown|have had had|hear heard heard|hide hid hidden|hit hit hit|hold held held|keep kept kept
know knew known|lay laid laid|lead led led|leave left left|lend lent lent|let let let|lie lay lain|lose lost lost
make made made|mean meant meant|meet met met|outlive outlived outlived|overcome overcame overcome|pay paid paid
put put put|read read read|rebuild rebuilt rebuilt|reset reset reset|ride rode ridden|ring rang rung|rise rose risen
rewrite rewrote rewritten|run ran run|say said said|see saw seen|seek sought sought|sell sold sold|send sent sent
set set set|shake shook shaken|shine shone shone|show showed shown|shrink shrank shrunk|shut shut shut|sit sat sat
sink sank sunk|sleep slept slept|slide slid slid|speak spoke spoken|spend spent spent|split split split
spread spread spread|spring sprang sprung|stand stood stood|steal stole stolen|stick stuck stuck|strike struck struck
swear swore sworn|sweep swept swept|swim swam swum|take took taken|teach taught taught|tell told told
think thought thought|throw threw thrown|understand understood understood|wake woke woken|wear wore worn
win won won|withdraw withdrew withdrawn|write wrote written|overwrite overwrote overwritten|undo undid undone
"""

NOUN_LIKE = frozenset(
    "access account act address answer approach attempt balance base block borrow cache call care cause challenge "
    "change charge check claim code comment concern contact contract control copy cost count cover crash credit "
    "cut damage deal delay demand deposit design display document download drop end estimate exchange exercise "
    "exit experience face feature fit flow focus form format function fund gain group guard guess guide handle heat "
    "help host import increase index influence interest issue join judge jump label lack lead leak level license "
    "limit link list load lock log look loop map mark market mask match matter measure mention move name need "
    "note notice number offer order output overflow overlap overload own pack package panic park pass pause place "
    "plan plant play plug point position post power practice press process produce program project promise prompt "
    "query question range rank rate reason record reference release report request research reserve rest result "
    "return review reward ring rise run sample scale scan schedule scope score search season sense set shadow "
    "shape share shift ship show sign signal slice sort stack start state step stop store stress structure study "
    "supply support switch tag talk target taste test tie touch trace track trade train transfer trap travel treat "
    "trigger trust try turn type update upgrade use value view visit wait walk want waste watch work wrap write "
    "yield print read input view benefit contrast leave meet split spread stand stay string thread mean".split()
)
"""Bases whose plain and -s forms are nouns just as often."""


def _regular_forms(base: str) -> dict[Form, str]:
    if base.endswith("y") and base[-2] not in "aeiou":
        return {"s": base[:-1] + "ies", "ing": base + "ing", "past": base[:-1] + "ied"}
    sibilant = base.endswith(("s", "x", "z", "ch", "sh"))
    third = base + ("es" if sibilant or base.endswith("o") else "s")
    if base.endswith("ie"):
        return {"s": third, "ing": base[:-2] + "ying", "past": base + "d"}
    if base.endswith("e"):
        ing = base + "ing" if base.endswith(("ee", "be")) else base[:-1] + "ing"
        return {"s": third, "ing": ing, "past": base + "d"}
    stem = base + base[-1] if base in _DOUBLED else base
    return {"s": third, "ing": stem + "ing", "past": stem + "ed"}


_IRREGULAR_DOUBLED = frozenset("begin cut fit forget get hit let put reset run set shut sit split swim win".split())


def _irregular_forms(base: str, past: str, part: str) -> dict[Form, str]:
    forms = _regular_forms(base)
    if base in _IRREGULAR_DOUBLED:
        forms["ing"] = base + base[-1] + "ing"
    if base == "have":
        forms["s"] = "has"
    return {**forms, "past": past, "part": part}


@cache
def _table() -> dict[str, tuple[tuple[str, Form], ...]]:
    table: dict[str, list[tuple[str, Form]]] = {}
    rows = [(base, _regular_forms(base)) for base in _REGULAR.split()]
    for entry in _IRREGULAR.replace("\n", "|").strip("|").split("|"):
        base, past, part = entry.split()
        rows.append((base, _irregular_forms(base, past, part)))
    for base, forms in rows:
        forms.setdefault("part", forms["past"])
        for form, word in [("base", base), *forms.items()]:
            table.setdefault(word, []).append((base, form))
    return {word: tuple(found) for word, found in table.items()}


def base_of(word: str, form: Form) -> str | None:
    """The base of ``word`` when it can be that form of a known verb: ``base_of("installing", "ing")``."""
    return next((base for base, found in _table().get(word.lower(), ()) if found == form), None)


def is_base(word: str) -> bool:
    """Whether ``word`` is the plain form of a known verb."""
    return base_of(word, "base") is not None


def is_noun_like(word: str) -> bool:
    """Whether a form is as likely a noun ("types", "result")."""
    bases = {base for base, form in _table().get(word.lower(), ()) if form in ("base", "s")}
    return bool(bases & NOUN_LIKE)


def is_verb(word: str) -> bool:
    """Whether ``word`` is some form of a known verb."""
    return word.lower() in _table()
