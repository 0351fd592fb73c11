"""Where the clips of known benchmarks are kept, and what is not passed on with them."""

from __future__ import annotations

MVBENCH_FOLDERS: dict[str, tuple[str, ...]] = {
    "action_sequence": ("star/Charades_v1_480",),
    "action_prediction": ("star/Charades_v1_480",),
    "action_antonym": ("ssv2_video",),
    "fine_grained_action": ("Moments_in_Time_Raw/videos",),
    "unexpected_action": ("FunQA_test/test",),
    "object_existence": ("clevrer/video_validation",),
    "object_interaction": ("star/Charades_v1_480",),
    "object_shuffle": ("perception/videos",),
    "moving_direction": ("clevrer/video_validation",),
    "action_localization": ("sta/sta_video",),
    "scene_transition": ("scene_qa/video",),
    "action_count": ("perception/videos",),
    "moving_count": ("clevrer/video_validation",),
    "moving_attribute": ("clevrer/video_validation",),
    "state_change": ("perception/videos",),
    "fine_grained_pose": ("nturgbd",),
    "character_order": ("perception/videos",),
    "egocentric_navigation": ("vlnqa",),
    "episodic_reasoning": ("tvqa/frames_fps3_hq", "tvqa/video_fps3_hq"),
    "counterfactual_inference": ("clevrer/video_validation",),
}
"""Task -> folders below video/ into which MVBench's archives unpack (its video_chat2/mvbench.ipynb).
Those of episodic_reasoning hold a folder of frames a clip, 3 a second."""

_NTU = (
    "are recordings of NTU RGB+D, whose licence does not let others pass them on: ask for them at "
    "https://rose1.ntu.edu.sg/dataset/actionRecognition"
)
WITHHELD: dict[str, str] = {
    "action_antonym": f"TVBench's {_NTU}, and put them into video/action_antonym/.",
    "fine_grained_pose": f"MVBench's {_NTU}, and put them into video/nturgbd/.",
}
"""Task -> why its clips are not in the download, and where to get them."""
