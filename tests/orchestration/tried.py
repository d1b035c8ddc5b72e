"""An experiment of the smallest deployments: guests are welcomed by their stays, or letters."""

from collections.abc import Mapping

from slate.deployment import Deployment
from slate.rankings import Arm, Experiment, Features, Metric, Order, Ranked
from tests.orchestration.small import Letter, Stay


class Welcome:
    def __init__(self, version: int) -> None:
        self.service = f"welcome_v{version}"

    def order(self, answer: Features, request_id: str) -> Order:
        raise NotImplementedError


EXPERIMENT = Experiment(
    "letters",
    by="guest_id",
    ranking=Welcome(1),
    arms=[Arm("with_letters", Welcome(1), 0.5), Arm("without", Welcome(2), 0.5)],
    metrics=[Metric("stays", Stay, within="1h"), Metric("letters", Letter, within="10m")],
)


def rankings(deployment: Deployment) -> Mapping[str, Ranked]:
    return {"welcome": EXPERIMENT}
