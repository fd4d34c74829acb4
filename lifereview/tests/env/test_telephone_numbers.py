from __future__ import annotations

import pytest

from lifereview.env.reader import TELEPHONE_NUMBER, Environment


@pytest.mark.parametrize("number", ["988", "116 123", "+44 (0)20 7946-0000", "13 11 14"])
def test_a_telephone_number_is_taken_as_it_is_written(number: str) -> None:
    assert (
        Environment({"HELP_LINE_NUMBER": number}).matching("HELP_LINE_NUMBER", **TELEPHONE_NUMBER) == number
    )


def test_a_number_that_cannot_be_dialled_stops_the_start_with_one_line() -> None:
    environment = Environment({"HELP_LINE_NUMBER": "ask at the desk"})
    message = "HELP_LINE_NUMBER='ask at the desk' cannot be used: allowed is a telephone number"
    with pytest.raises(SystemExit, match=message):
        environment.matching("HELP_LINE_NUMBER", **TELEPHONE_NUMBER)
