"""Clips: video files and folders of frames -> sampled RGB frames with their timestamps."""

from workbench.video.clip import Clip, read_clip
from workbench.video.kept import read_kept
from workbench.video.readers import VideoReader, has_decord
from workbench.video.sampling import Fps, Midpoints, Sampling, Strided, Uniform, as_sampling, parse_sampling
from workbench.video.writer import write_clip

__all__ = [
    "Clip",
    "Fps",
    "Midpoints",
    "Sampling",
    "Strided",
    "Uniform",
    "VideoReader",
    "as_sampling",
    "has_decord",
    "parse_sampling",
    "read_clip",
    "read_kept",
    "write_clip",
]
