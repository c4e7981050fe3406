"""Names that changed before the first release: the old ones are gone, the new ones exist.

Nothing was released under the old names, so there are no shims.
"""

import importlib
import inspect

import pytest

from langchain_mimo.cost import MediaSegment
from langchain_mimo.errors import MiMoInputError
from langchain_mimo.prepare import prepare_audio, prepare_video

RENAMED = {
    # Public names.
    "langchain_mimo.media.content_blocks.image_block": "langchain_mimo.media.image_block",
    "langchain_mimo.media.content_blocks.video_block": "langchain_mimo.media.video_block",
    "langchain_mimo.media.content_blocks.audio_block": "langchain_mimo.media.audio_block",
    "langchain_mimo.estimate.Estimate": "langchain_mimo.cost.Estimate",
    "langchain_mimo.estimate.MediaEstimate": "langchain_mimo.cost.MediaEstimate",
    "langchain_mimo.planning.Segment": "langchain_mimo.cost.MediaSegment",
    "langchain_mimo.cost.Segment": "langchain_mimo.cost.MediaSegment",
    "langchain_mimo.planning.VideoPlan": "langchain_mimo.cost.VideoPlan",
    "langchain_mimo.planning.plan_segments": "langchain_mimo.cost.plan_segments",
    "langchain_mimo.planning.plan_video": "langchain_mimo.cost.plan_video",
    "langchain_mimo.system_message.system_prompt": "langchain_mimo.system_prompt",
    "langchain_mimo.transport.limits.MiMoTimeouts": "langchain_mimo.MiMoTimeouts",
    "langchain_mimo.transport.retries.RetryPolicy": "langchain_mimo.RetryPolicy",
    "langchain_mimo.tokens.MAX_CLIP_PIXELS": "langchain_mimo.tokens.MAX_VIDEO_PIXELS",
    # Rooms of the engine, named here for those who read older notes.
    "langchain_mimo.questions.question_of": "langchain_mimo._chat.requests.build_request",
    "langchain_mimo.replies.whole_reply": "langchain_mimo._chat.responses.WholeResponse",
    "langchain_mimo.model_fields.ChatMiMoFields": "langchain_mimo._chat.fields.ChatMiMoFields",
    "langchain_mimo.forced_tools": "langchain_mimo._chat.tool_choice.forced",
    "langchain_mimo.wire.turns.Call": "langchain_mimo._wire.turns.ToolCall",
    "langchain_mimo.wire.dialects.Dialect": "langchain_mimo._wire.dialects.Dialect",
    "langchain_mimo.wire.foreign": "langchain_mimo._wire.from_langchain.other_providers",
    "langchain_mimo.transport.exchange.Call": "langchain_mimo._transport.ApiRequest",
    "langchain_mimo.transport.flow.Transport": "langchain_mimo._transport.Transport",
    "langchain_mimo.error_table": "langchain_mimo._transport.error_responses",
    "langchain_mimo.media.sources.MediaPolicy": "langchain_mimo._media.opening.MediaPolicy",
    "langchain_mimo.media.references.EncodedMedia": "langchain_mimo._media.references.DeferredMedia",
    "langchain_mimo.emulator.answers.Outcome": "langchain_mimo.emulator.conversation.outcome.Outcome",
}

RENAMED_PARAMETERS = {
    # Times in seconds: function or class, old name, new name.
    (prepare_video, "start"): "start_s",
    (prepare_video, "end"): "end_s",
    (prepare_audio, "start"): "start_s",
    (prepare_audio, "end"): "end_s",
    (MediaSegment, "start"): "start_s",
    (MediaSegment, "end"): "end_s",
}


def exists(path: str) -> bool:
    """Return whether a dotted path names a module, or something in one."""
    module, _, name = path.rpartition(".")
    try:
        importlib.import_module(path)
    except ModuleNotFoundError:
        pass
    else:
        return True
    try:
        return hasattr(importlib.import_module(module), name)
    except ModuleNotFoundError:
        return False


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_the_new_name_replaces_the_old_one(old, new):
    assert exists(new)
    assert not exists(old)


@pytest.mark.parametrize(("old", "new"), RENAMED_PARAMETERS.items())
def test_the_new_parameter_replaces_the_old_one(old, new):
    function, old_name = old
    names = inspect.signature(function).parameters
    assert new in names
    assert old_name not in names
    refusals = {
        TypeError: f"unexpected keyword argument '{old_name}'",
        MiMoInputError: f"has no argument '{old_name}'; did you mean '{new}'",
    }
    kind = TypeError if function is MediaSegment else MiMoInputError
    with pytest.raises(kind, match=refusals[kind]):
        function(**{old_name: 1})
