"""Forms of common English verbs: enough to ask questions about them without a tagger."""

from __future__ import annotations

from functools import cache
from typing import Literal

from gristmill.models.extractive.lexicon import words

Form = Literal["base", "s", "ing", "past", "part"]

_REGULAR = """
absorb accept access accompany account accumulate achieve acquire act activate adapt add address adhere
adjust adopt advance advise affect agree aim align allocate allow alter amplify analyse analyze annotate
announce answer appear append apply appoint approach approve argue arrange arrest arrive ask assemble
assert assess assign assist associate assume attach attempt attend attract avoid await back bake balance
base beam behave belong benefit blend block bloom boil boost borrow bound breathe brush bundle cache
calculate call calm cancel capture carry carve cause celebrate certify challenge change characterize
charge check claim classify clean clear click clog clone close coat code collaborate collect combine
comment communicate compare compete compile complain complement complete comply compose compress
compromise compute concern conclude condense conduct configure confirm connect consider consist
consolidate constrain construct consult consume contact contain continue contract contribute control
convert convey convince cook cool coordinate cope copy correct correspond corrode count cover crack crash
crawl create credit crumble crush cultivate cure customize damage decay decide declare decline decorate
decrease dedicate deduct defend defer define deflect delay delegate delete delight deliver demand
demonstrate deny depend deploy deposit derive describe design desire destroy destructure detect determine
develop deviate differ digest dilute dim direct disable disappear discharge disclose discontinue discount
discourage discover discuss dismiss display disrupt dissolve distinguish distribute divide document
dominate double download drain drift dry duplicate dye earn echo edit elect eliminate embed emerge emit
emphasize employ empty enable encapsulate enclose encode encounter encourage end enforce engage enhance
enjoy enrich ensure entail enter entitle equal erase erode erupt escape establish estimate evaluate
evaporate evolve examine exceed exchange exclude execute exercise exert exhaust exhibit exist exit expand
expect experience expire explain exploit explore expose express extend extract face facilitate fade fail
fasten favor feature ferment fetch fill filter finance finish fix flash float flood flourish flow focus
fold follow force form format foster found free fry fuel function gain gather generate germinate glow glue
govern grab grant gravitate graze group guard guess guide halt handle happen harden harvest hatch heal
heat help highlight hint hire host hover humidify hurry hurt identify ignite ignore illustrate imagine
impair implement imply import impose improve include incorporate increase index indicate infer influence
inform inhabit inhale inherit inhibit initialize inject insert inspect inspire install instantiate
instruct insulate integrate intend interact interest interpret interrupt introduce invalidate invent
invest investigate invite invoke involve irrigate irritate isolate iterate join judge jump kill kindle
knead label lack land last launch layer leak lean learn legislate lessen level leverage levy liberate
license lift lighten limit link list listen live load locate lock log look loop lower lubricate magnify
maintain manage manipulate manufacture map market marry mask match matter mature maximize measure melt
mention merge migrate mimic mine minimize mint mitigate mix modify moisten monitor mould mount move mow
multiply mutate name narrow navigate need negotiate nest neutralize note notice notify nourish number
nurture oblige observe obtain occupy occur offer omit open operate optimize orbit order organize originate
outline output overlap overload override own oxidize pack package paint panic park participate partition
pass paste pasteurize pause peel penetrate perform perish permit persist persuade pick pickle pioneer
place plan plant play plug point polish pollinate pollute pop populate possess post pour power practice
pray preach precede predict prefer prepare prescribe present preserve press prevail prevent print process
produce program prohibit project promise promote prompt propagate propose protect prove provide prune
publish pull pump puncture purchase purify push qualify query question quote radiate raise rally rank rate
reach react realize reason recede receive reckon reclaim recognize recommend reconcile record recover
recruit rectify recycle reduce refactor refer reference refine reflect reform refrigerate refuse regain
regard register regulate reign reimburse reinforce reject relate release relieve rely remain remember
remove rename render renew renovate repair repeat repel replace report represent reproduce request require
rescue research resemble reserve resign resist resolve respect respond rest restart restore restrict
result resume retain retire retract retrieve return reuse reveal reverse revise revolve reward rinse ripen
roast rot rotate round rub rust salt sample sanitize satisfy save scale scan scatter schedule scope score
scrape scrub seal search season secure seem seep select separate serialize serve settle shadow share
sharpen shelter shift ship shorten sieve sift sign signal simmer simplify simulate skip slice slow smell
smoke smooth soak soften solidify solve sort specialize specify spill spoil sponsor spray sprinkle sprout
squeeze stabilize stack stain start state stay steam steer step stiffen stimulate stir stop store strain
strengthen stress strip struggle study subclass submit subscribe succeed suck sue suffer suggest suit
summarize supply support suppose suppress surround survive suspend sustain swallow swap sweat swell switch
synchronize tag talk target taste tend terminate test thank thicken thin thrive tie tighten tolerate toss
touch tour trace track trade trail train transform translate transmit transport trap travel treat trickle
trigger trim trust try tumble tune turn twist type uncover underline unfold uninstall unite unlock unpack
unplug update upgrade upload urge use utilize validate vaporize vary verify veto vibrate view violate
visit vote wag wait walk warm warn wash waste watch weaken weigh whisk widen wilt wipe wither wonder work
worry worsen wound wrap yank yield zip
"""
_DOUBLED = words("""
stop plan drop ship map wrap submit commit control refer permit occur log tag trim swap strip skip
chop stir pop plug prefer trap embed propel emit omit transfer program scan step zip debug clog dim
hug mop nip rot rub scrub sag shop skim tap thin wag knit rig quit
""")

_IRREGULAR = """
be was been|become became become|begin began begun|bend bent bent|bind bound bound|bleed bled bled
blow blew blown|break broke broken|breed bred bred|bring brought brought|build built built
burn burned burned|buy bought bought|cast cast cast|catch caught caught|choose chose chosen
come came come|cost cost cost|cut cut cut|deal dealt dealt|do did done|draw drew drawn|drink drank drunk
drive drove driven|eat ate eaten|fall fell fallen|feed fed fed|feel felt felt|fight fought fought
find found found|fit fit fit|fly flew flown|forbid forbade forbidden|forecast forecast forecast
forget forgot forgotten|freeze froze frozen|get got gotten|give gave given|go went gone
grind ground ground|grow grew grown|have had had|hear heard heard|hide hid hidden|hit hit hit
hold held held|keep kept kept|know knew known|lay laid laid|lead led led|leave left left|lend lent lent
let let let|lie lay lain|lose lost lost|make made made|mean meant meant|meet met met
outlive outlived outlived|overcome overcame overcome|overwrite overwrote overwritten|pay paid paid
put put put|quit quit quit|read read read|rebuild rebuilt rebuilt|reset reset reset
rewrite rewrote rewritten|ride rode ridden|ring rang rung|rise rose risen|run ran run|say said said
see saw seen|seek sought sought|sell sold sold|send sent sent|set set set|shake shook shaken
shed shed shed|shine shone shone|show showed shown|shrink shrank shrunk|shut shut shut|sink sank sunk
sit sat sat|sleep slept slept|slide slid slid|speak spoke spoken|spend spent spent|spin spun spun
split split split|spread spread spread|spring sprang sprung|stand stood stood|steal stole stolen
stick stuck stuck|strike struck struck|swear swore sworn|sweep swept swept|swim swam swum
take took taken|teach taught taught|tear tore torn|tell told told|think thought thought
throw threw thrown|understand understood understood|undo undid undone|wake woke woken|wear wore worn
weave wove woven|win won won|withdraw withdrew withdrawn|write wrote written
"""

NOUN_LIKE = words("""
access account act address age answer approach attempt balance base beam benefit block boost borrow
cache call care cast cause challenge change charge check claim code comment concern contact contract
contrast control copy cost count cover crack crash credit cure cut damage deal delay demand deposit
design discount display document download drop dye echo end estimate exchange exercise exit experience
face feature fit flood flow focus form format fuel function fund gain glow glue group guarantee guard
guess guide halt handle heat help host import increase index influence input interest issue join judge
jump label lack lead leak leave level levy license limit link list load lock log look loop map mark
market mask match matter mean measure meet mention mine mint mould mount move name need note notice
number offer orbit order output overflow overlap overload own pack package paint panic park pass pause
place plan plant play plug point position post power practice press print process produce program
project promise prompt pump query question rally range rank rate read reason record reference reform
release report request research reserve rest result return review reward ring rise run rust salt sample
scale scan schedule scope score seal search season sense set shadow shape share shed shift ship show
sign signal slice smell smoke sort spill spin split sponsor spray spread stack stain stand start state
stay steam step stop store stress string structure study supply support sweat switch tag talk target
taste tear test thin thread tie touch tour trace track trade trail train transfer trap travel treat
trigger trust try turn twist type update upgrade use value veto view visit vote wait walk want waste
watch work wound wrap write yield
""")
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


_IRREGULAR_DOUBLED = words("""
begin cut fit forget get hit let put reset run set shut sit split swim win
""")


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
    for entry in filter(None, _IRREGULAR.replace("\n", "|").split("|")):
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
