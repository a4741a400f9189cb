"""The paper's numbers, for comparison: "Textbooks Are All You Need", arXiv 2306.11644v2.

Percentages are as printed in its text or tables, except those of the bars of Figure 2.1, which are
read off the figure.
"""

from __future__ import annotations

# Section 2.1: 350M parameters, HumanEval pass@1 in percent.
FILTERING_RESULTS = (
    ("The Stack and StackOverflow, unfiltered", "350M", "200B tokens seen", 12.19),
    ("filtered by the forest", "350M", "36,000 steps", 17.68),
    ("filtered, and synthetic textbooks", "350M", "36,000 steps", 20.12),
)

# Table 1 and Figure 2.1: model, parameters, HumanEval, MBPP (None where the paper prints none).
EXAM_SCORES = (
    ("phi-1-base", "1.3B", 29.0, None),
    ("phi-1", "1.3B", 50.6, 55.5),
    ("phi-1-small", "350M", 45.0, None),
    ("CodeGen-Mono-350M", "350M", 12.8, None),
    ("StarCoder", "15.5B", 33.6, 52.7),
    ("GPT-3.5", "", 47.0, None),
)

# Sections 2 and 2.3: sizes of the paper's data sets.
DATA_FUNNEL = (
    ("raw pool (The Stack, StackOverflow)", "over 35 million files", "over 35B tokens"),
    ("judged by GPT-4", "about 100,000 samples", ""),
    ("kept by the forest", "", "about 6B tokens"),
    ("synthetic textbooks", "", "under 1B tokens"),
    ("exercises", "879,500", "about 180M tokens"),
)

TRAINING_COST = (
    "phi-1-base: 770 A100-hours for 51B tokens; the finetune 7 hours on 8 A100 "
    "(section 2.3, Figure 2.1)"
)
