"""The results file of an evaluation, and what is made of it: tables, pictures, lines."""
