"""What the values of the catalog are called, for every page that shows them."""

from django.utils.translation import gettext_lazy

from marketplace.ui.formats import Names

PACK_KINDS: Names = {
    "world": gettext_lazy("World"),
    "characters": gettext_lazy("Characters"),
    "style": gettext_lazy("Style"),
    "model": gettext_lazy("Model"),
    "prompts": gettext_lazy("Prompt set"),
    "composition": gettext_lazy("Composition"),
}
ELEMENT_NAMES: Names = {
    "character": gettext_lazy("Character"),
    "creature": gettext_lazy("Creature"),
    "plant": gettext_lazy("Plant"),
    "landform": gettext_lazy("Landform"),
    "scene": gettext_lazy("Scene"),
    "style": gettext_lazy("Style"),
    "model": gettext_lazy("Model"),
    "prompt-set": gettext_lazy("Prompt set"),
    "motion": gettext_lazy("Motion"),
    "service": gettext_lazy("Service"),
}
BASE_MODELS: Names = {
    "sd15": "Stable Diffusion 1.5",
    "sdxl": "SDXL",
    "sd3": "Stable Diffusion 3",
    "flux1": "FLUX.1",
}
