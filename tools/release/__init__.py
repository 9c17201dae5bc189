"""What a release must be: reproducible, complete, installable beside Airflow. ``make release-check`` runs it."""
