"""The page beside a private benchmark: what it is, how to run it, where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KINDS = {
    "generate": "the model writes an answer; it is compared with the row's by the words that they share",
    "free": "the model answers in a few words; the answer must be that of the row",
    "choice": "the model rates each choice; the right one must be the likeliest",
}
_MEANING = {
    "exact_match": "the answer has exactly the words of the row's",
    "contains": "the answer contains the row's word for word",
    "token_f1": "the words that both answers share (F1 of precision and recall)",
    "acc": "the right choice has the highest likelihood",
    "acc_norm": "the same, with the likelihood divided by the length of the choice",
}


def read_me(facts: Mapping[str, Any]) -> str:
    """The Markdown page of a benchmark; ``facts`` are those of its JSON file."""
    return "\n".join([*_about(facts), *_how(facts), *_source(facts), ""])


def _about(facts: Mapping[str, Any]) -> list[str]:
    name, kind = facts["name"], facts["kind"]
    lines = [f"# {name}", "", f"> {facts['mark']}", ""]
    lines += [f"{facts['items']} items from {facts['clusters']} source documents, kind `{kind}`:"]
    lines += [f"{_KINDS[kind]}.", ""]
    if facts["choices_by_rule"]:
        lines += [
            f"**In {facts['choices_by_rule']} items the wrong answers were chosen by rule**: they are right",
            "answers of other items of the same kind (a year, an amount in the same unit, a name) that occur",
            "neither in the question nor in the passage that it was made from. No person has checked them.",
            "",
        ]
    return lines


def _how(facts: Mapping[str, Any]) -> list[str]:
    lines = [
        "## Run it",
        "",
        "```",
        f"lm_eval --include_path FOLDER --tasks {facts['name']} --model …",
        "```",
        "",
    ]
    lines += ["`FOLDER` is the folder of this page, wherever it lies; nothing is downloaded.", ""]
    return lines + [f"* `{metric}`: {_MEANING[metric]}" for metric in facts["metrics"]] + [""]


def _source(facts: Mapping[str, Any]) -> list[str]:
    overlap = facts["overlap"]
    lines = ["## Where it comes from", ""]
    lines += [
        f"Made {facts['made']} of `{facts['dataset']}` by gristmill {facts['versions']['gristmill']}.",
        "",
    ]
    lines += [f"{facts['rows']} rows come from documents that are held out: {facts['items']} are items."]
    lines += [f"* {count} left out: {reason}" for reason, count in facts["left_out"].items()]
    lines += [
        "",
        f"{overlap['matches']} matches of an item were found in {overlap['training_rows']} accepted rows of",
        f"other documents (`{facts['name']}.overlap.jsonl`).",
        "",
        "No export of the dataset holds rows of these documents, or of others with the same text:",
        "",
    ]
    return lines + [f"* `{one['uri']}`" for one in facts["documents"]]
