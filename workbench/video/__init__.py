"""Clips: video files and folders of frames -> sampled RGB frames with their timestamps."""

from workbench.video.writer import write_clip

__all__ = ["write_clip"]
