"""What every engine promises: found by name, it checks all before it runs any, and runs what is wanted."""

from __future__ import annotations

import pytest

from tests.engine.conftest import case
from workbench.engine import ENGINES, IncrementalEngine, ReferenceEngine, Request, get_engine
from workbench.errors import KnockoutError, RunError, SpanError
from workbench.interventions import Flow, Knockout, centred, knockouts


def test_engines_are_found_by_name() -> None:
    assert list(ENGINES) == ["incremental", "incremental-float32", "accelerated", "reference"]
    assert isinstance(get_engine("incremental"), IncrementalEngine)
    assert isinstance(get_engine("reference"), ReferenceEngine)
    assert all(engine.name == name for name, engine in ENGINES.items())
    own = ReferenceEngine()
    assert get_engine(own) is own


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(
        RunError, match=r"no engine 'referense'. Did you mean 'reference'.*Engines are: incremental, "
    ):
        get_engine("referense")


def test_knockouts_are_run_only_where_they_are_wanted() -> None:
    model, prompt = case("llava_onevision")
    asked = knockouts([Flow.parse("video -> last")], [centred(1)], model.n_layers)
    said: list[int] = []

    def never(token: int) -> bool:
        said.append(token)
        return False

    for engine in ("incremental", "reference"):
        done: list[int] = []
        request = Request(prompt=prompt, interventions=asked, wanted=never)
        (found,) = get_engine(engine).run(model, [request], done.append)
        assert found.changed == []
        assert done == []
        assert said[-1] == found.baseline.token_id


@pytest.mark.parametrize("engine", ["incremental", "reference"])
@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        ("video -> last in layer 99", KnockoutError, "99"),
        ("video -> last @ heads 77 in layer 1", KnockoutError, "head 77"),
        ("frame[40] -> last in layer 1", SpanError, "frame"),
        ("system + text + video -> last (self too) in layer 2", KnockoutError, "without any key"),
    ],
)
def test_what_cannot_act_is_refused_before_anything_runs(
    engine: str, bad: str, error: type[Exception], message: str
) -> None:
    model, prompt = case("llava_onevision")
    done: list[int] = []
    with pytest.raises(error, match=message):
        get_engine(engine).outcomes(
            model,
            prompt,
            [Knockout.parse("video -> last in layer 1"), Knockout.parse(bad)],
            on_done=done.append,
        )
    assert done == []
