"""workbench report."""

from __future__ import annotations

from workbench.cli import main


def test_the_report_can_be_written_again(planted, tmp_path, capsys) -> None:
    out = tmp_path / "run"
    words = planted.words("information_flow", out, "--limit", "2", "--window", "centred(1)", "--bin", "1")
    assert main(words) == 0
    page = (out / "report.html").read_bytes()
    (out / "report.html").unlink()
    capsys.readouterr()
    assert main(["report", str(out)]) == 0
    assert capsys.readouterr().out == f"{out / 'report.html'}\n"
    assert (out / "report.html").read_bytes() == page
