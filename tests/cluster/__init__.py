"""The test cluster: a real single-node Kubernetes, by kind where Docker answers, else from Go modules and Debian."""
