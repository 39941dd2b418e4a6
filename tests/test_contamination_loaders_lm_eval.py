"""lm-eval tasks of a folder of YAML files, over local data, by the real lm-eval."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from gristmill.errors import UsageError
from gristmill_evals.contamination import Benchmark, load_benchmark
from gristmill_evals.contamination.lm_eval_tasks import load_task

TALL = "How tall is the mill at Harrow Bend?"
OPTIONS = ["rye", "oats", "barley", "spelt"]
DATA: dict[str, list[dict[str, Any]]] = {
    "plain": [
        {"q": TALL, "a": "12 metres"},
        {"q": " ", "a": "x"},
        {"q": "Who turns the stone?", "a": "wind"},
    ],
    "choice": [{"stem": f"Grain number {n}?", "opts": OPTIONS, "gold": n} for n in range(3)],
    "blank": [
        {
            "s": "The miller paid the carter because _ brought grain.",
            "one": "the miller",
            "two": "the carter",
        },
        {"s": "Rye keeps longer than wheat, so _ is taken to sea.", "one": "rye", "two": "wheat"},
    ],
}
LETTERED = "{{stem}}\nA. {{opts[0]}}\nB. {{opts[1]}}\nC. {{opts[2]}}\nD. {{opts[3]}}\nAnswer:"
TASKS: dict[str, tuple[str, dict[str, Any]]] = {
    "mill_gen": (
        "plain",
        {
            "output_type": "generate_until",
            "doc_to_text": "Question: {{q}}\nAnswer:",
            "doc_to_target": "{{a}}",
            "num_fewshot": 2,
            "description": "Questions about mills.",
            "generation_kwargs": {"until": ["\n"]},
            "metadata": {"version": 2.0},
        },
    ),
    "mill_lettered": (
        "choice",
        {"doc_to_text": LETTERED, "doc_to_choice": ["A", "B", "C", "D"], "doc_to_target": "gold"},
    ),
    "mill_choice": (
        "choice",
        {"doc_to_text": "Q: {{stem}}", "doc_to_choice": "{{opts}}", "doc_to_target": "{{gold}}"},
    ),
    "mill_two_right": (
        "choice",
        {"doc_to_text": "stem", "doc_to_choice": "{{opts}}", "doc_to_target": "{{[gold + 1, 0]}}"},
    ),
    "mill_inputs": (
        "blank",
        {
            "doc_to_text": "{{1}}",
            "doc_to_choice": "{{[s.split('_')[0] + one, s.split('_')[0] + two]}}",
            "doc_to_target": "{{s.split('_')[1].strip()}}",
        },
    ),
    "mill_pairs": (
        "choice",
        {"doc_to_text": "", "doc_to_choice": "{{[stem, opts[0]]}}", "doc_to_target": 0},
    ),
    "mill_last_word": (
        "plain",
        {
            "output_type": "loglikelihood",
            "doc_to_text": "{{q.split(' ')[:-1]|join(' ')}}",
            "doc_to_target": "{{q.split(' ')[-1]}}",
        },
    ),
}
GRAINS = tuple(OPTIONS)
EXPECTED = [
    ("mill_gen", (TALL, "12 metres", ())),
    ("mill_lettered", ("Grain number 0?", "rye", GRAINS)),
    ("mill_choice", ("Grain number 0?", "rye", GRAINS)),
    ("mill_two_right", ("Grain number 0?", "oats", GRAINS)),
    (
        "mill_inputs",
        ("The miller paid the carter because the _ brought grain.", "carter", ("miller", "carter")),
    ),
    ("mill_pairs", ("Grain number 0?", "Grain number 0?", ("Grain number 0?", "rye"))),
    ("mill_last_word", ("How tall is the mill at Harrow", "Bend?", ())),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tasks, a tag and a group in ``tasks``, their data beside it."""
    root = tmp_path_factory.mktemp("lm_eval")
    (root / "tasks").mkdir()
    for name, rows in DATA.items():
        (root / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    for task, (data, config) in TASKS.items():
        files = {"data_files": {"test": str(root / f"{data}.jsonl")}, "cache_dir": str(root / "cache")}
        defaults = {"dataset_path": "json", "dataset_kwargs": files, "test_split": "test"}
        whole = {"task": task, "tag": "mill_tag", "output_type": "multiple_choice", **defaults, **config}
        (root / "tasks" / f"{task}.yaml").write_text(yaml.safe_dump(whole))
    group = {"group": "mill_group", "task": ["mill_gen", "mill_choice"]}
    (root / "tasks" / "group.yaml").write_text(yaml.safe_dump(group))
    lost = {"task": "mill_lost", "dataset_path": "harrow/lost", "dataset_name": "deep", "test_split": "test"}
    (root / "tasks" / "lost.yaml").write_text(yaml.safe_dump(lost))
    return root


def load(folder: Path, name: str) -> Benchmark:
    return load_benchmark(f"lm-eval:{name}@tasks", folder)


@pytest.mark.parametrize(("task", "first"), EXPECTED)
def test_documents_are_rendered_through_the_templates(
    folder: Path, task: str, first: tuple[Any, ...]
) -> None:
    item = load(folder, task).items[0]
    assert (item.id, item.question, item.answer, item.choices) == (f"{task}-0", *first)


def test_split_version_and_unusable_documents(folder: Path) -> None:
    made = load(folder, "mill_gen")
    assert (made.name, made.split, made.version) == ("mill_gen", "test", "2.0")
    assert made.unusable == ("mill_gen:1 blank question",)
    assert [item.id for item in made.items] == ["mill_gen-0", "mill_gen-2"]
    bare = load(folder, "mill_choice")
    assert bare.version == bare.digest[:12]


def test_tags_and_groups_hold_the_documents_of_their_tasks(folder: Path) -> None:
    group, tag = load(folder, "mill_group"), load(folder, "mill_tag")
    assert {item.id.rpartition("-")[0] for item in group.items} == {"mill_gen", "mill_choice"}
    assert {item.id.rpartition("-")[0] for item in tag.items} == set(TASKS)
    assert group.name == "mill_group"


def test_the_error_says_which_file_to_give(folder: Path) -> None:
    with pytest.raises(UsageError) as error:
        load(folder, "mill_lost")
    said = str(error.value)
    assert "harrow/lost (deep)" in said
    assert "save its test split as mill_lost.jsonl" in said
    assert f"instead of lm-eval:mill_lost@{folder / 'tasks'}" in said


def test_a_folder_that_is_not_there(folder: Path) -> None:
    with pytest.raises(UsageError, match="no such folder of tasks"):
        load_task("mill_gen", folder / "nowhere")
