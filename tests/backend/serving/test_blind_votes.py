"""Nobody knows whose answer is whose before the vote, and every vote counts once."""

from collections.abc import Callable
from typing import Any

import pytest

from backend.accounts.models import User
from backend.serving.models import BlindVote, Evaluation
from backend.training.models import Adapter
from tests.backend.conftest import Api
from tests.backend.serving.evaluated import evaluated

pytestmark = pytest.mark.django_db
As = Callable[[User | None], Api]


@pytest.fixture
def evaluation(make_adapter: Callable[..., Adapter]) -> Evaluation:
    """The candidate answers the two general questions right, the base none."""
    return evaluated(make_adapter(1), base=0, candidate=14)


def drawn(caller: Api, evaluation: Evaluation) -> Any:  # the test client's answer
    return caller.post(f"/evaluations/{evaluation.pk}/votes")


def tally(caller: Api, evaluation: Evaluation) -> dict[str, int]:
    votes: dict[str, int] = caller.get(f"/evaluations/{evaluation.pk}").json()["votes"]
    return votes


def test_whose_answer_it_was_is_told_after_the_vote(
    api: As, curator: User, evaluation: Evaluation
) -> None:
    caller = api(curator)
    pair = drawn(caller, evaluation).json()
    assert (pair["candidate"], pair["choice"]) == ("", "")
    assert {pair["first"], pair["second"]} == {
        "不清楚。",
        "北京" if "首都" in pair["question"] else "4",
    }
    assert drawn(caller, evaluation).json() == pair  # the open one again
    better = "second" if pair["first"] == "不清楚。" else "first"
    told = caller.post(f"/blind-votes/{pair['id']}", {"choice": better}).json()
    assert told["candidate"] == better
    assert tally(caller, evaluation) == {"candidate": 1, "reference": 0, "tie": 0}


def test_each_question_comes_once_for_each_person_and_then_no_more(
    api: As, curator: User, reviewer: User, evaluation: Evaluation
) -> None:
    for person, choice in ((curator, "tie"), (reviewer, "first")):
        caller = api(person)
        asked = []
        while (answer := drawn(caller, evaluation)).status_code == 200:
            asked.append(answer.json()["question"])
            caller.post(f"/blind-votes/{answer.json()['id']}", {"choice": choice})
        assert answer.status_code == 204
        # The golden records are gone, and with them their words.
        assert sorted(asked) == ["2 + 2?", "首都?"]
    found = tally(api(curator), evaluation)
    assert found["tie"] == 2
    assert found["candidate"] + found["reference"] == 2
    firsts = BlindVote.objects.filter(choice="first", candidate_first=True).count()
    assert found["candidate"] == firsts


def test_a_vote_is_ones_own_and_stays(
    api: As, curator: User, reviewer: User, employee: User, evaluation: Evaluation
) -> None:
    pair = drawn(api(curator), evaluation).json()
    path = f"/blind-votes/{pair['id']}"
    assert api(reviewer).post(path, {"choice": "tie"}).status_code == 404
    assert api(curator).post(path, {"choice": "both"}).status_code == 400
    assert api(curator).post(path, {"choice": "tie"}).status_code == 200
    again = api(curator).post(path, {"choice": "first"})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "already_voted")
    assert drawn(api(employee), evaluation).status_code == 403
