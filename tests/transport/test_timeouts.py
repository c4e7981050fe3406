"""Time limits as values, and the timer that holds a call to them."""

import math
import pickle

import pytest
from pydantic import BaseModel

from langchain_mimo._transport import timeouts as limits
from langchain_mimo._transport.timeouts import AttemptTimer, Deadline, MiMoTimeouts
from langchain_mimo.errors import MiMoConfigurationError, MiMoTimeoutError


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1000.0

        def __call__(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(limits.time, "monotonic", clock)
    monkeypatch.setattr(limits, "_now", clock)
    return clock


def test_the_defaults_allow_ten_minutes_of_thinking():
    assert MiMoTimeouts() == MiMoTimeouts(10.0, 900.0, 300.0, None)
    assert MiMoTimeouts().first_event > 600


def test_a_number_sets_connect_first_event_and_idle_but_not_total():
    assert MiMoTimeouts.of(7) == MiMoTimeouts(7, 7, 7, None)
    assert MiMoTimeouts.of(None) == MiMoTimeouts()
    own = MiMoTimeouts(total=60)
    assert MiMoTimeouts.of(own) is own


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, True, "5", [5]])
def test_invalid_limits_are_rejected(value):
    with pytest.raises(MiMoConfigurationError, match=r"^timeout must be .* > 0"):
        MiMoTimeouts.of(value)
    with pytest.raises(MiMoConfigurationError, match=r"^time limit 'idle' must be .* > 0"):
        MiMoTimeouts(idle=value)


def test_pydantic_and_pickle_accept_them():
    class Model(BaseModel):
        timeout: MiMoTimeouts

    assert Model(timeout={"idle": 5}).timeout == MiMoTimeouts(idle=5)
    assert pickle.loads(pickle.dumps(MiMoTimeouts(total=3))) == MiMoTimeouts(total=3)
    assert hash(MiMoTimeouts()) == hash(MiMoTimeouts())


def test_a_deadline_is_a_number_that_moves(clock):
    deadline = Deadline(5.0)
    assert deadline == 5.0
    clock.now += 3
    assert deadline.remaining() == 2.0
    deadline.restart()
    assert deadline.remaining() == 5.0
    deadline.restart(60)
    assert deadline.remaining() == 60
    assert deadline == 5.0


def test_a_deadline_never_passes_its_latest_moment(clock):
    deadline = Deadline(5.0, latest=1002.0)
    assert deadline.remaining() == 2.0
    clock.now += 1
    deadline.restart()
    assert deadline.remaining() == 1.0


def test_no_limit_is_also_a_number():
    assert 10**6 < Deadline(None) < 10**9


def test_first_event_then_idle(clock):
    timer = AttemptTimer(MiMoTimeouts(connect=1, first_event=10, idle=3), clock.now)
    clock.now += 9.5
    timer.check("h")
    timer.restart_idle()
    clock.now += 2.5
    timer.check("h")
    timer.restart_idle()
    clock.now += 3.5
    with pytest.raises(MiMoTimeoutError) as caught:
        timer.check("h")
    assert (caught.value.limit, caught.value.seconds) == ("idle", 3)


def test_an_expiry_before_the_first_event_is_named_so(clock):
    timer = AttemptTimer(MiMoTimeouts(first_event=10), clock.now)
    timer.received = 70
    clock.now += 10.5
    with pytest.raises(MiMoTimeoutError) as caught:
        timer.check("h")
    assert (caught.value.limit, caught.value.received) == ("first_event", 70)
    assert timer.error("h", connecting=True).limit == "connect"


def test_total_cuts_every_other_limit_short(clock):
    timer = AttemptTimer(MiMoTimeouts(first_event=10, idle=10, total=12), clock.now - 5)
    assert timer.deadline.remaining() == 7
    timer.restart_idle()
    assert timer.deadline.remaining() == 7
    assert timer.connect.remaining() == 7
    clock.now += 7
    with pytest.raises(MiMoTimeoutError) as caught:
        timer.check("h")
    assert (caught.value.limit, caught.value.seconds) == ("total", 12)


def test_a_client_that_cannot_tell_events_waits_for_the_longer_limit(clock):
    assert AttemptTimer(MiMoTimeouts(first_event=5, idle=60), clock.now).longest_silence() == 60
    assert AttemptTimer(MiMoTimeouts(first_event=90, idle=60), clock.now).longest_silence() == 90
    assert AttemptTimer(MiMoTimeouts(idle=60, total=20), clock.now).longest_silence() == 20
