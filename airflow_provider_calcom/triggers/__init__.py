"""Triggers of the deferrable sensors and operators."""
