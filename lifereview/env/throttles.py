"""THROTTLE_RATES: how often one caller may do what costs money or work, as DRF's DEFAULT_THROTTLE_RATES."""

from __future__ import annotations

from lifereview.env.reader import Environment, refuse

# Generous, because a whole care home may be behind one address: at one answer a minute each, 300 people.
RATES = {
    "generation": "600/min",  # new clips for a token or a staff account
    "anonymous_generation": "60/min",  # new clips for an address of strangers
    "password_reset": "10/hour",  # links for a forgotten password
    "pre_cache": "20/min",
    "clear_old_cache": "60/min",
    "catalogue": "300/min",  # lists of models and voices
    "time_to_sound": "300/min",
    "reflection_session": "20/min",  # of one page in one browser
    "reflection_address": "300/min",  # of all people behind one address; also for a token
    "sign_in_address": "20/min",  # tries to sign in, right or wrong, before a password is looked at
    "sign_in_name": "10/min",  # of one name, from all addresses together
}


def throttle_rates(env: Environment) -> dict[str, str]:
    """The default rates, and over them those of THROTTLE_RATES."""
    allowed = f"a list such as reflection_address=600/min (of {', '.join(RATES)}; a second, min, hour or day)"
    pairs = env.words("THROTTLE_RATES", pattern=r"\w+=[1-9]\d{0,6}/(?:sec|min|hour|day)", allowed=allowed)
    given = dict(pair.split("=") for pair in pairs)
    if given.keys() - RATES.keys():
        refuse("THROTTLE_RATES", ",".join(pairs), f"allowed is {allowed}")
    return RATES | given
