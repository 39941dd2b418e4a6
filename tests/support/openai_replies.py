"""What the test server says: answers that fit any JSON schema, made of the text found in the prompt.

The content is naive but honest to the task: quotes are verbatim, ids are the ones asked about. So a
whole pipeline runs against it and its gates and scorers have something real to decide on.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

_FENCE = re.compile(
    r"<<<(?P<name>[A-Z][A-Z _]*?) (?P<mark>\w+)>>>\n(?P<text>.*?)\n<<<END (?P=name) (?P=mark)>>>", re.S
)
_TAG = re.compile(r"<(?P<name>[a-z_]+)(?: [^>]*)?>\n?(?P<text>.*?)\n?</(?P=name)>", re.S)
_LABEL = re.compile(
    r"^#* ?(?P<name>Passage|Source|Question|Response|Reference|Answer)s?:?\n(?P<text>.+?)(?=\n\n#|\Z)",
    re.S | re.M,
)
_SENTENCE = re.compile(r"[^.!?\n|`#<>*\[\]]{40,280}[.!?]")
_WORD = re.compile(r"[A-Za-z][\w'-]{3,}")
_FAULT = re.compile(r"^- ([\w.-]+) \(a fault\):", re.M)
_CRITERIA = (re.compile(r'"id":\s*"([\w.-]+)"'), re.compile(r"^\s*[-*]\s*\[?([\w.-]+)\]?\s*[(:]", re.M))


def blocks(messages: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Marked texts of the user turns by lower-case name (``passage``, ``response`` …)."""
    text = "\n\n".join(str(m["content"]) for m in messages if m["role"] == "user")
    found: dict[str, str] = {}
    for pattern in (_FENCE, _TAG, _LABEL):
        for match in pattern.finditer(text):
            found.setdefault(match["name"].lower(), match["text"])
    found.setdefault("passage", found.get("source") or max(found.values(), key=len, default=text))
    return found


def sentences(text: str) -> list[str]:
    """Whole sentences that stand on one line, verbatim."""
    return [match.group().strip() for match in _SENTENCE.finditer(text)]


def answer(body: Mapping[str, Any], rng: random.Random) -> str:
    """The text a helpful model would answer to a chat completion request."""
    messages = body["messages"]
    schema = schema_of(body)
    if schema is None:
        return _plain(messages, rng)
    names = set(schema.get("properties", {}))
    for wanted, make in _TASKS.items():
        if names == set(wanted):
            return json.dumps(make(messages, schema, rng), ensure_ascii=False)
    return json.dumps(instance(schema, rng, schema), ensure_ascii=False)


def schema_of(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The JSON schema asked for: in ``response_format``, or written out in the prompt."""
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        return wanted["json_schema"]["schema"]
    text = "\n".join(str(m["content"]) for m in body["messages"])
    _, found, rest = text.partition("JSON schema, and nothing else:\n")
    return json.JSONDecoder().raw_decode(rest)[0] if found else None


def _plain(messages: Sequence[Mapping[str, Any]], rng: random.Random) -> str:
    found = blocks(messages)
    question = set(_WORD.findall(str(messages[-1]["content"]).rpartition(">>>")[2].lower()))
    known = sentences(found["passage"])
    if not known:
        return "Nothing is said about that here."
    return max(known, key=lambda s: (len(question & set(_WORD.findall(s.lower()))), rng.random()))


def _pairs(messages: Sequence[Mapping[str, Any]], schema: Mapping[str, Any], rng: random.Random) -> Any:
    found = blocks(messages)
    known = sentences(found["passage"])
    counted = re.search(r"[Uu]p to (\d+)", str(messages[-1]["content"]))
    items = schema["properties"]["pairs"].get("items", {}).get("properties", {})
    kinds = items.get("type", {}).get("enum", ["factual"])
    count = min(len(known), int(counted.group(1)) if counted else 2)
    place = (found.get("place") or "the subject").rpartition(" > ")[2].strip("` ") or "the subject"
    return {"pairs": [_pair(s, place, rng.choice(kinds)) for s in rng.sample(known, count)]}


def _pair(sentence: str, place: str, kind: str) -> dict[str, str]:
    words = sorted(dict.fromkeys(_WORD.findall(sentence)), key=len, reverse=True)[:2]
    question = f"Concerning {place}, what holds for {' and '.join(words)}?"
    return {"question": question, "answer": sentence, "evidence": sentence, "type": kind}


def _summary(messages: Sequence[Mapping[str, Any]], schema: Mapping[str, Any], rng: random.Random) -> Any:
    known = sentences(blocks(messages)["passage"])
    return {"summary": " ".join(dict.fromkeys([*known[:1], *known[-1:]]))}


def _rewrite(messages: Sequence[Mapping[str, Any]], schema: Mapping[str, Any], rng: random.Random) -> Any:
    known = sentences(blocks(messages)["passage"])
    numbered = "numbered list" in str(messages[-1]["content"])
    marks = [f"{i}." if numbered else "-" for i in range(1, 9)]
    return {"rewrite": "\n".join(f"{mark} {sentence}" for mark, sentence in zip(marks, known, strict=False))}


def _corrupt(messages: Sequence[Mapping[str, Any]], schema: Mapping[str, Any], rng: random.Random) -> Any:
    response = blocks(messages).get("response", "")
    claim = f"This was first measured in {rng.randint(1820, 1990)} by a committee in Trieste."
    return {
        "response": f"{response} {claim}".strip(),
        "changed": "added a claim about a committee in Trieste",
    }


def _rate(messages: Sequence[Mapping[str, Any]], schema: Mapping[str, Any], rng: random.Random) -> Any:
    return {"score": round(rng.uniform(4.0, 9.5), 1), "reason": "It answers the question from the source."}


def _rubric(messages: Sequence[Mapping[str, Any]], schema: Mapping[str, Any], rng: random.Random) -> Any:
    found = blocks(messages)
    quotes = sentences(found.get("response", "")) or sentences(found["passage"]) or [found["passage"][:80]]
    row = schema["properties"]["criteria"].get("items", {}).get("properties", {})
    if "text" in row:  # criteria for one example are to be written
        return {"criteria": [{"text": f"The answer says: {quote}", "quote": quote} for quote in quotes[:2]]}
    faults = set(_FAULT.findall("\n".join(str(m["content"]) for m in messages)))
    judged = []
    for name in _criterion_ids(messages, schema):
        met = rng.random() < (0.03 if name in faults else 0.93)
        reason = "The quoted words show it." if met else "Nothing in the response shows it."
        said = {"grade": max(row["grade"]["enum"][:2]) if met else 0} if "grade" in row else {"met": met}
        judged.append({"id": name, **said, "quote": quotes[0] if met else "", "reason": reason})
    return {"criteria": judged}


def _criterion_ids(messages: Sequence[Mapping[str, Any]], schema: Mapping[str, Any]) -> list[str]:
    properties = schema["properties"]["criteria"].get("items", {}).get("properties", {})
    if enum := properties.get("id", {}).get("enum"):
        return list(enum)
    text = "\n".join(str(m["content"]) for m in messages)
    marked = blocks(messages).get("criteria", text)
    found = next((ids for pattern in _CRITERIA if (ids := pattern.findall(marked))), [])
    return list(dict.fromkeys(found))


_TASKS = {
    ("pairs",): _pairs,
    ("summary",): _summary,
    ("rewrite",): _rewrite,
    ("response", "changed"): _corrupt,
    ("score", "reason"): _rate,
    ("criteria",): _rubric,
}


def instance(schema: Any, rng: random.Random, root: Mapping[str, Any]) -> Any:
    """Some value that fits a JSON schema (all of it but ``pattern``, ``not`` and the like)."""
    if not isinstance(schema, Mapping):
        return "anything"
    if "$ref" in schema:
        target: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return instance(target, rng, root)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return rng.choice(schema["enum"])
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return instance(schema[choice][0], rng, root)
    if "allOf" in schema:
        merged: dict[str, Any] = {}
        for part in schema["allOf"]:
            merged.update(part)
        return instance(merged, rng, root)
    return _of_type(schema, rng, root)


def _of_type(schema: Mapping[str, Any], rng: random.Random, root: Mapping[str, Any]) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        wanted = schema.get("properties", {})
        return {name: instance(part, rng, root) for name, part in wanted.items()}
    if kind == "array":
        length = max(schema.get("minItems", 1), min(2, schema.get("maxItems", 2)))
        return [instance(schema.get("items", {}), rng, root) for _ in range(length)]
    if kind == "string":
        text = "words of a test server"
        text = text.ljust(schema.get("minLength", 0), ".")
        return text[: schema.get("maxLength", len(text))]
    return (
        {"boolean": True, "null": None}[kind] if kind in {"boolean", "null"} else _number(schema, rng, kind)
    )


def _number(schema: Mapping[str, Any], rng: random.Random, kind: str) -> float:
    low = schema.get("minimum", schema.get("exclusiveMinimum", 0) + ("exclusiveMinimum" in schema))
    high = schema.get("maximum", low + 10)
    return rng.randint(int(low), int(high)) if kind == "integer" else round(rng.uniform(low, high), 2)
