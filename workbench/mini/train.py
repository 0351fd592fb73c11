"""Trains the embedded model from scratch on one GPU: `python -m workbench.mini.train --out FOLDER`.

Two checkpoints come out. `image` knows single pictures, and eight frames that have no order. `video-ft` was
tuned on clips; both go on from what has seen single pictures only. `--variant NAME` tunes a checkpoint on a
world in which the answer leaks (`leaks.py`), so that what it rests on is known.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from workbench.mini.architecture import build_model, save_checkpoint
from workbench.mini.batches import IGNORED, Batch, Batches, exam
from workbench.mini.leaks import LEAKS, LEAKY_KINDS, Leak
from workbench.mini.render import backdrops as textures_of
from workbench.mini.render import like_video, render
from workbench.mini.stages import STAGES, VARIANTS, Stage, rate_at
from workbench.mini.world import KINDS
from workbench.shapes import Float, shaped

# Axes: b clip, t frame, s position, d model width
SIZE = 96
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


class Trainer:
    """The model with its fast training forward: drawn on the device, compiled layer by layer."""

    def __init__(self, device: str, start: Path | None = None, *, compiled: bool = True) -> None:
        self.device = device
        self.model = build_model(start)
        self.model.to(torch.device(device))  # pyright: ignore[reportArgumentType]
        self.textures = textures_of(SIZE, device)
        self.mean = torch.tensor(MEAN, device=device).view(1, 1, 3, 1, 1)
        self.std = torch.tensor(STD, device=device).view(1, 1, 3, 1, 1)
        self.render = torch.compile(render) if compiled else render
        self.like_video = torch.compile(like_video) if compiled else like_video
        if compiled:
            torch._dynamo.config.automatic_dynamic_shapes = False  # every stage has one shape
            torch._dynamo.config.recompile_limit = 16
            tower = self.model.model.vision_tower
            encoder = getattr(tower, "vision_model", tower).encoder
            for layer in [*encoder.layers, *self.model.model.language_model.layers]:
                layer.compile()

    @shaped
    def pixels(self, batch: Batch, *, wear: bool, stills: bool = False) -> Float[Tensor, "b t 3 y x"]:
        """Normalised frames, y = x = SIZE; a still is drawn once."""
        places, objects = batch["places"].to(self.device), batch["objects"].to(self.device)
        if stills:
            places, objects = places[:, :1], objects[:, :, :1]
        picture = self.render(places, objects, self.textures)
        if wear:
            amount = torch.rand(len(places), device=self.device)
            picture = self.like_video(picture, amount * (amount > 0.3))
        return (picture - self.mean) / self.std

    @shaped
    def features(self, pixels: Float[Tensor, "b t 3 y x"]) -> Float[Tensor, "b 36*t d"]:
        """Video tokens of normalised frames: what LlavaNextVideo's own forward computes."""
        core = self.model.model
        patches = core.vision_tower(pixels.flatten(0, 1)).last_hidden_state[:, 1:]
        tokens = core.multi_modal_projector(core.vision_resampler(patches))
        return tokens.reshape(pixels.shape[0], -1, tokens.shape[-1])

    @shaped
    def hidden(self, batch: Batch, *, wear: bool, stills: bool = False) -> Float[Tensor, "b s d"]:
        """Final hidden states."""
        core = self.model.model
        ids = batch["ids"].to(self.device)
        video = self.features(self.pixels(batch, wear=wear, stills=stills))
        if stills:
            video = video.repeat(1, batch["places"].shape[1], 1)
        where = int((batch["ids"][0] == self.model.config.video_token_index).nonzero()[0])
        embedded = core.get_input_embeddings()(ids)
        embedded = torch.cat(
            [embedded[:, :where], video.to(embedded.dtype), embedded[:, where + video.shape[1] :]], 1
        )
        rounds = batch["rounds"].to(self.device)
        asked, seen = rounds[:, :, None], rounds[:, None, :]
        causal = torch.ones(rounds.shape[1], rounds.shape[1], dtype=torch.bool, device=self.device).tril()
        mask = causal & ((seen == asked) | (seen == 0))
        return core.language_model(
            inputs_embeds=embedded,
            attention_mask=mask[:, None],
            position_ids=batch["positions"].to(self.device),
            use_cache=False,
        ).last_hidden_state

    @shaped
    def loss(self, batch: Batch, *, stills: bool) -> Float[Tensor, ""]:
        labels = batch["labels"].to(self.device, non_blocking=True)
        hidden = self.hidden(batch, wear=True, stills=stills)
        rows = (labels[:, 1:] != IGNORED).flatten().nonzero()[:, 0]
        logits = self.model.lm_head(hidden[:, :-1].flatten(0, 1)[rows])
        return F.cross_entropy(logits.float(), labels[:, 1:].flatten()[rows])

    @torch.no_grad()
    def accuracy(
        self, kind: str, papers: int, *, reverse: bool = False, leak: Leak | None = None, clips: int = 256
    ) -> float:
        """Share of right letters on `papers` times `clips` held-out questions."""
        right = []
        for seed in range(papers):
            paper = exam(kind, clips, seed=seed, reverse=reverse, leak=leak)
            hidden = self.hidden(paper["batch"], wear=False)
            at = hidden[torch.arange(len(hidden), device=self.device), paper["position"].to(self.device)]
            right.append(self.model.lm_head(at).argmax(-1).cpu() == paper["letter"])
        return float(torch.cat(right).float().mean())

    def autocast(self) -> torch.autocast:
        """bfloat16 where it is fast."""
        return torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.device == "cuda")

    def accuracies(self, papers: int, leak: Leak | None = None, clips: int = 256) -> dict[str, float]:
        """Percent of right letters by task, in the world as it is; with `leak`, in that world too."""
        self.model.eval()
        with self.autocast():
            found = {kind: self.accuracy(kind, papers, clips=clips) for kind in (*KINDS, "static")}
            found |= {
                f"{kind}_reversed": self.accuracy(kind, papers, reverse=True, clips=clips)
                for kind in KINDS[:4]
            }
            if leak is not None:
                found |= {
                    f"{leak}: {kind}": self.accuracy(kind, papers, leak=leak, clips=clips)
                    for kind in LEAKY_KINDS
                }
        self.model.train()
        return {kind: round(100 * share, 1) for kind, share in found.items()}


def optimizers(model: nn.Module) -> list[torch.optim.Optimizer]:
    """Muon for the layers' matrices, AdamW for the rest: a quarter of AdamW's loss at step 1,000."""
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    matrices = [p for name, p in trained if p.ndim == 2 and "layers" in name]
    chosen = {id(p) for p in matrices}
    rest = [p for _, p in trained if id(p) not in chosen]
    fused = torch.cuda.is_available()
    return [
        torch.optim.AdamW(rest, lr=1.0, betas=(0.9, 0.95), weight_decay=0.02, fused=fused),
        torch.optim.Muon(matrices, lr=1.0, weight_decay=0.02, adjust_lr_fn="match_rms_adamw"),
    ]


def train(
    trainer: Trainer,
    stage: Stage,
    out: Path,
    *,
    workers: int,
    papers: int,
    every: int = 500,
    questions: int = 256,
    within: float = math.inf,
) -> None:
    """Runs one stage, appends a line to `training.jsonl` every so often, and saves the checkpoint.

    papers: exams after the stage, of `questions` a task each; within: seconds after which the stage ends,
    done or not.
    """
    data = Batches(
        seed=stage.seed,
        count=stage.steps,
        clips=stage.clips,
        frames=stage.frames,
        length=stage.length,
        world=stage.world,
    )
    loader = DataLoader(data, batch_size=None, num_workers=workers, prefetch_factor=6 if workers else None)
    model = trainer.model.train()
    opts = optimizers(model)
    start, smooth, waited = time.time(), None, 0.0
    mark = time.time()
    for step, batch in enumerate(loader):
        waited += time.time() - mark
        for opt in opts:
            for group in opt.param_groups:
                group["lr"] = rate_at(step, stage)
        with trainer.autocast():
            loss = trainer.loss(batch, stills=stage.stills)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for opt in opts:
            opt.step()
            opt.zero_grad(set_to_none=True)
        last = step + 1 == stage.steps or time.time() - start > within
        if step % 100 == 0 or last:
            value = float(loss.detach())
            smooth = value if smooth is None else 0.6 * smooth + 0.4 * value
        if step in (20, 100) or (step and step % every == 0) or last:
            row = {
                "stage": stage.name,
                "step": step + 1,
                "seconds": round(time.time() - start, 1),
                "loss": round(smooth or 0.0, 4),
                "waited": round(waited, 1),
            }
            if papers and (last or step > 100):
                leak = stage.world if stage.world in LEAKS else None
                row["accuracy"] = trainer.accuracies(papers if last else 1, leak, questions)
            line = json.dumps(row)
            print(line, flush=True)
            with (out / "training.jsonl").open("a") as file:
                file.write(line + "\n")
        if step % 1000 == 999:
            save_checkpoint(model, out / "latest")
        if last:
            break
        mark = time.time()
    save_checkpoint(model, out / stage.checkpoint)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoints and the log")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, default=12, help="processes that make batches")
    parser.add_argument("--stages", nargs="*", default=[stage.name for stage in STAGES])
    parser.add_argument("--variant", choices=LEAKS, help="tune on this world instead")
    parser.add_argument("--papers", type=int, default=2, help="exams a task after a stage")
    parser.add_argument("--questions", type=int, default=256, help="questions of an exam")
    parser.add_argument("--start", type=Path, help="checkpoint folder to go on from")
    parser.add_argument("--within", type=float, default=math.inf, help="end a stage after so many seconds")
    parser.add_argument("--steps", type=int, help="steps of a stage, in place of its own")
    parser.add_argument("--clips", type=int, help="clips of a batch, in place of a stage's own")
    parser.add_argument("--eager", action="store_true", help="do not compile: sooner for few steps")
    parser.add_argument("--frozen-vision", action="store_true", help="train the language model alone")
    args = parser.parse_args()
    stages = [stage for stage in STAGES if stage.name in args.stages]
    if args.variant:
        stages = [stage for stage in VARIANTS if stage.name == args.variant]
        if args.start is None:
            parser.error("--variant goes on from a checkpoint: name it with --start")
    own = {name: value for name in ("steps", "clips") if (value := getattr(args, name)) is not None}
    args.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    trainer = Trainer(args.device, args.start, compiled=args.device == "cuda" and not args.eager)
    trainer.model.model.vision_tower.requires_grad_(not args.frozen_vision)
    print(f"{sum(p.numel() for p in trainer.model.parameters()) / 1e6:.1f} M parameters", flush=True)
    for place, stage in enumerate(stages):
        if stage.start and (place or args.start is None):
            trainer.model.load_state_dict(build_model(args.out / stage.start).state_dict())
        train(
            trainer,
            replace(stage, **own),
            args.out,
            workers=args.workers,
            papers=args.papers,
            questions=args.questions,
            within=args.within,
        )


if __name__ == "__main__":
    main()
