"""Addresses of recipes: composed, kept, shared, quoted, locked and run."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
