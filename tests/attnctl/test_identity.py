"""The text that a run's id is the hash of."""

from __future__ import annotations

import hashlib
import json

from attnctl import identity
from tests.db import written


def test_the_hashed_text_is_the_specification_with_sorted_keys() -> None:
    (spec,) = written.specs(seeds=("7",))
    text = spec.canonical()
    document = json.loads(text)
    assert text == json.dumps(document, sort_keys=True, separators=(",", ":"))
    assert document["seed"] == 7
    assert {"init", "model", "data"}.isdisjoint(document)
    assert {"model", "recipe"}.isdisjoint(document["versions"])
    assert identity.digest(text) == hashlib.sha256(text.encode()).hexdigest()[:16] == spec.id


def test_texts_that_differ_in_the_seed_are_hashed_as_each_alone() -> None:
    seeds = (0, 7, 2**32 - 1)
    before, after = identity.before_seed({"module": "ä"}, "{}"), identity.after_seed({"module": "1", "model": 0})
    assert after == ',"versions":{"module":"1"}}'
    assert list(identity.digests(before, seeds, after)) == [identity.digest(f"{before}{seed}{after}") for seed in seeds]
