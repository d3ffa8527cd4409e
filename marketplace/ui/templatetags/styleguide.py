"""The one tag that hands the style guide its samples, so that it needs no view of its own."""

from django import template

from marketplace.ui import styleguide

register = template.Library()
register.simple_tag(styleguide.samples, name="samples")
