"""What the phases of training share: losses, optimiser, processes, teachers, logs."""
