"""The press: from a trained checkpoint to a bundle whose every artifact is proved equal to it."""
