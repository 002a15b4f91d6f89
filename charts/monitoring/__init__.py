"""What is watched, said once: Prometheus' rules and Grafana's dashboards are made from it by `make monitoring`."""
