"""What Airflow's web interface gets from this package: the view of plans and their reports."""
