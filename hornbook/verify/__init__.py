"""Stage 6: can it code? Sample, extract, run in the sandbox, count, compare, grade.

docs/verify.md has the numbers.
"""

from hornbook.verify.choose import Choose
from hornbook.verify.examine import Examine
from hornbook.verify.grade_stage import Grade
from hornbook.verify.probe_stage import Probe

__all__ = ["Choose", "Examine", "Grade", "Probe"]
