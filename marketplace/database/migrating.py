"""Migrates without drawing every model again for every operation of every migration.

Django keeps a class for each model as it was at each moment, and after an operation draws all those anew that are tied
to the changed one over any number of relations: here nearly all of some hundreds, more than a thousand times. But an
operation asks for the one model that it changes, and columns need the models that they point to. Here these alone are
drawn, when they are asked for. What follows relations backwards, or is code of its own, gets Django's whole drawing.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ModelState, ProjectState, StateApps
from django.db.migrations.utils import resolve_relation

Key = tuple[str, str]  # label of the app, name of the model in lower case


class SparingExecutor(MigrationExecutor):
    """Django's executor, which goes forwards on a sparing state."""

    def _migrate_all_forwards(self, state: ProjectState, *rest: Any, **options: Any) -> ProjectState:
        done = super()._migrate_all_forwards(SparingState(state.models, state.real_apps), *rest, **options)
        return ProjectState(done.models, done.real_apps)


class SparingState(ProjectState):
    """All models at one moment; those of the moment before an operation are its last clone."""

    _before: "SparingState | None" = None

    def clone(self) -> "SparingState":
        """Return what nothing changes any more: operations change this one."""
        self._before = SparingState({key: _copy(model) for key, model in self.models.items()}, self.real_apps)
        self._before.draw_when_asked()
        return self._before

    def reload_model(self, app_label: str, model_name: str, delay: bool = False) -> None:
        """Forget what was drawn: every change of a model comes by here."""
        self.draw_when_asked()

    def reload_models(self, models: Iterable[Key], delay: bool = True) -> None:
        """Forget what was drawn."""
        self.draw_when_asked()

    def remove_model(self, app_label: str, model_name: str) -> None:
        """Forget also who pointed to it."""
        super().remove_model(app_label, model_name)
        self.draw_when_asked()

    def alter_field(self, app_label: str, model_name: str, name: str, field: Any, preserve_default: bool) -> None:
        """Where others may point to the field, their columns change with it."""
        super().alter_field(app_label, model_name, name, field, preserve_default)
        if field.unique:
            self._draw_whole()

    def rename_model(self, app_label: str, old_name: str, new_name: str) -> None:
        """Those that point to it are changed too."""
        super().rename_model(app_label, old_name, new_name)
        self._draw_whole()

    def rename_field(self, app_label: str, model_name: str, old_name: str, new_name: str) -> None:
        """Those that point to it are changed too."""
        super().rename_field(app_label, model_name, old_name, new_name)
        self._draw_whole()

    def clear_delayed_apps_cache(self) -> None:
        """Whoever calls this hands the models to code of its own."""
        self.__dict__.pop("apps", None)

    def draw_when_asked(self) -> None:
        """Let models be drawn one by one."""
        self.apps = _Drawn(self.real_apps, self.models)

    def _draw_whole(self) -> None:
        """Let both moments be drawn as Django does, when they are asked for."""
        for state in (self, self._before):
            if state is not None:
                state.clear_delayed_apps_cache()


class _Drawn(StateApps):
    """The models of one moment, each drawn with all that it points to when it is first asked for."""

    def __init__(self, real_apps: set[str], states: dict[Key, ModelState]) -> None:
        super().__init__(real_apps, {})
        self._states = states

    def get_model(self, app_label: str, model_name: str | None = None, require_ready: bool = True) -> Any:
        if model_name is None:
            app_label, model_name = app_label.split(".")
        with self.bulk_update():
            for label, name in _pointed_to(self._states, (app_label, model_name.lower())):
                if name not in self.all_models[label]:
                    self._states[label, name].render(self)
        return super().get_model(app_label, model_name, require_ready)


def _pointed_to(states: dict[Key, ModelState], key: Key) -> set[Key]:
    """Find a model, its bases, those that its fields point to, and so on."""
    found: set[Key] = set()
    queue = [key]
    while queue:
        key = queue.pop()
        if key in states and key not in found:
            found.add(key)
            queue.extend(_neighbors(states[key], key))
    return found


def _neighbors(model: ModelState, key: Key) -> Iterator[Key]:
    for base in model.bases:
        if isinstance(base, str):
            yield resolve_relation(base, *key)
    for field in model.fields.values():
        if field.is_relation:
            yield resolve_relation(field.remote_field.model, *key)
            if getattr(field.remote_field, "through", None):
                yield resolve_relation(field.remote_field.through, *key)


def _copy(model: ModelState) -> ModelState:
    """Copy what operations change in place; Django's own copy checks each field again, a million times in all."""
    copy = ModelState.__new__(ModelState)
    copy.__dict__.update(model.__dict__)
    copy.fields, copy.options, copy.managers = {**model.fields}, {**model.options}, [*model.managers]
    return copy
