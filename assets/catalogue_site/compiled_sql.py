"""The SQL of a definition: what is compiled from it, and the models that the deployment writes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from slate.compile.asked import all_asked
from slate.compile.model_graph import REFERENCE
from slate.compile.model_names import (
    current_model,
    online_keys_model,
    online_tiles_model,
    tiles_model,
    training_model,
)
from slate.compile.project import MODELS, generated
from slate.deployment import Deployment
from slate.services import FeatureService
from slate.sources import Source
from slate.views import FeatureView


@dataclass(frozen=True)
class Model:
    """A dbt model.

    Attributes:
        name: its name.
        file: its file in the dbt project.
        text: its SQL.
        own: whether the deployment writes it itself; else it is compiled.
        holds: what it holds, in a few words.
    """

    name: str
    file: str
    text: str
    own: bool
    holds: str = ""

    @property
    def reads(self) -> list[str]:
        """The models that it reads, each once."""
        return list(dict.fromkeys(REFERENCE.findall(self.text)))


class CompiledSql:
    """The models of a deployment, as its definitions compile now and as its project holds them.

    Args:
        deployment: the deployment.
    """

    def __init__(self, deployment: Deployment) -> None:
        self._registry, project = deployment.registry, deployment.dbt_project
        self.models = {
            path.stem: Model(path.stem, str(path), text, own=False)
            for path, text in generated(self._registry).items()
            if path.suffix == ".sql" and path.is_relative_to(MODELS)
        }
        for file in sorted((project / "models").rglob("*.sql")):
            path = file.relative_to(project)
            if not path.is_relative_to(MODELS):
                text = file.read_text(encoding="utf-8", errors="replace")
                self.models[file.stem] = Model(file.stem, str(path), text, own=True)

    def of_source(self, source: type[Source]) -> list[Model]:
        """The model of a source's history."""
        return list(self._found([(source.model, "its events, each once")]))

    def of_view(self, view: type[FeatureView]) -> list[Model]:
        """The models of a view: of its values now, of what is published, and of history."""
        wanted = [(view.model, "the rows that its values are of")] if view.model else []
        if view.windowed:
            wanted.append((tiles_model(view), "partial results by hop"))
        wanted.append((current_model(view), "each key's values at the end of what is known"))
        if view.windowed:
            wanted.append((online_keys_model(view), "keys as they are published"))
            wanted.append((online_tiles_model(view), "partial results as they are published"))
        for asked in all_asked(self._registry.plans.values()):
            if asked.read.view is view:
                services = ", ".join(service.full_name for service in asked.services)
                wanted.append((asked.model, f"values as of the instants of {services}"))
        return list(self._found(wanted))

    def of_service(self, service: FeatureService) -> list[Model]:
        """The model of a service's training rows."""
        return list(self._found([(training_model(service), "its training rows")]))

    def _found(self, wanted: Iterable[tuple[str, str]]) -> Iterator[Model]:
        for name, holds in wanted:
            if (model := self.models.get(name)) is not None:
                yield Model(model.name, model.file, model.text, model.own, holds)
