"""What assets are called in Dagster, for whoever makes them or tells of them."""

from slate.experiments import Experiment
from slate.services import FeatureService
from slate.views import FeatureView


def training_path(service: FeatureService) -> tuple[str, str]:
    """The key of a service's training set."""
    return "training", service.full_name


def online_path(view: type[FeatureView]) -> tuple[str, str]:
    """The key of a view in the online store."""
    return "online", view.name


def experiment_path(experiment: Experiment) -> tuple[str, str]:
    """The key of what an experiment has come to."""
    return "experiments", experiment.name
