"""workbench list."""

from __future__ import annotations

import pytest

from workbench.cli import main


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("models", ["mini/video-ft", "mini/image", "Qwen2_5_VLForConditionalGeneration"]),
        ("data", ["mini", "tvbench:/path"]),
        ("recipes", ["information_flow", "evaluate"]),
        ("flows", ["frames -> later frames", "video -> text", "MTF Fig. 3"]),
        ("measures", ["probability", "p_base", "log_odds", "percent"]),
    ],
)
def test_lists(what, words, capsys) -> None:
    assert main(["list", what]) == 0
    said = capsys.readouterr().out
    for word in words:
        assert word in said
