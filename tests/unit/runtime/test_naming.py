"""Agents from files are called so that a person knows which one is meant."""

import pytest

from interlock.runtime.loading.identity import names_for


@pytest.mark.parametrize(
    ("reference", "names"),
    [
        ("/home/me/mailer.py:graph", ["mailer", "me/mailer", "home/me/mailer"]),
        ("/home/mailer.py:payer", ["payer", "mailer/payer", "home/mailer/payer"]),
        ("/home/mailer.py:make_graph", ["mailer", "home/mailer"]),
        ("/booking/src/agent/graph.py:graph", ["booking/graph"]),
        ("/booking/agent.py:Workflow.app", ["booking/agent"]),
        ("/graph.py:graph", ["graph"]),
        ("/main.py:graph", ["main"]),
    ],
)
def test_a_file_names_the_agent_whose_attribute_says_nothing(reference, names):
    assert list(names_for(reference)) == [*names, reference]
