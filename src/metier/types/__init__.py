"""Every noun of metier, a file for each stage of the way that data flows; read first."""

from __future__ import annotations

from metier.types.asking import (
    Answer,
    Completion,
    Conversation,
    Engine,
    GenerateConfig,
    LabelScores,
    Message,
    Role,
    Usage,
)
from metier.types.corpus import (
    Box,
    Chunk,
    CleanDocument,
    Document,
    IngestReport,
    Malformed,
    Piece,
    Region,
    Span,
    StepCount,
)
from metier.types.dataset import (
    Dataset,
    Example,
    LeakProbe,
    Overlap,
    OverlapHit,
    Split,
    Task,
    TaskKind,
)
from metier.types.grounding import Grounding, GroundingChunk, Hit, Scope, Support
from metier.types.measuring import Candidate, CurvePoint, ItemResult, Retention, Score, Scorecard
from metier.types.plain import Estimate, Json, content_hash
from metier.types.retrieval import Passage, SearchSettings, TokenVectors
from metier.types.verdict import Comparison, Decision, GateResult, Release, RunReport

__all__ = [
    "Answer",
    "Box",
    "Candidate",
    "Chunk",
    "CleanDocument",
    "Comparison",
    "Completion",
    "Conversation",
    "CurvePoint",
    "Dataset",
    "Decision",
    "Document",
    "Engine",
    "Estimate",
    "Example",
    "GateResult",
    "GenerateConfig",
    "Grounding",
    "GroundingChunk",
    "Hit",
    "IngestReport",
    "ItemResult",
    "Json",
    "LabelScores",
    "LeakProbe",
    "Malformed",
    "Message",
    "Overlap",
    "OverlapHit",
    "Passage",
    "Piece",
    "Region",
    "Release",
    "Retention",
    "Role",
    "RunReport",
    "Scope",
    "Score",
    "Scorecard",
    "SearchSettings",
    "Span",
    "Split",
    "StepCount",
    "Support",
    "Task",
    "TaskKind",
    "TokenVectors",
    "Usage",
    "content_hash",
]
