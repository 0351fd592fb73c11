"""VideoLLaMA3's own format: a Qwen2 checkpoint with the tower and the projector inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.models.checkpoints.config import described
from workbench.models.checkpoints.folder import CheckpointFolder
from workbench.models.checkpoints.originals.original import (
    Becomes,
    Original,
    Shapes,
    refuse,
    renaming,
    settings_for,
)
from workbench.models.checkpoints.originals.templates import chat

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_RULES = (
    # Once or twice: as the hub has it, and as their training code saves it.
    (r"model\.vision_encoder\.(?:vision_encoder\.)?", "model.vision_model."),
    (r"model\.mm_projector\.", "model.projector."),
    (r"model\.(embed_tokens|layers|norm)\.", r"model.language_model.\1."),
)
_IMAGE = "<|image_pad|>"


class VideoLLaMA3(Original):
    """`Videollama3Qwen2ForCausalLM`."""

    name = "VideoLLaMA3"
    models = "DAMO-NLP-SG/VideoLLaMA3-7B, DAMO-NLP-SG/VideoLLaMA3-2B"
    architectures = frozenset({"Videollama3Qwen2ForCausalLM"})
    telling = "vision_encoder_config"
    weight = r"model\.(vision_encoder|mm_projector)\."

    def placeholder(self, folder: CheckpointFolder) -> str:
        return "<|video_pad|>"

    def becomes(
        self, folder: CheckpointFolder, shapes: Shapes, tokenizer: PreTrainedTokenizerBase
    ) -> Becomes:
        from transformers import Qwen2Config
        from transformers.models.video_llama_3 import VideoLlama3VisionConfig

        said = folder.config
        tower = said.get("vision_encoder_config")
        if not isinstance(tower, dict) or "hidden_size" not in tower:
            raise refuse(
                folder,
                "vision_encoder_config does not describe the vision tower. Copy config.json of "
                "DAMO-NLP-SG/VideoLLaMA3-7B, whose files hold the tower's weights too.",
            )
        if (kind := said.get("mm_projector_type", "mlp2x_gelu")) != "mlp2x_gelu":
            raise refuse(folder, f"mm_projector_type = {kind!r:.60}; only 'mlp2x_gelu' can be converted.")
        vision = settings_for(VideoLlama3VisionConfig, described(tower))
        ids = tokenizer.convert_tokens_to_ids
        token = ids(self.placeholder(folder))
        patch, frames = vision["patch_size"], folder.json("preprocessor_config.json") or {}
        cell = (2 * patch) ** 2
        return Becomes(
            config={
                "model_type": "video_llama_3",
                "architectures": ["VideoLlama3ForConditionalGeneration"],
                "text_config": settings_for(Qwen2Config, described(said)),
                "vision_config": vision,
                "video_token_id": token,
                "image_token_id": ids(_IMAGE) if _IMAGE in tokenizer.get_vocab() else token,
                "tie_word_embeddings": said.get("tie_word_embeddings", False),
            },
            rename=renaming(_RULES),
            pixels={
                "size": {
                    "shortest_edge": frames.get("min_tokens", 16) * cell,
                    "longest_edge": frames.get("max_tokens", 16384) * cell,
                },
                "patch_size": patch,
                "temporal_patch_size": 1,
                "merge_size": 2,  # of videos: mm_infer of the authors' code
                "image_mean": [0.5, 0.5, 0.5],
                "image_std": [0.5, 0.5, 0.5],
                "resample": 3,
            },
            template=chat(
                "", "<|im_start|>user\n", "<|im_end|>\n", "<|im_start|>assistant\n", video="<|video_pad|>\n"
            ),
        )
