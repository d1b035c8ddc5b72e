"""Writing what is generated into a dbt project, and telling whether it is up to date."""

from collections.abc import Mapping
from hashlib import blake2b
from importlib.resources import files as resources
from pathlib import Path

from slate.compile import attributes, model_contracts, online, properties, tiles
from slate.compile.asked import all_asked, asked_sql
from slate.compile.dbt_models import GENERATED, require_models
from slate.compile.model_names import (
    AS_OF,
    CLOCK,
    HELD,
    RAW,
    STREAMED_UNTIL,
    current_model,
    online_keys_model,
    online_tiles_model,
    tiles_model,
    training_model,
)
from slate.compile.model_text import header, listed
from slate.compile.staging import staged, staging_sql
from slate.compile.training import training_sql
from slate.errors import ConfigurationError
from slate.registry import Registry
from slate.stream_files import stream_file_sql

MODELS = GENERATED
MACROS = Path("macros/generated")


def generated(registry: Registry) -> dict[Path, str]:
    """All generated files of a deployment: path in the dbt project, and text."""
    staging, tiled, current, published, history, training = (
        MODELS / folder
        for folder in ("staging", "tiles", "current", "online_rows", "history", "training_rows")
    )
    windowed = [view for view in registry.views.values() if view.windowed]
    found = {MACROS / name: text for name, text in macros().items()}
    for source in staged(registry):
        found[staging / f"{source.model}.sql"] = staging_sql(source)
    for view in windowed:
        found[tiled / f"{tiles_model(view)}.sql"] = tiles.tiles_sql(view)
        found[published / f"{online_keys_model(view)}.sql"] = online.keys_sql(view)
        found[published / f"{online_tiles_model(view)}.sql"] = online.tiles_sql(view)
    for view in registry.views.values():
        model = online.current_sql(view) if view.windowed else attributes.current_sql(view)
        found[current / f"{current_model(view)}.sql"] = model
    for plan in registry.plans.values():
        found[training / f"{training_model(plan.service)}.sql"] = training_sql(plan)
    asked = all_asked(registry.plans.values())
    for one in asked:
        found[history / f"{one.model}.sql"] = asked_sql(one)
    found[staging / f"{AS_OF}.sql"] = _as_of_sql(registry)
    contracts = [model_contracts.as_of_contract()]
    if any(source.landing and source.stream for source in registry.sources.values()):
        found[staging / f"{STREAMED_UNTIL}.sql"] = _streamed_until_sql()
        contracts.append(model_contracts.streamed_until_contract())
    views = [model_contracts.current_contract(view) for view in registry.views.values()]
    found |= {
        staging / "_models.yml": properties.models_yml(
            [
                *(model_contracts.staging_contract(one, registry) for one in staged(registry)),
                *contracts,
            ]
        ),
        staging / "_sources.yml": properties.sources_yml(registry),
        tiled / "_models.yml": properties.models_yml(map(model_contracts.tiles_contract, windowed)),
        current / "_models.yml": properties.models_yml(views),
        published / "_models.yml": properties.models_yml(
            contract for view in windowed for contract in model_contracts.online_contracts(view)
        ),
        history / "_models.yml": properties.models_yml(map(model_contracts.asked_contract, asked)),
        training / "_models.yml": properties.models_yml(
            model_contracts.training_contract(plan, registry) for plan in registry.plans.values()
        ),
        training / "_exposures.yml": properties.exposures_yml(registry),
    }
    return found


def macros() -> dict[str, str]:
    """The macros that generated models call: the text of each file, by its name."""
    folder = resources("slate.compile") / "macros"
    return {name: (folder / name).read_text() for name in ("partials.sql", "history.sql")}


def _as_of_sql(registry: Registry) -> str:
    """The model that says up to which instant arrivals are known, for each that is made of them.

    That is the end of the last hour in which anything arrived, of the hours that are over by the
    clock. What is only asked about has no say: a spine may go on after the last event, or end
    before it, so that of training sets, and where there is nothing else, the clock alone says it.
    Where a landing file cannot be read, its hour is not known, nor what comes after it.
    """
    windowed = {view.source for view in registry.views.values() if view.windowed}
    spines = {service.spine for service in registry.services.values()} - windowed
    told = [source for source in registry.sources.values() if source not in spines]
    landed = ", ".join(f"'{source.name}'" for source in told if source.landing)
    known = []
    if landed:
        known.append(
            "select max(hour) + interval '1 hour' as instant\n"
            f"    from {{{{ source('{RAW}', 'files') }}}}\n"
            f"    where source in ({landed})\n"
            "        and unread is null\n"
            "        and hour < (select known_until from clock)"
        )
    known += [
        f"select date_trunc('hour', max({source.arrival_time})) + interval '1 hour' as instant\n"
        f"    from {{{{ ref('{source.model}') }}}}\n"
        f"    where {source.arrival_time} < (select known_until from clock)"
        for source in told
        if not source.landing
    ]
    union = "\n    union all\n    ".join(known or ["select known_until as instant from clock"])
    made = {
        "(select max(instant) from known)": map(current_model, registry.views.values()),
        "(select known_until from clock)": map(training_model, registry.services.values()),
    }
    rows = [f"('{model}', {instant})" for instant, models in made.items() for model in models]
    # SQL has no list of nothing.
    rows = rows or ["(null::varchar, null::timestamp)"]
    return f"""{header("Up to which instant what each model is made of is known.", "the sources")}
{{{{ config(materialized='table') }}}}

with clock as (
    select known_until from {{{{ source('{RAW}', '{CLOCK}') }}}}
),

known as (
    {union}
),

models (model, instant) as (
    values
        {listed(rows, 8)}
),

final as (
    select
        models.model,
        cast(least(any_value(models.instant), min(held.until)) as timestamp) as as_of
    from models
    left join {{{{ source('{RAW}', '{HELD}') }}}} as held
        on models.model = held.model
    group by models.model
)

select * from final
"""


def _streamed_until_sql() -> str:
    """The model that says what of each source the warehouse holds, by its stream and otherwise."""
    streamed = stream_file_sql("name")
    what = "Up to when each source is held, of its stream and otherwise."
    return f"""{header(what, "the sources")}
{{{{ config(materialized='table') }}}}

select
    source,
    cast(max(case when {streamed} then hour end) + interval '1 hour' as timestamp) as until,
    cast(max(case when not {streamed} then taken_in_at end) as timestamp) as taken_in
from {{{{ source('{RAW}', 'files') }}}}
where unread is null
group by source
"""


def stale(registry: Registry, project: Path) -> list[Path]:
    """The generated files that are missing, out of date, or no longer made, sorted.

    Args:
        registry: the definitions.
        project: the dbt project's folder.
    """
    wanted = generated(registry)
    wrong = [
        path
        for path, text in wanted.items()
        if not (project / path).is_file() or (project / path).read_text() != text
    ]
    return sorted([*wrong, *_left_over(project, wanted)])


def require_up_to_date(registry: Registry, project: Path) -> None:
    """Refuse generated files that are not what definitions stand for, or read what is not there.

    Args:
        registry: the definitions.
        project: the dbt project's folder.

    Raises:
        ConfigurationError: naming each file; or each definition whose model is not there.
    """
    require_project(project)
    if wrong := stale(registry, project):
        files = "\n  ".join(str(project / path) for path in wrong)
        raise ConfigurationError(f"generated files are out of date: run `slate compile`\n  {files}")
    require_models(registry, project)


def require_project(project: Path) -> None:
    """Refuse a folder that is no dbt project.

    Raises:
        ConfigurationError: it is none.
    """
    if not (project / "dbt_project.yml").is_file():
        raise ConfigurationError(
            f"{project} holds no dbt_project.yml: set `dbt_project` in slate.toml to the folder of "
            "a dbt project"
        )


def write(registry: Registry, project: Path) -> list[Path]:
    """Bring a dbt project's generated files up to date.

    Returns:
        The files that were written or removed, sorted.
    """
    wanted = generated(registry)
    changed = stale(registry, project)
    for path in changed:
        file = project / path
        if path in wanted:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(wanted[path])
        else:
            file.unlink()
    return changed


def model_hashes(
    registry: Registry, project: Path, instead: Mapping[str, str] | None = None
) -> dict[str, str]:
    """A project's models by name, each with the hash of its SQL and of what all may call.

    Of staging models it is also that of the types that they select.

    Args:
        registry: the definitions.
        project: the dbt project's folder.
        instead: of some models the text to take in place of what their files hold.
    """
    instead = instead or {}
    macros = [file.read_bytes() for file in sorted((project / "macros").rglob("*.sql"))]
    types = {
        source.model: str([(c.name, c.kind) for c in source.columns.values()]).encode()
        for source in staged(registry)
    }
    return {
        file.stem: blake2b(
            b"\0".join([*macros, _text(file, instead), types.get(file.stem, b"")]), digest_size=8
        ).hexdigest()
        for file in sorted((project / "models").rglob("*.sql"))
    }


def _text(file: Path, instead: Mapping[str, str]) -> bytes:
    return instead[file.stem].encode() if file.stem in instead else file.read_bytes()


def _left_over(project: Path, wanted: dict[Path, str]) -> list[Path]:
    present = [
        file.relative_to(project)
        for folder in (MODELS, MACROS)
        for file in (project / folder).rglob("*")
        if file.is_file()
    ]
    return [path for path in present if path not in wanted]
