"""The shipped files on 64-bit ARM, without a phone: QEMU user emulation, and ARM's own kernels."""
