"""MFA: faces with descriptions of their Action Units and emotion, at three levels.

Reimplemented from the abstract of MF² (arXiv:2504.10351): descriptions come from GPT-4o, which
is shown the face and told its labels, or offline from the grammar of `mf2_edge.text.describe`.
"""
