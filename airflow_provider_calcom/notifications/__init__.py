"""Notifications about plans and changes of no-show flags."""
