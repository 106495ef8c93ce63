"""The places of a shared job are spread over the GPUs of a whole node."""

from __future__ import annotations

from attnctl.jobs.packed.places import Places


def visible(places: Places, count: int) -> list[str]:
    return [places.variables(places.take()).get("CUDA_VISIBLE_DEVICES", "those of the job") for _ in range(count)]


def test_runs_see_the_gpus_of_the_job_where_slurm_manages_them() -> None:
    assert visible(Places(2), 2) == ["those of the job"] * 2
    assert visible(Places(1, 2, ["0"]), 1) == ["those of the job"], "a node that has too few says so in the run"


def test_the_places_of_a_whole_node_are_spread_over_its_gpus() -> None:
    assert visible(Places(5, 1, list("0123")), 5) == ["0", "1", "2", "3", "0"]
    assert visible(Places(2, 2, list("01234")), 2) == ["0,1", "2,3"]


def test_the_next_run_gets_the_place_that_was_left() -> None:
    places = Places(3)
    assert [places.take() for _ in range(3)] == [0, 1, 2]
    assert not places.free
    places.leave(2)
    places.leave(1)
    assert [places.take(), places.take()] == [1, 2]
