"""A view of the inbox is its address, whatever somebody writes into one."""

import pytest
from starlette.datastructures import QueryParams

from interlock.domain.action import Kind
from interlock.domain.request import Status
from interlock.service.inbox import InboxFilter
from interlock.web.pages.inbox_view import LISTS, View, view_of


@pytest.mark.parametrize(
    "view",
    [
        View(),
        View("others", InboxFilter(agent="a&b=c", kind=Kind.input, group="x y", reference="order#1")),
        View("decided", InboxFilter(kind=Kind.review, status=Status.rejected)),
        View("all", InboxFilter(agent="é", status=Status.open, reference="%2F")),
    ],
)
def test_an_address_is_read_as_what_it_was_written_from(view):
    assert view_of(QueryParams(view.here.partition("?")[2])) == view


def test_what_means_nothing_is_left_out_and_so_is_a_filter_that_a_list_does_not_have():
    nonsense = "list=nothing&kind=x&status=&agent=%20&since=yesterday&shown=,,&after="
    assert view_of(QueryParams(nonsense)) == View()
    assert view_of(QueryParams("list=mine&status=rejected")).only == InboxFilter()
    assert view_of(QueryParams("since=2026-01-01")).since is None  # without a zone it is no moment
    assert len(view_of(QueryParams("shown=" + "a," * 999)).shown) == 200


def test_each_filter_has_words_and_an_address_without_it():
    view = View("mine", InboxFilter(agent="bot", kind=Kind.approval))
    assert dict(view.chips()) == {"of bot": "/?kind=approval", "actions": "/?agent=bot"}
    assert view.at(which="decided") == "/?list=decided&agent=bot&kind=approval"
    assert {view.at(which=name) for name in LISTS if name != "mine"} >= {"/?list=all&agent=bot"}
