"""The graph of steps, and the two ways to run it: pods of Airflow, or processes on this machine."""
