"""The language side: the text bank, alignment with it, reading by text."""
