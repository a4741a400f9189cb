"""Keep the exam unseen: three detectors of what training data and an exam have in common, and what they find."""

from hornbook.scrub.audit import AuditScrub
from hornbook.scrub.idioms import Idioms
from hornbook.scrub.judge import JudgeNear
from hornbook.scrub.near import NearExam
from hornbook.scrub.stage import Scrub
from hornbook.scrub.study import SimilarTable

__all__ = ["AuditScrub", "Idioms", "JudgeNear", "NearExam", "Scrub", "SimilarTable"]
