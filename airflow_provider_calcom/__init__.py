"""Apache Airflow provider for Cal.com: read bookings, join attendance, mark no-shows safely."""

__version__ = "0.2.0"
