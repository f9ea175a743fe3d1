"""The network for phones that is distilled from MF²'s features.

A forward pass is convolutions, ReLU and two linear layers. What else it learns from MF² (the
embedding, the tokens, the text space) hangs on the branches' vectors by linear layers, which an
exported model takes along only where a head asks for them. Heads of other tasks read the branches'
two vectors, which a phone has at hand: the trunk's own, pooled, added nothing to what a DFN reads.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the field's name for it)

from distill.networks.backbones.parts import Backbone
from distill.networks.features import FeatureNet, Features


class EdgeNet(FeatureNet):
    """Two branches over a trunk, with linear layers to MF²'s embedding, tokens and text space."""

    heads_read_tokens = False
    embeddings = True

    def __init__(
        self,
        backbone: Backbone,
        emotions: int,
        units: int,
        text_width: int,
        taught_width: int,
        token_width: int,
        dropout: float = 0.0,
        extra: Mapping[str, int] | None = None,
    ) -> None:
        """taught_width, token_width: values of MF²'s embedding and of its tokens."""
        super().__init__(backbone, emotions, units, dropout, extra)
        self.embed = nn.Linear(backbone.width, taught_width)
        self.tokens = nn.Linear(backbone.width, units * token_width)
        self.token_width = token_width
        self.face_to_text = nn.Linear(taught_width, text_width)
        self.unit_to_text = nn.Linear(token_width, text_width)

    def read(self, x: Tensor) -> Features:
        """Logits and features of the faces."""
        trunk = self.features(x)
        _, face = self.emotion.pool(trunk)
        _, unit_vector = self.action_units.pool(trunk)
        embedding = self.embed(face)
        tokens = self.tokens(unit_vector).unflatten(1, (-1, self.token_width))
        return Features(
            emotion=self.emotion.classify(face),
            action_units=self.action_units.classify(unit_vector),
            stages=(face, unit_vector),
            embedding=embedding,
            tokens=tokens,
            face_text=F.normalize(self.face_to_text(embedding), dim=-1),
            unit_text=F.normalize(self.unit_to_text(tokens), dim=-1),
            extra=self.extra_logits(unit_vector),
        )
