"""A folder of pictures, read as a clip (MVBench keeps TVQA so: 00001.jpg, 00002.jpg, .. at 3 a second)."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from workbench.errors import ClipError
from workbench.shapes import Int, UInt8
from workbench.video.errors import clip_error
from workbench.video.limits import check_picture
from workbench.video.readers import check_indices

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
"""What a picture may be, whatever its name says. Pillow knows more, some of which start other programs."""


class FolderReader:
    """The pictures of a folder in natural order (2.jpg before 10.jpg), one every 1 / fps seconds from 0.

    Frame i is shown at i / fps. (Map the Flow's loader counts from 1 and so reads one frame earlier for the
    same bounds in seconds.)
    """

    name = "folder"

    def __init__(self, path: Path, fps: float) -> None:
        """Lists the folder; opens the first picture for its size.

        Raises:
            ClipError: no pictures in it, a rate that is not above 0, or a first picture that cannot be read.
        """
        if not (isinstance(fps, (int, float)) and np.isfinite(fps) and fps > 0):
            raise clip_error(
                path, f"fps={fps!r}", "Give the rate of the folder's frames as a number above 0."
            )
        found = (file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.name[0] != ".")
        self.path = path
        self.files = sorted((file for file in found if file.is_file()), key=lambda file: _natural(file.name))
        if not self.files:
            raise clip_error(
                path,
                f"the folder holds no picture ({', '.join(SUFFIXES)})",
                "Put the frames of one clip into it, named in their order, or name a video file.",
            )
        self.fps = float(fps)
        self.times = np.arange(len(self.files)) / self.fps
        self.duration = len(self.files) / self.fps
        first = self._picture(self.files[0])
        self.size = first.shape[:2]

    @property
    def n_frames(self) -> int:
        return len(self.files)

    def get(self, indices: Int[np.ndarray, " t"]) -> UInt8[np.ndarray, "t H W 3"]:
        numbers = check_indices(self, self.path, indices)
        height, width = self.size
        frames = np.empty((len(numbers), height, width, 3), dtype=np.uint8)
        for row, number in enumerate(numbers.tolist()):
            file = self.files[number]
            picture = self._picture(file)
            if picture.shape[:2] != self.size:
                raise clip_error(
                    self.path,
                    f"{file.name} is {picture.shape[1]}x{picture.shape[0]}, but {self.files[0].name} is "
                    f"{width}x{height}",
                    "Give all frames of a clip one size.",
                )
            frames[row] = picture
        return frames

    def close(self) -> None:
        """Nothing to do: each call opens the pictures and closes them again."""

    def _picture(self, file: Path) -> np.ndarray:
        try:
            with Image.open(file, formats=FORMATS) as image:
                check_picture(self.path, *image.size, name=file.name)
                if image.mode.startswith(("I", "F")):
                    raise clip_error(
                        self.path, f"{file.name} has 16 or 32 bits a colour", "Save it with 8 bits."
                    )
                return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
        except ClipError:
            raise
        except Exception as error:  # Pillow's readers raise whatever a damaged file leads them to
            cause = " ".join(str(error).split())[:200]
            if isinstance(error, UnidentifiedImageError):
                cause = f"it is none of {', '.join(FORMATS)}"
            raise clip_error(
                self.path,
                f"{file.name} cannot be read as a picture ({cause})",
                "Replace that frame; one that is missing would shift all later ones.",
            ) from error


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Sorts runs of digits as numbers."""
    parts = re.split(r"(\d+)", name)
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part.lower()) for part in parts if part]
