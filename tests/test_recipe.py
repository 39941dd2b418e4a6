"""Every mistake in a recipe is found before anything runs, with file, line and cure."""

from __future__ import annotations

from pathlib import Path

import pytest

from gristmill.errors import RecipeError, UsageError
from gristmill.recipe import Loaded, load_recipe

GOOD = """\
name: handbook
documents: ["*.md"]
models:
  writer: {model: "offline:extractive"}
generate:
  - {use: qa, model: writer, per_chunk: 2}
"""


def load(folder: Path, text: str) -> Loaded:
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return load_recipe(path)


def test_the_smallest_recipe_is_complete(tmp_path: Path) -> None:
    loaded = load(tmp_path, GOOD)
    assert [task.name for task in loaded.tasks] == ["qa"]
    assert [gate.registered_name for gate in loaded.gates] == ["quality_rules", "exact_duplicates"]
    assert loaded.store == (tmp_path / "gristmill.duckdb").resolve()


KEYED = GOOD.replace("offline:extractive", "openai:gpt-4o-mini")
MISTAKES = [
    ("documnts: [a]\n" + GOOD, 1, "unknown key 'documnts'", "documents"),
    (GOOD + "chunking: {max_char: 900}\n", 7, "unknown key 'max_char'", "max_chars"),
    (GOOD.replace('model: "', 'modell: "'), 4, "unknown key 'modell'", "model"),
    (GOOD.replace("per_chunk", "per_chnk"), 6, "unknown key 'per_chnk'", "per_chunk"),
    (GOOD.replace("use: qa", "use: qaa"), 6, "unknown generator 'qaa'", "qa"),
    (GOOD + "gates: [{use: nope}]\n", 7, "unknown gate 'nope'", "quality_rules"),
    (GOOD + "score:\n  - {use: rubrik}\n", 8, "unknown scorer 'rubrik'", "rubric"),
    (GOOD.replace("model: writer", "model: writr"), 6, "unknown model 'writr'", "writer"),
    (GOOD.replace("offline:extractive", "extractive"), 4, "unknown model backend", "openai"),
    (GOOD.replace("per_chunk: 2", "per_chunk: many"), 6, "per_chunk", "many"),
    (KEYED, 4, "OPENAI_API_KEY is not set", "export OPENAI_API_KEY"),
    (GOOD + 'accept: "answer >= 0.7"\n', 7, "no scorer gives 'answer'", "score:"),
    (GOOD + "name: twice\n", 7, "stands twice", "remove"),
    (GOOD + "  broken: [\n", None, "broken YAML", "syntax"),
    (GOOD.replace("name: handbook\n", ""), 1, "name is missing", "'name'"),
    (GOOD + "  - {use: qa, model: writer, per_chunk: 2}\n", 7, "twice", "per_chunk"),
    ("- a list\n", None, "keys and values", "name"),
    (GOOD.replace("name: handbook", "name: 2024-13-45"), 1, "month must be in", "fix the syntax"),
    (GOOD.replace("per_chunk: 2", f"per_chunk: {'9' * 5000}"), 6, "cannot be read", "fix the syntax"),
    (GOOD + "gates: &a [*a]\n", None, "too many values", "aliases"),
    (GOOD + f"gates: {'[' * 3000}{']' * 3000}\n", None, "too many values", "aliases"),
    (GOOD + 'store: ""\n', 7, "store", "docs/recipe.md"),
    (GOOD + 'store: "a\\0b"\n', 7, "store", "docs/recipe.md"),
    (GOOD.replace('models:\n  writer: {model: "offline:extractive"}', "models: []"), 3, "models", "docs"),
    (GOOD.split("generate", maxsplit=1)[0] + "generate: qa\n", 5, "valid list (got 'qa')", "docs"),
    (GOOD.replace('["*.md"]', "x"), 2, "valid list (got 'x')", "docs"),
    (GOOD + "1: x\n", None, "Keys should be strings", "docs"),
]


@pytest.mark.parametrize(("text", "line", "what", "cure"), MISTAKES)
def test_mistake_names_line_and_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, line: int | None, what: str, cure: str
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(RecipeError) as caught:
        load(tmp_path, text)
    message = str(caught.value)
    assert what in message
    assert cure in message
    assert f"recipe.yaml:{line}:" in message if line else "recipe.yaml" in message
    assert caught.value.exit_code == 2


def test_aliases_of_aliases_end_soon(tmp_path: Path) -> None:
    levels = "".join(f"  - &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    with pytest.raises(RecipeError, match="too many values"):
        load(tmp_path, f"{GOOD}gates:\n  - &a0 [x]\n{levels}")


@pytest.mark.parametrize(
    "more",
    [
        'api_key_env: "sk-s3cret"',
        'base_url: "https://h/v1?key=sk-s3cret"',
        'base_url: "https://u:sk-s3cret@h/v1"',
    ],
)
def test_a_key_in_the_wrong_place_is_refused_and_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "another")
    text = GOOD.replace('"offline:extractive"', f'"openai:m", {more}')
    with pytest.raises(RecipeError) as caught:
        load(tmp_path, text)
    assert "sk-s3cret" not in str(caught.value)
    assert "recipe.yaml:4:" in str(caught.value)


def test_a_store_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert load(tmp_path, GOOD + "store: ~/x.duckdb\n").store == (tmp_path / "home" / "x.duckdb").resolve()


def test_missing_recipe_and_missing_benchmark(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        load_recipe(tmp_path / "none.yaml")
    text = GOOD + "gates:\n  - {use: contamination, benchmarks: [none.jsonl]}\n"
    with pytest.raises(Exception, match=r"none\.jsonl") as caught:
        load(tmp_path, text)
    assert isinstance(caught.value, UsageError)


def test_a_key_in_the_environment_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert "sk-secret" not in repr(load(tmp_path, KEYED))


def test_dry_run_only_warns_about_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    path = tmp_path / "recipe.yaml"
    path.write_text(KEYED, encoding="utf-8")
    assert "OPENAI_API_KEY" in load_recipe(path, check_keys=False).warnings[0]


def test_where_and_how_fast_a_model_runs_does_not_change_the_work(tmp_path: Path) -> None:
    local = GOOD.replace('"offline:extractive"', '"openai:m", base_url: "http://127.0.0.1:1/v1"')
    moved = local.replace(":1/v1", ":2/v1").replace('/v1"', '/v1", concurrency: 3, timeout: 9')
    hotter = local.replace('/v1"', '/v1", params: {temperature: 1.0}')
    first, second, third = (load(tmp_path, text).tasks[0].fingerprint for text in (local, moved, hotter))
    assert first == second
    assert first != third
