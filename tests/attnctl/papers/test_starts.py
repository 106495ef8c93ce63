"""What a row's `init` and `--init` may name."""

from __future__ import annotations

import pytest

from attnctl.papers import kinds
from attnctl.papers.starts import RowName, is_published, is_run, published_key


def test_a_row_is_named_by_its_paper_table_and_name() -> None:
    assert RowName.of("ean:3/SE-R50") == RowName(paper="ean", table="3", row="SE-R50")
    name = RowName.of("./mine.toml:1/R18+SE@c100")
    assert name == RowName(paper="./mine.toml", table="1", row="R18+SE", column="c100")
    assert str(name) == "./mine.toml:1/R18+SE@c100"
    assert RowName.of("ean:3") is None


def test_published_weights_belong_to_a_library() -> None:
    assert is_published("timm:resnet50.a1_in1k")
    assert not is_published("torchvision:")
    assert not is_published("elsewhere:resnet50")
    assert RowName.of("timm:some/name") is None
    assert published_key("torchvision:default", "resnet50") == "torchvision:default resnet50"
    assert published_key("yolox:nano", "cspdarknet_nano") == "yolox:nano"


def test_a_run_is_named_by_its_whole_id() -> None:
    assert is_run("run:0123456789abcdef")
    assert not is_run("run:0123")


@pytest.mark.parametrize("word", ["ean:3/SE-R50", "run:0123456789abcdef", "./w.pth", "torchvision:default", "random"])
def test_a_papers_file_may_say_it(word: str) -> None:
    assert kinds.init(word) == word


def test_other_words_are_refused() -> None:
    with pytest.raises(ValueError, match="it must be a row such as ean:3/SE-R50"):
        kinds.init("imagenet")
