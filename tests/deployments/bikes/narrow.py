"""The bike-share without what is only there for parity: its runs take half the time."""

from tests.deployments.bikes.definitions import *  # noqa: F403
from tests.deployments.bikes.definitions.services import NARROW, choice

del StationValues  # noqa: F821
bike_choice = choice(NARROW)
