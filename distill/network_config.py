"""The part of a recipe that says which network is trained, and what it starts from."""

from __future__ import annotations

from typing import Literal

from distill.extended_toml import Part

BACKBONES = (
    "mobilefacenet",
    "face_resnet29",
    "vit_b_16",
    "vit_b_16_clip",
    "vit_b_16_clip_quickgelu",
    "vit_b_16_siglip",
    "convnext_tiny",
    "efficientnet_lite0",
)
"""What `networks/backbones` can make: two that know faces; ViTs and CNNs with public weights."""
SHORT = "efficientnet_lite0_short"
"""One more, for phones alone: its map is too coarse for MF²'s tokens."""
Activation = Literal["prelu", "relu"]
ExtraHead = Literal["strength", "visibility"]
Pooling = Literal["mean", "convolution"]


class NetworkConfig(Part, frozen=True, kw_only=True):
    """What the network starts from."""

    frozen: tuple[str, ...]
    """Parts of the trunk that keep the start's weights."""
    dropout: float
    weights: str | None = None
    """What the backbone starts from; without it, or if it is "", the start is random.

    MobileFaceNet: the .tflite. The ResNet: dlib's .dat, or "dlib" for the one of the package
    face-recognition-models. The others: a file, .safetensors or one of `torch.save` that loads
    with `weights_only`, with the names of torchvision, timm, open_clip, OpenAI CLIP, FaRL, MAE or
    transformers (EfficientNet-Lite: of efficientnet-lite-pytorch); or "imagenet" for the ImageNet
    weights that are installed: by torchvision in its cache, by a package for EfficientNet-Lite.
    """
    pixels: Literal["imagenet", "inception", "openai_clip"] | None = None
    """Whose mean and deviation of pixels the weights of a ViT or ConvNeXt expect, in timm's words
    (its `augreg` ViTs: inception); without it, those of the backbone's usual weights."""
    init_from: str | None = None
    """What trained weights are the start instead: a network.pt, or "bundle:NAME" (or
    "bundle:FOLDER") for those of an exported .tflite, dequantized where they are integers.
    Neither, if it is ""."""
    heads: tuple[ExtraHead, ...] = ()
    """Heads beside emotion and Action Units."""
    embeddings: bool = False
    """Whether an exported file also returns the two vectors that its heads read."""
    architecture: Literal["student", "mf2", "edge"] = "student"
    """Two branches alone; MF²; two branches that also learn MF²'s tokens and text space."""
    token_width: int = 128
    """Values of an AU token of MF²."""
    text_width: int = 384
    """Values of a vector of the text encoder; `texts` refuses an encoder of another width."""
    taught_width: int = 512
    """Values of the face vector of the MF², or the bundle, that an edge network learns from."""
    backbone: str = BACKBONES[0]
    """One of BACKBONES, or SHORT."""
    width: float = 1.0
    """MobileFaceNet's channels, as a part of its own; a checkpoint at the start is as wide."""
    drop_blocks: tuple[str, ...] = ()
    """Residual blocks of MobileFaceNet or SHORT that are left out, such as "stage3.5"."""
    pooling: Pooling = "mean"
    """SHORT's: a mean of the last map, or a convolution that starts as one, which every converter
    takes in 8-bit integers."""
    activation: Activation = "prelu"
    """MobileFaceNet's: relu can be quantized everywhere; slopes of the start fade to it."""

    def __post_init__(self) -> None:
        """Raise ValueError, which msgspec gives a place in the recipe, for an unknown backbone."""
        known = (*BACKBONES, SHORT)
        if self.backbone not in known:
            raise ValueError(f"no backbone {self.backbone}: there are {', '.join(known)}")
        if self.backbone == SHORT and self.architecture == "mf2":
            raise ValueError(
                f"{SHORT} has a map of 7x7, and mf2 reads 14x14: take another backbone"
            )
        if self.pooling != "mean" and self.backbone != SHORT:
            raise ValueError(f"pooling is for {SHORT}: {self.backbone} pools in a way of its own")
