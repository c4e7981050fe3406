"""Estimates the cost of conversations and media before sending, and fits media into budgets."""

from langchain_mimo.cost.estimate import Estimate, MediaEstimate
from langchain_mimo.cost.planning import Segment, VideoPlan, plan_segments, plan_video

__all__ = ["Estimate", "MediaEstimate", "Segment", "VideoPlan", "plan_segments", "plan_video"]
