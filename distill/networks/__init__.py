"""The networks: backbones, the face-state network, MF² and DFN."""
