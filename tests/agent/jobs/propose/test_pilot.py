"""Pilots really run: present, absent, failing, elsewhere. The demo model takes seconds."""

from __future__ import annotations

import pytest

from gadfly.agent.jobs.propose.draft import Call
from gadfly.agent.jobs.propose.pilot import Pilots
from gadfly.tools.ledger import Ledger

PRESENT = Call(tool="attribute", arguments={"behaviour": "indirect-object", "n": 16})
ABSENT = Call(tool="patchscope", arguments={"behaviour": "capital-of", "n": 16})


@pytest.mark.slow
def test_present_and_absent_on_the_demo_model() -> None:
    pilots = Pilots()
    there, gone = pilots.run(PRESENT), pilots.run(ABSENT)
    assert (there.state, gone.state) == ("supported", "not supported")
    assert there.present
    assert not gone.present
    for pilot in (there, gone):
        run = Ledger().find(pilot.run)
        assert run is not None
        assert run.result is not None
        assert run.result.headline == pilot.headline
        assert pilot.controls
        assert "nothing about any other model" in pilot.note


@pytest.mark.slow
def test_a_planted_mechanism_is_found_and_its_absence_too() -> None:
    pilots = Pilots("planted")
    assert (
        pilots.run(Call(tool="attention", arguments={"kind": "previous", "sequences": 8})).state
        == "supported"
    )
    assert (
        pilots.run(Call(tool="attention", arguments={"kind": "duplicate", "sequences": 8})).state
        != "supported"
    )


@pytest.mark.slow
def test_one_run_for_equal_pilots_and_the_demo_model_where_the_own_cannot() -> None:
    pilots = Pilots("/no/such/folder")
    first = pilots.run(PRESENT)
    assert first.state == "supported"
    assert first.model == "demo"
    assert "not on /no/such/folder" in first.note
    assert pilots.run(PRESENT).run == first.run


def test_what_is_no_experiment_or_refused_is_a_failed_pilot() -> None:
    pilots = Pilots()
    assert pilots.run(Call(tool="tokenize", arguments={"texts": ["a"]})).state == "failed"
    refused = pilots.run(Call(tool="probe", arguments={"behaviour": "truth", "wings": 2}))
    assert refused.state == "failed"
    assert "wings" in refused.note
