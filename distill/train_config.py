"""The parts of a recipe that say how a network is trained: steps, teacher, texts, rounding."""

from __future__ import annotations

from typing import Literal

from distill.extended_toml import Part

TrainPrecision = Literal["float32", "bf16"]
"""What a forward pass computes in while training."""


class TextConfig(Part, frozen=True, kw_only=True):
    """Language that MF² is aligned with, beside its supervised losses."""

    store: str
    """The MFA store (docs/mfa.md)."""
    sources: tuple[Literal["gpt", "template", "coder"], ...]
    """Whose texts; they are mixed only if more than one is named."""
    levels: tuple[Literal["au", "emotion", "face"], ...]
    texts: int
    """Texts of each level that a step's faces are compared with."""
    weight: float
    """Weight of the alignment losses beside the emotion loss."""
    own: float = 0.0
    """Weight of the alignment of each face with its own texts, see `language/own_texts.py`."""
    encoder: str = "all-MiniLM-L6-v2"
    """That, or the folder of another sentence-transformers model."""


class LossWeights(Part, frozen=True, kw_only=True):
    """Weight of each head's loss in the sum."""

    emotion: float = 1.0
    action_units: float = 2.0
    strength: float = 1.0
    visibility: float = 0.3


class TrainConfig(Part, frozen=True, kw_only=True):
    """Training of trunk and all heads, on faces of several data sets a step."""

    steps: int
    batch: dict[str, int]
    """Faces a step from each data set; one with 0 is validated on, and not trained on."""
    micro_batch: int
    """Faces that go through the network at once; small ones stay in a CPU's cache."""
    workers: int = 0
    """Threads that read and augment faces ahead of the step; 0 leaves it to the training's own."""
    precision: TrainPrecision = "float32"
    """bf16 pays on GPUs; a CPU without matrix units gains nothing from it."""
    lr: float
    """Peak learning rate of the branches."""
    trunk_lr: float | None = None
    """Peak learning rate of the trunk; without it, `lr`."""
    head_lr: float
    """Peak learning rate of the linear heads."""
    weight_decay: float
    warmup: int
    """Steps of linear warm-up before the cosine."""
    label_smoothing: float
    weights: LossWeights = LossWeights()
    balance: float = 0.5
    """How much more often rare emotions and units are drawn: their inverse frequency to this
    power; 0 draws all faces equally often."""
    balance_cap: float = 6.0
    """The most that a face may be drawn beside one with nothing rare."""
    ema: float
    """Decay a step of the averaged weights that are kept in the end."""
    layer_decay: float = 1.0
    """Rate of each layer of trunk and branches beside the one above it; 1 leaves all alike."""
    drop_path: float = 0.0
    """Chance by which the last residual block is skipped for a face; less for those before it."""
    clip_grad: float = 5.0
    """Largest norm of the gradient."""
    grad_checkpointing: bool = False
    """Whether blocks are computed again in the backward pass, which needs less memory."""
    torchcompile: str = ""
    """Backend of torch.compile, such as "inductor"; "" runs the network as it is."""
    fade_steps: int = 0
    """Steps over which PReLU slopes fade to 0 in a network that is to have ReLU."""
    checkpoint_every: int
    evaluate_every: int
    log_every: int = 20
    """Steps between lines of the log."""

    def __post_init__(self) -> None:
        """Raise ValueError, which msgspec gives a place, for what no step can be made of."""
        if any(count < 0 for count in self.batch.values()) or not any(self.batch.values()):
            raise ValueError(f"batch is {self.batch}: a step needs a face of some data set")
        for key, least in (("steps", 0), ("micro_batch", 1), ("warmup", 0)):
            if getattr(self, key) < least:
                raise ValueError(f"{key} is {getattr(self, key)}: expected {least} or more")
        for key in ("checkpoint_every", "evaluate_every", "log_every"):
            if getattr(self, key) < 0:
                raise ValueError(f"{key} is {getattr(self, key)}: expected steps; 0 for never")
        if self.workers < 0:
            raise ValueError(f"workers is {self.workers}: expected 0 or more threads")
        if not 0 < self.layer_decay <= 1:
            raise ValueError(f"layer_decay is {self.layer_decay}: expected more than 0, up to 1")
        if not 0 <= self.drop_path < 1:
            raise ValueError(f"drop_path is {self.drop_path}: expected 0 to less than 1")
        if not self.clip_grad > 0:
            raise ValueError(f"clip_grad is {self.clip_grad}: expected more than 0")


Relation = Literal["dist", "kl"]


class DistillationConfig(Part, frozen=True, kw_only=True):
    """What is learned from the teacher beside the labels; a weight of 0 leaves a loss out."""

    share: float
    """Of the teacher's outputs in each head's loss, 0..1; the labels have the rest."""
    heads: tuple[str, ...] = ("emotion",)
    """Heads that a bundle teaches. A bundle that ships has seen every subject with human FACS
    codes: a network that learns Action Units from it is not measured honestly on a fold."""
    relation: Relation = "dist"
    """Loss between emotion logits: DIST, or the Kullback-Leibler divergence."""
    embedding: float = 0.0
    """Weight of the face embedding, of MF² or of a bundle that exports it."""
    head: float = 0.0
    """Weight of the emotion that MF²'s frozen head reads from the student's embedding."""
    tokens: float = 0.0
    """Weight of the AU tokens of MF²."""
    text: float = 0.0
    """Weight of face and tokens in the text encoder's space."""
    cached: bool = False
    """Whether the teacher runs once on each face, unaugmented and mirrored, and its logits are kept
    in files; nothing but logits can be learned from it."""


class QatConfig(Part, frozen=True, kw_only=True):
    """Quantization-aware training of the trained network, on the same losses."""

    steps: int
    """0 only calibrates the ranges."""
    lr: float = 1e-4
    """Peak learning rate of all weights."""
    weight_decay: float = 0.0
    warmup: int = 20
    free_ranges: float = 0.6
    """Part of the steps, 0..1, in which ranges still follow the activations."""
    checkpoint_every: int = 50
