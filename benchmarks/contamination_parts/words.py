"""Word lists that every made-up text draws from; words near the front of a list are the frequent ones."""

from __future__ import annotations


def _words(text: str) -> list[str]:
    return text.split()


NOUNS = _words(
    "lantern orchard kettle harbour ladder saddle window barrel garden bridge candle ferry mirror anchor "
    "basket blanket bottle bucket button cabin canal carpet cellar chimney clock collar compass copper "
    "cradle cushion dagger drawer engine feather fiddle fountain furnace gallery garment glove grain "
    "granite hammer harness hatch hedge helmet herring hinge hollow horn jacket jar journal kiln kite "
    "lagoon lamp lattice leather lever linen lock loom mallet mantle map marble market mast meadow medal "
    "mill mortar needle net notebook oar oven paddle paint pantry parcel path pebble pencil pepper pillar "
    "pillow pipe plank plough pocket pond pottery pulley quarry quilt raft rail rake reed ribbon ridge "
    "rope rudder sack sail salt sandal scarf scroll shelf shovel sickle signal silk slate sled sluice "
    "spade spindle spoon stable staircase stove string tablet tailor tar tent thread tile timber tower "
    "trench trough trumpet tunnel turnip valley vault velvet vessel vinegar violin wagon wall warehouse "
    "wax weaver wheel whistle willow winch wool workshop yard yarn archive ballot battery beacon bolt "
    "cable camera cargo ceiling cement circuit clinic column crane crystal curtain cylinder deck dial "
    "drill fabric filter flask frame fuse gauge gear glacier grid handle hose hull ink jewel label lens "
    "lever library magnet manual mosaic motor nozzle orbit panel pedal piston planet plaster platform "
    "pump ramp reactor receipt recipe rocket rod scaffold sensor shuttle socket spring station statue "
    "switch tank telescope terminal ticket token tractor tray turbine valve vent wharf wire zipper"
)

ADJECTIVES = _words(
    "old small heavy narrow bright quiet broken wooden early rusty deep hollow gentle bitter steep yellow "
    "crooked ancient barren brisk careful clumsy coarse damp dusty eager faded faint fertile fragile "
    "frozen generous gloomy golden grim hasty honest humble idle jagged keen lazy lively lonely loose "
    "lucky mild modest muddy noble northern odd painted pale patient plain polished proud rapid rare ripe "
    "rotten rough round royal rural sacred salty scarce secret shallow sharp shy silent silver sleepy "
    "slender smooth sober solid sour southern spare spiral square stern sticky stubborn sturdy sudden "
    "swift tame tender thick thirsty tidy timid tiny tough urban vacant vague vast vivid warm weary wild "
    "windy woven young"
)

VERBS = _words(
    "carried opened repaired painted found sold counted followed lifted closed copied borrowed buried "
    "carved chased cleaned collected covered crossed crushed decorated delivered described discovered "
    "drained dragged emptied examined exchanged fastened filled folded forgot guarded hid hung inherited "
    "inspected invented labelled launched lowered measured mended missed moved named noticed ordered "
    "packed planted polished pressed pulled pushed raised reached rebuilt removed rented replaced rescued "
    "returned rolled scraped sealed searched shipped shook sketched soaked sorted split stacked stole "
    "stored stretched studied supplied tested tied traced traded trimmed turned untied visited washed "
    "watched weighed wrapped"
)

PEOPLE = _words(
    "Anna Bruno Clara David Elena Felix Greta Hugo Ines Jonas Karla Leon Mira Nils Olga Paul Rosa Simon "
    "Tilda Urban Vera Wanda Yusuf Zara Amir Bela Chen Dario Edda Farid Gina Hana Igor Jana Kemal Lena "
    "Marek Nadia Oskar Petra Quentin Ravi Sofia Tomas Ulla Viktor Wilma Xenia Yara Zoltan Zoë Jürgen "
    "Søren Renée Łukasz Ágnes Björn Çelik Dvořák Émile Aroha Bashir Candela Dmitri Esther Fatou Gunnar "
    "Halima Isamu Jelena"
)

SYLLABLES = _words(
    "bar cal dor fen gil har kel lor mar nor pel quin ros sel tor ul ven wes yar zan bri cro dal esk fal "
    "gor hul ist jor kar lin mos nev orm pol rav sten tav und vor wil yst zel ash bel cor dun elm for "
    "gran hol"
)

TRADES = _words(
    "baker miller potter tailor weaver clerk farmer sailor teacher printer mason painter doctor guard "
    "cooper dyer fisher joiner plumber nurse pilot ranger tanner cook archivist surveyor glazier brewer"
)

TIMES = (
    "on Monday",
    "before noon",
    "after the rain",
    "in late spring",
    "at dawn",
    "during the strike",
    "in the first week",
    "last winter",
    "every second day",
    "on the way home",
    "at the end of the month",
    "twice a year",
    "before the harvest",
    "after midnight",
    "in the dry season",
    "without any warning",
    "with great care",
    "for the third time",
    "against all advice",
    "by mistake",
)

HAN = "水山火土木金石田日月风雨雪云河海江湖春夏秋冬东西南北城门车船桥路书画琴酒茶米布衣鸟鱼马牛羊花草树竹"

QUOTES = (
    "All that glitters is not gold, and often have you heard that told",
    "The quality of mercy is not strained, it droppeth as the gentle rain from heaven",
    "Water, water, every where, and all the boards did shrink, nor any drop to drink",
    "If you can keep your head when all about you are losing theirs and blaming it on you",
    "I wandered lonely as a cloud that floats on high over vales and hills",
    "Double, double toil and trouble, fire burn and cauldron bubble in the dark",
)

TEMPLATES = (
    "You are a helpful assistant who answers every question in a clear and friendly way.",
    "Answer the following question as well as you can and explain how you arrived at the answer.",
    "Read the text below carefully and then choose the one option that fits it best.",
    "Think step by step and write the final result on a line of its own at the end.",
    "Below is a task together with some input; write a reply that completes the task.",
    "Reply in the language of the question and keep the reply shorter than two hundred words.",
)

LICENCES = (
    "# Everybody may use, copy and change this file free of charge as long as this notice stays in place.\n"
    "# The file comes without any promise that it works, and its authors answer for no damage.",
    "# Licensed under the Apache License, Version 2.0; see the file LICENSE for the terms and limits.\n"
    "# Unless required by law, it is distributed as it is, without conditions of any kind.",
    "# SPDX-License-Identifier: MIT\n# Copyright (c) the contributors. Permission is granted to everyone.",
)
