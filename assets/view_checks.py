"""Asset checks: a view's expectation suite stands between building and publishing.

What follows a view in a run waits until it was checked, and asks the verdict then. So what does not
pass is held back where it would go out, and views that are published together go on without it:
Dagster would hold back all of a step for a blocking check of one view.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import duckdb
from dagster_dbt import DbtProject

from slate.assets import verdicts
from slate.assets.catalogue_site.addresses import run_address
from slate.assets.database import POOL, Warehouse
from slate.assets.failures import explained
from slate.assets.links import catalogue_link, report_link
from slate.assets.origins import landed_origins
from slate.assets.publishing import known_since
from slate.assets.unbuilt import failure_behind
from slate.assets.warehouse import current_key
from slate.compile.model_names import current_model, state_models
from slate.deployment import Deployment
from slate.markdown import table
from slate.privacy import hidden, is_personal
from slate.quality import gate_history
from slate.quality.acceptance import accepted, use_up
from slate.quality.failures import failing_rows
from slate.quality.last_good_profiles import load, save
from slate.quality.move_pictures import pictures
from slate.quality.page import write_page
from slate.quality.report_folders import report_folder
from slate.quality.reports import failures, markdown, summary
from slate.quality.results import Validation
from slate.quality.run_reports import write_report
from slate.quality.validations import validate
from slate.sources import Source
from slate.views import FeatureView

# What is found, and that it was looked for.
CHECK, CHECKED = "expectations", "checked"
SHOWN_ROWS, SHOWN_FAILURES = 20, 5


def view_checks(deployment: Deployment, project: DbtProject) -> list[dg.AssetChecksDefinition]:
    """A check for each view, which what follows it in a run waits for.

    Only here it is decided whether a view is held back: what a critical expectation of its suite
    does not let pass is; what is not met besides is a warning, and says so.
    """
    origins = landed_origins(deployment.registry, project.manifest_path)
    return [
        _check(deployment, view, origins[name]) for name, view in deployment.registry.views.items()
    ]


def _check(
    deployment: Deployment, view: type[FeatureView], sources: Sequence[type[Source]]
) -> dg.AssetChecksDefinition:
    asset = current_key(view)

    @dg.multi_asset_check(
        name=f"{current_model(view)}_{CHECK}",
        specs=[
            dg.AssetCheckSpec(
                CHECK,
                asset=asset,
                description=f"What the definition of {view.__name__} promises of its values. A "
                "view that fails is neither published nor written into training sets.",
            ),
            dg.AssetCheckSpec(
                CHECKED,
                asset=asset,
                blocking=True,
                description=f"That {CHECK} were looked at, whatever was found: what is published "
                "or trained on waits for this, and asks then.",
            ),
        ],
        can_subset=True,  # or the UI would not offer to run one of them
        pool=POOL,
    )
    @explained
    def expectations(
        context: dg.AssetCheckExecutionContext, warehouse: Warehouse
    ) -> Iterator[dg.AssetCheckResult]:
        yield from _ViewCheck(deployment, view, sources, context).run(warehouse)

    return expectations


@dataclass(frozen=True)
class _ViewCheck:
    """A view's check in one run.

    Attributes:
        deployment: the deployment.
        view: the view.
        sources: the sources that it is made of, which land.
        context: the run's.
    """

    deployment: Deployment
    view: type[FeatureView]
    sources: Sequence[type[Source]]
    context: dg.AssetCheckExecutionContext

    def run(self, warehouse: Warehouse) -> Iterator[dg.AssetCheckResult]:
        """Look at the view, keep what is found, and tell it."""
        started = time.perf_counter()
        found = self._look(warehouse)
        if isinstance(found, str):
            yield from self._asked(self._unchecked(found))
            return
        validation, failing = found
        report = self._keep(validation)
        seconds = time.perf_counter() - started
        told = failures(validation)
        self._log(validation, told, seconds)
        metadata = self._metadata(validation, report, failing, seconds)
        yield from self._asked(self._results(validation, metadata))

    def _look(self, warehouse: Warehouse) -> tuple[Validation, str] | str:
        """What came of the view's suite, with rows that fail as a table; or why it did not run."""
        view = self.view
        with warehouse.get_connection() as connection:
            if failure := failure_behind(connection, state_models(view)):
                return f"it was not looked at, as dbt failed on {failure[0]}"
            try:
                validation = self._validate(connection)
                verdicts.record(connection, view, validation.success)
                failing = "" if validation.success else _failing(view, connection, validation)
            except duckdb.Error as error:
                return warehouse.failure(f"{view.name} is not checked", error)
        return validation, failing

    def _validate(self, connection: duckdb.DuckDBPyConnection) -> Validation:
        view, reports = self.view, self.deployment.reports
        return validate(
            view,
            connection,
            now=self.deployment.now(),
            previous=load(reports, view),
            known_since=known_since(connection, view),
            accepted=accepted(reports, view.name),
            batches=verdicts.landed_since_good(connection, view, self.sources),
        )

    def _keep(self, validation: Validation) -> Path:
        """Keep what was found, for people and for the next run; gives where its page lies."""
        reports, now, run = self.deployment.reports, self.deployment.now(), self.context.run.run_id
        page = report_folder(reports, run) / f"{self.view.name}.html"
        write_page(validation, page)
        write_report(validation, page.with_suffix(".json"), now, run)
        # That of what is live, and of as many before it as there are to go back to.
        if save(reports, validation, self.deployment.kept_generations + 1):
            use_up(reports, self.view.name)
        gate_history.append(reports, self.view.name, gate_history.entry(validation, now, run))
        return page

    def _log(self, validation: Validation, told: Sequence[str], seconds: float) -> None:
        name, log = self.view.name, self.context.log
        met = len(validation.results) - len(validation.failed)
        log.info(
            f"{name}: {met} of {len(validation.results)} expectations met on "
            f"{validation.profile.rows:,} rows in {seconds:.1f} s"
        )
        for result, text in zip(validation.failed, told, strict=True):
            critical = result.expectation.severity == "critical"
            log.log("ERROR" if critical else "WARNING", f"{name}: {text}")

    def _metadata(
        self, validation: Validation, page: Path, failing: str, seconds: float
    ) -> dict[str, dg.MetadataValue]:
        metadata: dict[str, dg.MetadataValue] = {
            "result": dg.MetadataValue.md(markdown(validation)),
            "report": report_link(self.deployment, page),
            # Written with the catalogue, at the end of the run.
            "catalogue": catalogue_link(self.deployment, run_address(page.parent.name)),
            "rows": dg.MetadataValue.int(validation.profile.rows),
            "expectations": dg.MetadataValue.int(len(validation.results)),
            "failed": dg.MetadataValue.int(len(validation.failed)),
            "seconds": dg.MetadataValue.float(round(seconds, 3)),
        }
        metadata |= _gates(self.deployment, validation)
        if failing:
            metadata["failing_rows"] = dg.MetadataValue.md(failing)
        return metadata

    def _results(
        self,
        validation: Validation,
        metadata: Mapping[str, dg.MetadataValue],
    ) -> list[dg.AssetCheckResult]:
        warned = validation.success and bool(validation.failed)
        asset = current_key(self.view)
        return [
            dg.AssetCheckResult(
                asset_key=asset,
                check_name=CHECK,
                passed=not validation.failed,
                severity=dg.AssetCheckSeverity.WARN if warned else dg.AssetCheckSeverity.ERROR,
                # Its first line is what lists of checks show.
                description="\n\n".join(summary(validation, self.view.name, SHOWN_FAILURES))
                or None,
                metadata=metadata,
            ),
            dg.AssetCheckResult(asset_key=asset, check_name=CHECKED, passed=True),
        ]

    def _unchecked(self, reason: str) -> list[dg.AssetCheckResult]:
        """What comes of a check that could not look at its view.

        There is no verdict, so the view is held back where it would go out; others go on.
        """
        self.context.log.error(f"{self.view.name}: {reason}")
        asset = current_key(self.view)
        return [
            dg.AssetCheckResult(
                asset_key=asset, check_name=CHECK, passed=False, description=reason
            ),
            dg.AssetCheckResult(asset_key=asset, check_name=CHECKED, passed=True),
        ]

    def _asked(self, results: Sequence[dg.AssetCheckResult]) -> Iterator[dg.AssetCheckResult]:
        """Those of the results that the run asks for."""
        asked = {key.name for key in self.context.selected_asset_check_keys}
        yield from (result for result in results if result.check_name in asked)


def _gates(deployment: Deployment, validation: Validation) -> dict[str, dg.MetadataValue]:
    """What the view was compared with, how far it moved, and how that was before."""
    previous, said = validation.previous, validation.accepted
    compared = "nothing: it is the first good run of this definition"
    if previous is not None:
        compared = f"{previous.rows:,} rows as of {previous.as_of}"
    lines = gate_history.newest(deployment.reports, validation.view)
    told: dict[str, dg.MetadataValue] = {
        "compared_with": dg.MetadataValue.text(compared),
        "gates": dg.MetadataValue.md(gate_history.table(lines)),
    }
    # As numbers, of which the UI plots the history.
    if found := [move.psi for move in validation.moves.values()]:
        told["greatest_psi"] = dg.MetadataValue.float(max(found))
    if found := [move.ks for move in validation.moves.values() if move.ks is not None]:
        told["greatest_ks"] = dg.MetadataValue.float(max(found))
    if shown := pictures(validation):
        told["moved"] = dg.MetadataValue.md(shown)
    if said is not None:
        told["accepted"] = dg.MetadataValue.text(f"{said.because} (said {said.at})")
    return told


def _failing(
    view: type[FeatureView], connection: duckdb.DuckDBPyConnection, validation: Validation
) -> str:
    rows = failing_rows(view, connection, validation, SHOWN_ROWS)
    hides = [name for name, feature in view.features.items() if is_personal(feature)]
    shown = (list(hidden(row, hides).values()) for row in rows.to_pylist())
    return table(rows.column_names, shown)
