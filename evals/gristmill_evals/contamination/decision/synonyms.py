"""Words that rewordings exchange for each other. Written for general English; nothing here names a benchmark.

Each line is a group; every form counts as the first word. A group says "may replace", not "means the
same": the decision only asks how much of a text is accounted for.
"""

from __future__ import annotations

from gristmill_evals.contamination.decision.stems import stem

_GROUPS = """
person people individual human guy man woman folk
child kid youngster children boy girl youth
student pupil learner schoolchild
teacher instructor educator professor tutor
friend companion buddy pal
parent mother father mom dad mum
worker employee staff laborer labourer personnel
boss manager supervisor employer
customer client shopper buyer patron
guest visitor attendee participant
company firm business corporation enterprise organization organisation
shop store market outlet supermarket
house home residence dwelling household
apartment flat unit
building structure edifice
school academy college university institution
classroom class schoolroom lesson
city town municipality urban
country nation state
street road highway freeway motorway avenue route
car vehicle automobile auto truck
plane airplane aircraft jet
bike bicycle cycle
trip journey travel voyage excursion tour
drive ride commute
walk stroll hike march
run jog sprint race
movie film cinema picture
book novel volume
picture photo photograph image
song tune track melody music
game match contest competition tournament
team squad crew side
prize award reward trophy
food meal dish cuisine
breakfast morning
dinner supper evening
snack treat
drink beverage consume eat devour ingest intake
bake cook prepare make
cake pastry dessert
sweet candy confection
money cash fund dollar currency
price cost charge fee rate expense expenditure
pay spend paid expend disburse
buy purchase acquire obtain bought procure get
sell sold vend
earn make income wage salary revenue profit gain
save saving keep
owe debt loan borrow
own possess have hold
give provide donate offer supply hand contribute
receive get obtain collect gather
take grab remove withdraw
bring carry transport deliver convey haul
send ship dispatch mail
put place set position lay
begin start commence initiate initial first original originally initially
end finish complete conclude final last finally eventually
stop halt cease quit
continue persist proceed keep carry
grow increase rise expand surge raise climb
decrease reduce decline drop fall lower diminish lessen
change alter modify shift adjust
create build construct produce generate develop form
destroy break ruin damage
repair fix mend restore
use utilize utilise employ apply
need require want wish desire necessitate must
try attempt seek
help assist aid support
allow permit let enable
ask request inquire question query
say state tell claim assert argue contend maintain suggest propose declare mention report
think believe consider feel deem
know understand comprehend grasp realize realise
show demonstrate illustrate display indicate reveal exhibit present
describe explain outline depict portray characterize characterise
call name term refer label dub
mean signify denote imply
include contain comprise encompass consist involve incorporate
divide split separate partition share distribute
join combine merge unite connect link
add sum plus extra additional another more further
total overall altogether sum combined complete entire whole all
remain left leftover rest remaining remainder residual
many numerous several multiple various lot
amount quantity number count volume
each every per apiece individual respective
daily day
weekly week
monthly month
yearly annual annually year
hour hourly
minute
often frequently regularly usually typically commonly generally
average mean typical
big large huge great enormous sizable substantial
small little tiny minor
long lengthy length duration
short brief
high tall height elevated
fast quick rapid speed velocity swift pace
slow gradual
early prior previous earlier before previously preceding
late later after subsequent following afterwards subsequently then
new recent novel fresh modern contemporary
old aged ancient elderly age
good well fine beneficial favorable
bad poor negative adverse
right correct accurate proper true valid
wrong incorrect false invalid erroneous
same identical equal equivalent similar alike
different distinct differing separate diverse
important significant crucial key essential vital major main primary principal
easy simple straightforward
hard difficult challenging tough
possible potential feasible
likely probable
find determine calculate compute discover identify locate figure
check verify test confirm validate examine inspect
choose select pick opt
decide determine resolve
compare contrast
equal amount
return give output yield produce result
input argument parameter given provided
function method procedure routine
list array sequence collection vector series
string text word
element item entry member value
integer number int numeric
index position location
empty blank
sort order arrange organize organise rank
reverse invert backwards opposite
maximum largest greatest highest max biggest most
minimum smallest least lowest min fewest
even divisible
prefix beginning start
suffix ending
remove delete eliminate discard drop omit exclude
replace substitute swap exchange
contain include
exceed surpass above over beyond greater larger
below under less lower fewer smaller
between among amid
approximately about around roughly nearly almost
only just solely merely exclusively
theory concept notion idea view perspective approach
society social community
culture cultural
class stratum
group cluster category set
type kind sort form variety
cause reason lead result produce
effect impact consequence outcome influence
problem issue difficulty trouble
method way means manner technique
rule law regulation norm
government state administration
power authority control
control regulate manage govern
job work occupation employment profession career labor labour
study research investigate examine explore survey analyze analyse
research study investigation inquiry
example instance case illustration
area region zone district territory
world global worldwide international
inequality disparity
poor impoverished poverty
rich wealthy affluent
behavior behaviour conduct
view see look watch observe
suppose assume imagine
dog puppy canine
cat kitten feline
animal creature
plant vegetation
tree
garden yard
water liquid fluid
bottle container flask
box carton package crate pack packet
bag sack
piece slice portion part section segment
half
farm ranch
party celebration gathering event
gift present
clothes clothing garment apparel outfit
shirt top
shoe footwear
wear dress
phone telephone smartphone mobile
computer laptop desktop pc
weigh weight heavy
distance far mile kilometer
sleep nap rest
doctor physician
ill sick unwell
ticket pass
field ground
fill load
lose lost misplace
win victory triumph victorious
gather collect pick harvest
read reading
write author compose
speak talk converse
learn study
teach instruct
plan intend schedule
return back
leave depart exit
arrive reach come
visit
stay remain
live reside dwell inhabit
die death
share portion
feed
fruit
vegetable veggie
chicken poultry hen
"""


def _table() -> dict[str, str]:
    table: dict[str, str] = {}
    for group in _GROUPS.split("\n"):
        words = [stem(word) for word in group.split()]
        for word in words:
            table.setdefault(word, words[0])
    return table


HEADS = _table()


def head_of(stemmed: str) -> str:
    """The head of a stem's group; a stem in no group is its own."""
    return HEADS.get(stemmed, stemmed)
