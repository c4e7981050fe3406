"""What is read of a container."""

from types import SimpleNamespace

from langchain_mimo._media.av_container import packets_of


def test_packets_of_streams_that_appear_while_reading_are_left_out():
    wanted, found_later = SimpleNamespace(index=0), SimpleNamespace(index=2)
    packets = [
        SimpleNamespace(stream=wanted, size=5),
        SimpleNamespace(stream=found_later, size=7),
        SimpleNamespace(stream=wanted, size=0),
    ]
    container = SimpleNamespace(demux=lambda *streams: iter(packets))
    assert list(packets_of(container, [wanted])) == packets[:1]
