"""What a conversation or a file will cost: tokens, money, and how to fit a budget."""

from langchain_mimo.cost.estimate import Estimate, MediaEstimate
from langchain_mimo.cost.planning import Segment, VideoPlan, plan_segments, plan_video

__all__ = ["Estimate", "MediaEstimate", "Segment", "VideoPlan", "plan_segments", "plan_video"]
