"""The forms that a lock is exported in, from the lock alone: docs/formats/exports.md. No Django in here."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from marketplace.compositions.exports import comfyui, otio, prompts, scripts
from marketplace.compositions.exports.base import APPROXIMATE, EXACT, METADATA, Exported, Form, UnableToExport, Written
from marketplace.compositions.exports.painting import painting_of
from marketplace.compositions.lockfile import Lock
from marketplace.ui.words import Words
from marketplace.ui.words import gettext_noop as _

__all__ = ["FORMS", "Exported", "Form", "UnableToExport", "export"]

_GLOBAL_LORA = Words(_("A model of one layer changes the whole picture: this tool has none for a region."))

_ALL = (
    Form(
        "comfyui-api",
        _("ComfyUI, to be run"),
        _("What ComfyUI's address /prompt takes: whatever it saves carries the recipe's id."),
        "comfyui-api.json",
        "application/json",
        EXACT,
    ),
    Form(
        "comfyui-prompt",
        _("ComfyUI, the prompt alone"),
        _("The same workflow in API format, for tools that add their own envelope."),
        "comfyui-prompt.json",
        "application/json",
        EXACT,
    ),
    Form(
        "comfyui",
        _("ComfyUI, to be opened"),
        _("The workflow as a graph for ComfyUI's pages, one group a layer."),
        "comfyui.json",
        "application/json",
        EXACT,
    ),
    Form(
        "a1111",
        _("A1111 and Regional Prompter"),
        _("Text for the prompt field of stable-diffusion-webui and its relatives."),
        "a1111.txt",
        "text/plain; charset=utf-8",
        APPROXIMATE,
        (
            _GLOBAL_LORA,
            Words(_("Boxes become columns from left to right; their heights, overlaps and feathers are lost.")),
        ),
    ),
    Form(
        "diffusers",
        _("Python script for diffusers"),
        _("A script that needs torch and diffusers, and the files of the kit."),
        "diffusers.py",
        "text/x-python; charset=utf-8",
        APPROXIMATE,
        (
            _GLOBAL_LORA,
            Words(_("Regions are lost: all layers' words describe one picture.")),
            Words(_("Weights of words, such as (smile:1.2), are read as plain text.")),
            Words(_("Words beyond what the model reads at once, mostly 77 tokens, are cut off.")),
        ),
    ),
    Form(
        "otio",
        _("OpenTimelineIO clip"),
        _("A clip for editing programs whose metadata say what it was made with."),
        "clip.otio",
        "application/json",
        METADATA,
    ),
)
FORMS: Mapping[str, Form] = MappingProxyType({form.name: form for form in _ALL})
"""All forms by name, the most faithful first."""

_WRITERS: Mapping[str, Callable[[Lock, str], Written]] = {
    "comfyui-api": lambda lock, site: comfyui.api(painting_of(lock, "comfyui-api"), lock, site),
    "comfyui-prompt": lambda lock, site: comfyui.prompt(painting_of(lock, "comfyui-prompt"), lock),
    "comfyui": lambda lock, site: comfyui.workflow(painting_of(lock, "comfyui"), lock, site),
    "a1111": lambda lock, site: prompts.write(painting_of(lock, "a1111"), lock),
    "diffusers": lambda lock, site: scripts.write(painting_of(lock, "diffusers"), lock, site),
    "otio": otio.write,
}


def export(lock: Lock, form: str, *, site: str = "") -> Exported:
    """This will write a lock in a form, the same bytes every time; `site` is the address that the file says.

    Raises UnableToExport for a lock that the form cannot carry at all, and KeyError for a form that is not there.
    """
    found = FORMS[form]
    written = _WRITERS[form](lock, site)
    name = f"worldloom-{lock.digest[:12]}-{found.file}"
    return Exported(found, name, written.data, written.lost, written.notes)
