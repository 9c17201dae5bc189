"""What is changed in Cal.com, and why: plans of no-show flags, guard rails, their application, and the ledger."""
