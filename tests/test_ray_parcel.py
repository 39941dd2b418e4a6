"""What travels to a worker: the recipe with its components ready, and nothing that is the driver's own."""

from __future__ import annotations

import asyncio
import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from support.projects import make_project

from gristmill.errors import ModelAnswerError, UsageError
from gristmill.models import Budget
from gristmill.pipeline.plan import Plan
from gristmill.pipeline.ray.cluster import Cluster, ClusterError, RayOptions, connected
from gristmill.pipeline.ray.engine import open_fleet
from gristmill.pipeline.ray.messages import error_of, failure_of
from gristmill.pipeline.ray.parcel import Central, Parcel, secrets_for, steps_of, unwrap, wrap
from gristmill.pipeline.run import Options, Run
from gristmill.pipeline.sink import Sink
from gristmill.recipe import Loaded, load_recipe
from gristmill_evals.contamination import Checker, ScanJob, load_benchmark

GATES = """gates:
  - {use: exact_duplicates}
  - {use: near_duplicates}
  - {use: contamination, benchmarks: [items.jsonl]}
  - {use: exact_duplicates, compare: instruction}
score:
  - {use: rubric, rubric: answer, model: writer}
"""


def loaded(folder: Path, extra: str = GATES, model: str = '"offline:extractive"') -> Loaded:
    path = make_project(folder, model, extra)
    item = {"id": "i1", "question": "How deep is the village well that was dug down to the groundwater?"}
    (folder / "items.jsonl").write_text(json.dumps(item) + "\n")
    return load_recipe(path, check_keys=False)


def parcel(found: Loaded, *, targeted: bool = False) -> Parcel:
    steps = steps_of(found.gates, targeted=targeted)
    return Parcel(found, Plan.of(found), steps, frozenset({"failed"}), "2026", True, frozenset(), targeted)


def test_gates_that_remember_stay_at_the_driver(tmp_path: Path) -> None:
    gates = loaded(tmp_path / "p").gates
    assert steps_of(gates, targeted=False) == (Central(0, 2), gates[2], Central(3, 4))
    assert steps_of(gates[:3], targeted=False) == (Central(0, 2), gates[2])
    assert steps_of(gates[:3], targeted=True) == (Central(0, 2), gates[2], Central(3, 3))
    assert steps_of(gates, targeted=True) == (Central(0, 2), gates[2], Central(3, 4))
    assert steps_of((), targeted=True) == (Central(0, 0),)


def test_another_process_finds_the_same_with_its_own_hashes(tmp_path: Path) -> None:
    found = loaded(tmp_path / "p")
    (tmp_path / "parcel").write_bytes(wrap(parcel(found)))
    code = (
        "import sys; from pathlib import Path; from gristmill.pipeline.ray.parcel import unwrap;"
        "from gristmill_evals.contamination import row_of_mapping;"
        "p = unwrap(Path(sys.argv[1]).read_bytes()); r = p.remembered();"
        "row = row_of_mapping({'id': 1, 'text': 'How deep is the village well that was dug down to the "
        "groundwater?'}); label = p.steps[1]._checker.check(row, .5)[0].hit.label;"
        "print(label, p.plan.settings[0], r.since, p.loaded.scorers[0].registered_name, len(p.loaded.gates))"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "parcel"], capture_output=True, text=True)
    assert done.stdout.split() == ["verbatim", Plan.of(found).settings[0], "2026", "rubric", "0"], done.stderr


def test_only_the_models_own_secrets_travel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILL_KEY", "sk-1")
    monkeypatch.setenv("OTHER_KEY", "sk-2")
    found = loaded(tmp_path / "p", "", '"openai:m", base_url: "http://h/v1", api_key_env: MILL_KEY')
    secrets = secrets_for(found.recipe.models)
    assert (secrets["MILL_KEY"], "OTHER_KEY" in secrets) == ("sk-1", False)
    assert b"sk-1" not in wrap(parcel(found))
    assert unwrap(wrap(parcel(found))).loaded.recipe == found.recipe


def test_errors_travel_whatever_their_constructors_want() -> None:
    error = ModelAnswerError("cut off", kind="truncated", raw="{", where="m", key="k")
    again = error_of(pickle.loads(pickle.dumps(failure_of(error))))
    assert (type(again), str(again), vars(again)) == (ModelAnswerError, str(error), vars(error))
    odd = RuntimeError("no", lambda: 1)
    assert str(error_of(failure_of(odd))).startswith("RuntimeError: ")


def test_the_index_of_benchmarks_is_built_anew(tmp_path: Path) -> None:
    loaded(tmp_path / "p")
    benchmark = load_benchmark("items.jsonl", tmp_path / "p")
    assert pickle.loads(pickle.dumps(Checker([benchmark]))).benchmarks == (benchmark,)
    work = pickle.loads(pickle.dumps(ScanJob((benchmark,)))).open()
    text = "How deep is the village well that was dug down to the groundwater?"
    rows = [(n, json.dumps({"id": n, "text": said}).encode()) for n, said in ((1, "of mills"), (2, text))]
    done = work(rows)
    assert [(m["id"], m["label"]) for m in done.matches] == [("2", "verbatim")]
    assert (done.checked, done.rejects) == (2, [])


@pytest.mark.parametrize(
    ("cpus", "gpus", "wanted", "needs", "most", "number"),
    [
        (8, 0, None, 0, None, 8),
        (8, 0, None, 0, 32, 4),
        (8, 0, None, 0, 1, 1),
        (8, 0, 20, 0, None, 20),
        (8, 0, 20, 0, 6, 6),
        (64, 8, None, 2, None, 4),
        (64, 0, None, 2, None, 1),
    ],
)
def test_how_many_workers(
    cpus: float, gpus: float, wanted: int | None, needs: int, most: int | None, number: int
) -> None:
    assert Cluster(False, cpus, gpus, ()).workers_for(wanted, gpus=needs, most=most) == number


def test_nobody_at_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="ray is not installed (gristmill[ray])")
    with (
        pytest.raises(ClusterError, match="no Ray cluster can be reached"),
        connected(RayOptions("127.0.0.1:1")),
    ):
        pass
    with pytest.raises(UsageError, match="Ray Client"):
        RayOptions("ray://127.0.0.1:10001").check()


def test_a_server_in_every_worker_is_refused(tmp_path: Path) -> None:
    found = loaded(tmp_path / "p", "", '"openai:m", serve: {model: some/model}')
    run = Run(found, Options(ray=RayOptions()))

    async def opened() -> None:
        async with open_fleet(run, Sink(found.store, run.id, run.tally), Budget()):
            pass

    with pytest.raises(UsageError, match="a server in every worker"):
        asyncio.run(opened())
