"""Addresses of the operator's desk."""

from django.urls import path

from marketplace.portal.views import desk

urlpatterns = [
    path("books", desk.books, name="desk-books"),
    path("books/trial-balance.csv", desk.trial_csv, name="desk-trial-csv"),
    path("books/aging", desk.aging, name="desk-aging"),
    path("books/aging.csv", desk.aging_csv, name="desk-aging-csv"),
]
