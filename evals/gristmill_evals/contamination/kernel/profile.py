"""Texts as the compiled comparison takes them: distinct stems, pieces, values with what stands around, names.

A collection of profiles is a tuple of flat arrays, each list of things with the ends of every text's part:
see :data:`LISTS`. Those of items are kept beside the index, those of rows are made as they come.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gristmill_evals.contamination.kernel.compiled import compiled
from gristmill_evals.contamination.kernel.cutting import mixed
from gristmill_evals.contamination.kernel.hashing import BASE
from gristmill_evals.contamination.kernel.reading import (
    DIGITS,
    REACH,
    WORD,
    cut_words,
    hash_of,
    lower_into,
    number_at,
    says,
    slot_of,
    small,
    stemmed,
    weight_key,
)

LISTS = ("stems", "pieces", "numbers", "near", "names", "capitals", "sentences", "forms")
"""Lists of a profile. ``near`` goes by number and not by text: groups of words around each value."""
ARRAYS = (
    *(f"{name}_ends" for name in LISTS),
    *(
        "stem",
        "head",
        "key",
        "piece",
        "value",
        "says",
        "near",
        "name",
        "capital",
        "sentence",
        "form",
        "sizes",
    ),
)
"""Names of the arrays of :func:`profiles`, in order. ``sizes`` of a text: content words, their letters with a
blank after each word, the same without names."""
SLOTS = 16384
BLANK = np.uint8(32)
_NONE = np.uint64(0)


@compiled
def new_table() -> Any:
    """A hash table that is emptied by counting on: stamp, key and number of each slot; the present stamp,
    the shift and mask that make slots of keys, and how many there are."""
    return (
        np.zeros(SLOTS, dtype=np.int64),
        np.zeros(SLOTS, dtype=np.uint64),
        np.zeros(SLOTS, dtype=np.int32),
        np.array([0, 0, 0, 0], dtype=np.int64),
    )


@compiled
def empty(table: Any, room: Any) -> None:
    """Empty a table for up to ``room`` keys; the fewer they are, the fewer of its slots are used."""
    clock = table[3]
    bits = 6
    while bits < 14 and (1 << bits) < 2 * room:
        bits += 1
    clock[0] += 1
    clock[1] = 64 - bits
    clock[2] = (1 << bits) - 1
    clock[3] = 0


@compiled
def place_in(table: Any, key: Any) -> Any:
    """The number under which a key is in the table, or -1."""
    stamps, keys, numbers, clock = table
    slot = np.int64((key * BASE) >> np.uint64(clock[1]))
    while stamps[slot] == clock[0]:
        if keys[slot] == key:
            return np.int64(numbers[slot])
        slot = (slot + 1) & clock[2]
    return np.int64(-1)


@compiled
def put(table: Any, key: Any, number: Any) -> Any:
    """Enter a key that may be there already; whether it is new."""
    stamps, keys, numbers, clock = table
    slot = np.int64((key * BASE) >> np.uint64(clock[1]))
    while stamps[slot] == clock[0]:
        if keys[slot] == key:
            return False
        slot = (slot + 1) & clock[2]
    stamps[slot], keys[slot], numbers[slot] = clock[0], key, number
    clock[3] += 1
    return True


@compiled
def profiles(text: Any, ends: Any, classes: Any, lexicon: Any, whole: Any) -> Any:
    """The profiles of consecutive texts that end at ``ends``, as the arrays :data:`ARRAYS`.

    Unless ``whole``, sentences and forms are left out (their sizes are there), and pieces may come again.
    """
    total = ends[-1] if len(ends) else 0
    out = new_profiles(len(ends), total)
    space = new_space(widest(ends))
    at = np.zeros(len(LISTS), dtype=np.int64)
    start = np.int64(0)
    for number in range(len(ends)):
        profile(text, (start, ends[number]), (classes, *lexicon), space, out, (at, number, whole))
        start = ends[number]
    lists, arrays = out
    return (
        lists[0], lists[1], lists[2], arrays[11][: at[2]].copy(), lists[3], lists[4], lists[5], lists[6],
        arrays[0][: at[0]].copy(), arrays[1][: at[0]].copy(), arrays[2][: at[0]].copy(),
        arrays[3][: at[1]].copy(), arrays[4][: at[2]].copy(), arrays[5][: at[2]].copy(),
        arrays[6][: at[3]].copy(), arrays[7][: at[4]].copy(), arrays[8][: at[5]].copy(),
        arrays[9][: at[6]].copy(), arrays[10][: at[7]].copy(), arrays[12],
    )  # fmt: skip


@compiled
def widest(ends: Any) -> Any:
    """Bytes of the longest of consecutive texts."""
    most, before = np.int64(0), np.int64(0)
    for end in ends:
        most = max(most, end - before)
        before = end
    return most


@compiled
def new_profiles(count: Any, size: Any) -> Any:
    """Room for the profiles of ``count`` texts of ``size`` bytes together."""
    words = size // 2 + 2 * count + 1
    lists = np.zeros((len(LISTS) - 1, count), dtype=np.int64)
    arrays = (
        np.empty(words, dtype=np.uint64),
        np.empty(words, dtype=np.uint64),
        np.empty(words, dtype=np.uint64),
        np.empty(2 * size + 4 * count, dtype=np.uint32),
        np.empty(words, dtype=np.float64),
        np.empty(words, dtype=np.float64),
        np.empty(9 * words, dtype=np.uint64),
        np.empty(words, dtype=np.uint64),
        np.empty(words, dtype=np.uint64),
        np.empty(2 * size + 4 * count, dtype=np.uint8),
        np.empty(2 * size + 4 * count, dtype=np.uint8),
        np.empty(words, dtype=np.int64),
        np.zeros((count, 3), dtype=np.int32),
    )
    return lists, arrays


@compiled
def new_space(size: Any) -> Any:
    """Room for the tokens of one text, tables, and a word."""
    room = size + 2
    tokens = (
        np.empty(room, dtype=np.uint8),
        np.empty(room, dtype=np.int64),
        np.empty(room, dtype=np.int64),
        np.empty(room, dtype=np.float64),
    )
    content = (
        np.empty(room, dtype=np.int64),  # token
        np.empty(room, dtype=np.uint64),  # stem
        np.empty(room, dtype=np.uint64),  # head
        np.empty(room, dtype=np.uint64),  # first eight bytes, for sorting
        np.empty(room, dtype=np.int64),  # where its letters begin
        np.empty(room, dtype=np.int64),  # and end
    )
    letters = np.empty(2 * room, dtype=np.uint8)
    slots, used = np.empty(room, dtype=np.int64), np.zeros(room, dtype=np.uint8)
    return tokens, content, letters, slots, used, np.empty(64, dtype=np.uint8), (new_table(), new_table())


@compiled
def profile(text: Any, span: Any, tables: Any, space: Any, out: Any, at: Any) -> None:
    """Add the profile of ``text[span]`` to the arrays."""
    tokens, _, _, slots, used, word, (stems, gone) = space
    lists, arrays = out
    total, number, whole = at
    n = cut_words(text, span, tables[0], tokens)
    for place in range(n):
        slots[place], used[place] = -1, 0
        if tokens[0][place] == WORD:
            size = lower_into(text, tokens[1][place], tokens[2][place], word)
            slots[place] = slot_of(tables[4], hash_of(word, size))
    values = note_numbers(n, space, tables[4:7], arrays, total)
    count = note_content(text, n, tables, space)
    note_stems(count, tables, space, arrays, total)
    note_pieces(count, space, arrays, total, whole)
    note_near(count, values, space, arrays, total)
    note_names(text, span, tables[0], (word, stems, gone), arrays, total)
    arrays[12][number] = sizes_of(count, space)
    if whole:
        note_sorted(count, space, arrays, total)
    for kind in range(2):
        lists[kind, number] = total[kind]
    lists[2, number] = total[2]
    for kind in range(4, 8):
        lists[kind - 1, number] = total[kind]


@compiled
def note_numbers(n: Any, space: Any, table: Any, arrays: Any, total: Any) -> Any:
    """Add the values; where the first of them is. Their tokens are kept in place of their weight's ends."""
    tokens, _, _, slots, used, _, _ = space
    _, known, can = table
    kinds = tokens[0]
    first, at = total[2], 0
    while at < n:
        if slots[at] < 0 and kinds[at] != DIGITS:  # nearly all; a call costs more than this
            at += 1
            continue
        value, size = number_at(at, n, (kinds, tokens[3], slots), (known, can))
        if size > 0:
            arrays[4][total[2]], arrays[5][total[2]], arrays[11][total[2]] = value, says(value), at
            total[2] += 1
            for place in range(at, at + size):
                used[place] = 1
        at += max(1, size)
    return first


@compiled
def note_content(text: Any, n: Any, tables: Any, space: Any) -> Any:
    """Collect the words that say something: token, stem, head, letters; how many."""
    tokens, content, letters, _, used, word, _ = space
    keys, heads = tables[1], tables[2]
    count, place = 0, 0
    for at in range(n):
        if used[at] or tokens[0][at] != WORD:
            continue
        size = stemmed(word, lower_into(text, tokens[1][at], tokens[2][at], word))
        if size < 2:
            continue
        stem = hash_of(word, size)
        slot = slot_of(keys, stem)
        if slot >= 0 and heads[slot] == _NONE:
            continue
        content[0][count], content[1][count] = at, stem
        content[2][count] = heads[slot] if slot >= 0 else stem
        content[4][count], content[5][count] = place, place + size
        order = np.uint64(0)
        for byte in range(8):
            order = (order << np.uint64(8)) | np.uint64(word[byte] if byte < size else 0)
        content[3][count] = order
        for byte in range(size):
            letters[place] = word[byte]
            place += 1
        count += 1
    return count


@compiled
def note_stems(count: Any, tables: Any, space: Any, arrays: Any, total: Any) -> None:
    """Add the distinct stems, their heads, and the keys under which the index knows them (0: stop words)."""
    _, content, letters, _, _, word, (stems, _) = space
    empty(stems, count)
    for at in range(count):
        if put(stems, content[1][at], np.int32(at)):
            size = content[5][at] - content[4][at]
            for byte in range(size):
                word[byte] = letters[content[4][at] + byte]
            to = total[0]
            arrays[0][to], arrays[1][to] = content[1][at], content[2][at]
            slot = slot_of(tables[1], content[1][at])
            arrays[2][to] = _NONE if slot >= 0 and tables[3][slot] else weight_key(word, size)
            total[0] += 1


@compiled
def note_pieces(count: Any, space: Any, arrays: Any, total: Any, once: Any) -> None:
    """Add the runs of four bytes of the content words between blanks; each ``once``, or all."""
    content, letters, table = space[1], space[2], space[6][0]
    if once:
        empty(table, content[5][count - 1] + count if count else 0)
    run, seen = np.uint64(BLANK), 1
    for at in range(count):
        for place in range(content[4][at], content[5][at] + 1):
            byte = letters[place] if place < content[5][at] else BLANK
            run = ((run << np.uint64(8)) | np.uint64(byte)) & np.uint64(0xFFFFFFFF)
            seen += 1
            if seen >= 4 and (not once or put(table, run, np.int32(0))):
                arrays[3][total[1]] = np.uint32(run)
                total[1] += 1


@compiled
def note_near(count: Any, first: Any, space: Any, arrays: Any, total: Any) -> None:
    """Add the heads of the content words around each value, and put their ends in its place."""
    content = space[1]
    low = 0
    for number in range(first, total[2]):
        token = arrays[11][number]
        while low < count and content[0][low] < token - REACH:
            low += 1
        at = low
        while at < count and content[0][at] <= token + REACH:
            arrays[6][total[3]] = content[2][at]
            total[3] += 1
            at += 1
        arrays[11][number] = total[3]


@compiled
def note_names(text: Any, span: Any, classes: Any, space: Any, arrays: Any, total: Any) -> None:
    """Add capitalised words, and those that do not only stand at the beginning of a sentence: names.

    The stems of names are left in the table ``gone``.
    """
    word, seen, gone = space
    start, end = span
    empty(seen, (end - start) // 4)
    empty(gone, (end - start) // 4)
    at, inside = start, False  # inside a run of letters, digits and underscores
    while at < end:
        byte = text[at]
        opens = (
            not inside and 65 <= byte <= 90 and at + 2 < end and small(text[at + 1]) and small(text[at + 2])
        )
        if opens:
            stop = at + 1
            while stop < end and small(text[stop]):
                stop += 1
            note_name(text, (start, at, stop), (word, seen, gone), arrays, total)
            at = stop
            inside = True
            continue
        inside = byte >= 0x80 or byte == 95 or classes[byte] == 1 or classes[byte] == 2
        at += 1


@compiled
def note_name(text: Any, place: Any, space: Any, arrays: Any, total: Any) -> None:
    """Add one capitalised word; it is a name where no sentence begins, or when it comes a second time."""
    start, at, stop = place
    word, seen, gone = space
    size = lower_into(text, at, stop, word)
    key = hash_of(word, size)
    again = not put(seen, key, np.int32(0))
    if not again:
        arrays[8][total[5]] = key
        total[5] += 1
    if (again or not begins(text, start, at)) and put(seen, mixed(key), np.int32(0)):
        arrays[7][total[4]] = key
        total[4] += 1
        put(gone, hash_of(word, stemmed(word, size)), np.int32(0))


@compiled
def begins(text: Any, start: Any, at: Any) -> Any:
    """Whether a text or, after one or two blanks, a sentence begins there."""
    if at == start:
        return True
    for blanks in range(1, 3):
        if at - blanks < start or not (text[at - blanks] == 32 or 9 <= text[at - blanks] <= 13):
            return False
        before = at - blanks - 1
        if before >= start and (
            text[before] == 46 or text[before] == 33 or text[before] == 58 or text[before] == 63
        ):
            return True
    return False


@compiled
def sizes_of(count: Any, space: Any) -> Any:
    """Content words; letters of them with a blank after each; the same without names."""
    content, gone = space[1], space[6][1]
    stems, starts, ends = content[1], content[4], content[5]
    sentence, form = 0, 0
    for at in range(count):
        size = ends[at] - starts[at] + 1
        sentence += size
        if gone[3][3] == 0 or place_in(gone, stems[at]) < 0:
            form += size
    return count, sentence, form


@compiled
def note_sorted(count: Any, space: Any, arrays: Any, total: Any) -> None:
    """Add the content words in alphabetical order between blanks; the same again without names."""
    _, content, letters, _, _, _, (_, gone) = space
    order = np.argsort(content[3][:count])
    for at in order:
        start, end = content[4][at], content[5][at]
        for place in range(start, end):
            arrays[9][total[6]] = letters[place]
            total[6] += 1
        arrays[9][total[6]] = BLANK
        total[6] += 1
        if place_in(gone, content[1][at]) < 0:
            for place in range(start, end):
                arrays[10][total[7]] = letters[place]
                total[7] += 1
            arrays[10][total[7]] = BLANK
            total[7] += 1
