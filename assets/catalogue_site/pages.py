"""The pages of the catalogue: which there are, and what each of them has."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from slate import descriptions, facts, uses
from slate.assets.catalogue_site.addresses import (
    INDEX,
    RUNS,
    address,
    candidates_address,
    run_address,
)
from slate.assets.catalogue_site.compiled_sql import CompiledSql
from slate.assets.catalogue_site.definition_code import DefinitionCode
from slate.assets.catalogue_site.feature_rows import feature_row
from slate.assets.catalogue_site.known import Known
from slate.assets.catalogue_site.lineage_graph import Stage, lineage
from slate.assets.catalogue_site.lineage_picture import picture
from slate.assets.experiment_report import PICTURE
from slate.candidates import CandidateSet
from slate.deployment import Deployment
from slate.entities import Entity
from slate.expressions import render
from slate.locks.lock_files import to_toml
from slate.quality.run_reports import RunReport
from slate.services import FeatureService
from slate.sources import Source
from slate.views import FeatureView


@dataclass(frozen=True)
class Page:
    """A page.

    Attributes:
        address: where it lies, below the site's folder.
        template: the name of its template.
        title: what it is of.
        content: what the template has besides.
    """

    address: str
    template: str
    title: str
    content: dict[str, Any]


class Pages:
    """All pages of a deployment's catalogue.

    Args:
        deployment: the deployment.
        known: what is known of what its definitions describe.
    """

    def __init__(self, deployment: Deployment, known: Known) -> None:
        self._deployment, self._registry, self._known = deployment, deployment.registry, known
        self._code = DefinitionCode(deployment)
        self._sql = CompiledSql(deployment)
        self._graph = lineage(self._registry, self._sql)
        self._candidates = self._candidate_sets()

    @property
    def names(self) -> dict[str, str]:
        """The page of each definition by the name that it is told by; of a feature its place."""
        kinds: list[Iterable[Any]] = [
            self._registry.entities.values(),
            self._registry.sources.values(),
            self._registry.views.values(),
            self._registry.requests.values(),
        ]
        found = {one.name: address(one) for kind in kinds for one in kind}
        found |= {name: address(one) for name, one in self._registry.services.items()}
        return found | {name: address(one) for name, one in self._registry.features.items()}

    def all(self) -> Iterator[Page]:
        """Each page, once."""
        yield self._index()
        yield from map(self._entity, self._registry.entities.values())
        yield from map(self._source, self._registry.sources.values())
        views: list[facts.View] = [
            *self._registry.views.values(),
            *self._registry.requests.values(),
        ]
        yield from map(self._view, views)
        yield from map(self._service, self._registry.services.values())
        yield from (self._candidate_set(*found) for found in self._candidates.items())
        yield from self._runs()

    def _index(self) -> Page:
        registry, known = self._registry, self._known
        content = {
            "registry": registry,
            "graph": picture(self._graph, INDEX),
            "newest": {name: known.newest(name) for name in registry.views},
            "kinds": facts.kind_of_view,
            "candidates": {n: candidates_address(n) for n in self._candidates},
            "search": list(self._search()),
            "experiments": list(self._experiments()),
        }
        return Page(INDEX, "index.html", self._deployment.name, content)

    def _experiments(self) -> Iterator[tuple[str, Markup]]:
        """The pictures of experiments, by their names, as the last run drew them."""
        for path in sorted(self._deployment.experiments.glob(f"*/{PICTURE}")):
            # What a run of ours wrote, in which all texts are escaped.
            yield path.parent.name, Markup(path.read_text(encoding="utf-8"))

    def _search(self) -> Iterator[tuple[str, str, str, str, str]]:
        """What can be found: name, kind, text, page, and further words to find it by."""
        registry = self._registry
        for entity in registry.entities.values():
            yield entity.name, "entity", entity.description, address(entity), _words(entity)
        for source in registry.sources.values():
            columns = " ".join(source.columns)
            words = f"{_words(source)} {columns}"
            yield source.name, "source", source.description, address(source), words
        for view in (*registry.views.values(), *registry.requests.values()):
            yield view.name, "view", view.description, address(view), _words(view)
        for name, service in registry.services.items():
            yield name, "service", service.description, address(service), _words(service)
        for name in self._candidates:
            yield name, "candidate set", "", candidates_address(name), ""
        for name, feature in registry.features.items():
            text, words = descriptions.of_feature(feature), " ".join(feature.tags)
            yield name, "feature", text, address(feature), words

    def _entity(self, entity: type[Entity]) -> Page:
        views = [view for view in self._registry.views.values() if view.entity is entity]
        content = {
            "definition": entity,
            "facts": _told(facts.of_entity(self._registry, entity)),
            "code": self._code.of(entity),
            "views": views,
            "kinds": facts.kind_of_view,
        }
        return Page(address(entity), "entity.html", entity.name, content)

    def _source(self, source: type[Source]) -> Page:
        page = address(source)
        columns = [*source.columns.values(), *(c for c in source.derived.values() if c.named)]
        graph = self._graph.around(Stage.SOURCE, source.name)
        content = {
            "definition": source,
            "facts": _told(facts.of_source(self._registry, source)),
            "code": self._code.of(source),
            "models": self._sql.of_source(source),
            "columns": [
                (c.name, facts.kind_of(c), descriptions.of_column(c, self._registry))
                for c in columns
            ],
            "checks": self._known.checks.get(source, {}),
            "graph": picture(graph, page, (Stage.SOURCE, source.name)),
        }
        return Page(page, "source.html", source.name, content)

    def _view(self, view: facts.View) -> Page:
        page, known, name = address(view), self._known, view.name
        stored = issubclass(view, FeatureView)
        stage = Stage.VIEW if stored else Stage.REQUEST
        features = view.features.values()
        services = list(uses.services(self._registry, set(features)))
        newest = known.newest(name)
        content = {
            "definition": view,
            "stored": stored,
            "facts": _told(facts.of_view(self._registry, view)),
            "code": self._code.of(view),
            "models": self._sql.of_view(view) if issubclass(view, FeatureView) else [],
            "rows": [feature_row(self._registry, known, feature) for feature in features],
            "newest": newest,
            "of_all": [one for one in newest.findings if not one.columns] if newest else [],
            "history": known.runs.get(name, []),
            "run_address": run_address,
            "served": known.served.get(name),
            "checks": known.checks.get(view, {}),
            "accepted": known.accepted.get(name),
            "services": services,
            "training": {n: m for n, m in known.training.items() if n in _versions(services)},
            "graph": picture(self._graph.around(stage, name), page, (stage, name)),
        }
        return Page(page, "view.html", name, content)

    def _service(self, service: FeatureService) -> Page:
        page, known, name = address(service), self._known, service.full_name
        locks = known.locks
        locked = locks.locked.get(name) if locks is not None else None
        manifest = known.training.get(name)
        content = {
            "definition": service,
            "plan": self._registry.plans[name],
            "facts": _told(facts.of_service(self._registry, service)),
            "code": self._code.of(service),
            "models": self._sql.of_service(service),
            "locked": locked,
            "lock": to_toml(locked) if locked is not None else "",
            "changed": locks.changed.get(name, []) if locks is not None else [],
            "locks_known": locks is not None,
            "manifest": manifest,
            "statistics": manifest.statistics if manifest is not None else {},
            "address": address,
            "text": descriptions.of_feature,
            "candidates": self._candidates_of(service),
            "graph": picture(self._graph.around(Stage.SERVICE, name), page, (Stage.SERVICE, name)),
        }
        return Page(page, "service.html", name, content)

    def _candidate_sets(self) -> dict[str, tuple[CandidateSet, list[FeatureService]]]:
        """Each candidate set by its name in Python, with the services that have it."""
        found: dict[str, tuple[CandidateSet, list[FeatureService]]] = {}
        named: dict[int, str] = {}
        for service in self._registry.services.values():
            if (candidates := service.candidates) is None:
                continue
            if id(candidates) not in named:
                code = self._code.of(candidates)
                name = code.name if code is not None else f"{service.full_name}_candidates"
                while name in found:  # another module has one of that name
                    name = f"{name}_{service.full_name}"
                named[id(candidates)] = name
                found[name] = candidates, []
            found[named[id(candidates)]][1].append(service)
        return found

    def _candidates_of(self, service: FeatureService) -> tuple[str, str] | None:
        """The name and the page of a service's candidate set."""
        for name, (_, services) in self._candidates.items():
            if service in services:
                return name, candidates_address(name)
        return None

    def _candidate_set(self, name: str, found: tuple[CandidateSet, list[FeatureService]]) -> Page:
        candidates, services = found
        told = [
            ("entity", candidates.entity.name),
            ("where", render(candidates.where)),
            ("view", candidates.view.name),
            ("features", ", ".join(feature.name for feature in candidates.features)),
            ("services", ", ".join(service.full_name for service in services)),
        ]
        content = {"facts": told, "code": self._code.of(candidates), "key": candidates.key}
        return Page(candidates_address(name), "candidates.html", name, content)

    def _runs(self) -> Iterator[Page]:
        """A page of each run that something is kept of, the newest first; and one of all."""
        by_run: dict[str, list[RunReport]] = {}
        for view in self._registry.views:
            for report in self._known.runs.get(view, ()):
                by_run.setdefault(report.folder, []).append(report)
        folders = sorted(by_run, reverse=True)
        content: dict[str, Any] = {
            "runs": [(run_address(folder), by_run[folder]) for folder in folders],
            "page_of": {name: address(view) for name, view in self._registry.views.items()},
        }
        yield Page(RUNS, "runs.html", "Runs", content)
        for folder in folders:
            # What was held back stands first.
            reports = sorted(by_run[folder], key=lambda one: (one.passed, not one.failed))
            content = {"reports": reports, "page_of": content["page_of"]}
            yield Page(run_address(folder), "run.html", f"Run {folder}", content)


def _told(found: facts.Facts) -> facts.Facts:
    """The facts that say something, without those that stand above them."""
    return [(name, text) for name, text in found if text and name not in ("owner", "tags")]


def _words(definition: Any) -> str:
    owner = getattr(definition, "owner", "")
    return " ".join([owner, *getattr(definition, "tags", ())])


def _versions(services: Iterable[str]) -> set[str]:
    """The names of services that are told with how they come by a view."""
    return {service.partition(" ")[0] for service in services}
