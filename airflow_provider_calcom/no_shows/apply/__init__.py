"""Applying a plan: each booking is read, compared with the plan, written once, and recorded in the ledger."""
