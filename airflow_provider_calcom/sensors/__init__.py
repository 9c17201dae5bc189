"""Sensors: wait until bookings have ended, or until the data of their attendance has arrived."""
