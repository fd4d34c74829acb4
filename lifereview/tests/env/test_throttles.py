from __future__ import annotations

import pytest

from lifereview.env.reader import Environment
from lifereview.env.throttles import RATES, throttle_rates

pytestmark = pytest.mark.any_database


def test_without_a_setting_the_default_rates_hold() -> None:
    assert throttle_rates(Environment({})) == RATES


def test_a_named_rate_replaces_its_default_alone() -> None:
    rates = throttle_rates(Environment({"THROTTLE_RATES": "reflection_address=900/min,pre_cache=5/hour"}))
    assert rates == RATES | {"reflection_address": "900/min", "pre_cache": "5/hour"}


@pytest.mark.parametrize("value", ["reflection_address", "reflection_address=0/min", "rest=1/min", "=1/min"])
def test_a_wrong_rate_stops_the_start_and_says_what_is_allowed(value: str) -> None:
    with pytest.raises(SystemExit, match=r"THROTTLE_RATES=.*reflection_address=600/min"):
        throttle_rates(Environment({"THROTTLE_RATES": value}))
