"""Stage 4: keep the exam out of the data, by 13-grams, syntax trees and embeddings."""

from hornbook.scrub.audit import AuditScrub
from hornbook.scrub.common_ngrams import Idioms
from hornbook.scrub.judge_pairs import JudgeNear
from hornbook.scrub.nearest_records import NearExam
from hornbook.scrub.similar_table import SimilarTable
from hornbook.scrub.stage import Scrub

__all__ = ["AuditScrub", "Idioms", "JudgeNear", "NearExam", "Scrub", "SimilarTable"]
