"""`.ci/audit` says what it looked at, and never that all is well where nothing was."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests import ROOT

FAULT = {"id": "PYSEC-1", "fix_versions": ["2.0"], "aliases": [], "description": "x"}
WELL: dict[str, Any] = {"name": "a", "version": "1.0", "vulns": []}
LEFT_OUT: dict[str, Any] = {"name": "b", "skip_reason": "Dependency not found on PyPI"}


def audit(folder: Path, report: list[dict[str, Any]] | None) -> tuple[int, str]:
    """The script's exit status and words beside a pip-audit that reports this; None: it reaches nobody."""
    content = "" if report is None else json.dumps({"dependencies": report, "fixes": []})
    (folder / "content").write_text(content)
    tool = folder / "pip-audit"
    tool.write_text(
        "#!/usr/bin/env python3\nimport sys\n"  # a path with a space names no interpreter there
        f"content = open({str(folder / 'content')!r}).read()\n"
        "open(sys.argv[sys.argv.index('--output') + 1], 'w').write(content)\n"
        "sys.stderr.write('ERROR: no route to host\\n')\n"
        f"sys.exit({0 if report and not any(one.get('vulns') for one in report) else 1})\n"
    )
    tool.chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    # The one of the environment, where there is one, would come first.
    script = folder / ".ci" / "audit"
    script.parent.mkdir()
    script.write_text((ROOT / ".ci" / "audit").read_text("utf-8"), "utf-8")
    done = subprocess.run(
        ["bash", script], env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("report", "status", "said"),
    [
        ([WELL, WELL], 0, "AUDITED: 2 of 2 packages, 0 known faults\n"),
        ([WELL, LEFT_OUT], 0, "AUDITED: 1 of 2 packages, 0 known faults, not looked at: b\n"),
        ([WELL, {**WELL, "vulns": [FAULT]}], 1, "a 1.0: PYSEC-1, mended in 2.0\nAUDITED: 2 of 2 packages, 1"),
        ([LEFT_OUT], 0, "AUDIT SKIPPED: what answers knows none of 1 packages"),
        (None, 0, "AUDIT SKIPPED: pip-audit could not ask about every package (status 1): ERROR: no route"),
    ],
)
def test_it_says_what_it_looked_at(
    report: list[dict[str, Any]] | None, status: int, said: str, tmp_path: Path
) -> None:
    found = audit(tmp_path, report)
    assert found[0] == status
    assert found[1].startswith(said)


def test_without_pip_audit_it_says_so(tmp_path: Path) -> None:
    script = tmp_path / ".ci" / "audit"
    script.parent.mkdir()
    script.write_text((ROOT / ".ci" / "audit").read_text("utf-8"), "utf-8")
    (tmp_path / "bin").mkdir()
    for name in ("bash", "dirname"):
        (tmp_path / "bin" / name).symlink_to(f"/bin/{name}")
    done = subprocess.run(
        ["/bin/bash", script],
        env={"PATH": str(tmp_path / "bin")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("AUDIT SKIPPED: there is no pip-audit here")
