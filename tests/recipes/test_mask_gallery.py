from __future__ import annotations

from workbench.cli import main


def test_the_masks_are_drawn_without_a_model(tmp_path, quick) -> None:
    assert main(["run", "mask_gallery", "--out", str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        "masks.csv",
        "mask_gallery.html",
        "mask_gallery.png",
    }
    assert "within frames" in (tmp_path / "masks.csv").read_text("utf-8")
