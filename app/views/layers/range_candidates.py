"""What every tool would choose for the selected layer, and taking one of them."""

import streamlit as st

from app.components.range_picker import Row, Scope, Table, Target
from app.tasks.range_candidates import Choices, choices_of
from app.views.shared.format import plural
from app.workspace.workspace import Workspace
from quant.calibrators import calibrator_named
from quant.error_model.consumers import OUTPUT
from quant.errors import RecipeError
from quant.planning.groups import sharing, source_of
from quant.planning.resolve import matching
from quant.recipe.edits import with_bulk, with_everywhere, with_shared, without_layer
from quant.recipe.recipe import Recipe
from quant.recipe.settings import Settings

POLL_SECONDS = 0.25


def choice_table(workspace: Workspace, tensor: str) -> Table:
    """The table of a tensor, as far as it is known."""
    found = choices_of(workspace, tensor)
    rows = None if found is None else _rows(found)
    return Table(tensor, rows, _consumers(workspace.quantized.contexts[tensor].consumer_ops))


def _consumers(consumer_ops: tuple[str, ...]) -> str:
    """Operators as words: "Softmax", "Add and Relu", "an output of the model"."""
    names = [op for op in consumer_ops if op != OUTPUT]
    if OUTPUT in consumer_ops or not names:
        names.append("an output of the model")
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def await_choices(workspace: Workspace, tensor: str) -> None:
    """Draw the page again once the table of the tensor is known."""
    if choices_of(workspace, tensor) is not None:
        return

    @st.fragment(run_every=POLL_SECONDS)
    def waiting() -> None:
        if choices_of(workspace, tensor) is not None:
            st.rerun()

    waiting()


def in_use(settings: Settings) -> str:
    """The row that the settings of a tensor stand for; empty for a range or options by hand."""
    calibrator = settings.calibrator
    known = settings.range is None and calibrator == calibrator_named(calibrator.key)
    return calibrator.key if known else ""


def targets(workspace: Workspace, tensor: str) -> tuple[Target, ...]:
    """What a choice for ``tensor`` can be taken for."""
    name, op_type = source_of(workspace.opened.model, tensor)
    layers = plural(len(matching(workspace.opened.model, "op_type", op_type)), f"{op_type} layer")
    rules = [r for r in workspace.project.recipe.rules if {"calibrator", "range"} & set(r.set)]
    also = f"; what {plural(len(rules), 'rule')} says of ranges goes" if rules else ""
    return (
        Target("tensor", "this", f"for the output of {name} alone"),
        Target("op_type", op_type, f"for all {layers}"),
        Target("model", "all", f"for the whole model{also}"),
    )


def adopted(recipe: Recipe, workspace: Workspace, tensor: str, choice: str, scope: Scope) -> Recipe:
    """The recipe with a choice taken.

    Args:
        recipe: The recipe before.
        workspace: What the page works on.
        tensor: The tensor whose settings decide.
        choice: The name of the row.
        scope: What it is taken for.

    Raises:
        RecipeError: Nothing has that name.
    """
    calibrator = calibrator_named(choice)
    name, op_type = source_of(workspace.opened.model, tensor)
    others = sharing(workspace.opened.model, workspace.quantized.plan, tensor)
    if scope == "model":
        return with_everywhere(recipe, calibrator)
    if scope == "op_type":
        for other, _, member in others:
            recipe = without_layer(recipe, other, member, "range")
        recipe = recipe.without("tensor", tensor, "calibrator", "range")
        return with_bulk(recipe, "op_type", op_type, {"calibrator": calibrator})
    if scope == "tensor":
        return with_shared(recipe, (name, op_type, tensor), others, calibrator=calibrator)
    raise RecipeError(f"recipe: expected a tensor, an operator type or the model, found {scope!r}")


def _rows(found: Choices) -> tuple[Row, ...]:
    return tuple(
        Row(
            name=row.name,
            tool=row.tool,
            label=row.label,
            summary=row.summary,
            rmin=row.rmin,
            rmax=row.rmax,
            clip_rate=row.local.clip_rate if row.local else None,
            sqnr_db=row.local.sqnr_db if row.local else None,
            weighted_sqnr_db=row.weighted_sqnr_db,
            kl=row.kl,
            js=row.js,
            why=row.why,
        )
        for row in found.rows
    )
