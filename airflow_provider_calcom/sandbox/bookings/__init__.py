"""The calls of the bookings API: lists, reads, mark-absent and the other writes."""
