"""Who came: rules, plans and feeds of attendance. Knows nothing of Airflow or HTTP."""
