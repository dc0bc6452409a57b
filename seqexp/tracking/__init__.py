"""Runs in MLflow, and only here."""
