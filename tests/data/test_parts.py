"""Parts of a file read as the file itself."""

from __future__ import annotations

import io
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from workbench.data.parts import Parts


@given(
    parts=st.lists(st.binary(max_size=5), min_size=1, max_size=4),
    moves=st.lists(st.tuples(st.integers(0, 20), st.integers(-1, 9)), max_size=5),
)
def test_they_read_as_one_file(
    parts: list[bytes], moves: list[tuple[int, int]], tmp_path_factory: object
) -> None:
    folder = Path(tmp_path_factory.mktemp("parts"))  # type: ignore[attr-defined]
    paths = [folder / str(number) for number in range(len(parts))]
    for path, content in zip(paths, parts, strict=True):
        path.write_bytes(content)
    whole = io.BytesIO(b"".join(parts))
    with io.BufferedReader(Parts(paths)) as joined:  # type: ignore[type-var]
        assert joined.seekable()
        for place, count in moves:
            assert joined.seek(place) == whole.seek(place)
            assert joined.read(count) == whole.read(count)
        assert joined.seek(0, io.SEEK_END) == whole.seek(0, io.SEEK_END)
