"""URL and headers are checked and prepared once, and again when they change."""

import copy
import pickle

import httpx2
import pytest
from api_requests import KEY, api_request

from langchain_mimo._transport import Transport
from langchain_mimo._transport.destination import Destination
from langchain_mimo.errors import MiMoConfigurationError


def answered(sent):
    def handler(request):
        sent.append((str(request.url), dict(request.headers), request.read()))
        return httpx2.Response(200, json={})

    return Transport(http_client=httpx2.Client(transport=httpx2.MockTransport(handler)))


@pytest.mark.parametrize("stream", [False, True])
def test_the_headers_are_those_of_the_request(stream):
    headers = {"X-Own": "1", "Accept": "text/own", "Content-Length": "7", "API-Key": "sk-1"}
    destination = Destination("https://api.example:8443/v1", headers)
    expected = {
        "host": "api.example:8443",
        "accept": "text/own",
        "accept-encoding": "identity" if stream else "gzip, deflate",
        "content-type": "application/json",
        "x-own": "1",
        "api-key": "sk-1",
        "content-length": "12",
    }
    assert dict(destination.headers(12, stream=stream)) == expected
    assert dict(destination.headers(12, stream=stream)) == expected  # the first is not kept
    assert (destination.host, destination.key) == ("api.example:8443", "sk-1")


def test_one_destination_serves_all_requests_with_the_same_url_and_headers():
    sent = []
    transport = answered(sent)
    one, other = {"api-key": "sk-one"}, {"api-key": "sk-two"}
    made = []
    for url, headers in [
        ("https://a.example/v1", one),
        ("https://a.example/v1", dict(one)),
        ("https://a.example/v1", other),
        ("https://b.example/v1", other),
        ("https://a.example/v1", one),
    ]:
        transport.request(api_request(None, url, headers))
        made.append(transport._destination)
        assert sent[-1][0] == url
        assert sent[-1][1]["api-key"] == headers["api-key"]
        assert int(sent[-1][1]["content-length"]) == len(sent[-1][2])
    assert made[0] is made[1]
    assert len({id(each) for each in made}) == 4


def test_headers_that_change_after_a_request_are_noticed():
    sent = []
    transport = answered(sent)
    headers = {"api-key": "sk-one"}
    transport.request(api_request(None, "https://a.example/v1", headers))
    headers["api-key"] = "sk-two"
    transport.request(api_request(None, "https://a.example/v1", headers))
    assert [each[1]["api-key"] for each in sent] == ["sk-one", "sk-two"]
    headers["api-key"] = "sk-\n"
    with pytest.raises(MiMoConfigurationError, match="cannot be sent"):
        transport.request(api_request(None, "https://a.example/v1", headers))
    assert len(sent) == 2


def test_the_key_is_in_no_copy_and_no_pickle():
    transport = Transport()
    transport._plan(api_request(None, "https://a.example/v1", {"api-key": KEY}), None, "Client")
    assert transport._destination.key == KEY
    assert copy.copy(transport)._destination is None
    assert copy.deepcopy(transport)._destination is None
    assert KEY.encode() not in pickle.dumps(transport)
    assert KEY not in repr(transport._destination)
